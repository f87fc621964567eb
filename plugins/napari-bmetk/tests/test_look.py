"""The wheel goes through the slices, and napari's layer list rests meanwhile."""

from __future__ import annotations

from pathlib import Path

import napari
import numpy as np
import pytest
from conftest import LESION_MM
from hands import canvas_of, click_row, number_of, pixel_of
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_bmetk._reader import read_result
from napari_bmetk._widget import ReviewWidget


@pytest.fixture
def knee(viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path) -> ReviewWidget:
    """Show the exam at its lesion."""
    for data in read_result(result_folder):
        viewer.add_layer(Layer.create(*data))
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    viewer.scene.camera.zoom = 6.0
    return dock


def wheel(
    qtbot: QtBot,
    viewer: napari.Viewer,
    notches: float,
    at: QPoint,
    held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    canvas = canvas_of(viewer)
    turned = QPoint(0, round(120 * notches))
    event = QWheelEvent(
        QPointF(at),
        QPointF(canvas.mapToGlobal(at)),
        QPoint(),
        turned,
        Qt.MouseButton.NoButton,
        held,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)
    qtbot.wait(30)


def test_a_notch_of_the_wheel_is_a_slice_and_does_not_zoom(
    viewer: napari.Viewer, knee: ReviewWidget, qtbot: QtBot
):
    at, step = pixel_of(viewer, LESION_MM), viewer.dims.current_step[1]
    zoom = viewer.scene.camera.zoom
    wheel(qtbot, viewer, -1, at)
    assert viewer.dims.current_step[1] == step + 1
    wheel(qtbot, viewer, 1, at)
    wheel(qtbot, viewer, 1, at)
    assert viewer.dims.current_step[1] == step - 1
    for _ in range(40):
        wheel(qtbot, viewer, 1, at)
    assert viewer.dims.current_step[1] == 0
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    assert knee.session.is_open


def test_with_shift_the_wheel_zooms_and_what_lies_under_the_mouse_stays_there(
    viewer: napari.Viewer, knee: ReviewWidget, qtbot: QtBot
):
    assert knee.session.is_open
    aside = LESION_MM + [6.0, 0.0, 8.0]
    before, step = pixel_of(viewer, aside), viewer.dims.current_step
    zoom = viewer.scene.camera.zoom
    wheel(qtbot, viewer, 1, before, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.scene.camera.zoom > 1.05 * zoom
    after = pixel_of(viewer, aside)
    assert np.hypot(after.x() - before.x(), after.y() - before.y()) < 3
    assert viewer.dims.current_step == step


def test_in_space_the_wheel_is_left_to_napari_and_closing_what_is_open_is_no_fault(
    viewer: napari.Viewer, knee: ReviewWidget, qtbot: QtBot
):
    knee.look.show_plane(3)
    step = viewer.dims.current_step
    wheel(qtbot, viewer, 1, pixel_of(viewer, LESION_MM))
    assert viewer.dims.current_step == step
    viewer.layers.clear()
    assert viewer.dims.ndim == 2
    assert not knee.session.is_open


def test_the_layer_list_rests_while_the_reader_scrolls_and_wakes_after(
    viewer: napari.Viewer, knee: ReviewWidget, qtbot: QtBot
):
    (layer_list,) = knee.window().findChildren(QDockWidget, "layer list")
    qtbot.waitUntil(layer_list.updatesEnabled)
    wheel(qtbot, viewer, -1, pixel_of(viewer, LESION_MM))
    assert not layer_list.updatesEnabled()
    qtbot.waitUntil(layer_list.updatesEnabled)


def test_beside_a_finer_layer_a_notch_is_still_a_slice_of_the_exam(
    viewer: napari.Viewer, knee: ReviewWidget, qtbot: QtBot
):
    viewer.add_image(
        np.zeros((3, 30, 3)), scale=(1.0, 0.5, 1.0), translate=tuple(LESION_MM[::-1]), visible=False
    )
    assert viewer.dims.range[1].step == pytest.approx(0.5)
    spacing = knee.session.views["1_knee_left"].frame.grid.spacing_mm[1]
    assert spacing > 3
    wheel(qtbot, viewer, -1, pixel_of(viewer, LESION_MM))
    before = viewer.dims.point[1]
    wheel(qtbot, viewer, -1, pixel_of(viewer, LESION_MM))
    assert viewer.dims.point[1] - before == pytest.approx(spacing, abs=0.5)
