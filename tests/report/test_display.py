"""Slices are shown the radiological way up, whatever way they were stored."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from bmetk.exam import Plane
from bmetk.image import Grid
from bmetk.report.display import display_of
from tests.export.fakes import grid_of

# What lies at the left, right, top and bottom of the page.
EXPECTED = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "H", "F"),
    "sagittal": ("A", "P", "H", "F"),
}
NORMAL = {"axial": 2, "coronal": 1, "sagittal": 0}


def every_storage(plane: str) -> list[Grid]:
    """All eight ways a scanner or converter may store slices of one plane, forwards and backwards."""
    normal = NORMAL[plane]
    others = [axis for axis in range(3) if axis != normal]
    grids = []
    for (rows, columns), signs in product(permutations(others), product((1, -1), repeat=3)):
        axes = np.zeros((3, 3))
        for index, axis in enumerate((normal, rows, columns)):
            axes[axis, index] = signs[index]
        grids.append(Grid.from_axes((4, 10, 12), (4.0, 0.5, 0.8), axes, (0, 0, 0)))
    return grids


@pytest.mark.parametrize("plane", EXPECTED)
def test_the_letters_are_those_of_the_radiological_view(plane: str) -> None:
    for grid in every_storage(plane):
        display = display_of(grid)
        assert (display.left, display.right, display.top, display.bottom) == EXPECTED[plane]


@pytest.mark.parametrize("plane", EXPECTED)
def test_the_letters_say_where_the_voxels_are(plane: str) -> None:
    signs = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}
    for grid in every_storage(plane):
        display, world = display_of(grid), grid.world_coordinates()[0]
        for letter, first, last in (
            (display.right, (0, 0), (0, -1)),
            (display.bottom, (0, 0), (-1, 0)),
        ):
            axis, sign = signs[letter]
            shown = display.turn(world[..., axis])
            assert sign * (shown[last] - shown[first]) > 0


@pytest.mark.parametrize("plane", EXPECTED)
def test_pixels_keep_their_size(plane: str) -> None:
    for grid in every_storage(plane):
        display = display_of(grid)
        shown = display.turn(np.zeros(grid.shape[1:]))
        size_mm = np.multiply(shown.shape, display.pixel_mm)
        assert sorted(size_mm) == pytest.approx(sorted([10 * 0.5, 12 * 0.8]))


def test_an_oblique_slice_has_two_letters_where_it_runs_aslant() -> None:
    display = display_of(grid_of(Plane.OBLIQUE))
    assert display.left.startswith("R")
    assert display.top.startswith("H")
    assert any(len(letters) == 2 for letters in (display.left, display.top))
