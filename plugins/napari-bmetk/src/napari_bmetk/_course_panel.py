"""The tab of the course: plot and body map to click in, the links between lesions, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmetk import ExamResult, Timeline
from bmetk.report.body_map import body_map_figure, place_of
from bmetk.report.chart import regions_with_edema
from bmetk.review import LinkVerdict, Verdict, place_of_lesion, verdict_on, with_verdict
from bmetk.tracking import LesionLink
from napari_bmetk import _texts as texts
from napari_bmetk._layers import exam_title
from napari_bmetk._review_panel import make_table
from napari_bmetk._rows import Row
from napari_bmetk._session import Session

_PLOT_PX, _MAP_PX, _LINKS_PX = 500, 430, 130
_PLOT_IN = 9.2  # narrower than on the page, so that its words can be read in the dock
_EPOCH = date(1970, 1, 1)  # that of the plot's time axis


class CoursePanel(QWidget):
    """Shows the patient through time; ``asked`` carries exam, region and side of a point clicked."""

    asked = Signal(str, str, object)
    compare_asked = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.message = QLabel(texts.NO_COURSE)
        self.plot: Any = None
        self.body_map: Any = None
        self.links: list[LesionLink] = []
        self.link_table = make_table(texts.LINK_COLUMNS)
        self.accept_button = QPushButton(texts.LINK_ACCEPT)
        self.cut_button = QPushButton(texts.LINK_CUT)
        self.draw_button = QPushButton(texts.LINK_DRAW)
        self.compare_box = QComboBox()
        self._figures = QVBoxLayout()
        self._shown: Timeline | None = None
        self._lay_out()
        self.accept_button.clicked.connect(lambda: self.judge(Verdict.ACCEPTED))
        self.cut_button.clicked.connect(lambda: self.judge(Verdict.CUT))
        self.compare_box.activated.connect(
            lambda _index: self.compare_asked.emit(self.compare_box.currentData() or "")
        )

    def refresh(self) -> None:
        """Show the course as it is now; figures are drawn when the tab is looked at."""
        timeline = self._session.timeline
        has_course = timeline is not None and len(timeline.exams) > 1
        self.message.setText(texts.FOLLOWING if self._session.course.is_behind else texts.NO_COURSE)
        self.message.setVisible(not has_course)
        self._list_links(timeline if has_course else None)
        self._list_exams()
        if has_course and self.isVisible():
            self.draw()
        elif not has_course:
            self._clear()

    def showEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Draw what changed while the tab was hidden."""
        super().showEvent(event)
        self.refresh()

    def draw(self) -> None:
        """Draw plot and body map, if the course changed since."""
        timeline = self._session.timeline
        if timeline is None or timeline is self._shown:
            return
        self._clear()
        self._shown = timeline
        plot = timeline.plot()
        plot.set_figwidth(_PLOT_IN)
        self.plot = _canvas(plot, _PLOT_PX)
        self.body_map = _canvas(body_map_figure(timeline), _MAP_PX)
        self.plot.mpl_connect("button_press_event", self._on_plot_click)
        self.body_map.mpl_connect("button_press_event", self._on_map_click)
        for canvas in (self.plot, self.body_map):
            self._figures.addWidget(canvas)

    def judge(self, verdict: Verdict) -> None:
        """Accept or cut the link of the row."""
        self._session.course.catch_up()
        number = self.link_table.currentRow()
        if not self._session.is_editable or not 0 <= number < len(self.links):
            self._session.said.emit(texts.NO_ROW if self._session.is_editable else texts.READ_ONLY)
            return
        link = self.links[number]
        before = _lesion_place(self._session.results, link.from_exam, link.from_lesion)
        after = _lesion_place(self._session.results, link.to_exam, link.to_lesion)
        self._add(LinkVerdict(verdict, before, after))

    def link_rows(self, rows: Sequence[Row]) -> None:
        """Draw a link between the lesions of two rows of the review's table."""
        self._session.course.catch_up()
        lesions = [row for row in rows if row.lesion is not None and not row.is_rejected]
        if not self._session.is_editable or len(lesions) != 2 or lesions[0].exam == lesions[1].exam:
            self._session.said.emit(texts.LINK_DRAW_HINT if self._session.is_editable else texts.READ_ONLY)
            return
        order = list(self._session.results)
        places = [
            place_of_lesion(row.exam, row.lesion)
            for row in sorted(lesions, key=lambda row: order.index(row.exam))
            if row.lesion is not None
        ]
        self._add(LinkVerdict(Verdict.DRAWN, places[0], places[1]))

    def _add(self, verdict: LinkVerdict) -> None:
        review = self._session.review
        assert review is not None
        self._session.change_verdicts(with_verdict(review.verdicts, verdict))

    def _list_links(self, timeline: Timeline | None) -> None:
        review = self._session.review
        results, verdicts = self._session.results, review.verdicts if review else ()
        tracks = timeline.lesions if timeline else ()
        self.links = [link for track in tracks for link in track.links]
        self.link_table.setRowCount(len(self.links))
        for number, link in enumerate(self.links):
            verdict = verdict_on(link, results, verdicts)
            told = (
                _lesion_title(results, link.from_exam, link.from_lesion),
                _lesion_title(results, link.to_exam, link.to_lesion),
                f"{link.overlap:.0%}" if link.overlap else "",
                verdict.value if verdict else "",
            )
            for column, text in enumerate(told):
                self.link_table.setItem(number, column, QTableWidgetItem(text))
        for button in (self.accept_button, self.cut_button, self.draw_button):
            button.setEnabled(self._session.is_editable)

    def _list_exams(self) -> None:
        chosen = self.compare_box.currentData()
        self.compare_box.clear()
        self.compare_box.addItem(texts.NO_COMPARE, "")
        for name, result in self._session.results.items():
            if name != self._session.current:
                self.compare_box.addItem(exam_title(result.exam), name)
        self.compare_box.setCurrentIndex(max(0, self.compare_box.findData(chosen)))

    def _on_plot_click(self, event: Any) -> None:
        """Find the exam and region nearest to a click in the plot."""
        timeline = self._session.timeline
        if timeline is None or event.inaxes is None:
            return
        rows = regions_with_edema(timeline)
        number = int(np.clip(event.ydata, 0, max(len(rows) - 1, 0)))
        if not rows:
            return
        history = rows[number]
        days = {point.exam: (point.date - _EPOCH).days for point in history.measured}
        exam = min(days, key=lambda name: abs(days[name] - event.xdata))
        self.asked.emit(exam, history.region, history.side)

    def _on_map_click(self, event: Any) -> None:
        """Find the onset nearest to a click in the body map."""
        timeline = self._session.timeline
        if timeline is None or event.inaxes is None:
            return
        places = [
            (place, onset)
            for onset in timeline.events
            if onset.kind.is_onset and (place := place_of(onset.region, onset.side)) is not None
        ]
        if places:
            at = np.array([event.xdata, event.ydata])
            _, onset = min(places, key=lambda it: float(np.linalg.norm(at - it[0])))
            self.asked.emit(onset.exam, onset.region, onset.side)

    def _clear(self) -> None:
        for canvas in (self.plot, self.body_map):
            if canvas is not None:
                self._figures.removeWidget(canvas)
                canvas.deleteLater()
        self.plot, self.body_map, self._shown = None, None, None

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 2)
        self.message.setWordWrap(True)
        layout.addWidget(self.message)
        beside = QHBoxLayout()
        beside.addWidget(QLabel(texts.COMPARE))
        beside.addWidget(self.compare_box, stretch=1)
        layout.addLayout(beside)
        area, inside = QScrollArea(), QWidget()
        self._figures.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)  # none covers another
        inside.setLayout(self._figures)
        area.setWidget(inside)
        area.setWidgetResizable(True)
        layout.addWidget(area, stretch=1)
        layout.addWidget(QLabel(texts.LINKS))
        self.link_table.setMaximumHeight(_LINKS_PX)
        layout.addWidget(self.link_table)
        acts = QHBoxLayout()
        for button in (self.accept_button, self.cut_button, self.draw_button):
            acts.addWidget(button)
        layout.addLayout(acts)


def _canvas(figure: Any, width_px: int) -> Any:
    """Put a figure into the dock, as wide as it can be read."""
    from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg

    width_in, height_in = figure.get_size_inches()
    figure.set_dpi(width_px / width_in)
    canvas = FigureCanvasQTAgg(figure)  # type: ignore[no-untyped-call]
    canvas.setFixedSize(width_px, round(width_px * height_in / width_in))
    canvas.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return canvas


def _lesion_place(results: dict[str, ExamResult], exam: str, number: int) -> Any:
    lesion = next(it for it in results[exam].lesions if it.id == number)
    return place_of_lesion(exam, lesion)


def _lesion_title(results: dict[str, ExamResult], exam: str, number: int) -> str:
    lesion = next((it for it in results[exam].lesions if it.id == number), None)
    where = max(lesion.regions, key=lambda name: lesion.regions[name]) if lesion else ""
    day = results[exam].exam.date
    return f"{day} {where.replace('_', ' ')} ({number})"
