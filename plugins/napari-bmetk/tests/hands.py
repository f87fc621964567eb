"""What a reader's hands do: mouse on the picture, keys, clicks in the dock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import napari
import numpy as np
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt

from napari_bmetk._widget import ReviewWidget


def pixel_of(viewer: napari.Viewer, point_mm: Sequence[float]) -> QPoint:
    """Find where on the canvas a point of the patient, LPS mm, is drawn."""
    canvas = canvas_of(viewer)
    point = np.asarray(point_mm, dtype=float)[::-1]
    order, camera = viewer.dims.order, viewer.scene.camera
    _, vertical, _ = camera.orientation
    down = (point[order[1]] - camera.center[1]) * camera.zoom * (-1 if str(vertical) == "up" else 1)
    right = (point[order[2]] - camera.center[2]) * camera.zoom
    return QPoint(round(canvas.width() / 2 + right), round(canvas.height() / 2 + down))


def canvas_of(viewer: napari.Viewer) -> Any:
    return viewer.window._qt_viewer.canvas.native


def stroke(qtbot: QtBot, viewer: napari.Viewer, points_mm: Sequence[Sequence[float]]) -> None:
    """Press the left button, move along the points, let go."""
    canvas = canvas_of(viewer)
    pixels = [pixel_of(viewer, point) for point in points_mm]
    qtbot.mouseMove(canvas, pixels[0])
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=pixels[0])
    for before, after in itertools.pairwise(pixels):
        for step in np.linspace(0, 1, 8)[1:]:
            at = before + (after - before) * float(step)
            _drag(canvas, at)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=pixels[-1])
    qtbot.wait(120)


def _drag(canvas: Any, at: QPoint) -> None:
    """Move with the left button held, no faster than a hand: moves in quick succession are dropped."""
    from qtpy.QtCore import QEvent, QPointF
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    left = Qt.MouseButton.LeftButton
    place = QPointF(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove, place, canvas.mapToGlobal(place), left, left, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(canvas, event)
    QTest.qWait(20)


def press(qtbot: QtBot, viewer: napari.Viewer, key: Any, modifier: Any = None) -> None:
    """Press a key while the picture has the focus."""
    canvas = canvas_of(viewer)
    canvas.setFocus()
    qtbot.keyClick(canvas, key, modifier or Qt.KeyboardModifier.NoModifier)
    qtbot.wait(80)


def click_row(qtbot: QtBot, dock: ReviewWidget, row: int) -> None:
    """Click a row of the table."""
    dock.table.scrollToItem(dock.table.item(row, 0))
    place = dock.table.visualItemRect(dock.table.item(row, 0)).center()
    qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.wait(20)


def click(qtbot: QtBot, button: Any) -> None:
    """Click a button."""
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.wait(20)


def number_of(dock: ReviewWidget, what: str, exam: str | None = None) -> int:
    """Find the first row that names something."""
    return next(
        number
        for number, row in enumerate(dock.review.rows)
        if row.what.lower().startswith(what) and exam in (None, row.exam)
    )


def shown_ml(dock: ReviewWidget, what: str = "lateral femoral condyle", exam: str | None = None) -> float:
    """Read a volume as the table writes it."""
    text: str = dock.table.item(number_of(dock, what, exam), 2).text()
    return float(text.split(" ", maxsplit=1)[0].strip("()"))
