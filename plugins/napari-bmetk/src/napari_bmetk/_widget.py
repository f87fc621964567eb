"""The dock: the table of regions, the way to each of them, and the button that runs an analysis."""

from __future__ import annotations

from pathlib import Path

import napari
import numpy as np
import numpy.typing as npt
from napari.layers import Layer
from napari.qt.threading import FunctionWorker
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bmetk import ExamResult
from bmetk.exam import RegionMeasurement
from napari_bmetk._layers import exam_layers, exam_title, native_plane
from napari_bmetk._view import fly_to, frame, orient, show_plane
from napari_bmetk._worker import Progress, describe_failure, make_worker

_COLUMNS = ("Exam", "Region", "Side", "Edema, mL", "Imaged")
_WIDTH_PX = 400
_HINT = "Drop a folder that bmetk wrote on the window, or open a study. Click a row to go to the region."


class ReviewWidget(QWidget):
    """Lists what was measured in every result that is open.

    Parameters
    ----------
    napari_viewer : the viewer whose layers are listed; napari passes it by this name
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._rows: list[tuple[ExamResult, RegionMeasurement]] = []
        self._worker: FunctionWorker | None = None
        self._progress = Progress()
        self.button = QPushButton("Open study and run…")
        self.bar = QProgressBar()
        self.table = _make_table()
        self.message = QLabel(_HINT)
        self._lay_out()
        self._connect()
        self.refresh()

    def refresh(self) -> None:
        """List the regions of every result among the layers, largest edema first."""
        results = _results(self._viewer)
        rows = [(result, measured) for result in results for measured in result.measurements]
        self._rows = sorted(rows, key=lambda row: -(row[1].edema_ml or 0.0))
        self.table.setColumnHidden(0, len(results) < 2)
        self.table.setRowCount(len(self._rows))
        for row, (result, measured) in enumerate(self._rows):
            for column, text in enumerate(_cells(result, measured)):
                self.table.setItem(row, column, QTableWidgetItem(text))

    def go_to_row(self, row: int, _column: int = 0) -> None:
        """Show the exam of one row alone, at the region's largest lesion or at the region itself."""
        result, measured = self._rows[row]
        point = _region_centre(result, measured)
        if point is None:
            self.message.setText(f"{_spoken(measured.region)} was not imaged in this exam.")
            return
        self._show_alone(result)
        fly_to(self._viewer, point)
        self.message.setText(f"{_spoken(measured.region)}, {exam_title(result.exam)}")

    def _show_alone(self, result: ExamResult) -> None:
        """Hide the other exams; if there were any, turn to this one's plane and let it fill the picture."""
        owned = [layer for layer in self._viewer.layers if "bmetk_result" in layer.metadata]
        own = {
            layer.metadata["bmetk_role"]: layer for layer in owned if layer.metadata["bmetk_result"] is result
        }
        others = [layer for layer in owned if layer not in own.values()]
        if not any(layer.visible for layer in others) and any(layer.visible for layer in own.values()):
            return
        for layer in others:
            layer.visible = False
        picture = "fluid" if "fluid" in own else "ratio"
        for role, layer in own.items():
            layer.visible = role in (picture, "regions", "edema")
        show_plane(self._viewer, native_plane(result.regions.grid))
        frame(self._viewer, own["regions"])

    def run_study(self, folder: Path) -> None:
        """Analyse a folder of DICOM files in the background and show what was found."""
        if self._worker is not None:
            return
        self._set_running(True)
        self.message.setText(f"Analysing {folder.name} …")
        self._worker = make_worker(folder, self._progress)
        self._worker.returned.connect(self._show_results)
        self._worker.errored.connect(self._show_failure)
        self._worker.start()

    def _lay_out(self) -> None:
        self.setMinimumWidth(_WIDTH_PX)
        self.message.setWordWrap(True)
        self.bar.setVisible(False)
        layout = QVBoxLayout(self)
        for part in (self.button, self.bar, self.message, self.table):
            layout.addWidget(part)
        note = QLabel("Research use only: not a medical device.")
        note.setEnabled(False)
        layout.addWidget(note)

    def _connect(self) -> None:
        self.button.clicked.connect(self._choose_study)
        self.table.cellClicked.connect(self.go_to_row)
        self._progress.reported.connect(self._show_progress)
        # Bound methods alone: napari holds them weakly, so a closed dock is not called any more.
        self._viewer.layers.events.inserted.connect(self._on_layer_inserted)
        self._viewer.layers.events.removed.connect(self._on_layer_removed)
        self._viewer.dims.events.order.connect(self._on_view_turned)
        self._viewer.dims.events.ndisplay.connect(self._on_view_turned)

    def _on_layer_inserted(self, event: object) -> None:
        layer: Layer = getattr(event, "value")  # noqa: B009  # napari's events have no type
        if layer.metadata.get("bmetk_role") != "regions":
            return
        self.refresh()
        show_plane(self._viewer, native_plane(layer.metadata["bmetk_result"].regions.grid))

    def _on_layer_removed(self, _event: object) -> None:
        self.refresh()

    def _on_view_turned(self, _event: object) -> None:
        orient(self._viewer)

    def _choose_study(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of one study")
        if folder:
            self.run_study(Path(folder))

    def _show_progress(self, stage: str, fraction: float) -> None:
        self.bar.setFormat(f"{stage} %p%")
        self.bar.setValue(round(100 * fraction))

    def _show_results(self, results: tuple[ExamResult, ...]) -> None:
        self._set_running(False)
        for result in results:
            for layer in exam_layers(result, shown=result is results[-1]):
                self._viewer.add_layer(Layer.create(*layer))
        self.message.setText(f"Done: {', '.join(exam_title(result.exam) for result in results)}.")

    def _show_failure(self, error: Exception) -> None:
        self._set_running(False)
        self.message.setText(describe_failure(error))

    def _set_running(self, running: bool) -> None:
        self.button.setEnabled(not running)
        self.bar.setVisible(running)
        self.bar.setValue(0)
        if not running:
            self._worker = None


def _make_table() -> QTableWidget:
    table = QTableWidget(0, len(_COLUMNS))
    table.setHorizontalHeaderLabels(_COLUMNS)
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    return table


def _results(viewer: napari.Viewer) -> list[ExamResult]:
    """Collect the results whose regions are among the layers, each once."""
    regions = (layer for layer in viewer.layers if layer.metadata.get("bmetk_role") == "regions")
    return [layer.metadata["bmetk_result"] for layer in regions]


def _cells(result: ExamResult, measured: RegionMeasurement) -> tuple[str, ...]:
    side = measured.side.value if measured.side else ""
    imaged = f"{measured.coverage:.0%}" if measured.coverage > 0 else "not imaged"
    return exam_title(result.exam), _spoken(measured.region), side, _volume(measured), imaged


def _volume(measured: RegionMeasurement) -> str:
    """Write a volume with its interval; a dash where nothing was measured, never 0."""
    if measured.edema_ml is None:
        return "–"
    if measured.edema_ml_low is None or measured.edema_ml_high is None:
        return f"{measured.edema_ml:.1f}"
    return f"{measured.edema_ml:.1f} ({measured.edema_ml_low:.1f}–{measured.edema_ml_high:.1f})"


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _region_centre(result: ExamResult, measured: RegionMeasurement) -> npt.NDArray[np.float64] | None:
    """Find where to look, LPS mm: the middle of the region's largest lesion, or of the region itself."""
    lesions = [
        it for it in result.lesions if measured.region in it.regions and it.side in (measured.side, None)
    ]
    if lesions:
        largest = max(lesions, key=lambda lesion: lesion.regions[measured.region])
        return np.asarray(largest.centroid_mm)
    for label, mask in result.regions.areas():
        if (label.name, label.side) == (measured.region, measured.side):
            return result.regions.grid.to_world(np.argwhere(mask.array).mean(axis=0))
    return None
