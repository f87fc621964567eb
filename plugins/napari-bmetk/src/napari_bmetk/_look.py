"""Where the reader looks: from row to row, exam to exam, plane to plane, slice to slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_bmetk import _texts as texts
from napari_bmetk._compare import Compare
from napari_bmetk._frame import AXES, native_plane
from napari_bmetk._layers import exam_title
from napari_bmetk._reader import review_layers
from napari_bmetk._rows import Row, region_point
from napari_bmetk._session import Session
from napari_bmetk._view import (
    fly_to,
    frame,
    look_from_the_front,
    name_edges,
    orient,
    show_plane,
    toggle_layers,
)

_DRAWN = ("probability", "bones", "regions", "edema")
_ZOOM_STEP = 1.15
_REST_MS = 700
_LAYER_LIST = "layer list"  # napari's name of that dock


class Look:
    """Turns the viewer to what the reader asks for, and scrolls it by the wheel."""

    def __init__(self, session: Session, compare: Compare) -> None:
        self._session = session
        self._viewer = session.viewer
        self._compare = compare
        self._hidden: list[Layer] = []
        self._turning = False
        self._turned = 0.0
        # Bound methods alone: napari holds them weakly, so a closed dock is not called any more.
        self._viewer.dims.events.order.connect(self._on_view_turned)
        self._viewer.dims.events.ndisplay.connect(self._on_view_turned)
        self._viewer.scene.camera.events.angles.connect(self._on_camera_turned)
        # One dock turns the wheel: one that was closed before may not be gone yet.
        wheel = self._viewer.mouse_wheel_callbacks
        wheel[:] = [*(it for it in wheel if it.__module__ != __name__), _of_look(ref(self))]

    def go_to(self, row: Row) -> None:
        """Fly to what a row lists, and show its exam alone."""
        if not row.is_imaged:
            self._session.said.emit(texts.NOT_IMAGED.format(region=row.what))
            return
        self.show_exam(row.exam)
        result = self._session.results[row.exam]
        if row.is_exam:
            self._session.said.emit(row.what)
            return
        point = row.point_mm or (None if row.region is None else region_point(result, row.region))
        if point is None:
            self._session.said.emit(texts.NOT_IMAGED.format(region=row.what))
            return
        fly_to(self._viewer, point)
        self._session.said.emit(texts.AT.format(what=row.what, exam=exam_title(result.exam)))

    def show_exam(self, name: str) -> None:
        """Show one exam alone: turn to its own plane and let it fill the picture, if another was shown."""
        review = self._session.review
        if review is not None and name not in self._session.views:
            for data in review_layers(review, name):
                self._viewer.add_layer(Layer.create(*data))
        view = self._session.views.get(name)
        if view is None:
            return
        if self._session.current != name:
            self._session.current = name
            self._session.turned.emit()
        if "edema" in view.layers:
            self._viewer.layers.selection.active = view.layers["edema"]
        own = list(view.layers.values())
        others = [
            layer for it in self._session.views.values() if it is not view for layer in it.layers.values()
        ]
        if self._compare.is_shown and others and any(layer.visible for layer in own):
            return
        if not any(layer.visible for layer in others) and any(layer.visible for layer in own):
            return
        for layer in others:
            layer.visible = False
        picture = "fluid" if "fluid" in view.layers else "ratio"
        for role, layer in view.layers.items():
            layer.visible = role in (picture, "regions", "edema")
        show_plane(self._viewer, native_plane(view.frame.native))
        frame(self._viewer, view.layers["regions"])

    def show_series(self, layer: Layer) -> None:
        """Show the middle of a series that was dropped."""
        shown = layer.metadata["bmetk_frame"]
        show_plane(self._viewer, native_plane(shown.native))
        frame(self._viewer, layer)
        fly_to(self._viewer, shown.grid.centre_mm)

    def show_plane(self, plane: int) -> None:
        """Show another plane at the same place: 0 axial, 1 coronal, 2 sagittal, 3 in space."""
        point = tuple(self._viewer.dims.point)
        show_plane(self._viewer, plane)
        view = self._session.views.get(self._session.current)
        if view is not None and "regions" in view.layers:
            frame(self._viewer, view.layers["regions"])
        for axis, value in enumerate(point):
            self._viewer.dims.set_point(axis, value)

    def next_plane(self) -> None:
        """Show the next plane."""
        self.show_plane((self._viewer.dims.order[0] + 1) % 3)

    def toggle_drawn(self) -> None:
        """Hide what is drawn over the picture, or show it again."""
        self._hidden = toggle_layers(self._viewer, _DRAWN, self._hidden)

    def turn_wheel(self, event: Any) -> None:
        """Go from slice to slice by the wheel, as radiologists' viewers do; with Shift zoom at the mouse."""
        if self._viewer.dims.ndisplay != 2 or self._viewer.dims.ndim != len(AXES) or not self._shows_exams:
            return
        turned = float(np.clip(np.sum(event.delta), -1, 1))
        if not event.modifiers:
            self._scroll(-turned)
            event.handled = True
        elif "Shift" in event.modifiers:
            self._zoom(_ZOOM_STEP**turned, event.position)
            event.handled = True

    @property
    def _shows_exams(self) -> bool:
        return any("bmetk_role" in layer.metadata for layer in self._viewer.layers)

    def _scroll(self, slices: float) -> None:
        """Go on by slices; turns of less than one are summed up, as of a touchpad."""
        self._turned += slices
        whole = int(self._turned)
        self._turned -= whole
        dims = self._viewer.dims
        view = self._session.views.get(self._session.current)
        if not whole:
            return
        axis = dims.order[0]
        if view is None:
            last = dims.nsteps[axis] - 1
            dims.set_current_step(axis, int(np.clip(dims.current_step[axis] + whole, 0, last)))
            return
        # Beside exams of finer grids napari's own step is a part of a slice.
        grid = view.frame.grid
        first, spacing = float(grid.origin_mm[2 - axis]), grid.spacing_mm[axis]
        at = round((dims.point[axis] - first) / spacing) + whole
        dims.set_point(axis, first + spacing * float(np.clip(at, 0, grid.shape[axis] - 1)))

    def _zoom(self, factor: float, position: Any) -> None:
        """Zoom so that what lies under the mouse stays there."""
        camera, order = self._viewer.scene.camera, self._viewer.dims.order
        at = [float(position[axis]) for axis in order]
        centre = np.asarray(camera.center, dtype=float)
        camera.zoom *= factor
        camera.center = tuple(at + (centre - at) / factor)

    def _on_view_turned(self, _event: Any) -> None:
        if self._turning or self._viewer.dims.ndim != len(AXES):
            return
        self._turning = True
        try:
            orient(self._viewer)
            if self._viewer.dims.ndisplay == 3:
                look_from_the_front(self._viewer)
            name_edges(self._viewer)
        finally:
            self._turning = False

    def _on_camera_turned(self, _event: Any) -> None:
        if self._viewer.dims.ndisplay == 3:
            name_edges(self._viewer)


class Rest(QObject):
    """Lets napari's layer list rest while the reader scrolls.

    It would be painted anew for each layer at each slice, which takes as long as to show the slice. A moment
    after the last slice it is painted as it is then.
    """

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self._dock = dock
        self._wake = QTimer(self)
        self._wake.setSingleShot(True)
        self._wake.setInterval(_REST_MS)
        self._wake.timeout.connect(lambda: self._let_paint(True))

    def begin(self, _event: Any = None) -> None:
        """Rest from now on, until nothing was scrolled for a moment."""
        if not self._wake.isActive():
            self._let_paint(False)
        self._wake.start()

    def _let_paint(self, painted: bool) -> None:
        for panel in self._dock.window().findChildren(QDockWidget, _LAYER_LIST):
            panel.setUpdatesEnabled(painted)


def _of_look(held: Callable[[], Look | None]) -> Callable[[napari.Viewer, Any], None]:
    def turn(_viewer: napari.Viewer, event: Any) -> None:
        look = held()
        if look is not None:
            look.turn_wheel(event)

    return turn
