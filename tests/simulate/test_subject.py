"""Subjects: the same body in every exam, in the pose that was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from bmetk.anatomy import Joint, Region, Side
from bmetk.bones.surfaces import volume_ml
from bmetk.simulate.spec import ExamSpec, PoseSpec, SubjectSpec
from bmetk.simulate.subject import PosedSubject, pose_subject


def pose(joint: Joint, side: Side, seed: int = 1, **pose_values: float) -> PosedSubject:
    return pose_subject(
        ExamSpec(joint, side, date(2020, 1, 1), SubjectSpec(seed), pose=PoseSpec(**pose_values))
    )


@pytest.fixture(scope="module")
def knee() -> PosedSubject:
    return pose(Joint.KNEE, Side.LEFT)


def test_knee_has_its_four_bones(knee: PosedSubject) -> None:
    assert {b.name for b in knee.bones} == {"femur", "tibia", "fibula", "patella"}


def test_left_joint_lies_at_positive_x_and_near_the_isocentre(knee: PosedSubject) -> None:
    assert 50 < knee.centre_mm[0] < 130
    assert np.abs(knee.centre_mm[1:]).max() < 30


def test_bone_keeps_its_shape_in_another_pose(knee: PosedSubject) -> None:
    bent = pose(Joint.KNEE, Side.LEFT, flexion_deg=30.0, tilt_deg=(2.0, 3.0, -4.0))
    for first, second in zip(knee.bones, bent.bones, strict=True):
        one, two = (b.to_body.apply(b.surface.vertices) for b in (first, second))
        assert np.abs(one - two).max() < 1e-6


def test_flexion_turns_the_tibia_against_the_femur(knee: PosedSubject) -> None:
    bent = pose(Joint.KNEE, Side.LEFT, flexion_deg=25.0)
    turn = bent.bone("femur", Side.LEFT).to_body.rotation @ bent.bone("tibia", Side.LEFT).to_body.rotation.T
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(25.0, abs=0.5)


def test_two_people_differ_by_millimetres(knee: PosedSubject) -> None:
    other = pose(Joint.KNEE, Side.LEFT, seed=2)
    gap = knee.bone("femur", Side.LEFT).to_body.apply(
        knee.bone("femur", Side.LEFT).surface.vertices
    ) - other.bone("femur", Side.LEFT).to_body.apply(other.bone("femur", Side.LEFT).surface.vertices)
    assert np.linalg.norm(gap, axis=1).mean() > 1.5


def test_scale_makes_the_bones_larger(knee: PosedSubject) -> None:
    spec = ExamSpec(Joint.KNEE, Side.LEFT, date(2020, 1, 1), SubjectSpec(1, scale=1.1))
    large = pose_subject(spec)
    ratio = volume_ml(large.bone("femur", Side.LEFT).surface) / volume_ml(
        knee.bone("femur", Side.LEFT).surface
    )
    assert ratio == pytest.approx(1.1**3, rel=0.03)


def test_joint_surface_is_marked_on_every_bone_of_the_knee(knee: PosedSubject) -> None:
    for name in ("femur", "tibia", "patella"):
        share = (knee.bone(name, Side.LEFT).articular > 0.5).mean()
        assert 0.02 < share < 0.5


def test_both_hips_show_two_heads_at_the_same_height() -> None:
    subject = pose(Joint.HIP, Side.BOTH)
    right, left = (subject.limbs[s].head_center for s in (Side.RIGHT, Side.LEFT))
    assert right[0] < 0 < left[0]
    assert abs(right[2] - left[2]) < 8
    assert {m.side for m in subject.landmarks} == {Side.RIGHT, Side.LEFT}


def test_head_lies_in_the_socket_of_a_rotated_hip() -> None:
    subject = pose(Joint.HIP, Side.RIGHT, rotation_deg=12.0, abduction_deg=6.0)
    marks = subject.limbs[Side.RIGHT]
    assert np.linalg.norm(marks.head_center - marks.acetabulum_center) < 6


@pytest.mark.parametrize(("joint", "side"), [(Joint.ANKLE, Side.RIGHT), (Joint.FOOT, Side.LEFT)])
def test_foot_has_28_bones_and_its_phalanges_know_their_region(joint: Joint, side: Side) -> None:
    subject = pose(joint, side)
    parts = [b.part for b in subject.bones if b.part is not None]
    assert len(subject.bones) == 28
    assert parts.count(Region.DISTAL_PHALANGES) == 9
    assert Region.PROXIMAL_PHALANX_3 in parts


def test_sides_mirror_each_other() -> None:
    left, right = pose(Joint.ANKLE, Side.LEFT), pose(Joint.ANKLE, Side.RIGHT)
    inner = [
        (
            s.bone("medial_cuneiform", side).surface.vertices.mean(0)
            - s.bone("cuboid", side).surface.vertices.mean(0)
        )[0]
        for s, side in ((left, Side.LEFT), (right, Side.RIGHT))
    ]
    assert inner[0] < 0 < inner[1]


def test_shift_moves_the_whole_patient(knee: PosedSubject) -> None:
    spec = ExamSpec(Joint.KNEE, Side.LEFT, date(2020, 1, 1), SubjectSpec(1))
    moved = pose_subject(replace(spec, pose=PoseSpec(shift_mm=(5.0, -3.0, 9.0))))
    assert moved.centre_mm - knee.centre_mm == pytest.approx([5.0, -3.0, 9.0])
