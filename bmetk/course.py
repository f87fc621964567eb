"""The exams of one patient, analysed in time order, each with knowledge of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bmetk import pipeline
from bmetk.config import Settings
from bmetk.exam import Exam, ExamResult
from bmetk.tracking import shows_soon_after


class Course:
    """An `analyze` for the exams of one patient, in time order, each of which knows the others.

    An exam is searched again once another soon after it shows edema in one of its bones.

    Parameters
    ----------
    known : results of earlier runs, which stay as they are
    """

    def __init__(self, known: Sequence[ExamResult] = ()) -> None:
        self._known = tuple(known)
        self._found: dict[Exam, ExamResult] = {}
        self._places: dict[Exam, pipeline.PlacedExam] = {}

    @property
    def results(self) -> tuple[ExamResult, ...]:
        """What was found in each exam so far, in the order in which they came."""
        return tuple(self._found.values())

    def __call__(
        self, exam: Exam, *, settings: Settings | None = None, on_progress: pipeline.Progress | None = None
    ) -> ExamResult:
        """Analyse the next exam, and search those shortly before it again; see `bmetk.pipeline.analyze`."""
        known = (*self._known, *self.results)
        found = pipeline.analyze(
            exam, settings=settings, on_progress=on_progress, known=known, places=self._places
        )
        for earlier, before in tuple(self._found.items()):
            if shows_soon_after(before, found):
                again = pipeline.analyze(
                    earlier, settings=settings, known=(*known, found), places=self._places
                )
                self._found[earlier] = replace(again, seconds={**before.seconds, **again.seconds})
        self._found[exam] = found
        return found
