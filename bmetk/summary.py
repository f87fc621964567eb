"""Results in a few lines of text, as the command line prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmetk.batch import PatientOutcome
    from bmetk.exam import ExamResult, RegionMeasurement, SkippedExam
    from bmetk.tracking import Timeline


def measurement_lines(folder: Path, result: ExamResult) -> Iterator[str]:
    """Give one line a region, one a check that is not ok, and where the result lies."""
    exam = result.exam
    yield " ".join(part for part in (str(exam.date or "no date"), exam.joint, exam.side or "") if part)
    for row in result.measurements:
        yield f"  {row.side or '':6}{row.region:28}{row.coverage:5.0%}  {_volume(row)}"
    for check in result.quality:
        if check.status != "ok":
            yield f"  {check.status}: {check.message}"
    yield f"  result: {folder}"


def _volume(row: RegionMeasurement) -> str:
    if row.coverage == 0:
        return "not imaged"
    if row.edema_ml is None:
        return f"{row.bone_ml or 0:9.2f} mL bone"
    return f"{row.edema_ml:9.2f} mL edema [{row.edema_ml_low:.2f}, {row.edema_ml_high:.2f}]"


def skipped_line(exam: SkippedExam) -> str:
    """Say which exam was left out and why."""
    return f"exam {exam.name} ({exam.date or 'no date'}) is left out: {exam.reason}"


def timeline_lines(timeline: Timeline) -> Iterator[str]:
    """Give one line an event and one a migration."""
    yield "date        side   region                      edema mL  event"
    for event in timeline.events:
        where = f"{event.side or '':6} {event.region:26}"
        yield f"{event.date}  {where} {event.edema_ml_after:9.2f}  {event.kind}"
    for move in timeline.migrations:
        origin, target = (f"{site.side or ''} {site.region}".strip() for site in (move.origin, move.target))
        yield f"migration: {origin} -> {target}, {move.interval_days} days, {move.relation}"


def trouble_lines(outcomes: Sequence[PatientOutcome]) -> Iterator[str]:
    """Give one line a patient that failed, and one an exam that was left out."""
    for outcome in outcomes:
        if outcome.reason:
            yield f"{outcome.patient}: {outcome.reason}"
        for exam in outcome.skipped:
            yield f"{outcome.patient}: {skipped_line(exam)}"


def cohort_line(outcomes: Sequence[PatientOutcome]) -> str:
    """Count the patients that are done and the exams that were left out."""
    done = sum(outcome.status == "done" for outcome in outcomes)
    skipped = sum(len(outcome.skipped) for outcome in outcomes)
    left_out = f", {skipped} exam{'' if skipped == 1 else 's'} left out" if skipped else ""
    return f"{done} of {len(outcomes)} patients done{left_out}"
