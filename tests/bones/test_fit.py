"""The fit finds poses and shapes that were put in, and leaves unseen bones with their neighbours."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import Pose, load_template
from bmetk.bones.fit import Observations, Stiffness, begin, step
from bmetk.bones.surfaces import vertex_normals

FREE = Stiffness(shift_mm=50, turn_deg=50, stretch=0.2, group_stretch=0.3, modes=5, data_mm=0.1)


def observe(fit, number, target, every=7):
    """Ask every seventh vertex to move to the target's tangent plane there."""
    index = np.arange(0, len(target.vertices), every)
    normal = vertex_normals(target)[index]
    offset = ((target.vertices[index] - fit.vertices(number)[index]) * normal).sum(1)
    return Observations(index, normal, offset, np.ones(len(index)))


@pytest.fixture
def knee():
    template = load_template(Joint.KNEE, Side.LEFT)
    return begin(template, template.starts[0], np.array([10.0, -5.0, 30.0]))


def changed(fit, number, weights, turn_deg, shift_mm):
    pose = fit.poses[number]
    rotation = Rotation.from_rotvec(np.radians(turn_deg)).as_matrix() @ pose.rotation
    poses = list(fit.poses)
    poses[number] = Pose(rotation, pose.stretch * 1.04, pose.middle + shift_mm)
    return type(fit)(fit.template, fit.start, fit.group, tuple(poses), np.asarray(weights))


def test_fit_recovers_pose_and_modes_of_a_bone(knee):
    weights = np.zeros(12)
    weights[:3] = 1.0, -1.5, 0.8
    target = changed(knee, 0, weights, (4, -6, 5), (6.0, -4.0, 8.0)).surface(0)
    fit = knee
    for _ in range(12):
        fit = step(fit, [observe(fit, 0, target), None, None, None], FREE)
    off = np.linalg.norm(fit.vertices(0) - target.vertices, axis=1)
    assert off.mean() < 0.5


def test_unseen_bones_follow_the_seen_ones(knee):
    shift = np.array([12.0, 9.0, -15.0])
    targets = [changed(knee, n, knee.weights, (0, 0, 0), shift).surface(n) for n in (0, 1)]
    stiff = Stiffness(shift_mm=2, turn_deg=2, stretch=0.01, group_stretch=0.1, data_mm=1)
    before, fit = knee.vertices(3).mean(0), knee
    for _ in range(8):
        fit = step(fit, [observe(fit, 0, targets[0]), observe(fit, 1, targets[1]), None, None], stiff)
    np.testing.assert_allclose(fit.vertices(3).mean(0) - before, shift, atol=4.0)


def test_without_observations_nothing_moves(knee):
    fit = step(knee, [None] * 4, Stiffness())
    for number in range(4):
        np.testing.assert_allclose(fit.vertices(number), knee.vertices(number), atol=1e-6)


@pytest.mark.parametrize("joint", [Joint.HIP, Joint.KNEE, Joint.ANKLE])
def test_templates_of_both_sides_mirror_each_other(joint):
    left, right = (load_template(joint, side) for side in (Side.LEFT, Side.RIGHT))
    for a, b, p, q in zip(left.bodies, right.bodies, left.starts[-1], right.starts[-1], strict=True):
        if a.name == "pelvis":
            continue
        np.testing.assert_allclose(p.apply(a.rest), q.apply(b.rest) * (-1, 1, 1), atol=1e-3)
