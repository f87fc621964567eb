"""Tell what happened to each region from exam to exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

from bmetk.tracking.change import TrackingSettings, has_edema, smallest_detectable_change_ml
from bmetk.tracking.timeline import Event, EventKind, RegionHistory, RegionPoint, TimelineExam


@dataclass(frozen=True, slots=True)
class _Record:
    """What is on record of a region so far; ``present`` is whether edema was there when last told."""

    last: RegionPoint | None = None
    ever: bool = False
    present: bool = False


def find_events(
    histories: Sequence[RegionHistory], exams: Sequence[TimelineExam], settings: TrackingSettings
) -> tuple[Event, ...]:
    """List the events of every region, in time order.

    A region that was not imaged makes no event. Regions that two exams of one day show count
    once, by the exam that covers more of them. Where less than ``resolved_coverage`` of a region was imaged
    and no edema is seen, nothing is said: neither resolved nor decreased.
    """
    by_name = {exam.name: exam for exam in exams}
    first_day = min(exam.date for exam in exams)
    events = [event for history in histories for event in _events_of(history, by_name, first_day, settings)]
    return tuple(sorted(events, key=lambda event: event.date))


def _events_of(
    history: RegionHistory, exams: Mapping[str, TimelineExam], first_day: date, settings: TrackingSettings
) -> Iterator[Event]:
    record = _Record()
    for point in _one_a_day(history):
        kind = _kind(record, point, first_day, settings)
        if kind is not None:
            yield _event(history, exams[point.exam], record.last, point, kind, settings)
        record = _updated(record, point, kind, settings)


def _one_a_day(history: RegionHistory) -> Iterator[RegionPoint]:
    for _, same_day in groupby(history.measured, key=lambda point: point.date):
        yield max(same_day, key=lambda point: (point.coverage, point.bone_ml or 0.0))


def _kind(
    record: _Record, point: RegionPoint, first_day: date, settings: TrackingSettings
) -> EventKind | None:
    if not has_edema(point, settings):
        gone = record.present and point.coverage >= settings.resolved_coverage
        return EventKind.RESOLVED if gone else None
    if record.present and record.last is not None:
        return _direction(change_over_sdc(record.last, point, settings))
    if record.ever:
        return EventKind.RECURRENT
    return EventKind.BASELINE if point.date == first_day else EventKind.NEW


def _direction(ratio: float) -> EventKind:
    if abs(ratio) < 1:
        return EventKind.UNCHANGED
    return EventKind.INCREASED if ratio > 0 else EventKind.DECREASED


def change_over_sdc(before: RegionPoint, after: RegionPoint, settings: TrackingSettings) -> float:
    """Signed change of volume over the smallest detectable change."""
    change_ml = (after.edema_ml or 0.0) - (before.edema_ml or 0.0)
    return change_ml / smallest_detectable_change_ml(before, after, settings)


def _updated(
    record: _Record, point: RegionPoint, kind: EventKind | None, settings: TrackingSettings
) -> _Record:
    if record.present and kind is None:
        # Too little was imaged to say that it resolved: keep comparing with the exam before.
        return record
    present = has_edema(point, settings)
    return replace(record, last=point, ever=record.ever or present, present=present)


def _event(
    history: RegionHistory,
    exam: TimelineExam,
    before: RegionPoint | None,
    after: RegionPoint,
    kind: EventKind,
    settings: TrackingSettings,
) -> Event:
    return Event(
        date=after.date,
        kind=kind,
        region=history.region,
        side=history.side,
        bone=history.bone,
        joint=exam.joint,
        exam=exam.name,
        previously_imaged=before is not None,
        previous_date=None if before is None else before.date,
        edema_ml_before=None if before is None else before.edema_ml,
        edema_ml_after=after.edema_ml or 0.0,
        change_over_sdc=None if before is None else change_over_sdc(before, after, settings),
    )
