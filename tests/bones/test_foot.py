"""Feet: their coordinates, and every bone of a simulated one named by itself."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bmetk.anatomy import REGION_LABELS, Joint, Side
from bmetk.bones import find_bones
from bmetk.bones.foot_frame import FOOT_CLASSES, foot_class, foot_frame
from bmetk.bones.shape_model import load_foot
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.protocols import coarsen
from bmetk.simulate.spec import ExamSpec, SubjectSpec


def middles(side):
    return {name: bone.vertices.mean(0) for name, bone in load_foot().bones(side.value).items()}


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_a_moved_and_grown_foot_has_the_coordinates_it_had(side):
    rest = middles(side)
    turn = Rotation.from_euler("xyz", (40, -15, 70), degrees=True).as_matrix()
    moved = {name: 1.2 * turn @ point + (30.0, -80.0, 500.0) for name, point in rest.items()}
    before, after = foot_frame(rest, side), foot_frame(moved, side)
    for name, point in rest.items():
        expected = before[:, :3] @ point + before[:, 3]
        np.testing.assert_allclose(after[:, :3] @ moved[name] + after[:, 3], expected, atol=1e-6)


def test_both_feet_have_the_same_coordinates():
    left, right = (
        {name: foot_frame(middles(side), side) @ [*point, 1.0] for name, point in middles(side).items()}
        for side in (Side.LEFT, Side.RIGHT)
    )
    for name in right:
        np.testing.assert_allclose(left[name], right[name], atol=1e-6)


def test_leg_and_toes_have_no_part_in_the_coordinates():
    rest = middles(Side.RIGHT)
    bent = {n: p + 30.0 if n in ("tibia", "fibula") or "phalanx" in n else p for n, p in rest.items()}
    np.testing.assert_allclose(foot_frame(bent, Side.RIGHT), foot_frame(rest, Side.RIGHT))


def test_every_bone_of_the_packaged_foot_has_a_class():
    classes = {foot_class(name) for name in load_foot().bones()}
    assert classes == set(FOOT_CLASSES) - {"background"}


@pytest.fixture(scope="module", params=[Side.LEFT, Side.RIGHT])
def forefoot(request):
    spec = ExamSpec(
        joint=Joint.FOOT, side=request.param, date=date(2024, 3, 1), subject=SubjectSpec(seed=21), seed=22
    )
    spec = replace(spec, protocol=coarsen(spec.protocol, 1.3))
    return simulate_exam(spec)


def test_each_ray_of_a_simulated_foot_is_told_from_its_neighbours(forefoot):
    found = find_bones(forefoot.t1.image, joint=Joint.FOOT, side=forefoot.spec.side)
    truth = forefoot.truth.regions.labels
    _, regions = found.place(truth.grid, forefoot.truth.motion)
    for value in np.unique(truth.array)[1:]:
        name = REGION_LABELS[int(value)].name
        here, there = truth.array == value, regions.labels.array == value
        least = 0.3 if name == "distal_phalanges" else 0.7
        assert 2 * (here & there).sum() / (here.sum() + there.sum()) > least, name
