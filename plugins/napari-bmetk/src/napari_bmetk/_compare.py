"""Two exams side by side, in register in one bone, scrolled together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.layers import Layer

from bmetk.errors import InputError
from bmetk.exam import ExamResult
from bmetk.review import bones_of, carry, register_bone
from bmetk.tracking.frames import Bone
from napari_bmetk import _texts as texts
from napari_bmetk._layers import ROLES, exam_title, result_layers
from napari_bmetk._rows import Row, spoken
from napari_bmetk._session import Session
from napari_bmetk._view import frame

_ROLE = "compared"


class Compare:
    """Lays another exam over the one looked at and shows it beside it.

    napari's grid puts so many layers into each cell; so the other exam gets as many layers as this one has,
    and both lie next to each other at the front of the list.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def is_shown(self) -> bool:
        """Whether two exams are side by side."""
        return bool(self._session.viewer.canvas.grid.enabled)

    def show(self, other: str, row: Row | None) -> str:
        """Show another exam beside the one looked at, in register in the bone of a row.

        Returns
        -------
        str
            A sentence on what was done.

        Raises
        ------
        bmetk.errors.InputError
            If the two exams share no bone.
        """
        self.hide()
        session = self._session
        here, there = session.results[session.current], session.results[other]
        bone = _bone_of(here, there, row)
        fit = register_bone(here, there, bone)
        carried = carry(replace(there, probability=None), here, fit.transform)
        layers = [Layer.create(*data) for data in result_layers(carried, name=other)]
        earlier = str(there.exam.date) < str(here.exam.date)
        self._arrange(layers, first=earlier)
        told = {
            "bone": " ".join([spoken(bone[0]), *([bone[1].value] if bone[1] else [])]),
            "other": exam_title(there.exam),
            "exam": exam_title(here.exam),
        }
        if fit.residual_mm is None:
            return texts.COMPARED_BY_MIDDLE.format(**told, doubt=fit.doubt)
        return texts.COMPARED.format(**told, residual=fit.residual_mm)

    def hide(self) -> None:
        """Show one exam alone again."""
        viewer = self._session.viewer
        viewer.canvas.grid.enabled = False
        viewer.canvas.overlays.scale_bar.position = "bottom_right"
        for layer in [it for it in viewer.layers if it.metadata.get("bmetk_role") == _ROLE]:
            viewer.layers.remove(layer)

    def _arrange(self, other: list[Layer], *, first: bool) -> None:
        """Pad the other exam to as many layers as this one has, and show both in two cells, earlier first."""
        session = self._session
        viewer = session.viewer
        view = session.views[session.current]
        own = [view.layers[role] for role in ROLES if role in view.layers]
        by_role = {layer.metadata["bmetk_role"]: layer for layer in other}
        missing = [layer for layer in own if layer.metadata["bmetk_role"] not in by_role]
        padding = [_stand_in(layer) for layer in missing]
        shown = {layer.metadata["bmetk_role"]: layer.visible for layer in own}
        if "fluid" in shown and shown["fluid"] and "fluid" not in by_role and "ratio" in by_role:
            shown["ratio"] = True
        for role, layer in by_role.items():
            layer.visible = shown.get(role, False)
        kept = [by_role[layer.metadata["bmetk_role"]] for layer in own if layer not in missing]
        for layer in [*padding, *kept]:
            layer.metadata = {**layer.metadata, "bmetk_role": _ROLE}
            viewer.add_layer(layer)
            layer.editable = False
        block = [*padding, *kept]
        rest = [layer for layer in viewer.layers if layer not in own and layer not in block]
        _reorder(session, [*block, *own, *rest] if first else [*own, *block, *rest])
        viewer.canvas.grid.stride = len(own)
        viewer.canvas.grid.shape = (1, 2)
        viewer.canvas.grid.enabled = True
        # A cell is too narrow for the bar beside the letter: one above the other.
        viewer.canvas.overlays.scale_bar.position = "bottom_center"
        centre = viewer.scene.camera.center
        frame(viewer, view.layers["regions"])
        viewer.scene.camera.center = centre
        viewer.layers.selection.active = view.layers["edema"]


def _reorder(session: Session, wanted: list[Layer]) -> None:
    layers = session.viewer.layers
    for place, layer in enumerate(wanted):
        at = layers.index(layer)
        if at != place:
            layers.move(at, place)


def _stand_in(layer: Layer) -> Layer:
    """Make an empty layer in the place of one that the other exam lacks."""
    from napari.layers import Image

    return Image(
        np.zeros((1, 1, 1), dtype=np.float32),
        name=texts.COMPARE_WITH,
        visible=False,
        scale=layer.scale,
        translate=layer.translate,
        units=layer.units,
        axis_labels=layer.axis_labels,
    )


def _bone_of(here: ExamResult, there: ExamResult, row: Row | None) -> Bone:
    """Choose the bone of a row, or the largest bone that both exams show."""
    there_too = bones_of(there)
    shared = [bone for bone in bones_of(here) if bone in there_too]
    if not shared:
        raise InputError(
            "the two exams share no bone, so neither can be laid over the other; choose one of the same joint"
        )
    wanted = row.lesion or row.region if row is not None else None
    return next((it for it in shared if wanted and it == (wanted.bone, wanted.side)), shared[0])
