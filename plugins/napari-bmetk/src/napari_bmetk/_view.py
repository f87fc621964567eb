"""Look at the patient the way a radiologist does: the right side on the left, the head up."""

from __future__ import annotations

from collections.abc import Sequence

import napari
import numpy as np
import numpy.typing as npt
from napari.components.overlays import TextOverlay
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_bmetk._frame import AXES

# For each axis (z, y, x): the letters where it starts and where it ends.
_LETTERS = (("F", "H"), ("A", "P"), ("R", "L"))
_PLANES = ("axial", "coronal", "sagittal")
_PLACES = {"left": "middle_left", "right": "middle_right", "top": "top_center", "bottom": "bottom_center"}
_BOXED = ("middle_left", "middle_right")  # sides are read on any ground; each box takes its time to draw
_CORNER = "bmetk_plane"
_LEAST_SHARE = 0.3  # of a direction along an axis, from which on its letter is shown
_MARK_SIZE, _PLANE_SIZE = 16.0, 10.0
_MARK_COLOUR = "#f0e442"
# The 3D view begins as from the front and a little from above.
FRONT, UP = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def camera_orientation(order: Sequence[int]) -> tuple[str, str, str]:
    """Choose where depth, vertical and horizontal axis point, so that nothing is mirrored.

    Parameters
    ----------
    order : the axes as depth, vertical, horizontal; 0 is z, 1 is y, 2 is x, increasing to head, back, left

    Returns
    -------
    depth, vertical, horizontal : as `napari.components.Camera.orientation` takes them
    """
    depth, vertical, horizontal = order[-3:]
    up = vertical == 0
    # Columns are depth, vertical and horizontal; (x right, y down, z away) is right-handed.
    parity = np.linalg.det(np.eye(3)[:, [2 - horizontal, 2 - vertical, 2 - depth]]) * (-1 if up else 1)
    return "away" if parity > 0 else "towards", "up" if up else "down", "right"


def edge_letters(right: npt.ArrayLike, up: npt.ArrayLike) -> dict[str, str]:
    """Name the edges of the picture by the side of the patient that lies there.

    Parameters
    ----------
    right, up : directions of the screen in the patient, LPS

    Returns
    -------
    dict
        ``left``, ``right``, ``top``, ``bottom``; two or three letters where the view is oblique, the nearest
        direction first (DICOM PS3.3 C.7.6.1.1.1).
    """
    towards_right, towards_top = np.asarray(right, dtype=float), np.asarray(up, dtype=float)
    return {
        "left": _named(-towards_right),
        "right": _named(towards_right),
        "top": _named(towards_top),
        "bottom": _named(-towards_top),
    }


def screen_directions(viewer: napari.Viewer) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Tell where the right and the top of the picture lie in the patient, LPS unit vectors."""
    order = viewer.dims.order[-3:]
    if viewer.dims.ndisplay == 3:
        # napari gives both in the order of the axes shown.
        view, up = (_to_lps(way, order) for way in _camera_directions(viewer))
        return np.cross(view, up), up
    _, vertical, horizontal = viewer.scene.camera.orientation
    right = np.eye(3)[2 - order[2]] * (1 if str(horizontal) == "right" else -1)
    return right, np.eye(3)[2 - order[1]] * (1 if str(vertical) == "up" else -1)


def orient(viewer: napari.Viewer) -> None:
    """Point the camera for the plane shown now and name its edges."""
    if viewer.dims.ndim != len(AXES):
        return
    viewer.scene.camera.orientation = camera_orientation(viewer.dims.order)
    scale_bar = viewer.canvas.overlays.scale_bar
    scale_bar.visible, scale_bar.gridded = True, True
    name_edges(viewer)


def name_edges(viewer: napari.Viewer) -> None:
    """Write the letters of the patient's sides at the edges of the picture, in 2D and in 3D."""
    if viewer.dims.ndim != len(AXES):
        return
    letters = edge_letters(*screen_directions(viewer))
    for edge, place in _PLACES.items():
        _write(viewer, f"bmetk_{edge}", letters[edge], place, _MARK_SIZE)
    flat = viewer.dims.ndisplay == 2
    _write(viewer, _CORNER, _PLANES[viewer.dims.order[0]] if flat else "3D", "top_left", _PLANE_SIZE)


def shown_letters(viewer: napari.Viewer) -> dict[str, str]:
    """Read the letters that stand at the edges now."""
    overlays = viewer.canvas.overlays
    return {edge: overlays[f"bmetk_{edge}"].text for edge in _PLACES if f"bmetk_{edge}" in overlays}


def show_plane(viewer: napari.Viewer, plane: int) -> None:
    """Show the slices that are stacked along one axis: 0 axial, 1 coronal, 2 sagittal; 3 is all of it."""
    if plane == len(AXES):
        viewer.dims.order = (0, 1, 2)
        viewer.dims.ndisplay = 3
        orient(viewer)
        viewer.reset_view()
        look_from_the_front(viewer)
        return
    viewer.dims.ndisplay = 2
    viewer.dims.order = (plane, *(axis for axis in range(len(AXES)) if axis != plane))
    orient(viewer)
    viewer.reset_view()


def look_from_the_front(viewer: napari.Viewer) -> None:
    """Turn the 3D view so that the patient faces the reader: the right side on the left, the head up."""
    order = viewer.dims.order[-3:]
    back = tuple(FRONT[2 - axis] for axis in order)
    head = tuple(UP[2 - axis] for axis in order)
    viewer.scene.camera.set_view_direction(back, head)


def hold_until_all_are_in(viewer: napari.Viewer, window: QWidget) -> None:
    """Let picture and controls follow once the last of several layers is in.

    napari adds the layers of an exam one by one, and each would draw the picture and lay out the controls
    anew. They are all in when the window gets its turn again.
    """
    layers = viewer.layers
    chosen = layers.selection
    if chosen.events.blocked():
        return
    before = set(chosen)

    def let_go() -> None:
        chosen.events.unblock_all()
        layers.events.end_batch()
        now = set(chosen)
        chosen.events.changed(added=now - before, removed=before - now)
        chosen.events.active(value=chosen.active)
        window.setUpdatesEnabled(True)

    window.setUpdatesEnabled(False)
    layers.events.begin_batch()
    chosen.events.block_all()
    QTimer.singleShot(0, let_go)


def frame(viewer: napari.Viewer, layer: Layer) -> None:
    """Let one layer fill the picture, whatever else is open; in space as seen from the front."""
    viewer.reset_view()
    shown = list(viewer.dims.displayed)
    whole, part = (np.ptp(extent.world, axis=0)[shown] for extent in (viewer.layers.extent, layer.extent))
    viewer.scene.camera.zoom *= float((whole / np.maximum(part, 1e-6)).min())
    middle = layer.extent.world.mean(axis=0)
    viewer.scene.camera.center = tuple(float(middle[axis]) for axis in viewer.dims.order)
    if viewer.dims.ndisplay == len(AXES):
        look_from_the_front(viewer)


def fly_to(viewer: napari.Viewer, point_mm: npt.ArrayLike) -> None:
    """Bring a point, LPS mm, to the middle of the picture and its slice to the front."""
    point = np.asarray(point_mm, dtype=float)[::-1]
    for axis, value in enumerate(point):
        viewer.dims.set_point(axis, float(value))
    viewer.scene.camera.center = tuple(float(point[axis]) for axis in viewer.dims.order)


def toggle_layers(viewer: napari.Viewer, roles: Sequence[str], hidden: list[Layer]) -> list[Layer]:
    """Hide the visible layers of some roles, or show again those that were hidden; give the hidden ones."""
    if hidden:
        for layer in hidden:
            layer.visible = True
        return []
    shown = [it for it in viewer.layers if it.metadata.get("bmetk_role") in roles and it.visible]
    for layer in shown:
        layer.visible = False
    return shown


def _camera_directions(viewer: napari.Viewer) -> tuple[Sequence[float], Sequence[float]]:
    camera = viewer.scene.camera
    return camera.view_direction, camera.up_direction


def _to_lps(way: Sequence[float], order: Sequence[int]) -> npt.NDArray[np.float64]:
    vector = np.zeros(3)
    for axis, share in zip(order, way, strict=True):
        vector[2 - axis] = share
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _named(way: npt.NDArray[np.float64]) -> str:
    """Name a direction of the patient, LPS."""
    named = [
        (abs(share), _LETTERS[2 - world][int(share > 0)])
        for world, share in enumerate(way)
        if abs(share) >= _LEAST_SHARE
    ]
    return "".join(letter for _, letter in sorted(named, reverse=True))


def _write(viewer: napari.Viewer, key: str, text: str, place: str, size: float) -> None:
    overlays = viewer.canvas.overlays
    if key not in overlays:
        overlays[key] = TextOverlay(
            text=text,
            position=place,
            font_size=size,
            color=_MARK_COLOUR,
            visible=True,
            gridded=True,
            box=place in _BOXED,
        )
    elif overlays[key].text != text:
        overlays[key].text = text
    overlays[key].visible = True
