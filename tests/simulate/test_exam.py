"""Whole simulated exams, coarsely built: geometry, truth, determinism."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from bmetk.anatomy import Joint, Region, Side, bone_value, region_value
from bmetk.exam import Contrast, Plane
from bmetk.simulate.exam import Detail, simulate_exam
from bmetk.simulate.spec import (
    ExamSpec,
    LesionSpec,
    ProtocolSpec,
    SeriesSpec,
    SignSpec,
    SimulatedExam,
    SubjectSpec,
)

COARSE = Detail(voxel=1.8, max_voxels=4e5)
LATERAL = region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.RIGHT)


def protocol(plane: Plane = Plane.CORONAL, view_mm: float = 120.0) -> ProtocolSpec:
    return ProtocolSpec(
        plane=plane,
        obliquity_deg=6.0,
        field_of_view_mm=view_mm,
        t1=SeriesSpec(Contrast.T1, 550, 12, in_plane_mm=1.1, thickness_mm=4.5),
        fluid=SeriesSpec(Contrast.STIR, 4000, 45, ti_ms=160, in_plane_mm=1.3, thickness_mm=4.5),
    )


KNEE = ExamSpec(Joint.KNEE, Side.RIGHT, date(2021, 3, 4), SubjectSpec(7), protocol=protocol(), seed=3)
LESION = LesionSpec((Region.LATERAL_FEMORAL_CONDYLE,), Side.RIGHT, fill=0.6)
HIPS = ExamSpec(
    Joint.HIP,
    Side.BOTH,
    date(2021, 3, 4),
    SubjectSpec(8),
    lesions=(LesionSpec((Region.FEMORAL_HEAD, Region.FEMORAL_NECK), Side.LEFT),),
    protocol=replace(protocol(view_mm=330.0), obliquity_deg=0.0),
)


@cache
def simulated(spec: ExamSpec) -> SimulatedExam:
    return simulate_exam(spec, detail=COARSE)


def test_healthy_knee_has_no_water_and_no_edema() -> None:
    truth = simulated(KNEE).truth
    assert truth.water_fraction.array.max() == 0
    assert not truth.edema


def test_same_spec_gives_the_same_voxels() -> None:
    first, second = simulated(KNEE), simulate_exam(KNEE, detail=COARSE)
    assert np.array_equal(first.fluid.image.array, second.fluid.image.array)
    assert np.array_equal(first.truth.bones.labels.array, second.truth.bones.labels.array)


def test_series_and_truth_share_the_grid_of_the_fluid_series() -> None:
    exam = simulated(KNEE)
    for grid in (
        exam.truth.bones.grid,
        exam.truth.regions.grid,
        exam.truth.edema.grid,
        exam.truth.water_fraction.grid,
    ):
        assert grid.matches(exam.fluid.image.grid)
    assert not exam.t1.image.grid.matches(exam.fluid.image.grid)


def test_all_bones_of_the_knee_are_labelled_on_the_right() -> None:
    present = set(simulated(KNEE).truth.bones.labels.values())
    assert present == {bone_value(b, Side.RIGHT) for b in _bones("femur", "tibia", "fibula", "patella")}


def _bones(*names: str) -> list:
    from bmetk.anatomy import Bone

    return [Bone(n) for n in names]


def test_lesion_is_found_in_its_region_at_about_its_fill() -> None:
    truth = simulated(replace(KNEE, lesions=(LESION,))).truth
    region = truth.regions.labels.mask(LATERAL)
    share = (truth.edema & region).volume_ml / region.volume_ml
    assert 0.4 < share < 0.7
    assert (truth.edema & ~region).volume_ml < 0.05 * truth.edema.volume_ml


def test_edema_is_bright_on_stir_and_dark_on_t1() -> None:
    exam = simulated(replace(KNEE, lesions=(LESION,)))
    healthy = simulated(KNEE)
    sick = exam.truth.edema.array & (exam.truth.water_fraction.array > 0.4)
    assert exam.fluid.image.array[sick].mean() > 2.0 * healthy.fluid.image.array[sick].mean()
    world = exam.truth.motion.apply(exam.fluid.image.grid.to_world(np.stack(np.nonzero(sick), axis=-1)))
    index = np.round(exam.t1.image.grid.to_index(world)).astype(int)
    index = tuple(np.clip(index, 0, np.array(exam.t1.image.grid.shape) - 1).T)
    assert exam.t1.image.array[index].mean() < 0.8 * healthy.t1.image.array[index].mean()


def test_marrow_outshines_muscle_and_air_on_t1() -> None:
    exam = simulated(KNEE)
    femur = exam.truth.bones.labels.mask(bone_value(_bones("femur")[0], Side.RIGHT)).array
    corner = exam.fluid.image.array[:, :4, :4]
    assert exam.fluid.image.array[femur].mean() > 0
    assert np.median(exam.t1.image.array) > corner.min()


def test_extras_are_a_localizer_and_a_series_without_fat_suppression() -> None:
    localizer, distractor = simulated(KNEE).extras
    assert localizer.contrast is Contrast.LOCALIZER
    assert localizer.image.grid.shape[0] <= 5
    assert distractor.contrast in (Contrast.PD, Contrast.T2)


def test_both_hips_are_labelled_and_only_the_left_is_ill() -> None:
    truth = simulated(HIPS).truth
    bones = set(truth.bones.labels.values())
    assert {bone_value(b, s) for b in _bones("femur", "pelvis") for s in (Side.RIGHT, Side.LEFT)} <= bones
    values = set(np.unique(truth.regions.labels.array[truth.edema.array]))
    assert values <= {
        region_value(r, Side.LEFT)
        for r in (Region.FEMORAL_HEAD, Region.FEMORAL_NECK, Region.INTERTROCHANTERIC)
    }
    assert region_value(Region.FEMORAL_HEAD, Side.LEFT) in values


def test_left_bones_lie_at_larger_x() -> None:
    truth = simulated(HIPS).truth
    x = truth.bones.grid.world_coordinates()[..., 0]
    labels = truth.bones.labels
    left, right = (labels.mask(bone_value(_bones("femur")[0], s)).array for s in (Side.LEFT, Side.RIGHT))
    assert x[left].min() > x[right].max()


@pytest.mark.parametrize(
    ("joint", "region"), [(Joint.ANKLE, Region.TALUS), (Joint.FOOT, Region.METATARSAL_2)]
)
def test_foot_exams_show_their_lesion(joint: Joint, region: Region) -> None:
    spec = ExamSpec(
        joint,
        Side.LEFT,
        date(2021, 3, 4),
        SubjectSpec(9),
        lesions=(LesionSpec((region,), Side.LEFT, fill=0.7, edge_mm=2.0),),
        signs=SignSpec(effusion=0.5, cysts=2),
        protocol=protocol(Plane.SAGITTAL, 150.0),
    )
    truth = simulated(spec).truth
    values = np.unique(truth.regions.labels.array[truth.edema.array])
    assert list(values) == [region_value(region, Side.LEFT)]


def test_the_truth_tells_the_fluid_of_a_tense_joint() -> None:
    film_ml, tense_ml = (
        simulated(replace(KNEE, signs=SignSpec(effusion=tension))).truth.recess_ml for tension in (0.05, 0.9)
    )
    assert film_ml < 3.0
    assert 6.0 < tense_ml < 60.0
