"""Tell what happened to each region from exam to exam, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, zip_longest

from bmetk.tracking.change import (
    TrackingSettings,
    has_edema,
    may_have_edema,
    smallest_detectable_change_ml,
    still_has_edema,
)
from bmetk.tracking.comparability import Comparability, compare_exams
from bmetk.tracking.history import Place
from bmetk.tracking.significance import Change, judge_change, presence_probability
from bmetk.tracking.timeline import (
    Event,
    EventKind,
    RefusedComparison,
    RegionHistory,
    RegionPoint,
    TimelineExam,
)

_ALONE = Comparability(True, 1.0, ())

InView = Callable[[Place, str, str], float | None]
"""How much of the edema of a place in one exam lay where another exam looked; None where nothing tells it."""


def _unknown_view(place: Place, before: str, after: str) -> None:
    """Know nothing of where edema lay."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What is on record of a region so far; ``present`` is whether edema was there when last told."""

    last: RegionPoint | None = None
    ever: bool = False
    present: bool = False


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A point against the last one on record; ``change`` is None where there is none."""

    verdict: Comparability
    change: Change | None


def find_events(
    histories: Sequence[RegionHistory],
    exams: Sequence[TimelineExam],
    settings: TrackingSettings,
    in_view: InView = _unknown_view,
) -> tuple[tuple[Event, ...], tuple[RefusedComparison, ...]]:
    """List the events of every region, in time order, and the comparisons that were refused.

    A region that was not imaged makes no event. Regions that two exams of one day show count once, by the
    exam that covers more of them. Where no edema is seen and less than ``resolved_coverage`` of where it was
    is in view, or of the region if ``in_view`` does not know, nothing is said: neither resolved nor
    decreased. Nothing is said either of edema whose two exams do not compare and whose volume did not change
    decisively, nor where so little was there before that slices like those of the later exam may miss it; the
    next exam is compared with the one before both. Edema in doubt is told where the region's next exam bears
    it out.
    """
    by_name = {exam.name: exam for exam in exams}
    first_day = min(exam.date for exam in exams)
    told = [
        told for history in histories for told in _told_of(history, by_name, first_day, settings, in_view)
    ]
    events = [each for each in told if isinstance(each, Event)]
    refused = [each for each in told if isinstance(each, RefusedComparison)]
    return (
        tuple(sorted(events, key=lambda event: event.date)),
        tuple(sorted(refused, key=lambda each: each.date)),
    )


def _told_of(
    history: RegionHistory,
    exams: Mapping[str, TimelineExam],
    first_day: date,
    settings: TrackingSettings,
    in_view: InView,
) -> Iterator[Event | RefusedComparison]:
    record = _Record()
    points = tuple(_one_a_day(history))
    for point, following in zip_longest(points, points[1:]):
        compared = _compare(record.last, point, exams, settings)
        reasons = _reasons_to_refuse(record, point, compared, settings)
        if reasons and record.last is not None:
            yield RefusedComparison(
                point.date, point.exam, history.region, history.side, record.last.date, reasons
            )
            continue
        kind = _kind(record, point, following, compared, first_day, settings)
        if kind is EventKind.RESOLVED and not _was_looked_at(history, record, point, settings, in_view):
            kind = None
        if kind is not None:
            yield _event(history, exams[point.exam], record.last, point, kind, compared, settings)
        record = _updated(record, point, kind)


def _reasons_to_refuse(
    record: _Record, point: RegionPoint, compared: _Comparison, settings: TrackingSettings
) -> tuple[str, ...]:
    """Say why nothing can be told of edema on record; empty where it can."""
    if not record.present or record.last is None:
        return ()
    change = compared.change
    decisive = change is not None and abs(change.over_sdc) >= settings.decisive_change
    if not compared.verdict.comparable and not decisive:
        return compared.verdict.reasons
    before_ml, limit_ml = record.last.edema_ml or 0.0, point.detection_limit_ml or 0.0
    seen = change is not None and still_has_edema(point, change.over_sdc, settings)
    if seen or before_ml >= limit_ml:
        return ()
    return (f"{before_ml:.2g} mL before, and slices that may miss {limit_ml:.2g} mL",)


def _one_a_day(history: RegionHistory) -> Iterator[RegionPoint]:
    for _, same_day in groupby(history.measured, key=lambda point: point.date):
        yield max(same_day, key=lambda point: (point.coverage, point.bone_ml or 0.0))


def _compare(
    before: RegionPoint | None,
    after: RegionPoint,
    exams: Mapping[str, TimelineExam],
    settings: TrackingSettings,
) -> _Comparison:
    if before is None:
        return _Comparison(_ALONE, None)
    verdict = compare_exams(exams[before.exam], exams[after.exam], (before, after))
    change_ml = (after.edema_ml or 0.0) - (before.edema_ml or 0.0)
    smallest = smallest_detectable_change_ml(before, after, settings) * verdict.widening
    return _Comparison(verdict, judge_change(change_ml, smallest))


def _kind(
    record: _Record,
    point: RegionPoint,
    following: RegionPoint | None,
    compared: _Comparison,
    first_day: date,
    settings: TrackingSettings,
) -> EventKind | None:
    """Name what happened; edema in doubt counts if the exam that follows shows it beyond doubt."""
    if record.present and compared.change is not None:
        ratio = compared.change.over_sdc
        if still_has_edema(point, ratio, settings):
            return _direction(ratio)
        return EventKind.RESOLVED
    borne_out = following is not None and has_edema(following, settings) and may_have_edema(point, settings)
    if not (borne_out or has_edema(point, settings)):
        return None
    if record.ever:
        return EventKind.RECURRENT
    return EventKind.BASELINE if point.date == first_day else EventKind.NEW


def _was_looked_at(
    history: RegionHistory, record: _Record, point: RegionPoint, settings: TrackingSettings, in_view: InView
) -> bool:
    """Tell whether an exam shows enough of where edema was, or else of its region."""
    known = None
    if record.last is not None:
        known = in_view((history.region, history.side), record.last.exam, point.exam)
    return (point.coverage if known is None else known) >= settings.resolved_coverage


def _direction(ratio: float) -> EventKind:
    if abs(ratio) < 1:
        return EventKind.UNCHANGED
    return EventKind.INCREASED if ratio > 0 else EventKind.DECREASED


def _updated(record: _Record, point: RegionPoint, kind: EventKind | None) -> _Record:
    if record.present and kind is None:
        # Too little was imaged to say that it resolved: keep comparing with the exam before.
        return record
    present = kind is not None and kind is not EventKind.RESOLVED
    return replace(record, last=point, ever=record.ever or present, present=present)


def _event(
    history: RegionHistory,
    exam: TimelineExam,
    before: RegionPoint | None,
    after: RegionPoint,
    kind: EventKind,
    compared: _Comparison,
    settings: TrackingSettings,
) -> Event:
    change = compared.change
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
        change_over_sdc=None if change is None else change.over_sdc,
        change_ml=None if change is None else change.ml,
        change_ml_low=None if change is None else change.ml_low,
        change_ml_high=None if change is None else change.ml_high,
        probability=_probability(kind, after, compared, exam, settings),
        comparable=compared.verdict.comparable,
        reasons=(*compared.verdict.reasons, *(exam.doubts if before is None else ())),
    )


def _probability(
    kind: EventKind,
    after: RegionPoint,
    compared: _Comparison,
    exam: TimelineExam,
    settings: TrackingSettings,
) -> float | None:
    """Tell how likely the event is real; None for an unchanged region, and where an exam is in doubt."""
    change = compared.change
    if exam.doubts or not compared.verdict.comparable or kind is EventKind.UNCHANGED:
        return None
    if change is not None and not kind.is_onset:
        return change.probability
    alone = smallest_detectable_change_ml(after, after, settings)
    present = presence_probability(after.edema_ml or 0.0, after.edema_ml_low, alone)
    return present if change is None else min(present, change.probability)
