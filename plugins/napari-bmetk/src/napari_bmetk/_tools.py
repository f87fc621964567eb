"""The reader's tools: paint, erase, grow from a click, and a brush that takes bright marrow alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
from napari.layers import Labels, Layer

from bmetk import BmetkError
from bmetk.exam import Lesion
from bmetk.image import Grid, LabelMap, Mask, ScalarImage
from bmetk.review import (
    Mark,
    anchor_of,
    grow,
    lesion_piece,
    piece_at,
    relabel,
    suggest_level,
    threshold_brush,
    use_labels,
)
from napari_bmetk import _texts as texts
from napari_bmetk._session import Session


class Tool(StrEnum):
    """What the mouse does."""

    LOOK = "look"
    PAINT = "paint"
    ERASE = "erase"
    GROW = "grow"
    THRESHOLD = "threshold"


class Tools:
    """Holds the tool in hand and applies it to the exam looked at."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tool = Tool.LOOK
        self.brush_mm = 6.0
        self.share = 0.5
        self.role = "edema"
        self._armed: Layer | None = None

    def take(self, tool: Tool) -> bool:
        """Take a tool in hand; False where the review is read-only or there is nothing to edit."""
        layer = self.target()
        self._disarm()
        if layer is None or (tool is not Tool.LOOK and not self._session.is_editable):
            self.tool = Tool.LOOK
            if layer is not None:
                layer.mode = "pan_zoom"
                self._session.said.emit(texts.READ_ONLY)
            return tool is Tool.LOOK
        self.tool = tool
        layer.visible = layer.visible or tool is not Tool.LOOK
        self._session.viewer.layers.selection.active = layer
        modes = {Tool.PAINT: "paint", Tool.ERASE: "erase"}
        if tool is Tool.PAINT and self.role == "edema":
            layer.selected_label = Mark.EDEMA.value
        layer.mode = modes.get(tool, "pan_zoom")
        self._size_brush(layer)
        if tool in (Tool.GROW, Tool.THRESHOLD):
            self._arm(layer)
        return True

    def resize(self, brush_mm: float) -> None:
        """Change the brush, mm across."""
        self.brush_mm = float(np.clip(brush_mm, 1.0, 60.0))
        layer = self.target()
        if layer is not None:
            self._size_brush(layer)

    def target(self) -> Labels | None:
        """Layer of the current exam that is edited now."""
        view = self._session.views.get(self._session.current)
        return None if view is None else view.layers.get(self.role)

    def _size_brush(self, layer: Labels) -> None:
        """Set napari's brush, which counts in the smallest spacing of the plane shown."""
        shown = self._session.viewer.dims.order[-2:]
        layer.brush_size = max(1, round(self.brush_mm / min(layer.scale[axis] for axis in shown)))

    def _arm(self, layer: Labels) -> None:
        layer.mouse_drag_callbacks.append(self._on_drag)
        self._session.viewer.scene.camera.mouse_pan = False
        self._armed = layer

    def _disarm(self) -> None:
        if self._armed is not None and self._on_drag in self._armed.mouse_drag_callbacks:
            self._armed.mouse_drag_callbacks.remove(self._on_drag)
        if self._armed is not None:
            self._session.viewer.scene.camera.mouse_pan = True
        self._armed = None

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        if event.button != 1 or not self._session.is_editable:
            return
        try:
            if self.tool is Tool.GROW:
                self._grow(layer, event)
            else:
                yield from self._brush(layer, event)
        except BmetkError as error:
            self._session.said.emit(str(error))

    def _grow(self, layer: Labels, event: Any) -> None:
        voxel = _voxel_under(layer, event.position)
        if voxel is None:
            return
        picture, bones = self._picture()
        chosen = grow(picture, bones, voxel, share=self.share)
        self._session.set_voxels("edema", chosen.array, Mark.EDEMA)

    def _brush(self, layer: Labels, event: Any) -> Iterator[None]:
        """Paint what is bright under the brush; one stroke is one step of undo."""
        picture, bones = self._picture()
        edema = Mask(layer.data == Mark.EDEMA, picture.grid)
        level = suggest_level(picture, bones, edema, share=self.share)
        axis = self._session.viewer.dims.order[0]
        with layer.block_history():
            while True:
                voxel = _voxel_under(layer, event.position)
                if voxel is not None:
                    chosen = threshold_brush(picture, bones, voxel, self.brush_mm / 2, level, axis=axis)
                    index = np.nonzero(chosen.array)
                    if len(index[0]):
                        layer.data_setitem(index, Mark.EDEMA.value)
                yield
                if event.type != "mouse_move":
                    break

    def _picture(self) -> tuple[ScalarImage, LabelMap]:
        """Give what is bright in edema, and the bones, on the grid of the display."""
        view = self._session.views[self._session.current]
        picture = view.layers.get("fluid", view.layers.get("ratio"))
        assert picture is not None
        grid: Grid = view.frame.grid
        return ScalarImage(picture.data, grid), LabelMap(view.layers["bones"].data, grid)


def accept(session: Session, lesion: Lesion) -> None:
    """Accept a lesion, or take that back."""
    draft = session.draft
    assert draft is not None
    piece = lesion_piece(draft, lesion)
    inside = frozenset(anchor for anchor in draft.accepted if piece.array[anchor])
    accepted = draft.accepted - inside if inside else draft.accepted | {anchor_of(piece)}
    session.change(replace(draft, accepted=accepted))


def reject(session: Session, lesion: Lesion, *, is_rejected: bool) -> None:
    """Reject a lesion, which then no longer counts, or bring a rejected one back."""
    draft = session.draft
    assert draft is not None
    piece = (
        piece_at(draft.rejected, draft, lesion.centroid_mm) if is_rejected else lesion_piece(draft, lesion)
    )
    mark = Mark.EDEMA if is_rejected else Mark.REJECTED
    marks = np.where(piece.array, np.uint8(mark), draft.marks.array)
    session.set_labels("edema", LabelMap(marks, draft.marks.grid))


def split(session: Session, lesion: Lesion) -> None:
    """Cut a lesion where it crosses from region to region, or join it again."""
    draft = session.draft
    assert draft is not None
    whole = piece_at(draft.edema, draft, lesion.centroid_mm)
    inside = frozenset(anchor for anchor in draft.split if whole.array[anchor])
    cut = draft.split - inside if inside else draft.split | {anchor_of(whole)}
    session.change(replace(draft, split=cut))


def give_to_region(session: Session, lesion: Lesion, value: int) -> None:
    """Count a lesion in another region."""
    draft = session.draft
    assert draft is not None
    changed = relabel(draft.regions, lesion_piece(draft, lesion), value)
    session.set_labels("regions", changed.labels)


def take_labels(session: Session, layer: Labels) -> None:
    """Take edema that was drawn in another layer.

    Raises
    ------
    bmetk.errors.GridMismatchError
        If it lies on another grid.
    """
    draft = session.draft
    assert draft is not None
    view = session.views[session.current]
    shown = np.asarray(layer.data)
    grid = _grid_of(layer)
    view.frame.grid.require_match(grid, "the exam and the selected layer")
    if view.frame.is_resampled:
        session.set_voxels("edema", shown > 0, Mark.EDEMA)
        return
    array = view.frame.take_back(draft.marks.array, shown, (shown > 0).astype(np.uint8))
    session.set_labels("edema", use_labels(draft, LabelMap(array, draft.marks.grid)).marks)


def _grid_of(layer: Labels) -> Grid:
    """Read the grid of a layer that lies along the patient's axes."""
    shape = tuple(layer.data.shape) if layer.ndim == 3 else (1, *layer.data.shape)[-3:]
    scale = tuple(float(mm) for mm in layer.scale[-3:]) if layer.ndim >= 3 else (1.0, 1.0, 1.0)
    first = np.asarray(layer.translate, dtype=float)[-3:][::-1] if layer.ndim >= 3 else np.zeros(3)
    return Grid.from_axes(
        (shape[0], shape[1], shape[2]), (scale[0], scale[1], scale[2]), np.eye(3)[:, ::-1], first
    )


def _voxel_under(layer: Labels, position: Any) -> tuple[int, int, int] | None:
    """Find the voxel under the mouse; None beside the image."""
    index = np.round(layer.world_to_data(position)).astype(int)
    if np.any(index < 0) or np.any(index >= layer.data.shape):
        return None
    return int(index[0]), int(index[1]), int(index[2])
