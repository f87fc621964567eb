"""Run the analysis beside the window: a thread computes, the main thread alone touches the viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.qt.threading import FunctionWorker, create_worker
from qtpy.QtCore import QObject, Signal

from bmetk import BmetkError, ExamResult, analyze
from bmetk.study import ReadOptions, exams_of_study


class Progress(QObject):
    """Carries progress from the worker's thread to the main thread, by a queued signal."""

    reported = Signal(str, float)


def analyze_study(folder: Path, on_progress: Callable[[str, float], None]) -> tuple[ExamResult, ...]:
    """Analyse every exam below a folder of DICOM files.

    Raises
    ------
    bmetk.errors.BmetkError
        If the folder cannot be used; the message says why.
    """
    on_progress("read", 0.0)
    exams = exams_of_study(folder, ReadOptions())
    results = []
    for done, exam in enumerate(exams):

        def report(stage: str, fraction: float, done: int = done) -> None:
            on_progress(stage, (done + fraction) / len(exams))

        results.append(analyze(exam, on_progress=report))
    return tuple(results)


def make_worker(folder: Path, progress: Progress) -> FunctionWorker:
    """Make the worker, not yet started; its signals come back on the main thread.

    napari would raise an error of the thread again in the main thread: the dock says it instead.
    """
    return create_worker(
        analyze_study, folder, progress.reported.emit, _start_thread=False, _ignore_errors=True
    )


def describe_failure(error: BaseException) -> str:
    """Say in a sentence why an analysis ended; only bmetk's own messages are known to carry no identity."""
    if isinstance(error, BmetkError):
        return str(error)
    fault = type(error).__name__
    return f"The analysis stopped on an unforeseen fault ({fault}). Nothing that is open was changed."
