"""Courses drawn around the published ones, measured with a known error: how well the tracker reads them.

No image is made: true volumes are disturbed as the pipeline was seen to disturb them, so that hundreds of
courses cost seconds and the tracker is judged apart from what finds the edema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import exp, sqrt

import numpy as np

from bmetk import __version__
from bmetk.anatomy import BONE_OF_REGION, REGIONS_OF_JOINT, Joint, Region, Side
from bmetk.config import Settings
from bmetk.exam import Exam, ExamResult, Patient, RegionMeasurement, Segmentation
from bmetk.image import Grid, LabelMap
from bmetk.pipeline import track_exams
from bmetk.simulate.courses import course_facts, course_ids
from bmetk.tracking import EventKind
from bmetk.validation.patients import event_keys, migration_keys
from bmetk.validation.score import Retrieval, retrieve
from bmetk.validation.truth import settings_of_truth

Place = tuple[Side, Region]

_DAYS_A_MONTH = 30.4375
_FIRST_DAY = date(2015, 1, 1)
_BONE_ML = {Joint.HIP: 45.0, Joint.KNEE: 60.0, Joint.ANKLE: 30.0, Joint.FOOT: 12.0}
_PHALANX_ML = 3.0
_FILL = (0.2, 0.6)
_FOLLOWED_UP = 0.5
_COURSES = ("same", "smaller", "larger", "gone")
_FREEDOM = 6
"""Degrees of freedom of the errors' t distribution."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What all exams of a lesion have in common, standard normal: its error, the width of its intervals."""

    error: float
    width: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Habit:
        """Draw one."""
        return cls(*(float(value) for value in rng.normal(size=2)))


@dataclass(frozen=True, slots=True)
class MeasurementError:
    """How the pipeline's volumes stray from the true ones.

    The defaults are those of 329 regions of simulated development exams, 90 of them examined twice, a week
    apart: the wider the interval that the pipeline tells, the farther the volume strays. Errors have heavier
    tails than normal ones (kurtosis 5). Of 294 regions without edema 16 showed a speck, of 0.4 mL at most,
    and of 0.3 mL in small bones.

    Parameters
    ----------
    interval_share, interval_root : half the width of the interval, as a share of the volume and of its root
        (mL), added up: 24 % above 20 mL, 36 % at 3 mL, 60 % at 0.6 mL
    spread : standard deviation of the logarithm of that width, from lesion to lesion
    error : standard deviation of the volume's error over that width
    steady : share of its variance that all exams of one lesion have in common
    speck_chance, speck_ml : of false edema in a region, and its largest volume
    """

    interval_share: float = 0.2
    interval_root: float = 0.28
    spread: float = 0.25
    error: float = 0.28
    steady: float = 0.56
    speck_chance: float = 0.055
    speck_ml: float = 0.35

    def measure(
        self, true_ml: float, rng: np.random.Generator, habit: Habit | None = None
    ) -> tuple[float, float, float]:
        """Draw the volume found with its interval, mL.

        ``habit`` is the lesion's own, the same at every exam; None for an exam by itself.
        """
        habit = habit or Habit.draw(rng)
        if true_ml <= 0:
            found = float(rng.uniform(0, self.speck_ml)) if rng.random() < self.speck_chance else 0.0
        else:
            own = float(rng.standard_t(_FREEDOM)) / sqrt(_FREEDOM / (_FREEDOM - 2))
            deviation = sqrt(self.steady) * habit.error + sqrt(1 - self.steady) * own
            found = max(0.0, true_ml + self.error * deviation * self._half_ml(true_ml, habit))
        half = self._half_ml(found, habit)
        return found, max(0.0, found - half), found + half

    def _half_ml(self, volume_ml: float, habit: Habit) -> float:
        width = self.interval_share * volume_ml + self.interval_root * sqrt(volume_ml)
        return width * exp(self.spread * habit.width)


@dataclass(frozen=True, slots=True)
class Visit:
    """One exam of a drawn course; ``edema_ml`` holds the regions with edema alone."""

    day: date
    joint: Joint
    side: Side
    edema_ml: Mapping[Place, float]


@dataclass(frozen=True, slots=True)
class CourseScore:
    """One course: events and migrations found, missed, made up; ``false_new`` in regions free of edema."""

    name: str
    events: Retrieval
    migrations: Retrieval
    false_new: int


@dataclass(frozen=True, slots=True)
class ChangeScore:
    """Pairs of exams of one lesion: how many were called as they should be."""

    right: int
    pairs: int


def random_course(seed: int) -> tuple[Visit, ...]:
    """Draw a course like one of the published: other side, pace, volumes, and follow-up exams.

    A follow-up shows the same joint again, with each lesion as it was, smaller or larger by 35 % at least, or
    gone.
    """
    rng = np.random.default_rng([seed, *b"course"])
    facts = course_facts(course_ids()[int(rng.integers(len(course_ids())))])
    mirrored, pace = bool(rng.random() < 0.5), float(rng.uniform(0.7, 1.5))
    visits: list[Visit] = []
    for exam in facts["exams"]:
        day = _FIRST_DAY + timedelta(days=round(pace * _DAYS_A_MONTH * exam["month"]))
        if visits and (day - visits[-1].day).days < 31 and exam["month"] != facts["exams"][0]["month"]:
            day = max(day, visits[-1].day) if day == visits[-1].day else visits[-1].day + timedelta(days=31)
        side = _turned(Side(exam["side"]), mirrored)
        edema = {
            (_turned(Side(group["side"]), mirrored), Region(name)): _volume(rng, Region(name), exam)
            for group in exam["edema"]
            for name in group["regions"]
        }
        visits.append(Visit(day, Joint(exam["joint"]), side, edema))
    return tuple(sorted(_with_follow_ups(visits, rng), key=lambda visit: visit.day))


def _turned(side: Side, mirrored: bool) -> Side:
    return side.opposite if mirrored else side


def _bone_ml(region: Region, joint: Joint) -> float:
    return _PHALANX_ML if "phalan" in region.value else _BONE_ML[joint]


def _volume(rng: np.random.Generator, region: Region, exam: Mapping[str, object]) -> float:
    fill = float(rng.uniform(*_FILL)) * (0.4 if exam.get("smaller") else 1.0)
    return fill * _bone_ml(region, Joint(str(exam["joint"])))


def _with_follow_ups(visits: Sequence[Visit], rng: np.random.Generator) -> Iterator[Visit]:
    """Add an exam of the same joint before its next one, a month or more away from any other exam."""
    days = [visit.day for visit in visits]
    for visit in visits:
        yield visit
        later = [v.day for v in visits if v.day > visit.day and v.joint is visit.joint]
        room = (min(later) - visit.day).days if later else 400
        day = visit.day + timedelta(days=int(rng.integers(20, 200)))
        if rng.random() > _FOLLOWED_UP or (day - visit.day).days >= room or day in days:
            continue
        yield replace(visit, day=day, edema_ml={p: ml for p, ml in _followed(visit, rng) if ml > 0})


def _followed(visit: Visit, rng: np.random.Generator) -> Iterator[tuple[Place, float]]:
    for place, volume_ml in visit.edema_ml.items():
        how = _COURSES[int(rng.integers(len(_COURSES)))]
        factor = {
            "same": 1.0,
            "smaller": float(rng.uniform(0.3, 0.65)),
            "larger": float(rng.uniform(1.35, 1.6)),
            "gone": 0.0,
        }[how]
        yield place, min(volume_ml * factor, 0.95 * _bone_ml(place[1], visit.joint))


def results_of(
    visits: Sequence[Visit], error: MeasurementError | None = None, seed: int = 0
) -> tuple[ExamResult, ...]:
    """Write a course as the results of its exams: true, or measured with an error."""
    rng = np.random.default_rng([seed, *b"error"])
    places = sorted({place for visit in visits for place in visit.edema_ml})
    habits = {place: Habit.draw(rng) for place in places}
    return tuple(_result(visit, error, habits, rng) for visit in visits)


def _result(
    visit: Visit, error: MeasurementError | None, habits: Mapping[Place, Habit], rng: np.random.Generator
) -> ExamResult:
    nothing = Segmentation(LabelMap(np.zeros((1, 1, 1), np.uint8), Grid((1, 1, 1), np.eye(4))), {})
    sides = (Side.RIGHT, Side.LEFT) if visit.side is Side.BOTH else (visit.side,)
    measured: dict[Place, tuple[float, float, float]] = {}
    for place in ((side, region) for side in sides for region in REGIONS_OF_JOINT[visit.joint]):
        true_ml = visit.edema_ml.get(place, 0.0)
        measured[place] = (true_ml,) * 3 if error is None else error.measure(true_ml, rng, habits.get(place))
    rows = tuple(
        _row(visit, (side, region), measured[side, region])
        for side in sides
        for region in REGIONS_OF_JOINT[visit.joint]
    )
    return ExamResult(
        exam=Exam(visit.joint, visit.side, patient=Patient("drawn"), date=visit.day),
        bones=nothing,
        regions=nothing,
        edema=None,
        probability=None,
        ratio=None,
        measurements=rows,
        lesions=(),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version=__version__,
    )


def _row(visit: Visit, place: Place, measured: tuple[float, float, float]) -> RegionMeasurement:
    side, region = place
    bone_ml, bone = _bone_ml(region, visit.joint), BONE_OF_REGION[region].value
    found, low, high = measured
    return RegionMeasurement(region.value, bone, side, 1.0, bone_ml, found, low, high, found / bone_ml)


def score_course(seed: int, settings: Settings, error: MeasurementError) -> CourseScore:
    """Track one drawn course as measured, and compare with the course as it is."""
    visits = random_course(seed)
    real = track_exams(results_of(visits), settings=settings_of_truth(settings))
    seen = track_exams(results_of(visits, error, seed), settings=settings)
    healthy = [
        event
        for event in seen.events
        if event.kind in (EventKind.NEW, EventKind.RECURRENT, EventKind.BASELINE)
        and not _ever_edematous(visits, event.side, event.region)
    ]
    return CourseScore(
        name=f"course-{seed}",
        events=retrieve(event_keys(seen.events), event_keys(real.events)),
        migrations=retrieve(migration_keys(seen), migration_keys(real)),
        false_new=len(healthy),
    )


def _ever_edematous(visits: Sequence[Visit], side: Side | None, region: str) -> bool:
    return any(
        (place_side, place.value) == (side, region) for v in visits for place_side, place in v.edema_ml
    )


def score_changes(
    factor: float, expected: EventKind, count: int, settings: Settings, error: MeasurementError
) -> ChangeScore:
    """Measure lesions of 2 to 30 mL twice, a week apart, the second ``factor`` times as large."""
    rng = np.random.default_rng([count, round(100 * factor), *b"change"])
    right = 0
    for _ in range(count):
        volume_ml = float(np.exp(rng.uniform(np.log(2.0 / min(factor, 1.0)), np.log(30.0))))
        place = (Side.RIGHT, Region.MEDIAL_FEMORAL_CONDYLE)
        visits = [
            Visit(_FIRST_DAY + timedelta(days=days), Joint.KNEE, Side.RIGHT, {place: ml})
            for days, ml in ((0, volume_ml), (7, factor * volume_ml))
        ]
        timeline = track_exams(results_of(visits, error, int(rng.integers(2**31))), settings=settings)
        right += any(
            event.kind is expected and event.region == place[1].value and event.previously_imaged
            for event in timeline.events
        )
    return ChangeScore(right, count)
