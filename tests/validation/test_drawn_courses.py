"""Courses drawn around the published ones, and what the tracker makes of them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from bmetk.config import Settings
from bmetk.tracking import EventKind, track
from bmetk.validation.courses import (
    ChangeScore,
    Habit,
    MeasurementError,
    random_course,
    results_of,
    score_changes,
    score_course,
)
from bmetk.validation.score import Retrieval
from bmetk.validation.tracking import TrackerScores, tracker_figures
from tests.tracking.courses import COURSES

SEEDS = range(40)
NONE = MeasurementError(error=0.0, speck_chance=0.0)


def test_the_same_seed_draws_the_same_course_and_another_one_another() -> None:
    assert random_course(1) == random_course(1)
    assert random_course(1) != random_course(2)


def test_visits_are_in_time_order_and_every_volume_fits_its_bone() -> None:
    for seed in SEEDS:
        visits = random_course(seed)
        assert all(one.day <= other.day for one, other in pairwise(visits))
        assert all(0 < ml < 60 for visit in visits for ml in visit.edema_ml.values())


def test_without_error_nothing_is_missed_and_nothing_made_up() -> None:
    for seed in SEEDS:
        score = score_course(seed, Settings(), NONE)
        assert (score.events.f1, score.migrations.f1, score.false_new) == (1.0, 1.0, 0)


def test_with_the_measured_error_the_tracker_reads_forty_courses() -> None:
    scores = [score_course(seed, Settings(), MeasurementError()) for seed in SEEDS]
    events = sum((score.events for score in scores), Retrieval(0, 0, 0))
    migrations = sum((score.migrations for score in scores), Retrieval(0, 0, 0))
    assert events.f1 >= 0.97
    assert migrations.f1 == 1.0
    assert sum(score.false_new for score in scores) == 0


def test_the_error_is_what_it_says() -> None:
    rng = np.random.default_rng(1)
    error = MeasurementError(spread=0.0)
    found, low, high = np.array([error.measure(10.0, rng) for _ in range(4000)]).T
    half_ml = 0.2 * 10.0 + 0.28 * np.sqrt(10.0)
    assert found.mean() == pytest.approx(10.0, abs=0.05)
    assert found.std() == pytest.approx(0.28 * half_ml, rel=0.1)
    assert np.median(high - low) / 2 == pytest.approx(half_ml, rel=0.02)


def test_the_exams_of_one_lesion_err_alike() -> None:
    rng, error = np.random.default_rng(2), MeasurementError(spread=0.0)
    pairs = []
    for _ in range(3000):
        habit = Habit.draw(rng)
        pairs.append([error.measure(10.0, rng, habit)[0] for _ in range(2)])
    assert np.corrcoef(np.array(pairs).T)[0, 1] == pytest.approx(error.steady, abs=0.05)


@pytest.mark.parametrize(
    ("factor", "kind", "share"),
    [(1.0, EventKind.UNCHANGED, 0.94), (1.3, EventKind.INCREASED, 0.9), (0.7, EventKind.DECREASED, 0.9)],
)
def test_a_week_changes_nothing_and_thirty_percent_is_a_change(
    factor: float, kind: EventKind, share: float
) -> None:
    score = score_changes(factor, kind, 400, Settings(), MeasurementError())
    assert score.right / score.pairs >= share


@pytest.mark.parametrize("case", COURSES)
def test_the_published_courses_are_told_through_the_measured_error(case: str) -> None:
    """Ten times each: every event, and each migration by day and side; of two like ones either may lead."""
    from dataclasses import replace

    true, error = track(COURSES[case].exams), MeasurementError(speck_chance=0.0)
    rng = np.random.default_rng(5)
    for _ in range(10):
        measured = []
        habits: dict[tuple[object, str], Habit] = defaultdict(lambda: Habit.draw(rng))
        for result in COURSES[case].exams:
            rows = []
            for row in result.measurements:
                place = (row.side, row.region)
                found, low, high = error.measure(row.edema_ml or 0.0, rng, habits[place])
                bone_ml = 2.0 if "phalanx" in row.region else row.bone_ml  # of a toe's own size
                rows.append(
                    replace(row, edema_ml=found, edema_ml_low=low, edema_ml_high=high, bone_ml=bone_ml)
                )
            measured.append(replace(result, measurements=tuple(rows)))
        seen = track(measured)
        told = [[(e.date, e.kind, e.side, e.region) for e in each.events] for each in (true, seen)]
        assert told[0] == told[1]
        moves = [
            [(m.origin.date, m.target.date, m.target.side) for m in each.migrations] for each in (true, seen)
        ]
        assert moves[0] == moves[1]


def test_figures_count_what_was_scored() -> None:
    scores = TrackerScores(
        courses=(score_course(1, Settings(), NONE),), changes=(("unchanged", ChangeScore(19, 20)),)
    )
    figures = {figure.measure: figure.value for figure in tracker_figures(scores)}
    assert figures["events F1, error model"] == 1.0
    assert figures["lesions unchanged, called so"] == 95.0


def test_results_of_a_course_are_measured_in_every_region_of_the_joint() -> None:
    visits = random_course(3)
    for visit, result in zip(visits, results_of(visits), strict=True):
        held = {(row.side, row.region): row.edema_ml for row in result.measurements if row.edema_ml}
        assert held == {(side, region.value): ml for (side, region), ml in visit.edema_ml.items()}
