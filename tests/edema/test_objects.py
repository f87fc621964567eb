"""Measurements, lesions and findings of an analytic joint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.anatomy import Label, Side
from bmetk.edema import EdemaMap, find_lesions, measure_regions, observe_findings
from bmetk.edema.effusion import joint_effusions
from bmetk.edema.fracture import subchondral_line
from bmetk.edema.volume import BoolArray
from bmetk.exam import Segmentation
from bmetk.image import Grid, LabelMap, Mask, ScalarImage
from bmetk.image.grid import FloatArray
from tests.edema.phantom import MEANING, RADII, Phantom, joint, slices


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return joint(slices("coronal"))


@pytest.fixture(scope="module")
def found(phantom: Phantom) -> EdemaMap:
    ones = phantom.fluid.with_array(np.ones(phantom.fluid.grid.shape))
    return EdemaMap(phantom.edema, ones, ones, ones, ones, ())


def test_edema_is_counted_in_its_own_region(phantom: Phantom, found: EdemaMap) -> None:
    femur, tibia = measure_regions(found, phantom.bones, phantom.covered)
    assert femur.edema_ml == pytest.approx(phantom.edema.volume_ml, rel=1e-6)
    assert tibia.edema_ml == 0.0
    assert femur.coverage == 1.0
    assert femur.edema_ml_low < femur.edema_ml < femur.edema_ml_high
    assert femur.grade == 1
    assert tibia.grade == 0
    assert femur.detection_limit_ml > 0


def test_a_region_that_was_not_imaged_has_no_volume(phantom: Phantom, found: EdemaMap) -> None:
    patella = Label("patella", Side.RIGHT, "patella")
    rows = measure_regions(found, phantom.bones, phantom.covered, [*MEANING.values(), patella])
    assert [row.region for row in rows] == ["femur", "tibia", "patella"]
    assert rows[2].coverage == 0.0
    assert rows[2].edema_ml is None


def test_coverage_is_the_imaged_part_of_the_whole_region(phantom: Phantom, found: EdemaMap) -> None:
    half = np.zeros(phantom.fluid.grid.shape, dtype=bool)
    half[:14] = True
    rows = measure_regions(found, phantom.bones, Mask(half, phantom.fluid.grid))
    assert rows[0].coverage == pytest.approx(0.5, abs=0.05)
    whole = {MEANING[1]: 2 * phantom.bones.labels.mask(1).volume_ml}
    rows = measure_regions(found, phantom.bones, phantom.covered, whole_ml=whole)
    assert rows[0].coverage == pytest.approx(0.5, abs=1e-6)


def test_lesion_has_place_size_and_bone(phantom: Phantom, found: EdemaMap) -> None:
    (lesion,) = find_lesions(found, phantom.bones)
    assert lesion.bone == "femur"
    assert lesion.side is Side.RIGHT
    assert lesion.volume_ml == pytest.approx(phantom.edema.volume_ml, rel=1e-6)
    assert np.linalg.norm(np.array(lesion.centroid_mm) - (6.0, 3.0, 16.0)) < 4.0
    assert lesion.regions == {"femur": pytest.approx(1.0)}
    assert lesion.subchondral
    assert lesion.depth_mm == pytest.approx(1.0, abs=0.8)
    assert not lesion.diffuse
    assert lesion.water_fraction == pytest.approx(1.0)


def test_no_edema_gives_no_lesion(phantom: Phantom, found: EdemaMap) -> None:
    nothing = Mask(np.zeros(phantom.fluid.grid.shape, dtype=bool), phantom.fluid.grid)
    none = EdemaMap(nothing, found.probability, found.ratio, found.water, found.contrast, ())
    assert find_lesions(none, phantom.bones) == ()


def test_joint_fluid_is_measured(phantom: Phantom, found: EdemaMap) -> None:
    findings = {
        f.kind: f for f in observe_findings(phantom.t1, phantom.fluid, phantom.bones, phantom.bones, found)
    }
    effusion = findings["joint_effusion"]
    assert effusion.side is Side.RIGHT
    assert effusion.present
    assert effusion.value == pytest.approx(12.0, abs=8.0)
    assert not findings["subchondral_line"].present


@pytest.mark.parametrize("with_t1", [True, False])
def test_each_side_has_its_own_joint_fluid(phantom: Phantom, *, with_t1: bool) -> None:
    other = {v + 2: Label(label.name, Side.LEFT, label.bone) for v, label in MEANING.items()}
    labels, small = phantom.bones.labels.array, phantom.fluid.grid
    grid = Grid((*small.shape[:2], 2 * small.shape[2]), small.affine)
    dry = np.where(labels == 0, np.minimum(phantom.fluid.array, 150), phantom.fluid.array)
    fluid = ScalarImage(np.concatenate([phantom.fluid.array, dry], axis=2), grid)
    t1 = ScalarImage(np.concatenate([phantom.t1.array] * 2, axis=2), grid)
    both = np.concatenate([labels, np.where(labels > 0, labels + 2, 0)], axis=2).astype(np.uint8)
    bones = Segmentation(LabelMap(both, grid), {**MEANING, **other})
    left, right = joint_effusions(t1 if with_t1 else None, fluid, bones, bones, 3.4)
    assert (left.side, left.present) == (Side.LEFT, False)
    assert (right.side, right.present) == (Side.RIGHT, True)


def depth_mm_of(phantom: Phantom) -> FloatArray:
    """Tell how far each voxel lies below the surface of the upper bone, about."""
    points = phantom.fluid.grid.world_coordinates() - np.array((0.0, 0.0, 26.0))
    return np.asarray((1 - np.sqrt(((points / RADII) ** 2).sum(-1))) * RADII.min())


def line_below(phantom: Phantom, depth_mm: float) -> BoolArray:
    """Mark a thin shell in the edema, so deep below the surface."""
    return np.asarray((np.abs(depth_mm_of(phantom) - depth_mm) < 0.8) & phantom.edema.array)


@pytest.mark.parametrize(
    ("depth_mm", "signal", "present"),
    [(5.0, 20.0, True), (5.0, 420.0, False), (18.0, 20.0, False)],
    ids=["below the surface", "hardly darker", "too deep"],
)
def test_a_dark_line_along_the_surface_within_edema_is_told(
    phantom: Phantom, found: EdemaMap, *, depth_mm: float, signal: float, present: bool
) -> None:
    line = line_below(phantom, depth_mm)
    t1, fluid = (
        s.with_array(np.where(line, np.float32(signal), s.array)) for s in (phantom.t1, phantom.fluid)
    )
    (told,) = subchondral_line(t1, fluid, phantom.bones, phantom.bones, found)
    assert told.present == present
    assert told.side is Side.RIGHT


@pytest.mark.parametrize(("slices", "half_mm", "present"), [(1, 4.0, False), (2, 4.0, True), (4, 1.5, False)])
def test_short_parts_of_a_line_count_together_and_specks_do_not(
    phantom: Phantom, found: EdemaMap, *, slices: int, half_mm: float, present: bool
) -> None:
    line, points = line_below(phantom, 4.0), phantom.fluid.grid.world_coordinates()
    most = int(np.argmax(line.sum(axis=(1, 2))))
    middle = points[most][line[most]].mean(axis=0)
    line &= np.abs(points - middle)[..., 0] < half_mm
    line[:most] = line[most + slices :] = False
    t1, fluid = (
        s.with_array(np.where(line, np.float32(0.4) * s.array, s.array)) for s in (phantom.t1, phantom.fluid)
    )
    (told,) = subchondral_line(t1, fluid, phantom.bones, phantom.bones, found)
    assert told.present == present


@pytest.mark.parametrize(("above", "present"), [(0.5, False), (1.0, True)])
def test_the_plate_below_which_alone_marrow_lies_is_no_fracture(
    phantom: Phantom, found: EdemaMap, *, above: float, present: bool
) -> None:
    line = line_below(phantom, 5.0)
    shade = np.where(depth_mm_of(phantom) < 5.0, above, 1.0) * np.where(line, 0.1, 1.0)
    t1, fluid = (s.with_array(s.array * shade.astype(np.float32)) for s in (phantom.t1, phantom.fluid))
    (told,) = subchondral_line(t1, fluid, phantom.bones, phantom.bones, found)
    assert told.present == present


@pytest.mark.parametrize("beyond", [True, False])
def test_a_line_that_goes_on_beyond_the_edema_is_a_growth_scar(
    phantom: Phantom, found: EdemaMap, *, beyond: bool
) -> None:
    across = phantom.fluid.grid.world_coordinates()[..., 0]
    part = found.edema.array & (across > np.quantile(across[found.edema.array], 0.6))
    line = (np.abs(depth_mm_of(phantom) - 5.0) < 0.8) & (part | beyond)
    t1, fluid = (s.with_array(np.where(line, np.float32(20.0), s.array)) for s in (phantom.t1, phantom.fluid))
    some = replace(found, edema=Mask(part, found.edema.grid))
    (told,) = subchondral_line(t1, fluid, phantom.bones, phantom.bones, some)
    assert told.present != beyond
