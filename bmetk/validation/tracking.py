"""The figures of the tracker: drawn courses, pairs of one lesion, bones between exams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bmetk.config import Settings
from bmetk.pipeline import Progress
from bmetk.simulate.population import POPULATIONS, retest_population
from bmetk.tracking import EventKind
from bmetk.validation.courses import (
    ChangeScore,
    CourseScore,
    MeasurementError,
    score_changes,
    score_course,
)
from bmetk.validation.registration import BonePair, registration_figures, score_registration
from bmetk.validation.run import run_all
from bmetk.validation.score import Retrieval
from bmetk.validation.table import Figure

LEAST_COURSES = 40
_PAIRS = 200
_CHANGES = (
    ("unchanged", 1.0, EventKind.UNCHANGED),
    ("grown by 30 %", 1.3, EventKind.INCREASED),
    ("shrunk by 30 %", 0.7, EventKind.DECREASED),
)
_PART = "tracker"


@dataclass(frozen=True, slots=True)
class TrackerScores:
    """What the tracker made of courses and pairs with a known error, and of bones in simulated images."""

    courses: tuple[CourseScore, ...] = ()
    changes: tuple[tuple[str, ChangeScore], ...] = ()
    bones: tuple[BonePair, ...] = ()


def score_tracker(
    count: int,
    population_name: str,
    jobs: int,
    settings: Settings,
    on_progress: Progress | None,
    *,
    first: int = 0,
) -> TrackerScores:
    """Score at least 40 drawn courses, 200 pairs a change, and a quarter of ``count`` pairs of images."""
    error = MeasurementError()
    base = POPULATIONS[population_name] + first
    courses = tuple(score_course(base + n, settings, error) for n in range(max(LEAST_COURSES, count)))
    changes = tuple(
        (name, score_changes(factor, kind, _PAIRS, settings, error)) for name, factor, kind in _CHANGES
    )
    pairs = retest_population(population_name, (count + 3) // 4, first=first)
    tasks = [(f"{population_name}-pair-{number:04d}", pair) for number, pair in enumerate(pairs, first)]
    bones = run_all(score_registration, tasks, jobs, "bones between exams", on_progress)
    return TrackerScores(courses, changes, tuple(pair for found in bones for pair in found))


def tracker_figures(scores: TrackerScores) -> Iterator[Figure]:
    """Summarise them; all but the bones rest on volumes with the measured error, not on images."""
    if scores.courses:
        yield from _course_figures(scores.courses)
    for name, change in scores.changes:
        yield Figure(
            _PART, f"lesions {name}, called so", 100 * change.right / change.pairs, "%", change.pairs
        )
    yield from registration_figures(scores.bones)


def _course_figures(courses: Sequence[CourseScore]) -> Iterator[Figure]:
    for name in ("events", "migrations"):
        total = sum((getattr(course, name) for course in courses), Retrieval(0, 0, 0))
        yield Figure(_PART, f"{name} F1, error model", total.f1, "", total.hits + total.misses)
        yield Figure(_PART, f"{name} missed, error model", total.misses, "", len(courses))
        yield Figure(_PART, f"{name} false, error model", total.false_alarms, "", len(courses))
    false_new = sum(course.false_new for course in courses)
    yield Figure(_PART, "onsets in healthy regions, error model", false_new, "", len(courses))
