"""How fast the edema of a site resolves: half-life, rate, and time to the detection limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from bmetk.tracking.change import TrackingSettings, detection_limit_ml
from bmetk.tracking.timeline import (
    Event,
    EventKind,
    RegionHistory,
    RegionPoint,
    Resolution,
    ResolutionState,
)

_DAYS_A_MONTH = 30.4375


def find_kinetics(
    histories: Sequence[RegionHistory], events: Sequence[Event], settings: TrackingSettings
) -> tuple[Resolution, ...]:
    """Describe the resolution of every episode of every region, in order of onset.

    An episode of a region runs from its onset to the exam that calls it resolved, or to the last exam that
    shows it.
    """
    found = [course for history in histories for course in _courses(history, events, settings)]
    return tuple(sorted(found, key=lambda course: course.onset))


def _courses(
    history: RegionHistory, events: Sequence[Event], settings: TrackingSettings
) -> Iterator[Resolution]:
    own = [event for event in events if (event.region, event.side) == (history.region, history.side)]
    by_exam = {point.exam: point for point in history.measured}
    onsets = [number for number, event in enumerate(own) if event.kind.is_onset]
    for first, following in pairwise([*onsets, len(own)]):
        points = [by_exam[event.exam] for event in own[first:following]]
        resolved = own[following - 1].kind is EventKind.RESOLVED
        yield _describe(history, points, resolved, settings)


def _describe(
    history: RegionHistory, points: Sequence[RegionPoint], resolved: bool, settings: TrackingSettings
) -> Resolution:
    peak = max(range(len(points)), key=lambda n: points[n].edema_ml or 0.0)
    falling = points[peak:]
    volumes = [
        max(point.edema_ml or 0.0, detection_limit_ml(point.bone_ml, settings) / 2) for point in falling
    ]
    days = [(point.date - points[peak].date).days for point in falling]
    half_life, rate = _decay(days, volumes)
    onset = points[0].date
    last_seen = points[-2] if resolved else points[-1]
    return Resolution(
        region=history.region,
        side=history.side,
        onset=onset,
        peak_ml=points[peak].edema_ml or 0.0,
        exams=len(points),
        state=ResolutionState.RESOLVED if resolved else ResolutionState.CENSORED,
        present_days=(last_seen.date - onset).days,
        resolved_days=(points[-1].date - onset).days if resolved else None,
        half_life_days=half_life,
        half_life_at_most=resolved and len(falling) == 2 and half_life is not None,
        rate_ml_a_month=rate,
    )


def _decay(days: Sequence[int], volumes_ml: Sequence[float]) -> tuple[float | None, float | None]:
    """Fit a straight line to the logarithms and one to the volumes, from the peak on.

    A volume below the detection limit counts as half of it. No half-life is told where the volume
    does not fall, nor anything of a single exam.
    """
    if len(set(days)) < 2:
        return None, None
    slope = float(np.polyfit(days, np.log(volumes_ml), 1)[0])
    rate = float(np.polyfit(days, volumes_ml, 1)[0]) * _DAYS_A_MONTH
    return (float(np.log(2)) / -slope if slope < 0 else None), rate
