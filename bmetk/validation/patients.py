"""Patients tracked from whole images, against the course that their true volumes tell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bmetk import __version__
from bmetk.config import Settings
from bmetk.course import Course
from bmetk.errors import BmetkError
from bmetk.exam import ExamResult
from bmetk.export.whole_folder import write_whole
from bmetk.pipeline import track_exams
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.spec import PatientSpec
from bmetk.tracking import Event, EventKind, RefusedComparison, Timeline
from bmetk.validation.score import Retrieval, retrieve
from bmetk.validation.truth import exam_of, settings_of_truth, true_result

FREE_ML = 0.1
"""A region with less true edema is free of it: the edge of a neighbour's lesion is none of its own."""

_Key = tuple[str, str, str]
_ONSETS = frozenset(kind.value for kind in EventKind if kind.is_onset)


@dataclass(frozen=True, slots=True)
class EventScore:
    """One region at one exam that has an event, told or true; volumes are mL, None where not imaged.

    ``told`` and ``true`` are kinds of events, empty where there is none. ``before`` is the region's last
    measured exam, ``change_over_sdc`` that of the event told; ``refused`` where the tracker said, with the
    reason, that the two exams do not compare.
    """

    patient: str
    date: str
    side: str
    region: str
    told: str
    true: str
    found_before_ml: float | None
    true_before_ml: float | None
    found_ml: float | None
    true_ml: float | None
    change_over_sdc: float | None
    refused: bool = False

    @property
    def is_false_onset(self) -> bool:
        """Whether edema is told to have come in a region that is free of it."""
        return self.told in _ONSETS and (self.true_ml or 0.0) < FREE_ML


@dataclass(frozen=True, slots=True)
class PatientScore:
    """One patient: events and migrations found, missed and made up.

    ``failure`` holds the sentences where the pipeline refused an exam; that exam is left out, so that what it
    shows is missed.
    """

    name: str
    exams: int = 0
    failure: str = ""
    events: Retrieval = Retrieval(0, 0, 0)
    onsets: Retrieval = Retrieval(0, 0, 0)
    migrations: Retrieval = Retrieval(0, 0, 0)
    rows: tuple[EventScore, ...] = ()

    @property
    def false_onsets(self) -> int:
        """How often edema was told to have come in a region that is free of it."""
        return sum(row.is_false_onset for row in self.rows)


def score_patient(task: tuple[PatientSpec, Settings, Path | None]) -> PatientScore:
    """Simulate one patient, track what the pipeline finds, and compare with the tracked truth.

    The third of the task is a folder in which the score is kept, so that a run that broke off can go on;
    a score of another patient, of other settings or of another version counts for nothing.
    """
    patient, settings, steps = task
    if steps is None:
        return _score(patient, settings)
    path = steps / f"{patient.name}.json"
    source = hashlib.sha256(repr((patient, settings, __version__)).encode()).hexdigest()
    kept = _read(path, source)
    if kept is not None:
        return kept
    score = _score(patient, settings)
    write_whole(path, json.dumps({"source": source, "score": asdict(score)}, indent=1).encode())
    return score


def _read(path: Path, source: str) -> PatientScore | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _stored(document["score"]) if document["source"] == source else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or broken off: it is measured again


def _stored(score: Mapping[str, Any]) -> PatientScore:
    counts = {name: Retrieval(**score[name]) for name in ("events", "onsets", "migrations")}
    rows = tuple(EventScore(**row) for row in score["rows"])
    return PatientScore(**{**score, **counts, "rows": rows})


def _score(patient: PatientSpec, settings: Settings) -> PatientScore:
    true: list[ExamResult] = []
    refused: list[str] = []
    course = Course()
    for spec in patient.exams:
        simulated = simulate_exam(spec)
        true.append(true_result(simulated, patient.name))
        try:
            course(exam_of(simulated, patient.name), settings=settings)
        except BmetkError as error:
            refused.append(f"{spec.date} {spec.joint}: {error}")
    return compare_courses(patient.name, course.results, true, settings, failure="; ".join(refused))


def compare_courses(
    name: str,
    found: Sequence[ExamResult],
    true: Sequence[ExamResult],
    settings: Settings,
    *,
    failure: str = "",
) -> PatientScore:
    """Track the results of a patient's exams and their truths, and compare the two courses.

    Parameters
    ----------
    found : results of the exams that could be used
    true : see `bmetk.validation.truth.true_result`, one an exam
    failure : why others could not be used
    """
    real = track_exams(true, settings=settings_of_truth(settings))
    seen = track_exams(found, settings=settings) if found else None
    return replace(compare_timelines(name, seen, real), failure=failure)


def compare_timelines(name: str, seen: Timeline | None, real: Timeline) -> PatientScore:
    """Compare the course that was told, None where no exam could be used, with the true one."""
    told = () if seen is None else seen.events
    return PatientScore(
        name=name,
        exams=len(real.exams),
        events=retrieve(event_keys(told), event_keys(real.events)),
        onsets=retrieve(*(event_keys([e for e in each if e.kind.is_onset]) for each in (told, real.events))),
        migrations=retrieve(set() if seen is None else migration_keys(seen), migration_keys(real)),
        rows=_rows(name, seen, real),
    )


def event_keys(events: Sequence[Event]) -> set[tuple[str, ...]]:
    """Name events by day, side, region and kind."""
    return {(*_key(event), event.kind.value) for event in events}


def migration_keys(timeline: Timeline) -> set[tuple[str, ...]]:
    """Name migrations by day, side and relation: of two regions alike in size either may be dominant."""
    return {
        (str(m.origin.date), str(m.origin.side), str(m.target.side), str(m.target.date), m.relation.value)
        for m in timeline.migrations
    }


def _key(event: Event | RefusedComparison) -> _Key:
    return str(event.date), str(event.side), event.region


def _rows(name: str, seen: Timeline | None, real: Timeline) -> tuple[EventScore, ...]:
    told = {} if seen is None else {_key(event): event for event in seen.events}
    true = {_key(event): event for event in real.events}
    refused = set() if seen is None else {_key(each) for each in seen.not_compared}
    volumes = [{} if timeline is None else _volumes(timeline) for timeline in (seen, real)]
    return tuple(
        replace(_row(name, key, told.get(key), true.get(key), volumes), refused=key in refused)
        for key in sorted(told.keys() | true.keys())
    )


def _row(
    name: str,
    key: _Key,
    told: Event | None,
    true: Event | None,
    volumes: Sequence[Mapping[_Key, float]],
) -> EventScore:
    found_ml, true_ml = (each.get(key) for each in volumes)
    found_before, true_before = (_last_before(each, key) for each in volumes)
    return EventScore(
        name,
        *key,
        told="" if told is None else told.kind.value,
        true="" if true is None else true.kind.value,
        found_before_ml=found_before,
        true_before_ml=true_before,
        found_ml=found_ml,
        true_ml=true_ml,
        change_over_sdc=None if told is None else told.change_over_sdc,
    )


def _volumes(timeline: Timeline) -> dict[_Key, float]:
    return {
        (str(point.date), str(history.side), history.region): point.edema_ml
        for history in timeline.regions
        for point in history.measured
        if point.edema_ml is not None
    }


def _last_before(volumes: Mapping[_Key, float], key: _Key) -> float | None:
    """Give the volume at the region's last measured exam before that of the key, mL."""
    earlier = [day for day, *place in volumes if tuple(place) == key[1:] and day < key[0]]
    return volumes[(max(earlier), *key[1:])] if earlier else None
