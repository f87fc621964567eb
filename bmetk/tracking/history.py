"""Put the measurements of several exams into one history a region."""

from __future__ import annotations

from collections.abc import Sequence

from bmetk.anatomy import Region, Side
from bmetk.exam import ExamResult, RegionMeasurement
from bmetk.tracking.change import TrackingSettings, detection_limit_ml
from bmetk.tracking.timeline import PointState, RegionHistory, RegionPoint, TimelineExam

Place = tuple[str, Side | None]
"""A region of one side."""

_PROXIMAL_TO_DISTAL = {region.value: number for number, region in enumerate(Region)}
_SIDES = (Side.RIGHT, Side.LEFT, Side.BOTH, None)


def build_histories(
    exams: Sequence[TimelineExam], results: Sequence[ExamResult], settings: TrackingSettings
) -> tuple[RegionHistory, ...]:
    """Give every region that any exam names one point an exam.

    Parameters
    ----------
    exams, results : of equal length, in time order
    """
    tables = [{(m.region, m.side): m for m in result.measurements} for result in results]
    places = sorted({place for table in tables for place in table}, key=_anatomical_order)
    return tuple(_history(place, exams, tables, settings) for place in places)


def _anatomical_order(place: Place) -> tuple[int, int, str]:
    region, side = place
    return _SIDES.index(side), _PROXIMAL_TO_DISTAL.get(region, len(_PROXIMAL_TO_DISTAL)), region


def _history(
    place: Place,
    exams: Sequence[TimelineExam],
    tables: Sequence[dict[Place, RegionMeasurement]],
    settings: TrackingSettings,
) -> RegionHistory:
    bone = next(table[place].bone for table in tables if place in table)
    points = (_point(exam, table.get(place), settings) for exam, table in zip(exams, tables, strict=True))
    return RegionHistory(place[0], place[1], bone, tuple(points))


def _point(exam: TimelineExam, measured: RegionMeasurement | None, settings: TrackingSettings) -> RegionPoint:
    if measured is None or measured.edema_ml is None:
        return RegionPoint(exam.date, exam.name, PointState.NOT_IMAGED)
    # Too little of a region cannot show that it is free of edema, but edema that is seen is there.
    seen = measured.edema_ml >= detection_limit_ml(measured.bone_ml, settings)
    if measured.coverage <= 0 or (measured.coverage < settings.minimum_coverage and not seen):
        return RegionPoint(exam.date, exam.name, PointState.NOT_IMAGED, coverage=measured.coverage)
    return RegionPoint(
        exam.date,
        exam.name,
        PointState.MEASURED,
        measured.coverage,
        measured.bone_ml,
        measured.edema_ml,
        measured.edema_ml_low,
        measured.edema_ml_high,
        measured.detection_limit_ml,
    )
