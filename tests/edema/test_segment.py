"""Edema of an analytic joint, against the truth in mL."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.anatomy import Label
from bmetk.edema import EdemaMap, EdemaSettings, segment_edema
from bmetk.edema.segment import yellow_marrow
from bmetk.errors import BonesNotFoundError, GridMismatchError, SettingsError
from bmetk.exam import CheckStatus, Segmentation
from bmetk.image import LabelMap, Mask, ScalarImage
from tests.edema.phantom import FS_T2, Phantom, dice, joint, slices

GRIDS = [("axial", 0.0), ("coronal", 0.0), ("sagittal", 0.0), ("coronal", 17.0)]


def found_in(phantom: Phantom) -> EdemaMap:
    return segment_edema(phantom.t1, phantom.fluid, phantom.bones, phantom.covered)


@pytest.mark.parametrize(("plane", "oblique"), GRIDS)
def test_lesion_is_outlined_with_dice_above_0_9(plane: str, oblique: float) -> None:
    phantom = joint(slices(plane, oblique))
    found = found_in(phantom)
    assert dice(found.edema, phantom.edema) > 0.9
    assert found.edema.volume_ml == pytest.approx(phantom.edema.volume_ml, rel=0.12)


@pytest.mark.parametrize(("plane", "oblique"), GRIDS)
def test_healthy_joint_has_no_edema(plane: str, oblique: float) -> None:
    assert found_in(joint(slices(plane, oblique), strength=0.0)).edema.volume_ml < 0.1


def test_half_strength_lesion_does_not_swell() -> None:
    phantom = joint(slices("coronal"), strength=0.4)
    assert found_in(phantom).edema.volume_ml == pytest.approx(phantom.edema.volume_ml, rel=0.15)


def test_red_marrow_is_not_edema() -> None:
    assert found_in(joint(slices("coronal"), strength=0.0, red=True)).edema.volume_ml < 0.1


def test_vessel_is_not_edema() -> None:
    assert found_in(joint(slices("coronal"), strength=0.0, vessel=True)).edema.volume_ml < 0.1


def test_strong_shading_does_not_change_the_volume() -> None:
    phantom = joint(slices("sagittal"), shading=0.6)
    assert found_in(phantom).edema.volume_ml == pytest.approx(phantom.edema.volume_ml, rel=0.15)


def test_gain_does_not_change_the_result() -> None:
    phantom = joint(slices("coronal"))
    louder = segment_edema(
        phantom.t1.with_array(phantom.t1.array * 7),
        phantom.fluid.with_array(phantom.fluid.array * 0.2),
        phantom.bones,
        phantom.covered,
    )
    assert louder.edema.volume_ml == pytest.approx(found_in(phantom).edema.volume_ml, rel=0.01)


def test_a_bone_that_is_mostly_diseased_is_judged_by_its_neighbour() -> None:
    phantom = joint(slices("coronal"), radius_mm=34.0)
    assert dice(found_in(phantom).edema, phantom.edema) > 0.85


def test_bones_one_voxel_too_large_add_no_edema() -> None:
    phantom = joint(slices("coronal"), strength=0.0)
    labels = phantom.bones.labels.array.copy()
    for axis in (1, 2):
        for step in (-1, 1):
            labels = np.where(labels == 0, np.roll(labels, step, axis), labels)
    bones = Segmentation(LabelMap(labels, phantom.fluid.grid), phantom.bones.meaning)
    assert segment_edema(phantom.t1, phantom.fluid, bones, phantom.covered).edema.volume_ml < 0.1


def test_one_label_for_all_bones_works() -> None:
    phantom = joint(slices("coronal"))
    one = LabelMap((phantom.bones.labels.array > 0).astype(np.uint8), phantom.fluid.grid)
    bones = Segmentation(one, {1: Label("label_1", None, "label_1")})
    found = segment_edema(phantom.t1, phantom.fluid, bones, phantom.covered)
    assert dice(found.edema, phantom.edema) > 0.9


def test_only_bones_that_nothing_tells_are_outlined_as_wide_as_readers_draw() -> None:
    phantom = joint(slices("coronal"))
    one = LabelMap((phantom.bones.labels.array > 0).astype(np.uint8), phantom.bones.grid)
    bones = Segmentation(one, {1: Label("label_1", None, "label_1")})
    for familiar, changes in ((True, False), (False, True)):
        volumes_ml = {
            segment_edema(
                phantom.t1,
                phantom.fluid,
                bones,
                phantom.covered,
                settings=EdemaSettings(familiar=familiar, wide_outline_share=share),
            ).edema.volume_ml
            for share in (0.2, 0.8)
        }
        assert (len(volumes_ml) > 1) == changes


def test_without_t1_edema_is_found_with_a_warning() -> None:
    phantom = joint(slices("coronal"), shading=0.0)
    found = segment_edema(None, phantom.fluid, phantom.bones, phantom.covered)
    assert dice(found.edema, phantom.edema) > 0.8
    assert any(check.name == "t1_series" and check.status is CheckStatus.WARN for check in found.checks)


def test_ratio_is_one_in_normal_marrow() -> None:
    phantom = joint(slices("coronal"))
    ratio = found_in(phantom).ratio.array[phantom.bones.labels.array == 2]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.25)


def test_values_that_are_no_number_are_not_edema() -> None:
    phantom = joint(slices("coronal"))
    holes = phantom.fluid.array.copy()
    holes[phantom.edema.array] = np.nan
    found = segment_edema(phantom.t1, ScalarImage(holes, phantom.fluid.grid), phantom.bones, phantom.covered)
    assert not (found.edema.array & phantom.edema.array).any()
    assert np.isfinite(found.ratio.array).all()


def test_grids_must_match() -> None:
    phantom, other = joint(slices("coronal")), joint(slices("axial"))
    with pytest.raises(GridMismatchError):
        segment_edema(other.t1, phantom.fluid, phantom.bones, phantom.covered)


def test_bones_outside_the_common_field_of_view_are_an_error() -> None:
    phantom = joint(slices("coronal"))
    nothing = Mask(np.zeros(phantom.fluid.grid.shape, dtype=bool), phantom.fluid.grid)
    with pytest.raises(BonesNotFoundError):
        segment_edema(phantom.t1, phantom.fluid, phantom.bones, nothing)


def test_settings_out_of_range_are_an_error() -> None:
    with pytest.raises(SettingsError):
        EdemaSettings(least_probability=0.9, seed_probability=0.5)


def test_fat_that_was_not_suppressed_is_told() -> None:
    phantom = joint(slices("coronal"), strength=0.0)
    for bright, status in ((1.0, CheckStatus.OK), (6.0, CheckStatus.FAIL)):
        array = phantom.fluid.array.copy()
        fat = (phantom.t1.array > 600) & (phantom.bones.labels.array == 0)
        array[fat] *= bright
        found = segment_edema(
            phantom.t1,
            phantom.fluid.with_array(array),
            phantom.bones,
            phantom.covered,
            settings=EdemaSettings(shading_margin_mm=50.0),
            protocol=FS_T2,
        )
        (check,) = (check for check in found.checks if check.name == "fat_suppression")
        assert check.status is status


def test_only_the_epiphysis_of_the_condyles_has_yellow_marrow() -> None:
    """Of 42 mm of condyle, upwards from row 42, the 14 mm next to the metaphysis may hold red marrow."""
    grid = slices("coronal")
    named = np.zeros(grid.shape, np.uint8)
    pixels = round(42 / grid.spacing_mm[1])
    named[:, 20:40, 40:80], named[:, 40 : 40 + pixels, 40:60], named[:, 40 : 40 + pixels, 60:80] = 1, 2, 3
    names = ("distal_femoral_metaphysis", "medial_femoral_condyle", "lateral_femoral_condyle")
    meaning = {value: Label(name, None, "femur") for value, name in enumerate(names, 1)}
    regions = Segmentation(LabelMap(named, grid), meaning)
    yellow = yellow_marrow(named, regions, grid)
    height_mm = yellow[10, :, 50].sum() * grid.spacing_mm[1]
    assert height_mm == pytest.approx(28.0, abs=1.5)
    assert not yellow[:, :40].any()
    without = yellow_marrow(np.where(named == 1, 0, named).astype(np.uint8), regions, grid)
    assert without[10, :, 50].sum() * grid.spacing_mm[1] == pytest.approx(42.0, abs=1.0)


@pytest.mark.parametrize("talus", [True, False])
def test_only_the_end_of_the_distal_tibia_has_yellow_marrow(talus: bool) -> None:
    """Where no talus tells which end is the distal one, the region counts as a whole."""
    grid = slices("coronal")
    named = np.zeros(grid.shape, np.uint8)
    named[:, 10:90, 40:60], named[:, 95:110, 35:65] = 1, 2 if talus else 0
    meaning = {1: Label("distal_tibia", None, "tibia"), 2: Label("talus", None, "talus")}
    yellow = yellow_marrow(named, Segmentation(LabelMap(named, grid), meaning), grid)
    rows = np.flatnonzero(yellow[10, :, 50])
    assert rows[-1] == 89
    shown_mm = len(rows) * grid.spacing_mm[1]
    assert shown_mm == pytest.approx(50.0 if talus else 80 * grid.spacing_mm[1], abs=1.5)
