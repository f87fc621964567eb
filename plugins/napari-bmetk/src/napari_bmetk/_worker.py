"""Compute beside the window: a thread computes, the main thread alone touches the viewer."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any

from napari.qt.threading import FunctionWorker, WorkerBase, create_worker
from qtpy.QtCore import QObject, Signal

from bmetk import BmetkError
from napari_bmetk import _texts as texts

# napari waits for its workers when its window is closed, a script that just ends does not: it would crash.
atexit.register(WorkerBase.await_workers)


class Cancelled(Exception):  # noqa: N818  # it is no error
    """The reader stopped the work."""


class Job(QObject):
    """One piece of work at a time, with progress and cancel.

    ``reported`` carries progress, ``done`` the result, ``failed`` a sentence, ``ended`` comes after either;
    all reach the main thread by queued signals.
    """

    reported = Signal(str, float)
    done = Signal(object)
    failed = Signal(str)
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._worker: FunctionWorker | None = None
        self._cancelled = False

    @property
    def is_running(self) -> bool:
        """Whether there is work going on."""
        return self._worker is not None

    def start(self, work: Callable[[Callable[[str, float], None]], Any]) -> bool:
        """Start a function that takes ``on_progress``; False where other work goes on."""
        if self.is_running:
            return False
        self._cancelled = False
        # napari would raise an error of the thread again in the main thread: the dock says it instead.
        worker = create_worker(work, self._report, _start_thread=False, _ignore_errors=True)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        self._worker = worker
        worker.start()
        return True

    def cancel(self) -> None:
        """Stop at the next report of progress."""
        self._cancelled = True

    def _report(self, stage: str, fraction: float) -> None:
        # napari asks its workers to stop when the window is closed, and waits for them.
        if self._cancelled or (self._worker is not None and self._worker.abort_requested):
            raise Cancelled
        self.reported.emit(stage, fraction)

    def _on_returned(self, result: object) -> None:
        self._worker = None
        self.done.emit(result)
        self.ended.emit()

    def _on_errored(self, error: BaseException) -> None:
        self._worker = None
        self.failed.emit(describe_failure(error))
        self.ended.emit()


def describe_failure(error: BaseException) -> str:
    """Say in a sentence why work ended; only bmetk's own messages are known to carry no identity."""
    if isinstance(error, Cancelled):
        return texts.CANCELLED
    if isinstance(error, BmetkError):
        return str(error)
    return texts.FAILED.format(fault=type(error).__name__)
