"""How fast edema resolves, and how a cohort's does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bmetk.anatomy import Joint
from bmetk.tracking import Resolution, ResolutionState, Timeline, resolution_curves, resolution_frame, track
from tests.tracking.courses import RIGHT, fake_result

DAY = date(2020, 3, 1)


def course(*points: tuple[int, float]) -> Timeline:
    return track(
        [fake_result(Joint.KNEE, RIGHT, DAY + timedelta(days), {"patella": ml}) for days, ml in points]
    )


def only(*points: tuple[int, float]) -> Resolution:
    (found,) = course(*points).kinetics
    return found


def test_a_volume_that_halves_every_60_days_has_that_half_life() -> None:
    found = only((0, 16.0), (60, 8.0), (120, 4.0))
    assert found.half_life_days == pytest.approx(60.0)
    assert not found.half_life_at_most
    assert found.rate_ml_a_month == pytest.approx(-3.04, abs=0.01)


def test_growth_has_no_half_life_and_decay_counts_from_the_peak() -> None:
    assert only((0, 4.0), (60, 8.0)).half_life_days is None
    assert only((0, 4.0), (60, 16.0), (120, 8.0)).half_life_days == pytest.approx(60.0)


def test_what_is_still_there_is_censored_at_its_last_exam() -> None:
    found = only((0, 8.0), (90, 4.0))
    assert (found.state, found.present_days, found.resolved_days) == (ResolutionState.CENSORED, 90, None)
    assert found.resolved_midpoint_days is None


def test_what_resolved_did_so_between_two_exams() -> None:
    found = only((0, 8.0), (90, 4.0), (150, 0.0))
    assert (found.state, found.present_days, found.resolved_days) == (ResolutionState.RESOLVED, 90, 150)
    assert found.resolved_midpoint_days == 120


def test_a_fall_to_nothing_between_two_exams_bounds_the_half_life() -> None:
    assert only((0, 8.0), (90, 0.0)).half_life_at_most


def test_each_return_is_a_course_of_its_own() -> None:
    found = course((0, 8.0), (90, 0.0), (200, 6.0)).kinetics
    assert [(each.onset, each.state.value) for each in found] == [
        (DAY, "resolved"),
        (DAY + timedelta(200), "censored"),
    ]


def test_the_curve_of_a_cohort_is_that_of_kaplan_and_meier() -> None:
    """By hand: of 4 sites one resolves at day 45, one leaves at 60, one resolves at 90, one is left."""
    cohort = [
        course((0, 8.0), (90, 0.0)),
        course((0, 8.0), (60, 4.0)),
        course((0, 8.0), (60, 4.0), (120, 0.0)),
        course((0, 8.0), (200, 4.0)),
    ]
    overall, patella = resolution_curves(cohort)
    assert (overall.group, overall.sites, overall.resolved) == ("all", 4, 2)
    assert patella.group == "patella"
    shares = dict(zip(overall.days, overall.share, strict=True))
    assert (shares[45.0], shares[90.0]) == (pytest.approx(0.75), pytest.approx(0.375))
    assert overall.median_days == 90.0
    bands = zip(overall.share_low, overall.share, overall.share_high, strict=True)
    assert all(low <= share <= high for low, share, high in bands)
    assert list(resolution_frame([overall])["days"]) == list(overall.days)


def test_a_cohort_in_which_nothing_resolved_has_no_median() -> None:
    (overall, _) = resolution_curves([course((0, 8.0), (90, 4.0))])
    assert (overall.resolved, overall.median_days, overall.days) == (0, None, ())
    assert len(resolution_frame([overall])) == 1
