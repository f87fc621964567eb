"""Look at the patient the way a radiologist does: the right side on the left, the head up."""

from __future__ import annotations

from collections.abc import Sequence

import napari
import numpy as np
import numpy.typing as npt
from napari.layers import Layer

# For each axis (z, y, x): the letters where it starts and where it ends.
_LETTERS = (("F", "H"), ("A", "P"), ("R", "L"))
_PLANES = ("axial", "coronal", "sagittal")


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


def edge_letters(order: Sequence[int]) -> str:
    """Say which side of the patient lies at the left and at the top of the picture."""
    depth, vertical, horizontal = order[-3:]
    top = _LETTERS[vertical][vertical == 0]
    return f"{_PLANES[depth]}   {_LETTERS[horizontal][0]} at the left   {top} at the top"


def orient(viewer: napari.Viewer) -> None:
    """Point the camera for the plane shown now and name its edges."""
    if viewer.dims.ndim != len(_LETTERS):
        return
    viewer.scene.camera.orientation = camera_orientation(viewer.dims.order)
    viewer.canvas.overlays.text.text = edge_letters(viewer.dims.order)
    viewer.canvas.overlays.text.visible = viewer.dims.ndisplay == 2
    viewer.canvas.overlays.scale_bar.visible = True


def show_plane(viewer: napari.Viewer, plane: int) -> None:
    """Show the slices that are stacked along one axis: 0 axial, 1 coronal, 2 sagittal."""
    viewer.dims.order = (plane, *(axis for axis in range(len(_LETTERS)) if axis != plane))
    orient(viewer)
    viewer.reset_view()


def frame(viewer: napari.Viewer, layer: Layer) -> None:
    """Let one layer fill the picture, whatever else is open."""
    viewer.reset_view()
    shown = list(viewer.dims.displayed)
    whole, part = (np.ptp(extent.world, axis=0)[shown] for extent in (viewer.layers.extent, layer.extent))
    viewer.scene.camera.zoom *= float((whole / np.maximum(part, 1e-6)).min())


def fly_to(viewer: napari.Viewer, point_mm: npt.ArrayLike) -> None:
    """Bring a point, LPS mm, to the middle of the picture and its slice to the front."""
    point = np.asarray(point_mm, dtype=float)[::-1]
    for axis, value in enumerate(point):
        viewer.dims.set_point(axis, float(value))
    viewer.scene.camera.center = tuple(float(point[axis]) for axis in viewer.dims.order)
