"""A dock from its first hint to its end."""

from __future__ import annotations

from pathlib import Path
from time import thread_time

import napari
import numpy as np
import pytest
from conftest import LESION_MM, make_grid, make_result
from hands import click_row, number_of, press, shown_ml, stroke
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from bmetk.errors import InputError
from bmetk.export import save_result
from bmetk.review import open_review
from napari_bmetk import _texts as texts
from napari_bmetk._reader import read_result, review_layers
from napari_bmetk._widget import ReviewWidget


def show(viewer: napari.Viewer, folder: Path) -> None:
    for data in read_result(folder):
        viewer.add_layer(Layer.create(*data))


def test_painting_on_an_oblique_exam_is_measured_on_its_own_grid(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, tmp_path: Path
):
    save_result(make_result(make_grid("coronal", 20.0)), tmp_path / "oblique")
    show(viewer, tmp_path / "oblique")
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    viewer.scene.camera.zoom = 8.0
    press(qtbot, viewer, Qt.Key.Key_E)
    dock.review.brush_box.setValue(40)
    before = shown_ml(dock)
    stroke(qtbot, viewer, [LESION_MM, LESION_MM])
    after = shown_ml(dock)
    assert 0 < after < before - 0.15
    dock.session.undo()
    qtbot.wait(100)
    assert shown_ml(dock) == pytest.approx(before, abs=0.06)


def test_the_hint_is_shown_first_and_the_review_empties_when_its_layers_go(
    viewer: napari.Viewer, dock: ReviewWidget, result_folder: Path
):
    assert dock.message.text() == texts.HINT
    show(viewer, result_folder)
    viewer.layers.clear()
    assert dock.table.rowCount() == 0
    assert not dock.session.is_open


def test_a_dropped_result_opens_the_dock_at_its_lesion(viewer: napari.Viewer, course_folder: Path):
    viewer.open(str(course_folder), plugin="napari-bmetk")
    (dock,) = (it for it in viewer.window.dock_widgets.values() if isinstance(it, ReviewWidget))
    assert dock.session.current == "2_knee_left"
    assert {row.exam for row in dock.review.rows} == {"1_knee_left", "2_knee_left"}


def test_a_damaged_result_is_a_sentence_in_the_dock(viewer: napari.Viewer, tmp_path: Path):
    (tmp_path / "exam.json").write_text('{"schema": "bmetk.exam/1"}')
    with pytest.raises(InputError):
        viewer.open(str(tmp_path), plugin="napari-bmetk")
    (dock,) = (it for it in viewer.window.dock_widgets.values() if isinstance(it, ReviewWidget))
    assert "is damaged" in dock.message.text()


def test_picture_and_controls_are_those_of_what_was_opened(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path
):
    other = viewer.add_image(np.ones((4, 4, 4)))
    qtbot.wait(10)
    told = []
    viewer.layers.selection.events.active.connect(lambda event: told.append(event.value))
    show(viewer, result_folder)
    assert not told, "the controls are laid out once, after the last layer"
    qtbot.wait(10)
    assert told == [viewer.layers[-1]]
    controls = viewer.window._qt_viewer.controls
    assert controls.currentWidget() is controls.widgets[viewer.layers[-1]]
    view = viewer.window._qt_viewer.layers
    chosen = [index.row() for index in view.selectionModel().selectedIndexes()]
    assert chosen == [0], "the list is from the front to the back"
    assert viewer.window._qt_window.updatesEnabled()
    viewer.layers.remove(other)


def test_a_closed_dock_is_not_called_any_more(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path
):
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    del dock
    qtbot.wait(10)
    show(viewer, result_folder)
    assert len(viewer.layers) == 5


def test_a_draft_shown_anew_is_that_of_the_review(result_folder: Path):
    review = open_review(result_folder)
    layers = review_layers(review)
    assert {options["metadata"]["bmetk_exam"] for _, options, _ in layers} == set(review.drafts)


def test_the_table_of_a_long_course_is_written_at_once(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path
):
    show(viewer, result_folder)
    qtbot.wait(50)
    long = dock.review.rows * 40
    dock.review.rows = long
    dock.review._write_rows()
    qtbot.wait(50)
    dock.review.rows = long  # events that followed meanwhile have written the table anew
    start = thread_time()
    dock.review._write_rows()
    assert thread_time() - start < 0.3
    assert dock.table.rowCount() == len(dock.review.rows) > 100
    assert dock.table.columnWidth(0) > dock.table.columnWidth(1), "widths are those of the contents"
