"""Run by `napari walk.py`: a reader's way through the sample patient, with the mouse on the picture.

Open the sample, run the knee, jump to the lesion, erase half of it, see the volume halve, undo, erase
again, sign, reopen. What was seen is written to ``story.json`` in the folder that BMETK_WALK names.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from time import monotonic, thread_time
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_bmetk
from napari_bmetk._tools import Tool

HERE = Path(os.environ["BMETK_WALK"])
PATIENCE_S = 1200.0


def until(is_so: Any) -> None:
    """Let the window live until something is so."""
    start = monotonic()
    while not is_so():
        QTest.qWait(20)
        if monotonic() - start > PATIENCE_S:
            raise TimeoutError("the window did not get there")


def picture(viewer: napari.Viewer, name: str) -> None:
    folder = os.environ.get("BMETK_PICTURES")
    if folder:
        import imageio.v3 as iio

        QTest.qWait(200)
        iio.imwrite(
            Path(folder) / f"walk-{name}.png", viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        )


def click(button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def volume(dock: Any) -> float:
    return sum(row.edema_ml or 0.0 for row in next(iter(dock.session.results.values())).measurements)


def erase_lower_half(viewer: napari.Viewer, dock: Any) -> None:
    """Erase, slice by slice and stroke by stroke, what lies below the lesion's middle."""
    view = dock.session.views[dock.session.current]
    layer = view.layers["edema"]
    z = np.nonzero(layer.data)[0]
    middle_mm = float(layer.data_to_world((np.median(z), 0, 0))[0])
    dock.review.take_tool(Tool.ERASE)
    layer.n_edit_dimensions = 2
    dock.review.brush_box.setValue(14)
    slices = np.unique(np.nonzero(layer.data)[1])
    for y in slices:
        viewer.dims.set_point(1, float(layer.data_to_world((0, y, 0))[1]))
        QApplication.processEvents()
        sweep(viewer, layer, int(y), middle_mm)


def sweep(viewer: napari.Viewer, layer: Any, y: int, middle_mm: float) -> None:
    """Draw lines with the mouse over one slice below a height."""
    inside = np.argwhere(layer.data[:, y] > 0)
    if not len(inside):
        return
    bottom = float(layer.data_to_world((inside[:, 0].min(), 0, 0))[0])
    ends = [float(layer.data_to_world((0, 0, x))[2]) for x in (inside[:, 1].min(), inside[:, 1].max())]
    for z_mm in np.arange(middle_mm - 7.0, bottom - 7.0, -9.0):
        drag(viewer, (z_mm, ends[0]), (z_mm, ends[1]))


def drag(viewer: napari.Viewer, start: tuple[float, float], end: tuple[float, float]) -> None:
    from hands import _drag, canvas_of

    canvas, camera = canvas_of(viewer), viewer.scene.camera
    pixels = [
        QPoint(
            round(canvas.width() / 2 + (x - camera.center[2]) * camera.zoom),
            round(canvas.height() / 2 - (z - camera.center[1]) * camera.zoom),
        )
        for z, x in (start, end)
    ]
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=pixels[0])
    _drag(canvas, (pixels[0] + pixels[1]) / 2)
    _drag(canvas, pixels[1])
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=pixels[1])


def open_and_run(viewer: napari.Viewer, told: dict[str, Any]) -> Any:
    """Open the sample patient and run its knee of 2023."""
    viewer.open_sample("napari-bmetk", "sample-patient")
    dock = napari_bmetk.open_dock(viewer)
    told["layers_of_sample"] = len(viewer.layers)
    picture(viewer, "1-series")
    dock.series.out = HERE / "result"
    for row, choice in enumerate(dock.series.choices):
        wanted = str(choice.plan.date) == "2023-05-23"
        item = dock.series.table.item(row, 0)
        item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
    click(dock.series.run_button)
    until(lambda: not dock.job.is_running)
    until(lambda: dock.session.is_open)
    QTest.qWait(300)
    return dock


def correct(viewer: napari.Viewer, dock: Any, told: dict[str, Any]) -> None:
    """Erase half, see the volume halve, undo every stroke, do them again."""
    told["lesion_ml"] = volume(dock)
    picture(viewer, "2-lesion")
    erase_lower_half(viewer, dock)
    QTest.qWait(300)
    told["halved_ml"] = volume(dock)
    dock.look.go_to(dock.review.row)
    picture(viewer, "3-halved")
    told["seconds_to_new_volume"] = seconds_to_new_volume(dock)
    while dock.session.history.can_undo:
        click(dock.review.undo_button)
    QTest.qWait(300)
    told["undone_ml"] = volume(dock)
    while dock.session.history.can_redo:
        click(dock.review.redo_button)
    QTest.qWait(300)


def seconds_to_new_volume(dock: Any) -> float:
    """Take the processor time from an edit to the table; the clock would tell how busy the machine is."""
    start = thread_time()
    dock.session._measure([dock.session.current])
    return thread_time() - start


def sign_and_reopen(viewer: napari.Viewer, dock: Any, told: dict[str, Any]) -> None:
    """Sign by name, find it read-only, reopen it."""
    dock.tabs.setCurrentWidget(dock.signature)
    QTest.keyClicks(dock.signature.name_line, "Reader")
    click(dock.signature.sign_button)
    until(lambda: not dock.job.is_running)
    until(lambda: dock.session.review.is_signed)
    told["signed_version"] = dock.session.review.version
    told["read_only"] = not dock.session.views[dock.session.current].layers["edema"].editable
    picture(viewer, "4-signed")
    click(dock.signature.reopen_button)
    until(lambda: not dock.job.is_running)
    until(lambda: not dock.session.review.is_signed)
    told["reopened_ml"] = volume(dock)
    told["log"] = [entry.action.value for entry in dock.session.review.log]


def walk(viewer: napari.Viewer, told: dict[str, Any]) -> None:
    viewer.window._qt_window.resize(1400, 900)
    dock = open_and_run(viewer, told)
    correct(viewer, dock, told)
    sign_and_reopen(viewer, dock, told)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    told: dict[str, Any] = {"error": None}
    try:
        walk(napari.current_viewer(), told)
    except Exception:  # noqa: BLE001  # whatever it was is told in the story
        told["error"] = traceback.format_exc()
    (HERE / "story.json").write_text(json.dumps(told), encoding="utf-8")
    QApplication.instance().quit()


QTimer.singleShot(500, main)
