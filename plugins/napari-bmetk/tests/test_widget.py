"""The dock, driven as a person would: look, click a row, run a study, read a sentence."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import napari
import numpy as np
import pytest
from conftest import LESION_MM, make_grid, make_result
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

import napari_bmetk
from bmetk.errors import MissingSeriesError
from bmetk.exam import Contrast, ExamResult, Plane, Series
from bmetk.image import ScalarImage
from napari_bmetk import _worker
from napari_bmetk._layers import exam_layers
from napari_bmetk._widget import ReviewWidget

PICTURES = os.environ.get("BMETK_PICTURES")
"""Folder where screenshots are kept to be looked at, if named."""


@pytest.fixture
def dock(viewer: napari.Viewer) -> ReviewWidget:
    """Put the dock into the window."""
    widget = ReviewWidget(viewer)
    viewer.window.add_dock_widget(widget, name="bmetk review")
    return widget


def show(viewer: napari.Viewer, result: ExamResult) -> None:
    for data in exam_layers(result):
        viewer.add_layer(Layer.create(*data))


def cells(dock: ReviewWidget, row: int) -> list[str]:
    return [dock.table.item(row, column).text() for column in range(dock.table.columnCount())]


def click_row(qtbot: QtBot, dock: ReviewWidget, row: int) -> None:
    place = dock.table.visualItemRect(dock.table.item(row, 1)).center()
    qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def stage_analysis(monkeypatch: pytest.MonkeyPatch, analyse: Callable[..., ExamResult]) -> None:
    """Put a stand-in in the place of the analysis; what it costs is tested in the core."""
    monkeypatch.setattr(_worker, "exams_of_study", lambda *_: (make_result(make_grid("axial")).exam,))
    monkeypatch.setattr(_worker, "analyze", analyse)


def test_table_tells_volume_with_interval_and_never_0_for_what_was_not_imaged(
    viewer: napari.Viewer, dock: ReviewWidget
):
    show(viewer, make_result(make_grid("axial")))
    assert cells(dock, 0)[1:] == ["Lateral femoral condyle", "left", "1.4 (1.1–1.7)", "100%"]
    assert cells(dock, 1)[1:] == ["Medial femoral condyle", "left", "0.0 (0.0–0.0)", "100%"]
    assert cells(dock, 2)[1:] == ["Patella", "left", "–", "not imaged"]


def test_click_on_a_row_flies_to_the_lesion(viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot):
    show(viewer, make_result(make_grid("coronal")))
    click_row(qtbot, dock, 0)
    spacing = viewer.layers[0].scale
    assert np.abs(np.asarray(viewer.dims.point) - LESION_MM[::-1]) == pytest.approx(0, abs=max(spacing))
    assert viewer.scene.camera.center[1:] == pytest.approx((LESION_MM[2], LESION_MM[0]), abs=0.1)


def test_click_on_a_row_of_another_exam_shows_that_exam_alone(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    for plane in ("coronal", "axial"):
        show(viewer, make_result(make_grid(plane)))
    for row in (0, 1):
        click_row(qtbot, dock, row)
        visible = [layer for layer in viewer.layers if layer.visible]
        shown = {id(layer.metadata["bmetk_result"]) for layer in visible}
        assert shown == {id(dock._rows[row][0])}
        assert {layer.metadata["bmetk_role"] for layer in visible} == {"ratio", "regions", "edema"}
    assert dock._rows[0][0] is not dock._rows[1][0]


def test_click_on_what_was_not_imaged_says_so_and_stays(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot
):
    show(viewer, make_result(make_grid("axial")))
    before = viewer.dims.point
    click_row(qtbot, dock, 2)
    assert dock.message.text() == "Patella was not imaged in this exam."
    assert viewer.dims.point == before


def test_table_empties_when_the_layers_go(viewer: napari.Viewer, dock: ReviewWidget):
    show(viewer, make_result(make_grid("axial")))
    viewer.layers.clear()
    assert dock.table.rowCount() == 0


def test_a_closed_dock_is_not_called_any_more(viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot):
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    del dock
    qtbot.wait(10)
    show(viewer, make_result(make_grid("axial")))
    assert len(viewer.layers) == 5


def test_a_turned_view_is_named_anew_and_not_mirrored(viewer: napari.Viewer, dock: ReviewWidget):
    show(viewer, make_result(make_grid("axial")))
    viewer.dims.order = (2, 0, 1)
    assert viewer.canvas.overlays.text.text.startswith("sagittal")
    assert [str(way) for way in viewer.scene.camera.orientation] == ["towards", "up", "right"]


def test_a_run_shows_its_layers_from_the_main_thread(
    viewer: napari.Viewer, dock: ReviewWidget, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    threads: list[threading.Thread] = []
    stages: list[str] = []

    def analyse(_exam: object, *, on_progress: Callable[[str, float], None]) -> ExamResult:
        threads.append(threading.current_thread())
        on_progress("edema", 0.5)
        return with_series(make_result(make_grid("sagittal")))

    stage_analysis(monkeypatch, analyse)
    dock._progress.reported.connect(lambda stage, _share: stages.append(stage))
    dock.run_study(tmp_path)
    assert not dock.button.isEnabled()
    qtbot.waitUntil(dock.button.isEnabled, timeout=60_000)
    assert threads[0] is not threading.main_thread()
    assert stages == ["read", "edema"]
    assert [layer.metadata["bmetk_role"] for layer in viewer.layers][:3] == ["T1", "fluid", "ratio"]
    assert dock.message.text() == "Done: 2024-03-01 knee left."


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MissingSeriesError("no T1-weighted series in this exam; export one"), "no T1-weighted series"),
        (ZeroDivisionError("secret"), "unforeseen fault (ZeroDivisionError)"),
    ],
)
def test_a_failed_run_is_a_sentence_and_the_session_lives(
    viewer: napari.Viewer,
    dock: ReviewWidget,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: Exception,
    sentence: str,
):
    def analyse(*_args: object, **_options: object) -> ExamResult:
        raise error

    stage_analysis(monkeypatch, analyse)
    dock.run_study(tmp_path)
    qtbot.waitUntil(dock.button.isEnabled, timeout=60_000)
    assert sentence in dock.message.text()
    assert "secret" not in dock.message.text()
    assert len(viewer.layers) == 0


def with_series(result: ExamResult) -> ExamResult:
    """Give a result the two series it came from, as right after an analysis."""
    ratio = result.ratio
    assert ratio is not None
    t1 = Series(ScalarImage(300 - 60 * ratio.array, ratio.grid), Contrast.T1, Plane.SAGITTAL)
    fluid = Series(ScalarImage(100 * ratio.array, ratio.grid), Contrast.STIR, Plane.SAGITTAL)
    return replace(result, exam=replace(result.exam, t1=t1, fluid=fluid))


def test_open_result_shows_the_whole_window(qtbot: QtBot, result_folder: Path):
    viewer = napari_bmetk.open_result(result_folder, run=False)
    try:
        viewer.window._qt_window.resize(1400, 900)
        dock = next(iter(viewer.window.dock_widgets.values()))
        click_row(qtbot, dock, 0)
        qtbot.wait(300)
        picture = viewer.screenshot(canvas_only=False, flash=False)
        if PICTURES:
            import imageio.v3 as iio

            iio.imwrite(Path(PICTURES) / "window.png", picture)
        assert dock.table.rowCount() == 3
        assert picture.std() > 10
    finally:
        viewer.close()
