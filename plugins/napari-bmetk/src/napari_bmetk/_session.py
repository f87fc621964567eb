"""What is open: the review, its layers, and the way from a stroke to new volumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import napari
import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QStandardPaths, QTimer, Signal

from bmetk import BmetkError, ExamResult, Timeline
from bmetk.image import LabelMap
from bmetk.review import (
    Draft,
    Review,
    drop_draft,
    is_touched,
    measure_draft,
    review_timeline,
    save_draft,
    with_exams,
    with_marks,
)
from napari_bmetk import _texts as texts
from napari_bmetk._frame import Frame
from napari_bmetk._layers import EDITED

_SETTLE_MS, _AUTOSAVE_MS = 30, 1500


@dataclass(slots=True)
class ExamView:
    """The layers of one exam, and what they held when they were last measured."""

    name: str
    frame: Frame
    layers: dict[str, Layer] = field(default_factory=dict)
    seen: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)


def spare_folder() -> Path:
    """Name the reader's own folder for drafts of results that lie in read-only folders."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(place) / "napari-bmetk" / "drafts"


class Session(QObject):
    """One result under review in one window.

    ``opened``, ``measured`` and ``closed`` tell the panels; ``said`` carries a sentence to the reader.
    """

    opened = Signal()
    measured = Signal()
    closed = Signal()
    said = Signal(str)

    def __init__(self, viewer: napari.Viewer, spare: Path | None = None) -> None:
        super().__init__()
        self.viewer = viewer
        self.spare = spare or spare_folder()
        self.review: Review | None = None
        self.results: dict[str, ExamResult] = {}
        self.timeline: Timeline | None = None
        self.views: dict[str, ExamView] = {}
        self.current = ""
        self.edited: list[Labels] = []
        self.seconds = 0.0
        """What the last measurement took."""
        self._locked = False
        self._unseen: list[Layer] = []
        self._settle = self._timer(_SETTLE_MS, self.take_edits)
        self._autosave = self._timer(_AUTOSAVE_MS, self.save)

    @property
    def is_open(self) -> bool:
        """Whether a result is open."""
        return self.review is not None

    @property
    def is_editable(self) -> bool:
        """Whether the reader may change anything."""
        return self.review is not None and not self.review.is_signed and not self._locked

    @property
    def draft(self) -> Draft | None:
        """Draft of the exam looked at."""
        return None if self.review is None else self.review.drafts.get(self.current)

    def adopt(self, review: Review) -> None:
        """Open a review; its layers come one by one after it."""
        self.review = review
        self.results = {
            name: measure_draft(draft) if is_touched(draft) else draft.base
            for name, draft in review.drafts.items()
        }
        self.results |= review.unedited
        self.results = dict(sorted(self.results.items(), key=lambda it: str(it[1].exam.date or "9")))
        self.current = next(reversed(self.results))
        self._follow()
        self.opened.emit()
        if review.trouble or review.restored:
            self.said.emit(review.trouble or texts.RESTORED)

    def take(self, layer: Layer) -> bool:
        """Take a layer into the session; False where it belongs to another result, which is refused."""
        review: Review = layer.metadata["bmetk_review"]
        if self.review is None:
            self.adopt(review)
        elif review is not self.review and review.folder != self.review.folder:
            self.said.emit(self._refusal(review))
            return False
        name, role = layer.metadata["bmetk_exam"], layer.metadata["bmetk_role"]
        view = self.views.setdefault(name, ExamView(name, layer.metadata["bmetk_frame"]))
        view.layers[role] = layer
        if role in EDITED:
            view.seen[role] = np.array(layer.data)
            layer.editable = self.is_editable
            layer.events.paint.connect(self._on_stroke)
            layer.events.set_data.connect(self._on_set_data)
        return True

    def forget(self, layer: Layer) -> None:
        """Take a layer out; with the last one the review closes, its draft saved."""
        view = self.views.get(layer.metadata.get("bmetk_exam", ""))
        role: str = layer.metadata.get("bmetk_role", "")
        if view is None or view.layers.get(role) is not layer:
            return
        self.take_edits()
        del view.layers[role]
        if not view.layers:
            del self.views[view.name]
        if not self.views:
            self.close()

    def close(self) -> None:
        """Close the review; a draft is kept."""
        if self._autosave.isActive():
            self.save()
        self._settle.stop()
        self.review, self.timeline, self.current = None, None, ""
        self.results, self.views, self.edited = {}, {}, []
        self.closed.emit()

    def change(self, draft: Draft) -> None:
        """Put another draft of the exam looked at in the place of the one at hand, and measure."""
        assert self.review is not None
        self.review = self.review.with_draft(self.current, draft)
        self._measure([self.current])

    def change_verdicts(self, verdicts: tuple[Any, ...]) -> None:
        """Take the reader's word on links."""
        assert self.review is not None
        self.review = replace(self.review, verdicts=verdicts)
        self._measure([])

    def set_voxels(self, role: str, chosen: npt.NDArray[np.bool_], value: int) -> bool:
        """Write a value where the display shows it, as one step that can be undone; False if nowhere."""
        layer = self.views[self.current].layers[role]
        index = np.nonzero(chosen)
        if not len(index[0]):
            return False
        layer.data_setitem(index, value)
        self.take_edits()
        return True

    def set_labels(self, role: str, labels: LabelMap) -> None:
        """Take labels on the exam's own grid, exactly, as one step that can be undone on the display."""
        assert self.review is not None
        view, draft = self.views[self.current], self.review.drafts[self.current]
        shown, layer = view.frame.show_labels(labels), view.layers[role]
        index = np.nonzero(shown != layer.data)
        view.seen[role] = shown
        self.review = self.review.with_draft(view.name, _with_labels(draft, role, labels))
        if len(index[0]):
            layer.data_setitem(index, shown[index])
            self._remember(layer)
        self._measure([view.name])

    def undo(self) -> None:
        """Undo the last stroke, in whichever layer it was."""
        if self.edited:
            self.edited[-1].undo()

    def redo(self) -> None:
        """Do again what was undone."""
        if self.edited:
            self.edited[-1].redo()

    def take_edits(self) -> None:
        """Carry what was painted to the drafts, and measure the exams that it changed."""
        self._settle.stop()
        layers, self._unseen = self._unseen, []
        changed = dict.fromkeys(name for layer in layers if (name := self._take_edit(layer)))
        if changed:
            self._measure(list(changed))

    def save(self) -> None:
        """Save the draft now."""
        self._autosave.stop()
        if self.review is None or self.review.is_signed:
            return
        try:
            if not self.review.is_touched:
                drop_draft(self.review, spare=self.spare)
                return
            path = save_draft(self.review, spare=self.spare)
        except BmetkError as error:
            self.said.emit(str(error))
            return
        if self.spare in path.parents:
            self.said.emit(texts.DRAFT_ASIDE)

    def reshow(self, review: Review) -> None:
        """Show another state of the same review (signed, reopened, edema found anew) in its layers."""
        if self.review is not None:
            review = with_exams(review, [draft.base.exam for draft in self.review.drafts.values()])
        self.adopt(review)
        for name, view in self.views.items():
            draft = review.drafts.get(name)
            if draft is None:
                continue
            maps = {"edema": draft.marks, "bones": draft.bones.labels, "regions": draft.regions.labels}
            for role, labels in maps.items():
                if role in view.layers:
                    self._reshow_labels(view, role, view.frame.show_labels(labels))

    def lock(self, locked: bool) -> None:
        """Keep everything as it is while it is being written."""
        self._locked = locked
        for view in self.views.values():
            for role in EDITED:
                if role in view.layers:
                    view.layers[role].editable = self.is_editable

    def _reshow_labels(self, view: ExamView, role: str, array: npt.NDArray[np.uint8]) -> None:
        layer = view.layers[role]
        view.seen[role] = np.array(array)
        if not np.array_equal(layer.data, array):
            layer.data = array
        layer.editable = self.is_editable

    def _take_edit(self, layer: Layer) -> str | None:
        """Carry one layer to its draft; give back the exam's name if it changed."""
        view = self.views.get(layer.metadata.get("bmetk_exam", ""))
        if view is None or self.review is None or view.name not in self.review.drafts:
            return None
        role = layer.metadata["bmetk_role"]
        before, after = view.seen.get(role), layer.data
        if before is None or np.array_equal(before, after):
            return None
        self.review = self.review.with_draft(
            view.name, edited(self.review.drafts[view.name], role, view.frame, before, after)
        )
        view.seen[role] = np.array(after)
        self._remember(layer)
        return view.name

    def _remember(self, layer: Labels) -> None:
        """Note which layer the next undo is for."""
        self.edited = [*(it for it in self.edited if it is not layer), layer]

    def _measure(self, names: list[str]) -> None:
        assert self.review is not None
        start = perf_counter()
        for name in names:
            self.results[name] = measure_draft(self.review.drafts[name])
        self._follow()
        self.seconds = perf_counter() - start
        self._autosave.start()
        self.measured.emit()

    def _follow(self) -> None:
        assert self.review is not None
        try:
            self.timeline = review_timeline(self.review, self.results)
        except BmetkError as error:
            self.timeline = None
            self.said.emit(str(error))

    def _refusal(self, review: Review) -> str:
        who = {result.exam.patient.pseudonym for result in self.results.values()}
        other = {draft.base.exam.patient.pseudonym for draft in review.drafts.values()}
        return texts.OTHER_RESULT if who & other else texts.OTHER_PATIENT

    def _on_stroke(self, event: Any) -> None:
        self._notice(event.source)

    def _on_set_data(self, event: Any) -> None:
        self._notice(event.source)

    def _notice(self, layer: Layer) -> None:
        if layer not in self._unseen:
            self._unseen.append(layer)
        self._settle.start()

    def _timer(self, wait_ms: int, then: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(wait_ms)
        timer.timeout.connect(then)
        return timer


def edited(
    draft: Draft,
    role: str,
    frame: Frame,
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
) -> Draft:
    """Carry an edit of one layer to a draft."""
    maps = {"edema": draft.marks, "bones": draft.bones.labels, "regions": draft.regions.labels}
    array = frame.take_back(maps[role].array, before, after)
    return _with_labels(draft, role, LabelMap(array, maps[role].grid))


def _with_labels(draft: Draft, role: str, labels: LabelMap) -> Draft:
    """Put labels into the part of a draft that a role names."""
    if role == "edema":
        return with_marks(draft, labels.array)
    if role == "bones":
        return replace(draft, bones=replace(draft.bones, labels=labels))
    return replace(draft, regions=replace(draft.regions, labels=labels))
