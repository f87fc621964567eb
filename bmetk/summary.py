"""Results in a few lines of text, as the command line prints them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmetk.exam import ExamResult, RegionMeasurement
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


def timeline_lines(timeline: Timeline) -> Iterator[str]:
    """Give one line an event and one a migration."""
    yield "date        side   region                      edema mL  event"
    for event in timeline.events:
        where = f"{event.side or '':6} {event.region:26}"
        yield f"{event.date}  {where} {event.edema_ml_after:9.2f}  {event.kind}"
    for move in timeline.migrations:
        origin, target = (f"{site.side or ''} {site.region}".strip() for site in (move.origin, move.target))
        yield f"migration: {origin} -> {target}, {move.interval_days} days, {move.relation}"
