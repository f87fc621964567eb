"""From series to result: the pick is shown and changeable, the run can be stopped, errors are sentences."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import napari
import pytest
from conftest import keep_picture, make_grid, make_result, with_series
from hands import click, number_of
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

import napari_bmetk
from bmetk.errors import MissingSeriesError, UnreadableFileError
from bmetk.exam import Exam, ExamResult
from bmetk.review import run as core_run
from bmetk.simulate.sample import find_sample
from napari_bmetk import _sample, _series_panel
from napari_bmetk import _texts as texts
from napari_bmetk._series_panel import free_folder
from napari_bmetk._widget import ReviewWidget

Analyse = Callable[..., ExamResult]


@pytest.fixture
def study() -> Path:
    """Name a study of one knee that ships with bmetk."""
    return find_sample() / "studies" / "20230523_1"


@pytest.fixture
def opened(dock: ReviewWidget, study: Path, tmp_path: Path) -> ReviewWidget:
    """Open the study in the dock; its result goes to a folder of the test's own."""
    dock.open_study(study)
    dock.series.out = tmp_path / "out"
    return dock


def stage(monkeypatch: pytest.MonkeyPatch, analyse: Analyse) -> None:
    """Put a stand-in in the place of the analysis; what it costs is tested in the core."""
    monkeypatch.setattr(core_run, "analyze", analyse)


def run(qtbot: QtBot, dock: ReviewWidget) -> None:
    click(qtbot, dock.series.run_button)
    qtbot.waitUntil(lambda: not dock.job.is_running, timeout=120_000)
    qtbot.wait(50)


def found(exam: Exam) -> ExamResult:
    """Give the phantom in the place of the exam's result."""
    from dataclasses import replace

    result = with_series(make_result(make_grid("sagittal")))
    return replace(result, exam=replace(result.exam, date=exam.date))


def test_the_pick_of_series_is_shown_and_changeable(opened: ReviewWidget, viewer: napari.Viewer):
    assert opened.tabs.currentWidget() is opened.series
    assert "knee" in opened.series.table.item(0, 0).text()
    t1, fluid = (opened.series.table.cellWidget(0, column) for column in (1, 2))
    assert "T1" in t1.currentText()
    assert "STIR" in fluid.currentText()
    assert t1.count() >= 3
    other = next(
        i for i in range(t1.count()) if t1.itemText(i) not in (t1.currentText(), fluid.currentText())
    )
    t1.setCurrentIndex(other)
    assert opened.series.choices[0].t1 == t1.itemText(other)
    t1.setCurrentIndex(t1.findText(fluid.currentText()))
    assert "choose two different series" in opened.message.text()
    keep_picture(viewer.screenshot(canvas_only=False, flash=False), "series")


def test_a_run_shows_its_result_from_the_main_thread(
    opened: ReviewWidget, viewer: napari.Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    threads: list[threading.Thread] = []
    stages: list[str] = []

    def analyse(exam: Exam, *, settings: object, on_progress: Callable[[str, float], None]) -> ExamResult:
        threads.append(threading.current_thread())
        on_progress("edema", 0.5)
        return found(exam)

    stage(monkeypatch, analyse)
    opened.job.reported.connect(lambda name, _share: stages.append(name))
    run(qtbot, opened)
    assert threads[0] is not threading.main_thread()
    assert stages[0] == "read"
    assert stages[-1] == "edema"
    assert opened.message.text() == "Done: 2023-05-23. The result lies in out."
    assert (tmp_path / "out" / "exam.json").is_file()
    assert opened.review.rows[number_of(opened, "lesion 1")].lesion is not None
    assert opened.series.run_button.isEnabled()


def test_a_run_can_be_stopped_and_nothing_is_written(
    opened: ReviewWidget, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    begun, go_on = threading.Event(), threading.Event()

    def analyse(_exam: Exam, *, settings: object, on_progress: Callable[[str, float], None]) -> ExamResult:
        begun.set()
        go_on.wait(30)
        on_progress("bones", 0.5)
        raise AssertionError("progress did not stop it")

    stage(monkeypatch, analyse)
    click(qtbot, opened.series.run_button)
    qtbot.waitUntil(begun.is_set, timeout=60_000)
    click(qtbot, opened.series.cancel_button)
    go_on.set()
    qtbot.waitUntil(lambda: not opened.job.is_running, timeout=60_000)
    assert opened.message.text() == texts.CANCELLED
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MissingSeriesError("no T1-weighted series in this exam; export one"), "no T1-weighted series"),
        (ZeroDivisionError("secret"), "unforeseen fault (ZeroDivisionError)"),
    ],
)
def test_a_failed_run_is_a_sentence_and_the_session_lives(
    opened: ReviewWidget,
    viewer: napari.Viewer,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    sentence: str,
):
    def analyse(*_args: object, **_options: object) -> ExamResult:
        raise error

    stage(monkeypatch, analyse)
    run(qtbot, opened)
    assert sentence in opened.message.text()
    assert "secret" not in opened.message.text()
    assert len(viewer.layers) == 0
    assert opened.series.run_button.isEnabled()


def test_a_run_without_a_ticked_exam_is_a_sentence(opened: ReviewWidget, qtbot: QtBot):
    opened.series.table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    run(qtbot, opened)
    assert "tick at least one exam" in opened.message.text()


def test_a_folder_without_usable_series_is_a_sentence(dock: ReviewWidget, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    dock.open_study(tmp_path)
    assert "no DICOM image" in dock.message.text()
    assert not dock.series.run_button.isEnabled()


def test_a_dropped_study_shows_its_series_and_its_pick(
    viewer: napari.Viewer, dock: ReviewWidget, study: Path, qtbot: QtBot
):
    viewer.open(str(study), plugin="napari-bmetk")
    qtbot.wait(50)
    assert [layer.metadata["bmetk_role"] for layer in viewer.layers] == ["T1", "fluid"]
    assert dock.series.folder == study
    assert dock.series.run_button.isEnabled()


def test_a_second_result_gets_a_folder_of_its_own(tmp_path: Path):
    first = free_folder(tmp_path / "study")
    assert first == tmp_path / "study-bmetk"
    first.mkdir()
    assert free_folder(tmp_path / "study") == tmp_path / "study-bmetk-2"


def test_a_published_course_is_simulated_beside_the_window_and_then_shown(
    viewer: napari.Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, study: Path
):
    import shutil

    def simulate(course_id: str, cache: Path, on_progress: Callable[[str, float], None]) -> Path:
        on_progress("simulate", 0.5)
        shutil.copytree(study.parent, cache / course_id / "studies")
        return cache / course_id

    monkeypatch.setattr(_sample, "simulate", simulate)
    monkeypatch.setattr(_sample, "_cache", lambda: tmp_path / "samples")
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    viewer.open_sample("napari-bmetk", "costa-2025")
    dock = napari_bmetk.open_dock(viewer)
    qtbot.waitUntil(lambda: not dock.job.is_running, timeout=60_000)
    qtbot.wait(50)
    assert len(viewer.layers) == 8
    assert len(dock.series.choices) == 4
    assert not dock.message.text()


def test_open_result_shows_the_whole_window(qtbot: QtBot, result_folder: Path):
    viewer = napari_bmetk.open_result(result_folder, run=False)
    try:
        dock = napari_bmetk.open_dock(viewer)
        viewer.window._qt_window.resize(1400, 900)
        qtbot.waitUntil(lambda: not dock.session.course.is_behind, timeout=60_000)
        qtbot.wait(300)
        picture = viewer.screenshot(canvas_only=False, flash=False)
        keep_picture(picture, "window")
        assert dock.review.row is not None
        assert dock.review.row.lesion is not None
        assert picture.std() > 10
    finally:
        viewer.close()


def test_opening_a_foreign_folder_is_refused(tmp_path: Path):
    with pytest.raises(UnreadableFileError, match="neither a result of bmetk nor DICOM"):
        napari_bmetk.open_result(tmp_path, run=False)


def test_every_panel_takes_its_words_from_one_place():
    source = Path(_series_panel.__file__).read_text(encoding="utf-8")
    assert "QPushButton(texts." in source
    assert 'QPushButton("' not in source
