"""The tab of the series: what a study holds, which series are taken, and the button that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmetk import BmetkError
from bmetk.review import Review, SeriesChoice, choose, list_choices, run_choices, with_study
from napari_bmetk import _texts as texts
from napari_bmetk._review_panel import make_table
from napari_bmetk._worker import Job


class SeriesPanel(QWidget):
    """Shows which series each exam takes; ``ran`` carries the review that a run made."""

    ran = Signal(object)
    study_asked = Signal(object)
    source_asked = Signal(object)

    def __init__(self, job: Job, say: Callable[[str], None]) -> None:
        super().__init__()
        self._job, self._say = job, say
        self.folder: Path | None = None
        self.out: Path | None = None
        self.choices: list[SeriesChoice] = []
        self.table = make_table(texts.SERIES_COLUMNS)
        self.hint = QLabel(texts.NO_SERIES)
        self.run_button, self.cancel_button = QPushButton(texts.RUN), QPushButton(texts.CANCEL)
        self.open_button = QPushButton(texts.OPEN_STUDY)
        self.source_button = QPushButton(texts.SHOW_SERIES)
        self._lay_out()
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self._cancel)
        self.open_button.clicked.connect(lambda: self._ask(self.study_asked))
        self.source_button.clicked.connect(lambda: self._ask(self.source_asked))
        self.set_running(False)

    def show_study(self, folder: Path) -> None:
        """List the exams of a study, all ticked.

        Raises
        ------
        bmetk.errors.InputError
            If there is no exam in it.
        """
        choices, skipped = list_choices(folder)
        self.folder, self.choices = folder, list(choices)
        for exam in skipped:
            self._say(texts.SKIPPED.format(reason=exam.reason))
        self.hint.setText(texts.SERIES_HINT if choices else texts.NO_SERIES)
        self.table.setRowCount(len(choices))
        for row, choice in enumerate(choices):
            item = QTableWidgetItem(choice.plan.title)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            self.table.setItem(row, 0, item)
            self.table.setCellWidget(row, 1, self._box(row, choice, choice.t1))
            self.table.setCellWidget(row, 2, self._box(row, choice, choice.fluid))
        self.set_running(self._job.is_running)

    def ticked(self) -> list[SeriesChoice]:
        """List the exams that are ticked."""
        return [
            choice
            for row, choice in enumerate(self.choices)
            if self.table.item(row, 0).checkState() == Qt.CheckState.Checked
        ]

    def run(self) -> None:
        """Analyse the ticked exams beside the window."""
        chosen = self.ticked()
        if self.folder is None or self._job.is_running:
            return
        out = self.out or free_folder(self.folder)

        def work(on_progress: Callable[[str, float], None]) -> Review:
            return run_choices(chosen, out, on_progress=on_progress)

        self._say(texts.RUNNING)
        self._job.done.connect(self._on_done)
        self._job.ended.connect(self._on_ended)
        self._job.start(work)
        self.set_running(True)

    def attach(self, review: Review, folder: Path) -> Review:
        """Give a result the series that it came from.

        Raises
        ------
        bmetk.errors.InputError
            If the folder holds no such study.
        """
        choices, _ = list_choices(folder)
        return with_study(review, choices)

    def set_running(self, running: bool) -> None:
        """Show whether work goes on."""
        self.run_button.setEnabled(not running and bool(self.choices))
        self.cancel_button.setEnabled(running)
        self.open_button.setEnabled(not running)
        self.source_button.setEnabled(not running)

    def _on_done(self, review: object) -> None:
        if isinstance(review, Review):
            self.ran.emit(review)

    def _on_ended(self) -> None:
        self._job.done.disconnect(self._on_done)
        self._job.ended.disconnect(self._on_ended)
        self.set_running(False)

    def _cancel(self) -> None:
        self._job.cancel()
        self._say(texts.CANCELLING)

    def _box(self, row: int, choice: SeriesChoice, taken: str | None) -> QComboBox:
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        box.addItems(list(choice.choices))
        box.setCurrentIndex(box.findText(taken) if taken else -1)
        box.currentTextChanged.connect(lambda _text, row=row: self._on_choice(row))
        return box

    def _on_choice(self, row: int) -> None:
        t1, fluid = (self._combo(row, column).currentText() for column in (1, 2))
        try:
            self.choices[row] = choose(self.choices[row], t1=t1, fluid=fluid)
        except BmetkError as error:
            self._say(str(error))

    def _combo(self, row: int, column: int) -> Any:
        return self.table.cellWidget(row, column)

    def _ask(self, signal: Any) -> None:
        folder = QFileDialog.getExistingDirectory(self, texts.OPEN_STUDY)
        if folder:
            signal.emit(Path(folder))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 2)
        self.hint.setWordWrap(True)
        layout.addWidget(self.hint)
        layout.addWidget(self.table, stretch=1)
        for buttons in ((self.run_button, self.cancel_button), (self.open_button, self.source_button)):
            line = QHBoxLayout()
            for button in buttons:
                line.addWidget(button)
            layout.addLayout(line)


def free_folder(study: Path) -> Path:
    """Name the folder of a result: beside the study, or in the reader's own data where that is read-only."""
    import os

    from napari_bmetk._places import spare_folder

    parent = study.parent if os.access(study.parent, os.W_OK) else spare_folder().parent / "results"
    number = 1
    while (out := parent / f"{study.name}-bmetk{f'-{number}' if number > 1 else ''}").exists():
        number += 1
    return out
