"""The review, driven as a person would: click, type, paint, undo, decide, sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import process_time

import napari
import numpy as np
import pytest
from conftest import CENTRE_MM, LESION_MM, keep_picture, make_grid, make_result, moved_to
from hands import click, click_row, number_of, press, shown_ml, stroke
from napari.layers import Labels, Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from bmetk.exam import ExamResult
from bmetk.export import save_result
from bmetk.image import Grid
from bmetk.review import open_review, read_audit
from bmetk.review import run as core_run
from napari_bmetk import _texts as texts
from napari_bmetk._reader import read_result
from napari_bmetk._tools import Tool
from napari_bmetk._widget import ReviewWidget

HIGHEST_S = 0.5
ACROSS = [LESION_MM + [-4.0, 0.0, dz] for dz in (-9.0, 9.0)]


def show(viewer: napari.Viewer, folder: Path) -> None:
    for data in read_result(folder):
        viewer.add_layer(Layer.create(*data))


@pytest.fixture(scope="module")
def open_dock(window: napari.Viewer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewWidget]:
    """Open one exam in one dock for every test here: layers take seconds to make."""
    folder = tmp_path_factory.mktemp("first") / "knee"
    save_result(make_result(make_grid("coronal")), folder)
    widget = ReviewWidget(window, spare=folder.with_name("spare"))
    window.window.add_dock_widget(widget, name="bmetk review")
    show(window, folder)
    yield widget
    window.layers.clear()
    window.window.remove_dock_widget("all")


@pytest.fixture
def viewer(window: napari.Viewer) -> napari.Viewer:
    """Hand out the window with what is open in it."""
    return window


@pytest.fixture
def knee(
    window: napari.Viewer, open_dock: ReviewWidget, result_folder: Path, qtbot: QtBot
) -> Iterator[ReviewWidget]:
    """Show a fresh review of the exam, at its lesion; what a test adds is taken away after it."""
    layers = list(window.layers)
    open_dock.session.spare = result_folder.with_name("spare")
    open_dock.session.reshow(open_review(result_folder))
    open_dock.review.bones_button.setChecked(False)
    open_dock.review.take_tool(Tool.LOOK)
    open_dock.review.brush_box.setValue(6)
    open_dock.tabs.setCurrentWidget(open_dock.review)
    open_dock.session.views["1_knee_left"].layers["bones"].visible = False
    open_dock.look.show_plane(1)
    click_row(qtbot, open_dock, number_of(open_dock, "lesion 1"))
    window.scene.camera.zoom = 8.0
    yield open_dock
    open_dock.session.take_edits()
    for layer in [it for it in window.layers if it not in layers]:
        window.layers.remove(layer)


def wait_for_job(qtbot: QtBot, dock: ReviewWidget) -> None:
    qtbot.waitUntil(lambda: not dock.job.is_running, timeout=120_000)
    qtbot.wait(50)


def sign(qtbot: QtBot, dock: ReviewWidget, who: str = "Reader") -> None:
    dock.tabs.setCurrentWidget(dock.signature)
    dock.signature.name_line.clear()
    qtbot.keyClicks(dock.signature.name_line, who)
    click(qtbot, dock.signature.sign_button)
    wait_for_job(qtbot, dock)


def test_the_table_tells_volume_with_interval_and_never_0_for_what_was_not_imaged(knee: ReviewWidget):
    told = [
        [knee.table.item(row, column).text() for column in range(3)] for row in range(knee.table.rowCount())
    ]
    assert told[0][0] == "2024-03-01 knee left"
    assert told[1] == ["Lateral femoral condyle", "left", "1.5 (1.2–1.7)"]
    assert told[2] == ["  lesion 1", "left", "1.5"]
    assert told[3] == ["Medial femoral condyle", "left", "0 (0–0)"]
    assert told[4] == ["Patella", "left", "– not imaged"]
    assert knee.table.item(2, 4).text() == "90%"


def test_click_on_a_row_flies_to_the_lesion(knee: ReviewWidget, viewer: napari.Viewer):
    assert np.abs(np.asarray(viewer.dims.point) - LESION_MM[::-1]) == pytest.approx(0, abs=3.5)
    assert viewer.scene.camera.center[1:] == pytest.approx((LESION_MM[2], LESION_MM[0]), abs=1.2)


def test_click_on_what_was_not_imaged_says_so_and_stays(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot
):
    before = viewer.dims.point
    click_row(qtbot, knee, number_of(knee, "patella"))
    assert knee.message.text() == "Patella was not imaged in this exam."
    assert viewer.dims.point == before


def test_an_erased_part_is_gone_from_table_and_interval_within_half_a_second_and_comes_back(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot
):
    before = shown_ml(knee)
    press(qtbot, viewer, Qt.Key.Key_E)
    assert knee.tools.tool is Tool.ERASE
    knee.review.brush_box.setValue(10)
    told: list[float] = []
    knee.session.measured.connect(lambda: told.append(process_time()))
    stroke(qtbot, viewer, ACROSS)
    released = process_time()
    qtbot.waitUntil(lambda: bool(told))
    assert knee.session.seconds < HIGHEST_S
    assert told[-1] - released < HIGHEST_S
    after = shown_ml(knee)
    assert 0.2 < after < before - 0.2
    row = knee.review.rows[number_of(knee, "lateral femoral condyle")].region
    assert row.edema_ml_low == pytest.approx(0.8 * row.edema_ml, rel=1e-4)
    keep_picture(viewer.screenshot(canvas_only=False, flash=False), "erase")
    press(qtbot, viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert shown_ml(knee) == before
    click(qtbot, knee.review.redo_button)
    qtbot.wait(100)
    assert shown_ml(knee) == after


def test_painting_adds_what_was_painted(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    before = knee.session.results["1_knee_left"].edema.volume_ml
    press(qtbot, viewer, Qt.Key.Key_B)
    point = LESION_MM + [-2.0, 0.0, -18.0]
    stroke(qtbot, viewer, [point, point])
    added = knee.session.results["1_knee_left"].edema.volume_ml - before
    disc_ml = np.pi * 3.0**2 * 3.5 / 1000
    assert added == pytest.approx(disc_ml, rel=0.4)


def test_growing_from_a_click_takes_the_lesion_back(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    truth = knee.session.results["1_knee_left"].edema.volume_ml
    click(qtbot, knee.review.reject_button)
    assert knee.session.results["1_knee_left"].edema.volume_ml == 0
    press(qtbot, viewer, Qt.Key.Key_G)
    stroke(qtbot, viewer, [LESION_MM, LESION_MM])
    assert knee.session.results["1_knee_left"].edema.volume_ml == pytest.approx(truth, rel=0.01)


def test_a_click_beside_the_bone_is_a_sentence(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    viewer.scene.camera.zoom = 5.0
    press(qtbot, viewer, Qt.Key.Key_G)
    beside = CENTRE_MM + [0.0, 6.0, -34.0]
    stroke(qtbot, viewer, [beside, beside])
    assert "outside the bones" in knee.message.text()


def test_the_threshold_brush_takes_bright_marrow_alone(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot
):
    before = knee.session.results["1_knee_left"].edema
    click(qtbot, knee.review.reject_button)
    press(qtbot, viewer, Qt.Key.Key_T)
    knee.review.brush_box.setValue(30)
    stroke(qtbot, viewer, [LESION_MM, LESION_MM + [3.0, 0.0, 3.0]])
    taken = knee.session.results["1_knee_left"].edema
    assert taken
    assert not (taken.array & ~before.array).any()
    knee.session.undo()
    qtbot.wait(80)
    assert not knee.session.results["1_knee_left"].edema, "one stroke is one step of undo"


def test_accepting_rejecting_and_taking_back(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    before = shown_ml(knee)
    press(qtbot, viewer, Qt.Key.Key_A)
    assert knee.table.item(number_of(knee, "lesion 1"), 5).text() == "accepted"
    press(qtbot, viewer, Qt.Key.Key_X)
    assert shown_ml(knee) == 0
    click_row(qtbot, knee, number_of(knee, "rejected"))
    press(qtbot, viewer, Qt.Key.Key_X)
    assert shown_ml(knee) == before


def test_a_lesion_given_to_another_region_counts_there(knee: ReviewWidget, qtbot: QtBot):
    before = shown_ml(knee)
    box = knee.review.region_box
    box.setCurrentIndex(box.findText("medial femoral condyle left"))
    click(qtbot, knee.review.relabel_button)
    assert shown_ml(knee, "medial femoral condyle") == pytest.approx(before, abs=0.1)
    assert shown_ml(knee) == 0


def test_a_lesion_across_two_regions_is_split_and_joined(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot
):
    dock = knee
    dock.session.set_voxels("edema", dock.session.views["1_knee_left"].layers["regions"].data > 0, 1)
    lesions = dock.session.results["1_knee_left"].lesions
    assert len(lesions) == 1
    click_row(qtbot, dock, number_of(dock, "lesion 1"))
    press(qtbot, viewer, Qt.Key.Key_S)
    assert len(dock.session.results["1_knee_left"].lesions) == 2
    click_row(qtbot, dock, number_of(dock, "lesion 2"))
    press(qtbot, viewer, Qt.Key.Key_S)
    assert len(dock.session.results["1_knee_left"].lesions) == 1


def test_a_struck_finding_is_struck_in_the_result(knee: ReviewWidget):
    item = knee.review.findings.item(0)
    assert item.checkState() == Qt.CheckState.Checked
    item.setCheckState(Qt.CheckState.Unchecked)
    assert knee.session.results["1_knee_left"].findings[0].present is False
    assert knee.review.findings.item(0).checkState() == Qt.CheckState.Unchecked


def test_a_signed_review_is_read_only_until_reopened(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot, result_folder: Path
):
    click(qtbot, knee.review.reject_button)
    sign(qtbot, knee, "Dr. Reader")
    assert "Version 1 signed by Dr. Reader" in knee.message.text()
    keep_picture(viewer.screenshot(canvas_only=False, flash=False), "signed")
    press(qtbot, viewer, Qt.Key.Key_B)
    assert knee.message.text() == texts.READ_ONLY
    stroke(qtbot, viewer, [LESION_MM, LESION_MM])
    assert shown_ml(knee) == 0
    assert not knee.review.accept_button.isEnabled()
    click(qtbot, knee.signature.reopen_button)
    wait_for_job(qtbot, knee)
    assert knee.session.is_editable
    assert [entry.action.value for entry in read_audit(result_folder / "review")] == ["signed", "reopened"]
    assert knee.signature.log.rowCount() == 2


def test_what_was_painted_is_back_after_a_crash(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot, result_folder: Path
):
    press(qtbot, viewer, Qt.Key.Key_E)
    stroke(qtbot, viewer, ACROSS)
    left = shown_ml(knee)
    qtbot.waitUntil((result_folder / "review" / "draft.npz").is_file, timeout=10_000)
    # Nothing is closed in order: another process opens the folder as a crash left it.
    again = open_review(result_folder)
    assert again.restored
    row = next(it for it in core_measure(again).measurements if it.region == "lateral_femoral_condyle")
    assert row.edema_ml == pytest.approx(left, abs=0.06)


def core_measure(review) -> ExamResult:
    from bmetk.review import measure_draft

    return measure_draft(review.drafts["1_knee_left"])


def test_a_result_of_another_patient_is_refused_and_what_is_open_stays(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot, tmp_path: Path
):
    other = make_result(make_grid("axial"), pseudonym="subject-2")
    far = other.bones.grid.affine.copy()
    far[:3, 3] += 300.0
    other = moved_to(other, Grid(other.bones.grid.shape, far), date(2024, 3, 1))
    save_result(other, tmp_path / "other")
    before, chosen, point = list(viewer.layers), viewer.layers.selection.active, viewer.dims.point
    show(viewer, tmp_path / "other")
    qtbot.wait(100)
    assert viewer.dims.point == pytest.approx(point)
    assert viewer.layers.selection.active is chosen
    assert knee.message.text() == texts.OTHER_PATIENT
    assert list(viewer.layers) == before
    assert shown_ml(knee) == 1.5


def test_labels_on_another_grid_are_a_sentence(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    viewer.add_labels(np.ones((4, 5, 6), np.uint8), name="drawn elsewhere")
    click(qtbot, knee.review.labels_button)
    assert "do not share a grid" in knee.message.text()
    assert shown_ml(knee) == 1.5


def test_labels_on_the_same_grid_are_taken(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    edema = knee.session.views["1_knee_left"].layers["edema"]
    layer = Labels(
        np.array(edema.data), scale=edema.scale, translate=edema.translate, units=edema.units, name="mine"
    )
    knee.session.set_voxels("edema", edema.data > 0, 0)
    assert shown_ml(knee) == 0
    viewer.add_layer(layer)
    click(qtbot, knee.review.labels_button)
    assert shown_ml(knee) == 1.5


def test_a_result_that_changed_on_disk_is_not_signed(knee: ReviewWidget, qtbot: QtBot, result_folder: Path):
    (result_folder / "measurements.csv").write_text("changed", encoding="utf-8")
    sign(qtbot, knee)
    assert "changed on disk since it was opened" in knee.message.text()
    assert not (result_folder / "review" / "signed").exists()
    assert knee.session.is_editable


def test_a_folder_that_cannot_be_written_keeps_the_draft_elsewhere(
    knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot, result_folder: Path
):
    (result_folder / "review").write_text("in the way", encoding="utf-8")
    press(qtbot, viewer, Qt.Key.Key_E)
    stroke(qtbot, viewer, ACROSS)
    knee.session.save()
    assert knee.message.text() == texts.DRAFT_ASIDE
    assert list(knee.session.spare.glob("*.npz"))


def test_corrected_bones_feed_the_edema_step(
    knee: ReviewWidget, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, viewer: napari.Viewer
):
    from conftest import with_series

    seen: list[int] = []

    def analyse(exam, **_options: object) -> ExamResult:
        seen.append(int(np.count_nonzero(exam.bones.labels.array)))
        found = make_result(make_grid("coronal"))
        return replace(found, bones=exam.bones, edema=replace(found.edema, array=found.edema.array & False))

    monkeypatch.setattr(core_run, "analyze", analyse)
    knee.find_edema_again()
    wait_for_job(qtbot, knee)
    assert "the series of this exam are not open" in knee.message.text()
    draft = knee.session.draft
    knee.session.change(replace(draft, base=with_series(draft.base)))
    before = int(np.count_nonzero(draft.bones.labels.array))
    click(qtbot, knee.review.bones_button)
    press(qtbot, viewer, Qt.Key.Key_E)
    stroke(qtbot, viewer, [LESION_MM, LESION_MM])
    knee.find_edema_again()
    wait_for_job(qtbot, knee)
    assert seen
    assert 0 < seen[0] < before
    assert shown_ml(knee) == 0


def test_page_nifti_and_csv_are_handed_on(knee: ReviewWidget, qtbot: QtBot, tmp_path: Path):
    knee.signature.export_to(tmp_path / "out")
    wait_for_job(qtbot, knee)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "edema.nii.gz", "measurements.csv", "exam.json", "review.json"} <= names
    assert knee.message.text() == "Written to out."


def test_keys_change_brush_plane_and_what_is_shown(knee: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot):
    press(qtbot, viewer, Qt.Key.Key_BracketRight)
    assert knee.tools.brush_mm > 6
    press(qtbot, viewer, Qt.Key.Key_Q)
    assert viewer.dims.order[0] == 2
    press(qtbot, viewer, Qt.Key.Key_O)
    assert [layer.metadata["bmetk_role"] for layer in viewer.layers if layer.visible] == ["ratio"]
    press(qtbot, viewer, Qt.Key.Key_O)
    assert len([layer for layer in viewer.layers if layer.visible]) == 3
