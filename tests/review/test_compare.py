"""Two exams laid over each other bone by bone, as the tracker lays them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bmetk.anatomy import Side
from bmetk.errors import InputError
from bmetk.exam import ExamResult
from bmetk.image import LabelMap, RigidTransform, resample_labels
from bmetk.review import bones_of, carry, register_bone
from tests.conftest import make_grid
from tests.review.phantom import FEMUR, LATERAL, knee

BONE = ("femur", Side.LEFT)


def knobbed(plane: str) -> ExamResult:
    """A block with a knob: a bone that cannot turn unseen."""
    grid = make_grid(plane, shape=(24, 56, 48))
    world = grid.world_coordinates() - grid.centre_mm
    shape = (np.abs(world[..., 0]) < 12) & (np.abs(world[..., 1]) < 8) & (np.abs(world[..., 2]) < 15)
    shape |= np.linalg.norm(world - [9.0, 5.0, 9.0], axis=-1) < 9
    base = knee(grid)
    bones = replace(base.bones, labels=LabelMap(np.where(shape, FEMUR, 0), grid))
    return replace(base, bones=bones, regions=replace(base.regions, labels=LabelMap(shape * LATERAL, grid)))


def moved_by(result: ExamResult, move: RigidTransform) -> ExamResult:
    bones, regions = (
        replace(it, labels=resample_labels(it.labels, it.grid, move.inverse()))
        for it in (result.bones, result.regions)
    )
    return replace(result, bones=bones, regions=regions)


@pytest.mark.parametrize("plane", ["axial", "oblique"])
def test_the_same_bone_of_another_exam_is_found_under_a_known_movement(plane: str):
    fixed = knobbed(plane)
    grid = fixed.bones.grid
    turn = Rotation.from_euler("zx", (8, 5), degrees=True).as_matrix()
    truth = RigidTransform.about(grid.centre_mm, turn, (3, -2, 2))
    fit = register_bone(fixed, moved_by(fixed, truth), BONE)
    points = grid.to_world(np.argwhere(fixed.bones.labels.array == FEMUR)[::50])
    error_mm = np.linalg.norm(fit.transform.apply(points) - truth.apply(points), axis=1)
    assert np.median(error_mm) < max(grid.spacing_mm) / 2  # the moved bone is as coarse as its slices
    assert fit.residual_mm is not None
    assert fit.residual_mm < 1.0


def test_a_bone_that_could_turn_unseen_is_laid_over_by_its_middle_and_that_is_said():
    grid = make_grid("axial", shape=(24, 56, 48))
    ball = knee(grid)
    moved = moved_by(ball, RigidTransform(np.eye(3), np.array([4.0, -3.0, 2.0])))
    fit = register_bone(ball, moved, BONE)
    assert fit.residual_mm is None
    assert "not registered" in fit.doubt
    np.testing.assert_allclose(fit.transform.translation_mm, [4, -3, 2], atol=max(grid.spacing_mm) / 2)
    laid = carry(moved, ball, fit.transform)
    both, one = ((laid.bones.labels.array > 0) & (ball.bones.labels.array > 0)), ball.bones.labels.array > 0
    assert np.count_nonzero(both) > 0.95 * np.count_nonzero(one)


def test_a_bone_that_one_exam_alone_shows_is_a_sentence():
    grid = make_grid("axial")
    base = knee(grid)
    none = replace(base, bones=replace(base.bones, labels=LabelMap(np.zeros(grid.shape, np.uint8), grid)))
    with pytest.raises(InputError, match="left femur is not in both exams"):
        register_bone(base, none, BONE)
    assert bones_of(none) == {}
    assert list(bones_of(base)) == [BONE]
