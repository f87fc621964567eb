"""Scores of masks and sets, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bmetk.image import Grid
from bmetk.validation.score import Retrieval, boundary_distance_mm, dice, retrieve
from tests.conftest import make_grid

SHAPE = (8, 30, 30)


def block(rows: slice, columns: slice = slice(5, 25), slices: slice = slice(2, 6)) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[slices, rows, columns] = True
    return mask


def ball(grid: Grid, radius_mm: float, shift_mm: float = 0.0) -> np.ndarray:
    away = grid.world_coordinates() - grid.centre_mm - (shift_mm, 0.0, 0.0)
    return np.linalg.norm(away, axis=-1) < radius_mm


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        (slice(5, 15), slice(5, 15), 1.0),
        (slice(5, 15), slice(10, 20), 0.5),
        (slice(5, 10), slice(5, 15), 2 / 3),
        (slice(5, 10), slice(10, 15), 0.0),
        (slice(0, 0), slice(5, 15), 0.0),
        (slice(0, 0), slice(0, 0), 1.0),
    ],
)
def test_dice_is_the_shared_part(found: slice, true: slice, expected: float) -> None:
    assert dice(block(found), block(true)) == pytest.approx(expected)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal", "oblique"])
def test_boundaries_of_two_balls_lie_as_far_apart_as_their_radii_differ(plane: str) -> None:
    grid = make_grid(plane, (40, 40, 40), (1.0, 1.0, 1.0))
    apart = boundary_distance_mm(ball(grid, 15.0), ball(grid, 11.0), grid)
    assert apart == pytest.approx(4.0, abs=0.3)


def test_a_boundary_has_no_distance_from_itself() -> None:
    grid = make_grid("axial", (40, 40, 40), (1.0, 1.0, 1.0))
    assert boundary_distance_mm(ball(grid, 12.0), ball(grid, 12.0), grid) == 0.0


def test_boundary_distance_is_measured_in_mm_along_each_axis() -> None:
    grid = make_grid("axial", SHAPE, (5.0, 0.5, 0.5))
    whole = slice(0, 30)
    upper, lower = (block(slice(0, end), whole, slice(0, 8)) for end in (10, 14))
    assert boundary_distance_mm(upper, lower, grid) == pytest.approx(4 * 0.5)
    first, last = (block(whole, whole, slice(0, end)) for end in (3, 5))
    assert boundary_distance_mm(first, last, grid) == pytest.approx(2 * 5.0)


def test_the_edge_of_the_view_is_no_boundary() -> None:
    grid = make_grid("axial", SHAPE)
    everything = np.ones(SHAPE, bool)
    assert boundary_distance_mm(everything, everything, grid) == 0.0


@pytest.mark.parametrize("other", [np.zeros(SHAPE, bool), np.ones(SHAPE, bool)])
def test_a_boundary_is_infinitely_far_from_none(other: np.ndarray) -> None:
    grid, some = make_grid("axial", SHAPE), block(slice(5, 15))
    assert math.isinf(boundary_distance_mm(some, other, grid))
    assert math.isinf(boundary_distance_mm(other, some, grid))


def test_retrieval_counts_hits_misses_and_false_alarms() -> None:
    assert retrieve(["a", "b", "x"], ["a", "b", "c", "d"]) == Retrieval(2, 2, 1)
    assert retrieve(["a", "a"], ["a"]) == Retrieval(1, 0, 0)


@pytest.mark.parametrize(
    ("retrieval", "f1"),
    [
        (Retrieval(0, 0, 0), 1.0),
        (Retrieval(3, 0, 0), 1.0),
        (Retrieval(0, 2, 0), 0.0),
        (Retrieval(0, 0, 2), 0.0),
        (Retrieval(2, 2, 1), 4 / 7),  # precision 2/3, recall 1/2
    ],
)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(retrieval: Retrieval, f1: float) -> None:
    assert retrieval.f1 == pytest.approx(f1)


def test_retrievals_add_up() -> None:
    assert Retrieval(1, 2, 3) + Retrieval(10, 20, 30) == Retrieval(11, 22, 33)
