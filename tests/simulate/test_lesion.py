"""Lesions: where they lie, how large they are, and that they are the same in every exam."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from bmetk.anatomy import Joint, Region, Side, region_value
from bmetk.image import Grid
from bmetk.simulate.bone_tissue import BoneField, measure_bone
from bmetk.simulate.lesion import draw_lesion, fracture_line, label_bone, lesion_on, water_of
from bmetk.simulate.spec import ExamSpec, LesionSpec, PoseSpec, SubjectSpec
from bmetk.simulate.subject import PosedSubject, pose_subject

PERSON = SubjectSpec(4)


def posed(flexion: float = 5.0) -> PosedSubject:
    spec = ExamSpec(Joint.KNEE, Side.LEFT, date(2020, 1, 1), PERSON, pose=PoseSpec(flexion_deg=flexion))
    return pose_subject(spec)


def femur_field(subject: PosedSubject) -> BoneField:
    half = np.array([48, 44, 44])
    grid = Grid.from_axes((64, 59, 59), (1.5, 1.5, 1.5), np.eye(3), subject.centre_mm - half)
    field = measure_bone(subject.bone("femur", Side.LEFT), grid)
    assert field is not None
    return field


@pytest.fixture(scope="module")
def subject() -> PosedSubject:
    return posed()


@pytest.fixture(scope="module")
def field(subject: PosedSubject) -> BoneField:
    return femur_field(subject)


def membership(field: BoneField, subject: PosedSubject, spec: LesionSpec) -> np.ndarray:
    shape = draw_lesion(spec, subject, PERSON, field.bone)
    assert shape is not None
    return lesion_on(field, shape, subject)


@pytest.mark.parametrize("fill", [0.2, 0.5, 0.8])
def test_lesion_takes_its_fill_of_the_region(field: BoneField, subject: PosedSubject, fill: float) -> None:
    spec = LesionSpec((Region.LATERAL_FEMORAL_CONDYLE,), Side.LEFT, fill=fill, seed=2)
    inside, regions = label_bone(subject, field.bone, field.coarse)
    chosen = regions == region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.LEFT)
    share = (membership(field, subject, spec)[chosen] >= 0.5).mean()
    assert share == pytest.approx(fill, abs=0.08)
    assert inside[chosen].all()


def test_lesion_stays_in_its_region(field: BoneField, subject: PosedSubject) -> None:
    spec = LesionSpec((Region.MEDIAL_FEMORAL_CONDYLE,), Side.LEFT, fill=0.8)
    inside, regions = label_bone(subject, field.bone, field.coarse)
    other = inside & (regions != region_value(Region.MEDIAL_FEMORAL_CONDYLE, Side.LEFT))
    assert (membership(field, subject, spec)[other] >= 0.5).mean() < 0.002


def test_lesion_of_two_regions_reaches_both(field: BoneField, subject: PosedSubject) -> None:
    both = (Region.MEDIAL_FEMORAL_CONDYLE, Region.LATERAL_FEMORAL_CONDYLE)
    found = membership(field, subject, LesionSpec(both, Side.LEFT, fill=0.4)) >= 0.5
    _, regions = label_bone(subject, field.bone, field.coarse)
    for region in both:
        assert 0.25 < found[regions == region_value(region, Side.LEFT)].mean() < 0.55


def test_lesion_lies_in_the_same_place_in_another_pose(subject: PosedSubject, field: BoneField) -> None:
    spec = LesionSpec((Region.LATERAL_FEMORAL_CONDYLE,), Side.LEFT, seed=5)
    bent = posed(25.0)
    other = femur_field(bent)
    centres = []
    for view, one in ((subject, field), (bent, other)):
        weight = membership(one, view, spec)[..., None]
        centres.append((one.body_mm * weight).sum((0, 1, 2)) / weight.sum())
    assert np.linalg.norm(centres[0] - centres[1]) < 2.0


def test_no_lesion_on_the_other_side(field: BoneField, subject: PosedSubject) -> None:
    spec = LesionSpec((Region.LATERAL_FEMORAL_CONDYLE,), Side.RIGHT)
    assert draw_lesion(spec, subject, PERSON, field.bone) is None


def test_water_is_strength_times_membership(field: BoneField, subject: PosedSubject) -> None:
    spec = LesionSpec((Region.LATERAL_FEMORAL_CONDYLE,), Side.LEFT, strength=0.6, texture=0.0)
    shape = draw_lesion(spec, subject, PERSON, field.bone)
    assert shape is not None
    found = lesion_on(field, shape, subject)
    assert water_of(field, shape, found, PERSON) == pytest.approx(0.6 * found, abs=1e-6)


def test_fracture_line_lies_below_the_joint_surface(field: BoneField, subject: PosedSubject) -> None:
    spec = LesionSpec((Region.MEDIAL_FEMORAL_CONDYLE,), Side.LEFT, fill=0.8, subchondral_fracture=True)
    shape = draw_lesion(spec, subject, PERSON, field.bone)
    assert shape is not None
    line = fracture_line(field, lesion_on(field, shape, subject), shape, PERSON) > 0.4
    assert line.any()
    assert 1.5 < np.median(field.depth_mm[line]) < 6.0


def test_lesion_of_a_metaphysis_lies_within_reach_of_the_joint(
    field: BoneField, subject: PosedSubject
) -> None:
    spec = LesionSpec((Region.DISTAL_FEMORAL_METAPHYSIS,), Side.LEFT, fill=0.5)
    shape = draw_lesion(spec, subject, PERSON, field.bone)
    assert shape is not None
    centre = field.bone.to_body.apply(subject.centre_mm)
    assert np.linalg.norm(shape.path_mm - centre, axis=1).max() < 75.0
