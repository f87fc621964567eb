"""From the series that a reader chose to a result under review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bmetk.anatomy import BONE_LABELS
from bmetk.config import Settings
from bmetk.errors import InputError, MissingSeriesError
from bmetk.exam import Exam, ExamResult, Segmentation
from bmetk.patient import track_exams_to
from bmetk.pipeline import Progress, analyze
from bmetk.review.draft import Draft, with_marks
from bmetk.review.pick import SeriesChoice, load_choice, with_source
from bmetk.review.store import Review, open_review
from bmetk.study import ReadOptions, write_exams


def run_choices(
    choices: Sequence[SeriesChoice],
    out: Path,
    *,
    settings: Settings | None = None,
    on_progress: Progress | None = None,
) -> Review:
    """Analyse the exams chosen, follow them if there are several, and open the result for review.

    Parameters
    ----------
    choices : exams with the series that each takes
    out : folder of the result, new or empty
    on_progress : told the stage and the share of the work done; may raise to stop the run

    Raises
    ------
    InputError
        If no exam is chosen, none can be used, or the folder cannot be written.
    """
    if not choices:
        raise InputError("no exam is ticked: tick at least one exam to run")
    if on_progress is not None:
        on_progress("read", 0.0)
    exams = [load_choice(choice) for choice in choices]
    chosen = settings or Settings()
    shares = _Shares(on_progress, len(exams))
    if len(exams) > 1 and all(exam.date is not None for exam in exams):
        track_exams_to(exams, out, settings=chosen, options=ReadOptions(), on_progress=shares)
    else:
        write_exams(exams, out, analyze, settings=chosen, on_progress=shares)
    return with_exams(open_review(out), exams)


def with_exams(review: Review, exams: Sequence[Exam]) -> Review:
    """Give a review the series that its results were made from, where they are at hand."""
    drafts = {
        name: replace(draft, base=_with_series(draft.base, exams)) for name, draft in review.drafts.items()
    }
    return replace(review, drafts=drafts)


def with_study(review: Review, choices: Sequence[SeriesChoice]) -> Review:
    """Give a review the series of the study that its results came from, as far as that holds them.

    Raises
    ------
    InputError
        If the study holds none of its exams; the message says why.
    """
    drafts: dict[str, Draft] = {}
    refusals: list[InputError] = []
    for name, draft in review.drafts.items():
        try:
            drafts[name] = replace(draft, base=with_source(draft.base, choices))
        except InputError as error:
            refusals.append(error)
    if not drafts:
        raise refusals[0] if refusals else InputError("this result has no exam to review")
    return replace(review, drafts={**review.drafts, **drafts})


def run_edema_again(
    draft: Draft, *, settings: Settings | None = None, on_progress: Progress | None = None
) -> Draft:
    """Look for edema again, in the bones as the reader corrected them.

    The reader's verdicts on findings stay; marks and decisions on lesions begin anew from what is found.

    Raises
    ------
    MissingSeriesError
        If the series are not at hand.
    """
    exam = draft.base.exam
    if exam.t1 is None or exam.fluid is None:
        raise MissingSeriesError(
            "the series of this exam are not open: show them first (Series, 'Show series of a result'), "
            "then run the edema step again"
        )
    bones = Segmentation(draft.bones.labels, BONE_LABELS)
    found = analyze(replace(exam, bones=bones), settings=settings, on_progress=on_progress)
    return taken_up(draft, found)


def taken_up(draft: Draft, found: ExamResult) -> Draft:
    """Put what was found anew into a draft as the reader's edema; its base stays the one reviewed."""
    assert found.edema is not None
    marks = found.edema.array.astype(np.uint8)
    taken = with_marks(replace(draft, regions=found.regions, bones=found.bones), marks)
    return replace(taken, accepted=frozenset(), split=frozenset())


def _with_series(result: ExamResult, exams: Sequence[Exam]) -> ExamResult:
    own = result.exam
    for exam in exams:
        if (exam.date, exam.joint, exam.side) != (own.date, own.joint, own.side) or exam.fluid is None:
            continue
        if result.bones.grid.matches(exam.fluid.image.grid):
            return replace(result, exam=replace(own, t1=exam.t1, fluid=exam.fluid))
    return result


class _Shares:
    """Turns the progress of one exam into that of all of them."""

    def __init__(self, on_progress: Progress | None, count: int) -> None:
        self._on_progress = on_progress
        self._count = count
        self._done = 0
        self._last = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        if self._on_progress is None:
            return
        if fraction < self._last:
            self._done += 1
        self._last = fraction
        self._on_progress(stage, min(1.0, (self._done + fraction) / self._count))
