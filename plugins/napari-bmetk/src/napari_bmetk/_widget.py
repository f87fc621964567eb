"""The dock: review, series, course and signature in tabs, a sentence to the reader above them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from bmetk import BmetkError
from bmetk.anatomy import Side
from bmetk.review import Draft, Review, run_edema_again
from napari_bmetk import _texts as texts
from napari_bmetk._compare import Compare
from napari_bmetk._course_panel import CoursePanel
from napari_bmetk._frame import native_plane
from napari_bmetk._keys import bind_keys
from napari_bmetk._look import Look, Rest
from napari_bmetk._reader import read_study, review_layers
from napari_bmetk._review_panel import ReviewPanel
from napari_bmetk._rows import Row, spoken
from napari_bmetk._series_panel import SeriesPanel
from napari_bmetk._session import Session
from napari_bmetk._sign_panel import SignPanel
from napari_bmetk._tools import Tools
from napari_bmetk._view import hold_until_all_are_in, show_plane
from napari_bmetk._worker import Job

_WIDTH_PX = 540


class ReviewWidget(QWidget):
    """Reviews what bmetk measured, and runs it.

    Parameters
    ----------
    napari_viewer : the viewer whose layers are reviewed; napari passes it by this name
    """

    def __init__(self, napari_viewer: napari.Viewer, spare: Path | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.job = Job()
        self.session: Session = Session(napari_viewer, spare)
        self.tools = Tools(self.session)
        self.compare = Compare(self.session)
        self.message, self.bar, self.tabs = QLabel(texts.HINT), QProgressBar(), QTabWidget()
        self.review: ReviewPanel = ReviewPanel(self.session, self.tools)
        self.series = SeriesPanel(self.job, self.say)
        self.course = CoursePanel(self.session)
        self.signature = SignPanel(self.session, self.job)
        self.plane_buttons = [QPushButton(text) for text in texts.PLANES]
        self.look: Look = Look(self.session, self.compare)
        self._rest = Rest(self)
        self._refused: list[Layer] = []
        self._lay_out()
        self._connect()
        bind_keys(self, napari_viewer)
        for layer in list(napari_viewer.layers):
            self._take(layer)

    @property
    def table(self) -> Any:
        """The table of regions and lesions."""
        return self.review.table

    def say(self, sentence: str) -> None:
        """Tell the reader something."""
        self.message.setText(sentence)

    def go_to_worst(self) -> None:
        """Go to the largest lesion of the latest exam that has one, else to the latest exam."""
        lesions = [row for row in self.review.rows if row.lesion is not None and not row.is_rejected]
        last = [row for row in lesions if lesions and row.exam == lesions[-1].exam]
        for row in [*last[:1], *([] if last else self.review.rows[-1:])]:
            self.table.setCurrentCell(self.review.rows.index(row), 0)
            self.look.go_to(row)

    def show_keys(self) -> None:
        """List the keys."""
        lines = "".join(f"<tr><td><b>{keys}</b></td><td>{what}</td></tr>" for keys, what in texts.KEYS)
        box = QMessageBox(
            QMessageBox.Icon.NoIcon, texts.DOCK, f"<table cellpadding=3>{lines}</table>", parent=self
        )
        box.setModal(False)
        box.show()

    def open_study(self, folder: Path) -> None:
        """List the exams of a study and show the tab where it is run."""
        try:
            self.series.show_study(folder)
        except BmetkError as error:
            self.say(str(error))
            return
        self.tabs.setCurrentWidget(self.series)

    def show_source(self, folder: Path) -> None:
        """Show the series that the open result was made from."""
        if self.session.review is None:
            return
        try:
            review = self.series.attach(self.session.review, folder)
        except BmetkError as error:
            self.say(str(error))
            return
        self.show_review(review)

    def show_review(self, review: Review) -> None:
        """Show a review in the place of what is open."""
        self.session.save()
        self._clear()
        for data in review_layers(review):
            self._viewer.add_layer(Layer.create(*data))
        self.go_to_worst()
        self.tabs.setCurrentWidget(self.review)

    def simulate_sample(self, layer_name: str, simulate: Any) -> None:
        """Simulate a published course beside the window, then show its series."""

        def show(folder: object) -> None:
            self._drop_layer(layer_name)
            for data in read_study(Path(str(folder))):
                self._viewer.add_layer(Layer.create(*data))
            self.say("")

        self.say(texts.SIMULATING)
        self._start(simulate, show, lambda: self._drop_layer(layer_name))

    def _drop_layer(self, name: str) -> None:
        if name in self._viewer.layers:
            self._viewer.layers.remove(name)

    def find_edema_again(self) -> None:
        """Run the edema step in the bones as they were corrected, beside the window."""
        self.session.take_edits()
        draft, name = self.session.draft, self.session.current
        if draft is None or self.job.is_running:
            return

        def show(found: object) -> None:
            review = self.session.review
            if isinstance(found, Draft) and review is not None and name in review.drafts:
                self.session.take_up(name, found)
                self.session.save()
                self.say(texts.EDEMA_AGAIN)

        self.say(texts.RUNNING)
        self.session.lock(True)
        self._start(
            lambda on_progress: run_edema_again(draft, on_progress=on_progress),
            show,
            lambda: self.session.lock(False),
        )

    def _start(self, work: Any, then: Any, after: Any) -> None:
        """Run work beside the window; ``then`` gets what it gives back, ``after`` comes in any case."""

        def finish() -> None:
            self.job.done.disconnect(then)
            self.job.ended.disconnect(finish)
            after()
            self._on_opened()

        self.job.done.connect(then)
        self.job.ended.connect(finish)
        self.job.start(work)
        self._on_job()

    def _clear(self) -> None:
        """Take away every layer of bmetk."""
        self.compare.hide()
        with self._viewer.layers.batched_update():
            for layer in [it for it in self._viewer.layers if "bmetk_role" in it.metadata]:
                self._viewer.layers.remove(layer)

    def _take(self, layer: Layer) -> None:
        """Take a new layer in: of a result under review, of a study that was dropped, or leave it alone."""
        if "bmetk_study" in layer.metadata:
            folder: Path = layer.metadata["bmetk_study"]
            if self.series.folder != folder:
                self.open_study(folder)
            if layer.visible:
                self.look.show_series(layer)
            return
        if "bmetk_review" not in layer.metadata:
            return
        hold_until_all_are_in(self._viewer, self.window())
        if not self.session.take(layer):
            self._refuse(layer)
            return
        bind_keys(self, layer)
        if layer.metadata["bmetk_role"] == "regions" and len(self.session.views) == 1:
            show_plane(self._viewer, native_plane(layer.metadata["bmetk_frame"].native))

    def _refuse(self, layer: Layer) -> None:
        """Take a layer out again as soon as napari has put it in; what is open stays as it was seen."""
        if not self._refused:
            QTimer.singleShot(0, self._drop_refused)
        self._refused.append(layer)

    def _drop_refused(self) -> None:
        refused, self._refused = self._refused, []
        point = tuple(self._viewer.dims.point)
        with self._viewer.layers.batched_update():
            for layer in [it for it in refused if it in self._viewer.layers]:
                self._viewer.layers.remove(layer)
        for axis, value in enumerate(point):
            self._viewer.dims.set_point(axis, value)
        view = self.session.views.get(self.session.current)
        if view is not None and "edema" in view.layers:
            self._viewer.layers.selection.active = view.layers["edema"]

    def _on_opened(self) -> None:
        self.review.refresh()
        self.course.refresh()
        if self.signature.isVisible():
            self.signature.refresh()

    def _on_course_asked(self, exam: str, region: str, side: Side | None) -> None:
        """Open the exam of a point in the plot or the map, at its region."""
        for number, row in enumerate(self.review.rows):
            found = row.region
            if row.exam == exam and found is not None and (found.region, found.side) == (region, side):
                self.table.setCurrentCell(number, 1)
                self.look.go_to(row)
                return
        self.say(texts.NOT_IMAGED.format(region=spoken(region)))

    def _on_compare(self, other: str) -> None:
        if not other:
            self.compare.hide()
            return
        try:
            self.say(self.compare.show(other, self.review.row))
        except BmetkError as error:
            self.say(str(error))

    def _on_inserted(self, event: Any) -> None:
        self._take(event.value)

    def _on_removed(self, event: Any) -> None:
        self.session.forget(event.value)

    def _on_scrolled(self, _event: Any) -> None:
        self._rest.begin()

    def _on_progress(self, stage: str, fraction: float) -> None:
        self.bar.setFormat(f"{stage} %p%")
        self.bar.setValue(round(100 * fraction))

    def _on_job(self) -> None:
        self.bar.setVisible(self.job.is_running)
        self.series.set_running(self.job.is_running)
        if not self.job.is_running:
            self.bar.setValue(0)

    def _on_ran(self, review: Review) -> None:
        self.show_review(review)
        exams = ", ".join(str(result.exam.date or name) for name, result in self.session.results.items())
        self.say(texts.DONE.format(exams=exams, folder=review.folder.name))

    def _on_signed(self, review: Review) -> None:
        self.session.reshow(review)
        self.say(self.signature.status.text())

    def _lay_out(self) -> None:
        self.setMinimumWidth(_WIDTH_PX)
        self.message.setWordWrap(True)
        self.bar.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        planes = QHBoxLayout()
        for button in self.plane_buttons:
            planes.addWidget(button)
        layout.addLayout(planes)
        for part in (self.message, self.bar):
            layout.addWidget(part)
        for panel, title in zip(
            (self.review, self.series, self.course, self.signature), texts.TABS, strict=True
        ):
            self.tabs.addTab(panel, title)
        layout.addWidget(self.tabs, stretch=1)
        note = QLabel(texts.RESEARCH)
        note.setEnabled(False)
        layout.addWidget(note)

    def _connect(self) -> None:
        for plane, button in enumerate(self.plane_buttons):
            button.clicked.connect(lambda _checked=False, plane=plane: self.look.show_plane(plane))
        session = self.session
        session.said.connect(self.say)
        for signal in (session.opened, session.measured, session.closed):
            signal.connect(self._on_opened)
        self.review.chosen.connect(self.look.go_to)
        self.review.again_button.clicked.connect(self.find_edema_again)
        self.course.asked.connect(self._on_course_asked)
        self.course.compare_asked.connect(self._on_compare)
        self.course.draw_button.clicked.connect(lambda: self.course.link_rows(self._selected_rows()))
        self.series.ran.connect(self._on_ran)
        self.series.study_asked.connect(self.open_study)
        self.series.source_asked.connect(self.show_source)
        self.series.run_button.clicked.connect(self._on_job)
        self.signature.signed.connect(self._on_signed)
        self.job.reported.connect(self._on_progress)
        self.job.failed.connect(self.say)
        self.job.ended.connect(self._on_job)
        # Bound methods alone: napari holds them weakly, so a closed dock is not called any more.
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._viewer.dims.events.current_step.connect(self._on_scrolled)

    def _selected_rows(self) -> list[Row]:
        numbers = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self.review.rows[number] for number in numbers]
