"""A timeline as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from bmetk.tracking.timeline import RegionHistory, RegionPoint, Timeline

COLUMNS = (
    "date",
    "exam",
    "joint",
    "exam_side",
    "region",
    "bone",
    "side",
    "state",
    "coverage",
    "bone_ml",
    "edema_ml",
    "edema_ml_low",
    "edema_ml_high",
    "event",
    "previously_imaged",
    "previous_date",
    "edema_ml_before",
    "change_over_sdc",
    "change_ml_low",
    "change_ml_high",
    "probability",
    "comparable",
    "reasons",
)
"""Columns of ``timeline.csv``: the point, then the event at it, if there is one."""


def timeline_frame(timeline: Timeline) -> pd.DataFrame:
    """Tabulate a timeline, one row a region and exam, in time order.

    Volumes are mL. A region that was not imaged has empty volumes, never 0.
    """
    import pandas as pd

    order = {exam.name: number for number, exam in enumerate(timeline.exams)}
    pairs = [(history, point) for history in timeline.regions for point in history.points]
    pairs.sort(key=lambda pair: order[pair[1].exam])
    frame = pd.DataFrame([_row(timeline, *pair) for pair in pairs], columns=list(COLUMNS))
    for column in ("date", "previous_date"):
        frame[column] = pd.to_datetime(frame[column])
    return frame.astype({"previously_imaged": "boolean", "comparable": "boolean"})


def _row(timeline: Timeline, history: RegionHistory, point: RegionPoint) -> dict[str, object]:
    exam = next(exam for exam in timeline.exams if exam.name == point.exam)
    row: dict[str, object] = {
        "date": point.date,
        "exam": point.exam,
        "joint": exam.joint.value,
        "exam_side": exam.side,
        "region": history.region,
        "bone": history.bone,
        "side": history.side,
        "state": point.state.value,
        "coverage": point.coverage,
        "bone_ml": point.bone_ml,
        "edema_ml": point.edema_ml,
        "edema_ml_low": point.edema_ml_low,
        "edema_ml_high": point.edema_ml_high,
    }
    for event in timeline.events:
        if (event.exam, event.region, event.side) == (point.exam, history.region, history.side):
            row |= {
                "event": event.kind.value,
                "previously_imaged": event.previously_imaged,
                "previous_date": event.previous_date,
                "edema_ml_before": event.edema_ml_before,
                "change_over_sdc": event.change_over_sdc,
                "change_ml_low": event.change_ml_low,
                "change_ml_high": event.change_ml_high,
                "probability": event.probability,
                "comparable": event.comparable,
                "reasons": "; ".join(event.reasons),
            }
    return row
