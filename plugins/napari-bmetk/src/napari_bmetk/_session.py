"""What is open: the review, its layers, and the way from a stroke to new volumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import napari
import numpy as np
import numpy.typing as npt
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal

from bmetk import BmetkError, ExamResult, Timeline
from bmetk.image import LabelMap
from bmetk.review import (
    Draft,
    LinkVerdict,
    Review,
    drop_draft,
    is_touched,
    measure_draft,
    save_draft,
    with_exams,
)
from napari_bmetk import _texts as texts
from napari_bmetk._course import Course
from napari_bmetk._drawn import Change, ExamView, edited, labels_of, with_labels
from napari_bmetk._history import History
from napari_bmetk._layers import EDITED
from napari_bmetk._places import spare_folder

_SETTLE_MS, _AUTOSAVE_MS = 30, 1500


class Session(QObject):
    """One result under review in one window.

    ``opened``, ``measured``, ``closed`` and ``turned`` (to another exam) tell the panels; ``said`` carries a
    sentence to the reader.
    """

    opened = Signal()
    measured = Signal()
    closed = Signal()
    turned = Signal()
    said = Signal(str)

    def __init__(self, viewer: napari.Viewer, spare: Path | None = None) -> None:
        super().__init__()
        self.viewer = viewer
        self.spare = spare or spare_folder()
        self.review: Review | None = None
        self.results: dict[str, ExamResult] = {}
        self.course = Course()
        self.views: dict[str, ExamView] = {}
        self.current = ""
        self.history = History()
        self.seconds = 0.0
        """What the last measurement took."""
        self._locked = False
        self._unseen: list[Layer] = []
        self._unmeasured: dict[str, None] = {}
        self._ended: list[Layer] = []
        self._settle = self._timer(_SETTLE_MS, self.take_edits)
        self._autosave = self._timer(_AUTOSAVE_MS, self.save)
        self.course.followed.connect(self.measured)
        self.course.said.connect(self.said)

    @property
    def is_open(self) -> bool:
        """Whether a result is open."""
        return self.review is not None

    @property
    def timeline(self) -> Timeline | None:
        """The patient's course, as far as it has followed."""
        return self.course.timeline

    @property
    def is_editable(self) -> bool:
        """Whether the reader may change anything."""
        return self.review is not None and not self.review.is_signed and not self._locked

    @property
    def draft(self) -> Draft | None:
        """Draft of the exam looked at."""
        return None if self.review is None else self.review.drafts.get(self.current)

    def adopt(self, review: Review, current: str = "") -> None:
        """Open a review at an exam; the layers of that come one by one after it."""
        self.review = review
        self.history.clear()
        self.results = {
            name: measure_draft(draft) if is_touched(draft) else draft.base
            for name, draft in review.drafts.items()
        }
        self.results |= review.unedited
        self.results = dict(sorted(self.results.items(), key=lambda it: str(it[1].exam.date or "9")))
        self.current = current or next(reversed(self.results))
        self.course.begin(review, self.results)
        self.opened.emit()
        if review.trouble or review.restored:
            self.said.emit(review.trouble or texts.RESTORED)

    def take(self, layer: Layer) -> bool:
        """Take a layer into the session; False where it belongs to another result, which is refused."""
        review: Review = layer.metadata["bmetk_review"]
        name, role = layer.metadata["bmetk_exam"], layer.metadata["bmetk_role"]
        if self.review is None:
            self.adopt(review, name)
        elif review is not self.review and review.folder != self.review.folder:
            self.said.emit(self._refusal(review))
            return False
        view = self.views.setdefault(name, ExamView(name, layer.metadata["bmetk_frame"]))
        view.layers[role] = layer
        if role in EDITED:
            view.seen[role] = np.array(layer.data)
            if self.review is not None and name in self.review.drafts:
                view.noted[role] = labels_of(self.review.drafts[name], role)
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
        self.course.close()
        self.review, self.current = None, ""
        self.results, self.views = {}, {}
        self.history.clear()
        self.closed.emit()

    def change(self, draft: Draft) -> None:
        """Put another draft of the exam looked at in the place of the one at hand, as one step of undo."""
        assert self.review is not None
        name, before = self.current, self.review.drafts[self.current]
        self.review = self.review.with_draft(name, draft)
        self._measure([name])
        self.history.add(lambda: self._decide(name, before), lambda: self._decide(name, draft))

    def change_verdicts(self, verdicts: tuple[LinkVerdict, ...]) -> None:
        """Take the reader's word on links, as one step of undo."""
        assert self.review is not None
        before = self.review.verdicts
        self._judge(verdicts)
        self.history.add(lambda: self._judge(before), lambda: self._judge(verdicts))

    def set_voxels(self, role: str, chosen: npt.NDArray[np.bool_], value: int) -> bool:
        """Write a value where the display shows it, as one step of undo; False if nowhere."""
        layer = self.views[self.current].layers[role]
        index = np.nonzero(chosen)
        if not len(index[0]):
            return False
        layer.data_setitem(index, value)
        self.take_edits()
        return True

    def set_labels(self, role: str, labels: LabelMap) -> None:
        """Take labels on the exam's own grid, exactly, as one step of undo."""
        name = self.current
        self._put(name, role, labels)
        self._measure([name])
        self._note_step(self.views[name].layers[role])

    def take_up(self, name: str, draft: Draft) -> None:
        """Show another draft of an exam, edema found anew, as one step of undo."""
        assert self.review is not None
        before = self.review.drafts[name]
        self._show_draft(name, draft)
        self.history.add(lambda: self._show_draft(name, before), lambda: self._show_draft(name, draft))

    def undo(self) -> None:
        """Take the last stroke or decision back."""
        self._step(self.history.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._step(self.history.redo)

    def take_edits(self) -> None:
        """Carry what was painted to the drafts, and measure the exams that it changed."""
        self._settle.stop()
        layers, self._unseen = self._unseen, []
        changed = dict.fromkeys(name for layer in layers if (name := self._take_edit(layer)))
        changed |= self._unmeasured
        self._unmeasured = {}
        for layer in self._ended:
            self._note_step(layer)
        self._ended.clear()
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

    def _step(self, go: Callable[[], None]) -> None:
        """Go a step back or forth; a signed version stays as it is."""
        if not self.is_open:
            return
        if not self.is_editable:
            self.said.emit(texts.READ_ONLY)
            return
        self.take_edits()
        go()
        self.take_edits()

    def _decide(self, name: str, told: Draft) -> None:
        """Take the decisions of a draft; what is drawn stays."""
        assert self.review is not None
        now = self.review.drafts[name]
        drawn = replace(told, marks=now.marks, bones=now.bones, regions=now.regions)
        self.review = self.review.with_draft(name, drawn)
        self._measure([name])

    def _judge(self, verdicts: tuple[LinkVerdict, ...]) -> None:
        assert self.review is not None
        self.review = replace(self.review, verdicts=verdicts)
        self._measure([])

    def _put(self, name: str, role: str, labels: LabelMap) -> None:
        """Put labels into a draft and show them."""
        assert self.review is not None
        self.review = self.review.with_draft(name, with_labels(self.review.drafts[name], role, labels))
        view = self.views.get(name)
        if view is None or role not in view.layers:
            return
        layer, shown = view.layers[role], view.frame.show_labels(labels)
        view.seen[role] = shown
        index = np.nonzero(shown != layer.data)
        layer.data[index] = shown[index]
        layer.refresh()

    def _note_step(self, layer: Layer) -> None:
        """Remember what was drawn in a layer since the last step as one step of undo."""
        view, role = self.views.get(layer.metadata["bmetk_exam"]), layer.metadata["bmetk_role"]
        if self.review is None or view is None or role not in view.noted:
            return
        now = labels_of(self.review.drafts[view.name], role)
        change = Change.between(view.noted[role], now)
        view.noted[role] = now
        if len(change.index):
            self.history.add(
                lambda: self._draw(view.name, role, change.undone),
                lambda: self._draw(view.name, role, change.redone),
            )

    def _draw(self, name: str, role: str, changed: Callable[[LabelMap], LabelMap]) -> None:
        assert self.review is not None
        self._redraw(name, role, changed(labels_of(self.review.drafts[name], role)))
        self._measure([name])

    def _show_draft(self, name: str, draft: Draft) -> None:
        assert self.review is not None
        self.review = self.review.with_draft(name, draft)
        for role in EDITED:
            self._redraw(name, role, labels_of(draft, role))
        self._measure([name])

    def _redraw(self, name: str, role: str, labels: LabelMap) -> None:
        """Put labels that are no new step of undo; their layer may have been taken away since."""
        self._put(name, role, labels)
        if name in self.views:
            self.views[name].noted[role] = labels

    def reshow(self, review: Review) -> None:
        """Show another state of the same review (signed, reopened, edema found anew) in its layers."""
        if self.review is not None:
            review = with_exams(review, [draft.base.exam for draft in self.review.drafts.values()])
        self.adopt(review, self.current)
        for name, view in self.views.items():
            draft = review.drafts.get(name)
            if draft is None:
                continue
            for role in EDITED:
                if role in view.layers:
                    self._reshow_labels(view, role, view.frame.show_labels(labels_of(draft, role)))
                    view.noted[role] = labels_of(draft, role)

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
        return view.name

    def _measure(self, names: list[str]) -> None:
        assert self.review is not None
        start = perf_counter()
        for name in names:
            self.results[name] = measure_draft(self.review.drafts[name])
        self.course.follow(self.review, self.results, may_wait=bool(names))
        self.seconds = perf_counter() - start
        self._autosave.start()
        self.measured.emit()

    def _refusal(self, review: Review) -> str:
        who = {result.exam.patient.pseudonym for result in self.results.values()}
        other = {draft.base.exam.patient.pseudonym for draft in review.drafts.values()}
        return texts.OTHER_RESULT if who & other else texts.OTHER_PATIENT

    def _on_stroke(self, event: Any) -> None:
        """Take a stroke that has ended as a step of undo; it is measured when the hand rests.

        napari tells of some edits (its bucket) before it makes them: those are taken with what comes next.
        """
        layer = event.source
        self._notice(layer)
        name = self._take_edit(layer)
        if name is not None:
            self._unmeasured[name] = None
        self._note_step(layer)
        self._ended.append(layer)

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
