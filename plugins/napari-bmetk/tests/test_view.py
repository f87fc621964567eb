"""What is on the left of the screen is the right of the patient; the head is up."""

from __future__ import annotations

from itertools import permutations

import napari
import numpy as np
import pytest
from conftest import CENTRE_MM, LESION_MM, make_grid, make_result
from napari.layers import Layer

from napari_bmetk._layers import exam_layers, native_plane
from napari_bmetk._view import camera_orientation, edge_letters, fly_to, show_plane


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_no_order_of_axes_mirrors_the_patient(order: tuple[int, int, int]):
    sign = {"away": 1, "towards": -1, "down": 1, "up": -1, "right": 1, "left": -1}
    depth, vertical, horizontal = (sign[way] for way in camera_orientation(order))
    on_screen = np.zeros((3, 3))  # rows: right, down, away; columns: x, y, z of the patient
    for row, (axis, way) in enumerate(zip(order[::-1], (horizontal, vertical, depth), strict=True)):
        on_screen[row, 2 - axis] = way
    assert np.linalg.det(on_screen) == pytest.approx(1.0)


def test_axial_orientation_is_the_one_of_napari_for_lps():
    assert camera_orientation((0, 1, 2)) == ("away", "down", "right")


@pytest.mark.parametrize(
    ("order", "letters"),
    [
        ((0, 1, 2), "axial   R at the left   A at the top"),
        ((1, 0, 2), "coronal   R at the left   H at the top"),
        ((2, 0, 1), "sagittal   A at the left   H at the top"),
    ],
)
def test_edges_are_named_as_a_radiologist_expects(order: tuple[int, int, int], letters: str):
    assert edge_letters(order) == letters


def orange_centre(picture: np.ndarray) -> np.ndarray:
    """Find the middle of the orange lesion in a screenshot, (row, column) from its middle."""
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    orange = (red > green + 40) & (red > blue + 80)
    assert orange.any(), "the lesion is not on the screen"
    return np.argwhere(orange).mean(axis=0) - np.array(picture.shape[:2]) / 2


def test_pixels_of_the_lesion_lie_left_back_and_up(viewer: napari.Viewer, plane: str):
    result = make_result(make_grid(plane))
    for data in exam_layers(result):
        viewer.add_layer(Layer.create(*data))
    show_plane(viewer, native_plane(make_grid(plane)))
    offset = LESION_MM - CENTRE_MM
    for axis, value in enumerate(LESION_MM[::-1]):
        viewer.dims.set_point(axis, value)
    row, column = orange_centre(viewer.screenshot(canvas_only=True, flash=False)) / viewer.scene.camera.zoom
    right_mm = offset[1] if plane == "sagittal" else offset[0]
    down_mm = offset[1] if plane == "axial" else -offset[2]
    assert (row, column) == pytest.approx((down_mm, right_mm), abs=2.5)


def test_flight_brings_the_point_to_the_middle(viewer: napari.Viewer, plane: str):
    for data in exam_layers(make_result(make_grid(plane))):
        viewer.add_layer(Layer.create(*data))
    show_plane(viewer, native_plane(make_grid(plane)))
    fly_to(viewer, LESION_MM)
    row, column = orange_centre(viewer.screenshot(canvas_only=True, flash=False)) / viewer.scene.camera.zoom
    assert (row, column) == pytest.approx((0, 0), abs=2.5)
