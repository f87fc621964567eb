"""What is on the left of the screen is the right of the patient; the letters say so, in 2D and 3D."""

from __future__ import annotations

from itertools import permutations

import napari
import numpy as np
import pytest
from conftest import CENTRE_MM, LESION_MM, keep_picture, make_grid, make_result
from napari.layers import Layer

from bmetk.review import begin
from napari_bmetk._frame import native_plane
from napari_bmetk._layers import draft_layers
from napari_bmetk._view import (
    camera_orientation,
    edge_letters,
    fly_to,
    name_edges,
    screen_directions,
    show_plane,
    shown_letters,
)

LEFT, BACK, HEAD = np.eye(3)


def show(viewer: napari.Viewer, plane: str, tilt_deg: float = 0.0) -> None:
    draft = begin(make_result(make_grid(plane, tilt_deg)))
    for data in draft_layers(draft, name="knee"):
        viewer.add_layer(Layer.create(*data))


def orange_centre(viewer: napari.Viewer) -> np.ndarray:
    """Find the middle of the orange lesion on the canvas, mm right and down of the picture's middle."""
    picture = viewer.screenshot(canvas_only=True, flash=False)
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    orange = (red > green + 40) & (red > blue + 80) & (green < 0.75 * red)
    assert orange.any(), "the lesion is not on the screen"
    row, column = np.argwhere(orange).mean(axis=0) - np.array(picture.shape[:2]) / 2
    return np.array([column, row]) / viewer.scene.camera.zoom


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
    ("right", "up", "letters"),
    [
        (LEFT, -BACK, "RLAP"),
        (LEFT, HEAD, "RLHF"),
        (BACK, HEAD, "APHF"),
    ],
)
def test_edges_are_named_as_a_radiologist_expects(right: np.ndarray, up: np.ndarray, letters: str):
    told = edge_letters(right, up)
    assert "".join(told[edge] for edge in ("left", "right", "top", "bottom")) == letters


def test_an_oblique_view_is_named_with_two_letters_the_nearer_first():
    right = np.array([0.8, 0.6, 0.0])
    assert edge_letters(right, HEAD)["right"] == "LP"
    assert edge_letters(right, HEAD)["left"] == "RA"


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_pixels_of_the_lesion_lie_where_letters_and_millimetres_say(
    viewer: napari.Viewer, plane: str, tilt_deg: float
):
    show(viewer, plane, tilt_deg)
    show_plane(viewer, native_plane(make_grid(plane)))
    for axis, value in enumerate(LESION_MM[::-1]):
        viewer.dims.set_point(axis, value)
    viewer.scene.camera.center = tuple(CENTRE_MM[::-1][axis] for axis in viewer.dims.order)
    right, up = screen_directions(viewer)
    offset = LESION_MM - CENTRE_MM
    assert orange_centre(viewer) == pytest.approx((offset @ right, -offset @ up), abs=2.5)
    # The lesion lies left, back and towards the head: the letters at the edges nearest to it say so.
    expected = {"axial": "LP", "coronal": "LH", "sagittal": "PH"}[plane]
    nearest = [
        shown_letters(viewer)["right" if offset @ right > 0 else "left"],
        shown_letters(viewer)["top" if offset @ up > 0 else "bottom"],
    ]
    assert sorted("".join(nearest)) == sorted(expected)
    keep_picture(viewer.screenshot(canvas_only=True, flash=False), f"orientation-{plane}-{tilt_deg:.0f}")


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -40, 70), (-80, 15, 130)])
def test_in_space_the_lesion_lies_where_the_letters_say(viewer: napari.Viewer, angles: tuple[int, ...]):
    window = viewer.window._qt_window
    size = window.size()
    window.resize(640, 480)  # a ray for each pixel takes long without a graphics card
    for data in draft_layers(begin(make_result(make_grid("coronal", 20.0))), name="knee"):
        if data[1]["metadata"]["bmetk_role"] == "edema":
            viewer.add_layer(Layer.create(*data))
    show_plane(viewer, 3)
    if any(angles):
        viewer.scene.camera.angles = angles
    name_edges(viewer)
    viewer.scene.camera.center = tuple(CENTRE_MM[::-1])
    right, up = screen_directions(viewer)
    offset = LESION_MM - CENTRE_MM
    assert orange_centre(viewer) == pytest.approx((offset @ right, -offset @ up), abs=2.5)
    letters = shown_letters(viewer)
    assert letters == edge_letters(right, up)
    if not any(angles):
        assert letters == {"left": "R", "right": "L", "top": "H", "bottom": "F"}
        keep_picture(viewer.screenshot(canvas_only=True, flash=False), "orientation-3d")
    window.resize(size)


def test_flight_brings_the_point_to_the_middle(viewer: napari.Viewer, plane: str):
    show(viewer, plane)
    show_plane(viewer, native_plane(make_grid(plane)))
    fly_to(viewer, LESION_MM)
    assert orange_centre(viewer) == pytest.approx((0, 0), abs=2.5)


def test_the_scale_bar_is_in_millimetres(viewer: napari.Viewer):
    show(viewer, "coronal")
    show_plane(viewer, 1)
    assert viewer.canvas.overlays.scale_bar.visible
    assert [str(unit) for unit in viewer.layers.extent.units] == ["millimeter"] * 3
