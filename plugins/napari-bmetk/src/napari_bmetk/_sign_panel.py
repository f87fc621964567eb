"""The tab of the signature: who, when, what was changed, the record, and what is handed on."""

from __future__ import annotations

import subprocess  # the DICOM export is a command of bmetk
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmetk.errors import InputError
from bmetk.review import Action, AuditEntry, Review, list_changes, reopen, sign, write_review
from bmetk.review.store import version_folder
from napari_bmetk import _texts as texts
from napari_bmetk._review_panel import make_table
from napari_bmetk._session import Session
from napari_bmetk._worker import Job


class SignPanel(QWidget):
    """Signs, reopens and exports; ``signed`` carries the review as it is after that."""

    signed = Signal(object)

    def __init__(self, session: Session, job: Job) -> None:
        super().__init__()
        self._session, self._job = session, job
        self.status = QLabel()
        self.name_line, self.note_line = QLineEdit(), QLineEdit()
        self.sign_button, self.reopen_button = QPushButton(texts.SIGN), QPushButton(texts.REOPEN)
        self.export_button, self.dicom_button = QPushButton(texts.EXPORT), QPushButton(texts.EXPORT_DICOM)
        self.log = make_table(texts.LOG_COLUMNS)
        self._lay_out()
        self.sign_button.clicked.connect(self.sign)
        self.reopen_button.clicked.connect(self.reopen)
        self.export_button.clicked.connect(self._ask_export)
        self.dicom_button.clicked.connect(self._ask_dicom)
        self.refresh()

    def refresh(self) -> None:
        """Say what would be signed, or what was."""
        review = self._session.review
        busy = self._job.is_running
        self.sign_button.setEnabled(review is not None and not review.is_signed and not busy)
        self.reopen_button.setEnabled(review is not None and review.is_signed and not busy)
        self.export_button.setEnabled(review is not None and not busy)
        self.dicom_button.setEnabled(review is not None and has_dicom_export() and not busy)
        self.dicom_button.setToolTip("" if has_dicom_export() else texts.NO_DICOM_EXPORT)
        self.status.setText("" if review is None else self._status(review))
        self._write_log(review.log if review else ())

    def showEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Say what changed while the tab was hidden."""
        super().showEvent(event)
        self.refresh()

    def sign(self) -> None:
        """Sign what is on the screen."""
        review = self._settled()
        if review is None:
            return
        who, note, spare = self.name_line.text().strip(), self.note_line.text().strip(), self._session.spare
        self._work(
            lambda: sign(review, who=who, when=datetime.now(UTC), note=note, spare=spare), texts.SIGNING
        )

    def reopen(self) -> None:
        """Make a signed version changeable again."""
        review = self._settled()
        if review is None:
            return
        who, note, spare = self.name_line.text().strip(), self.note_line.text().strip(), self._session.spare
        self._work(
            lambda: reopen(review, who=who, when=datetime.now(UTC), note=note, spare=spare), texts.READING
        )

    def export_to(self, folder: Path) -> None:
        """Write page, NIfTI and CSV of what is on the screen into a folder."""
        review = self._settled()
        if review is None:
            return
        results = dict(self._session.results)

        def write() -> str:
            write_review(review, folder, results=results)
            return texts.EXPORTED.format(folder=folder.name)

        self._work(write, texts.SIGNING)

    def export_dicom(self, source: Path, folder: Path) -> None:
        """Write SEG and SR of the signed version with the command of bmetk."""
        review = self._settled()
        if review is None:
            return
        result = version_folder(review.folder, review.version)
        command = [sys.executable, "-m", "bmetk", "export", str(result), "--source", str(source)]
        command += ["--format", "seg,sr", "--out", str(folder)]

        def write() -> str:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode:
                raise InputError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no export")
            return texts.EXPORTED.format(folder=folder.name)

        self._work(write, texts.SIGNING)

    def _settled(self) -> Review | None:
        """Give the review with the last stroke in it, its draft saved."""
        self._session.take_edits()
        self._session.save()
        return self._session.review

    def _work(self, work: Callable[[], Review | str], told: str) -> None:
        if self._job.is_running:
            return
        self._session.said.emit(told)
        self._job.done.connect(self._on_done)
        self._job.ended.connect(self._on_ended)
        self._session.lock(True)
        self._job.start(lambda _on_progress: work())
        self.refresh()

    def _on_done(self, result: object) -> None:
        if isinstance(result, Review):
            self.signed.emit(result)
        else:
            self._session.said.emit(str(result))

    def _on_ended(self) -> None:
        self._job.done.disconnect(self._on_done)
        self._job.ended.disconnect(self._on_ended)
        self._session.lock(False)
        self._session.measured.emit()

    def _status(self, review: Review) -> str:
        if review.is_signed:
            last = review.log[-1]
            when = f"{last.when.astimezone():%Y-%m-%d %H:%M}"
            return texts.SIGNED.format(version=review.version, who=last.who, when=when)
        return texts.UNSIGNED.format(changes=self._changes(review))

    def _changes(self, review: Review) -> str:
        if not review.is_touched:
            return texts.NOTHING_CHANGED
        told = [list_changes(draft, self._session.results[name]) for name, draft in review.drafts.items()]
        return texts.CHANGED.format(
            count=sum(len(each.regions) for each in told),
            added=sum(each.added_ml for each in told),
            removed=sum(each.removed_ml for each in told),
        )

    def _write_log(self, log: tuple[AuditEntry, ...]) -> None:
        self.log.setRowCount(len(log))
        for number, entry in enumerate(reversed(log)):
            changed = sum(len(each["regions"]) for name, each in entry.changes.items() if name != "links")
            told = (
                f"{entry.when.astimezone():%Y-%m-%d %H:%M}",
                entry.who,
                entry.action.value,
                str(entry.version),
                f"{changed} regions" if entry.action is Action.SIGNED else "",
            )
            for column, text in enumerate(told):
                self.log.setItem(number, column, QTableWidgetItem(text))

    def _ask_export(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, texts.EXPORT)
        if folder:
            self.export_to(Path(folder))

    def _ask_dicom(self) -> None:
        source = QFileDialog.getExistingDirectory(self, texts.OPEN_STUDY)
        folder = QFileDialog.getExistingDirectory(self, texts.EXPORT_DICOM) if source else ""
        if folder:
            self.export_dicom(Path(source), Path(folder))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 2)
        self.status.setWordWrap(True)
        self.name_line.setPlaceholderText(texts.YOUR_NAME)
        self.note_line.setPlaceholderText(texts.YOUR_NOTE)
        for part in (self.status, self.name_line, self.note_line):
            layout.addWidget(part)
        for buttons in ((self.sign_button, self.reopen_button), (self.export_button, self.dicom_button)):
            line = QHBoxLayout()
            for button in buttons:
                line.addWidget(button)
            layout.addLayout(line)
        layout.addWidget(self.log, stretch=1)


def has_dicom_export() -> bool:
    """Tell whether this bmetk has the command ``export``."""
    from bmetk.cli import app

    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return "export" in names
