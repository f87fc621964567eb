"""Undo takes back whatever the reader did last: a stroke, a decision, a link."""

from __future__ import annotations

from pathlib import Path

import napari
import numpy as np
from conftest import LESION_MM, make_grid, make_result
from hands import click, click_row, number_of, press, shown_ml, stroke
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from bmetk.export import save_result
from bmetk.review import begin
from napari_bmetk import _texts as texts
from napari_bmetk._reader import read_result
from napari_bmetk._widget import ReviewWidget

NAME = "1_knee_left"


def show(viewer: napari.Viewer, folder: Path) -> None:
    for data in read_result(folder):
        viewer.add_layer(Layer.create(*data))


def test_strokes_and_decisions_are_taken_back_in_their_order_and_done_again(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path
):
    show(viewer, result_folder)
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    viewer.scene.camera.zoom = 8.0
    told = [state(dock)]
    press(qtbot, viewer, Qt.Key.Key_A)
    told.append(state(dock))
    press(qtbot, viewer, Qt.Key.Key_E)
    dock.review.brush_box.setValue(6)
    stroke(qtbot, viewer, [LESION_MM + [-4.0, 0.0, dz] for dz in (-9.0, 9.0)])
    told.append(state(dock))
    dock.review.findings.item(0).setCheckState(Qt.CheckState.Unchecked)
    told.append(state(dock))
    box = dock.review.region_box
    box.setCurrentIndex(box.findText("medial femoral condyle left"))
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    click(qtbot, dock.review.relabel_button)
    told.append(state(dock))
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    press(qtbot, viewer, Qt.Key.Key_X)
    told.append(state(dock))
    assert len(set(told)) == len(told), "each step must be seen"
    for before in told[-2::-1]:
        press(qtbot, viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert state(dock) == before
    assert not dock.session.history.can_undo
    assert not dock.session.review.is_touched
    for after in told[1:]:
        click(qtbot, dock.review.redo_button)
        assert state(dock) == after


def state(dock: ReviewWidget) -> tuple[object, ...]:
    """Tell what the window says and what the layer shows."""
    rows = [[dock.table.item(r, c) and dock.table.item(r, c).text() for c in (0, 2, 5)] for r in range(5)]
    layer = dock.session.views[NAME].layers["edema"]
    regions = dock.session.views[NAME].layers["regions"]
    findings = dock.review.findings.item(0).checkState()
    return str(rows), layer.data.tobytes(), regions.data.tobytes(), findings


def test_a_rejected_oblique_lesion_comes_back_to_the_voxel(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, tmp_path: Path
):
    save_result(make_result(make_grid("coronal", 20.0)), tmp_path / "oblique")
    show(viewer, tmp_path / "oblique")
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    before = dock.session.draft.marks.array
    click(qtbot, dock.review.reject_button)
    assert not dock.session.draft.edema
    click(qtbot, dock.review.undo_button)
    np.testing.assert_array_equal(dock.session.draft.marks.array, before)
    assert not dock.session.review.is_touched


def test_a_split_and_edema_found_again_are_taken_back(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path
):
    show(viewer, result_folder)
    dock.session.set_voxels("edema", dock.session.views[NAME].layers["regions"].data > 0, 1)
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    press(qtbot, viewer, Qt.Key.Key_S)
    assert len(dock.session.results[NAME].lesions) == 2
    dock.session.take_up(NAME, begin(dock.session.draft.base))
    assert shown_ml(dock) == 1.5
    dock.session.undo()
    assert len(dock.session.results[NAME].lesions) == 2
    dock.session.undo()
    assert len(dock.session.results[NAME].lesions) == 1
    dock.session.undo()
    assert shown_ml(dock) == 1.5
    np.testing.assert_array_equal(
        dock.session.views[NAME].layers["edema"].data > 0, dock.session.views[NAME].seen["edema"] > 0
    )


def test_a_link_that_was_cut_is_whole_again(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, course_folder: Path
):
    show(viewer, course_folder)
    qtbot.waitUntil(lambda: not dock.session.course.is_behind, timeout=60_000)
    dock.tabs.setCurrentWidget(dock.course)
    assert dock.course.link_table.rowCount() == 1
    dock.course.link_table.setCurrentCell(0, 0)
    click(qtbot, dock.course.cut_button)
    assert dock.course.link_table.rowCount() == 0
    dock.session.undo()
    assert dock.course.link_table.rowCount() == 1
    dock.session.redo()
    assert dock.course.link_table.rowCount() == 0


def test_what_napari_fills_with_its_bucket_is_one_step(
    viewer: napari.Viewer, dock: ReviewWidget, result_folder: Path
):
    show(viewer, result_folder)
    layer = dock.session.views[NAME].layers["edema"]
    inside = np.argwhere(layer.data)[0]
    layer.fill(inside, 0)
    dock.session.take_edits()
    assert shown_ml(dock) < 1.5
    dock.session.undo()
    assert shown_ml(dock) == 1.5
    assert not dock.session.history.can_undo


def test_what_is_signed_is_not_undone(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, result_folder: Path
):
    show(viewer, result_folder)
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    click(qtbot, dock.review.reject_button)
    dock.session.lock(True)
    dock.session.undo()
    assert dock.message.text() == texts.READ_ONLY
    assert shown_ml(dock) == 0
    dock.session.lock(False)
    dock.session.undo()
    assert shown_ml(dock) == 1.5
