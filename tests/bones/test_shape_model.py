"""The packaged bones: closed, on their side, seated in their joints, and bending."""

import numpy as np
import pytest

from bmetk.bones.articulate import flex_ankle, flex_knee, flex_toes, invert_foot, pose_hip, rotate_knee
from bmetk.bones.shape_model import load_foot, load_limb_model
from bmetk.bones.surfaces import clearance, volume_ml
from bmetk.errors import SettingsError, UnknownNameError

WEIGHTS = np.array([0.8, -1.0, 0.5, 1.2, -0.4, 0.3])
ADULT_ML = {
    "pelvis": (600, 1100),
    "femur": (350, 700),
    "tibia": (200, 450),
    "fibula": (35, 80),
    "patella": (10, 25),
}


def is_closed(faces):
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    forth, back = (np.sort(a * 100_000 + b) for a, b in (edges.T, edges[:, ::-1].T))
    return np.array_equal(forth, back) and bool(np.all(np.diff(forth) > 0))


@pytest.fixture(scope="module")
def model():
    return load_limb_model()


@pytest.fixture(scope="module", params=["left", "right"])
def limb(request, model):
    bones = model.subject(WEIGHTS, request.param)
    return bones, model.landmarks(bones, request.param)


def test_limb_bones_are_closed_and_of_adult_size(limb):
    for name, bone in limb[0].items():
        assert is_closed(bone.faces)
        assert ADULT_ML[name][0] < volume_ml(bone) < ADULT_ML[name][1]


def test_limb_lies_on_its_side(limb):
    bones, marks = limb
    sign = 1 if marks.side == "left" else -1
    assert sign * marks.head_center[0] > 60
    assert sign * (marks.fibula_head[0] - marks.tibia_proximal[0]) > 0
    assert sign * (marks.lateral_condyle_center[0] - marks.medial_condyle_center[0]) > 30
    assert sign * bones["femur"].vertices[:, 0].mean() > 50
    assert marks.knee_axis[0] > 0.9
    assert bones["patella"].vertices[:, 1].mean() < marks.knee_center[1]


def test_right_limb_is_the_left_one_mirrored(model):
    left, right = (model.subject(WEIGHTS, side) for side in ("left", "right"))
    for name in left:
        np.testing.assert_allclose(right[name].vertices, left[name].vertices * (-1, 1, 1))
    centers = [model.landmarks(b, s).head_center for b, s in ((left, "left"), (right, "right"))]
    np.testing.assert_allclose(centers[1], centers[0] * (-1, 1, 1), atol=1e-6)


def test_heads_of_both_sides_fit_one_pelvis(model):
    pelvis = model.subject(WEIGHTS, "left")["pelvis"].vertices
    marks = model.landmarks(model.subject(WEIGHTS, "right"), "right")
    gap = np.linalg.norm(pelvis - marks.head_center, axis=1).min() - marks.head_radius_mm
    assert gap > 2.0


def test_joints_are_seated(limb):
    bones, marks = limb
    np.testing.assert_allclose(marks.head_center, marks.acetabulum_center, atol=3.0)
    assert 18 < marks.head_radius_mm < 30
    assert clearance(bones["tibia"], bones["femur"], -marks.tibia_axis) == pytest.approx(4.0, abs=0.3)


def test_landmarks_lie_on_the_femur_and_in_order(limb):
    _, marks = limb
    assert marks.head_center[2] > marks.notch[2] > marks.femur_distal[2] > marks.plafond[2]
    assert marks.notch[2] - marks.femur_distal[2] == pytest.approx(15, abs=10)
    assert abs(marks.notch[0] - marks.knee_center[0]) < 10
    assert marks.femur_axis[2] > 0.95
    assert marks.tibia_axis[2] > 0.95


def test_knee_flexion_brings_the_ankle_back_and_keeps_the_joint_open(limb, model):
    bones, marks = limb
    bent = flex_knee(bones, marks, 40.0)
    after = model.landmarks(bent, marks.side)
    assert after.plafond[1] > marks.plafond[1] + 150
    angle = np.degrees(np.arccos(after.tibia_axis @ marks.tibia_axis))
    assert angle == pytest.approx(40, abs=3)
    assert 3.0 < clearance(bent["tibia"], bent["femur"], -after.tibia_axis) < 5.0
    assert after.patella_center[2] < marks.patella_center[2]
    np.testing.assert_allclose(after.femur_up, marks.femur_up, atol=1e-9)
    assert np.degrees(np.arccos(after.tibia_up @ marks.tibia_up)) == pytest.approx(angle, abs=0.1)


def test_bones_at_rest_point_up_and_end_where_they_reach_farthest(model):
    bones = model.subject()
    marks = model.landmarks(bones)
    np.testing.assert_allclose([marks.femur_up, marks.tibia_up], [(0, 0, 1)] * 2, atol=1e-6)
    assert marks.femur_distal[2] == bones["femur"].vertices[:, 2].min()
    assert marks.tibia_proximal[2] == bones["tibia"].vertices[:, 2].max()


def test_internal_rotation_turns_the_malleoli_inwards(limb, model):
    bones, marks = limb
    after = model.landmarks(rotate_knee(bones, marks, 10.0), marks.side)
    assert after.lateral_malleolus[1] < marks.lateral_malleolus[1]


def test_hip_moves_about_the_head(limb, model):
    bones, marks = limb
    sign = 1 if marks.side == "left" else -1
    after = model.landmarks(pose_hip(bones, marks, flexion=20, abduction=15), marks.side)
    np.testing.assert_allclose(after.head_center, marks.head_center, atol=1e-6)
    assert after.knee_center[1] < marks.knee_center[1] - 80
    assert sign * (after.knee_center[0] - marks.knee_center[0]) > 60
    turned = model.landmarks(pose_hip(bones, marks, internal_rotation=10), marks.side)
    assert turned.lateral_epicondyle[1] < marks.lateral_epicondyle[1]


@pytest.mark.parametrize("side", ["left", "right"])
def test_foot_is_closed_and_on_its_side(side):
    bones = load_foot().bones(side)
    sign = 1 if side == "left" else -1
    assert len(bones) == 28
    assert all(is_closed(b.faces) and volume_ml(b) > 0 for b in bones.values())
    middles = {n: b.vertices.mean(0) for n, b in bones.items()}
    assert sign * (middles["metatarsal_5"] - middles["metatarsal_1"])[0] > 30
    assert sign * (middles["fibula"] - middles["tibia"])[0] > 0
    assert middles["distal_phalanx_1"][1] < middles["proximal_phalanx_1"][1] < middles["calcaneus"][1]


@pytest.mark.parametrize("side", ["left", "right"])
def test_foot_bends_the_named_way(side):
    foot = load_foot()
    bones, joints = foot.bones(side), foot.joints(side)

    def middle(posed, name):
        return posed[name].vertices.mean(0)

    def tilt(posed):
        return (middle(posed, "metatarsal_1") - middle(posed, "metatarsal_5"))[2]

    toe = middle(bones, "distal_phalanx_1")
    assert middle(flex_ankle(bones, joints, 10), "distal_phalanx_1")[2] > toe[2] + 15
    assert middle(flex_toes(bones, joints, 20), "distal_phalanx_1")[2] < toe[2] - 5
    assert tilt(invert_foot(bones, joints, 8)) > tilt(bones) + 4


def test_unknown_side_and_too_many_weights_are_refused(model):
    with pytest.raises(UnknownNameError, match="both"):
        model.subject((), "both")
    with pytest.raises(SettingsError, match="12"):
        model.subject(np.zeros(13))
