"""Slices put upright for the network, and its answers put back in space."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bmetk.anatomy import Joint
from bmetk.bones.locate import CLASSES, locate_bones
from bmetk.bones.slices import (
    PIXEL_MM,
    close_up,
    slice_probabilities,
    softmax,
    stand_upright,
)
from bmetk.errors import GeometryError
from bmetk.image import Grid, ScalarImage, shrink_in_plane
from tests.conftest import make_grid

_DOWN_RIGHT = {
    0: ((0, 1, 0), (1, 0, 0)),
    1: ((0, 0, -1), (1, 0, 0)),
    2: ((0, 0, -1), (0, 1, 0)),
}


def _marked(grid: Grid) -> ScalarImage:
    """Paint each voxel with its own position, so that a voxel that moved shows."""
    points = grid.world_coordinates()
    return ScalarImage(points @ np.array([1.0, 100.0, 10000.0]), grid)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(0, 0, 0), (1, 0, 1), (1, 1, 1)])
def test_standing_upright_moves_no_voxel_and_faces_one_way(
    grid: Grid, order: tuple[int, int, int], flips: tuple[int, int, int]
) -> None:
    affine = grid.affine[:, [*order, 3]].copy()
    shape = tuple(grid.shape[axis] for axis in order)
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
            affine[:3, axis] *= -1
    upright, plane = stand_upright(_marked(Grid(shape, affine)))
    np.testing.assert_allclose(upright.array, _marked(upright.grid).array, rtol=1e-5, atol=0.5)
    down, right = _DOWN_RIGHT[plane]
    assert upright.grid.axes[:, 1] @ down > 0.7
    assert upright.grid.axes[:, 2] @ right > 0.7
    assert upright.grid.spacing_mm[0] == pytest.approx(3.5)


def test_shrinking_keeps_the_place_of_a_blob(grid: Grid) -> None:
    middle = grid.centre_mm + grid.axes @ (1.0, 4.0, -3.0)
    away = np.linalg.norm(grid.world_coordinates() - middle, axis=-1)
    small = shrink_in_plane(ScalarImage(np.exp(-((away / 6) ** 2)), grid), PIXEL_MM)
    weight = small.array[..., None]
    found = (small.grid.world_coordinates() * weight).sum((0, 1, 2)) / weight.sum()
    assert np.linalg.norm(found - middle) < 0.3
    assert small.grid.spacing_mm[1] == pytest.approx(PIXEL_MM, rel=0.1)


def test_probabilities_sum_to_one_and_lie_on_the_slices(rng: np.random.Generator) -> None:
    grid = make_grid("sagittal", (5, 60, 50), (4.0, 0.8, 0.8))
    probabilities, thin = slice_probabilities(ScalarImage(rng.random(grid.shape), grid), joint=Joint.KNEE)
    assert probabilities.shape == (len(CLASSES), *thin.shape)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-4)
    assert thin.shape[0] == 5


def test_coarse_bones_say_background_where_nothing_was_acquired() -> None:
    grid = make_grid("oblique", (6, 50, 50), (4.0, 1.0, 1.0))
    coarse = locate_bones(ScalarImage(np.ones(grid.shape), grid))
    assert (coarse.probabilities[0][~coarse.covered] == 1).all()
    assert np.allclose(coarse.grid.spacing_mm, 4.0)
    assert not coarse.covered.all()


def test_a_close_up_lies_about_the_points_in_view_at_the_pixels_asked_for(rng):
    grid = make_grid("sagittal", (9, 80, 70), (4.0, 0.7, 0.7))
    points = grid.to_world([[2.0, 20.0, 10.0], [5.0, 60.0, 50.0], [-3.0, 10.0, 10.0]])
    view = close_up(ScalarImage(rng.random(grid.shape), grid), points, 1.2)
    assert view.image.grid.shape[0] == 4
    assert view.image.grid.spacing_mm[1:] == pytest.approx([1.2] * 2, rel=0.1)
    inside = view.image.grid.to_index(points[:2])
    assert np.all((inside > -1) & (inside < view.image.grid.shape))


def test_a_network_names_every_pixel_of_a_close_up(rng):
    grid = make_grid("axial", (5, 60, 50), (4.0, 1.0, 1.0))
    view = close_up(ScalarImage(rng.random(grid.shape), grid), grid.world_coordinates().reshape(-1, 3), 1.3)
    told = np.zeros((3, *view.image.grid.shape), np.float32)
    logits = view.name_pixels("closer.onnx", told)
    assert logits.shape == (5, *view.image.grid.shape)
    np.testing.assert_allclose(softmax(logits).sum(axis=0), 1.0, atol=1e-4)


def test_bones_out_of_view_are_told():
    grid = make_grid("axial", (4, 40, 40), (4.0, 1.0, 1.0))
    away = grid.centre_mm + [[500.0, 0.0, 0.0]]
    with pytest.raises(GeometryError, match="none of the bones"):
        close_up(ScalarImage(np.ones(grid.shape), grid), away, 1.2)
