"""Exams whose protocols differ: less is sure, or nothing is said, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bmetk.anatomy import Joint
from bmetk.exam import Acquisition, Check, CheckStatus, Contrast, ExamResult, Plane, Protocol
from bmetk.tracking import Event, track
from tests.tracking.courses import RIGHT, fake_result

DAY = date(2020, 3, 1)
USUAL = Protocol(
    Contrast.STIR, Plane.CORONAL, (3.5, 0.6, 0.6), Acquisition(4000, 45, 160, field_strength_t=1.5)
)


def knee(days: int, edema_ml: float, protocol: Protocol = USUAL, coverage: float = 1.0) -> ExamResult:
    result = fake_result(
        Joint.KNEE, RIGHT, DAY + timedelta(days), {"patella": edema_ml}, coverage={"patella": coverage}
    )
    return replace(result, protocols={"fluid": protocol})


def failed(result: ExamResult, share: float | None = 0.6) -> ExamResult:
    return replace(result, quality=(Check("fat_suppression", CheckStatus.FAIL, share, "fat is bright"),))


def last(*results: ExamResult) -> Event:
    return track(results).events[-1]


def test_equal_protocols_give_no_reason() -> None:
    event = last(knee(0, 8.0), knee(60, 4.0))
    assert (event.comparable, event.reasons) == (True, ())


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (replace(USUAL, contrast=Contrast.FS_T2), "contrast STIR and FS T2"),
        (replace(USUAL, acquisition=replace(USUAL.acquisition, field_strength_t=3.0)), "field 1.5 T and 3 T"),
        (replace(USUAL, acquisition=replace(USUAL.acquisition, te_ms=90)), "TE 45 ms and 90 ms"),
        (replace(USUAL, acquisition=replace(USUAL.acquisition, ti_ms=220)), "TI 160 ms and 220 ms"),
        (replace(USUAL, spacing_mm=(6.0, 0.6, 0.6)), "slices every 3.5 mm and 6.0 mm"),
    ],
)
def test_what_differs_lowers_the_confidence_and_is_said(other: Protocol, word: str) -> None:
    alike, unlike = last(knee(0, 8.0), knee(60, 6.0)), last(knee(0, 8.0), knee(60, 6.0, other))
    assert unlike.reasons == (word,)
    assert abs(unlike.change_over_sdc) < abs(alike.change_over_sdc)
    assert unlike.change_ml_high - unlike.change_ml_low > alike.change_ml_high - alike.change_ml_low
    assert unlike.probability < alike.probability


def test_a_smaller_view_lowers_it_too() -> None:
    event = last(knee(0, 8.0), knee(60, 6.0, coverage=0.8))
    assert event.reasons == ("100% and 80% of the region in view",)


def test_failed_fat_suppression_refuses_the_comparison_and_says_why() -> None:
    timeline = track([knee(0, 8.0), failed(knee(60, 6.5)), knee(120, 3.0)])
    assert [event.kind.value for event in timeline.events] == ["baseline", "decreased"]
    assert timeline.events[-1].previous_date == DAY
    (refused,) = timeline.not_compared
    assert (refused.region, refused.date) == ("patella", DAY + timedelta(60))
    assert "fat suppression failed" in refused.reasons[0]


def test_fat_that_escaped_in_part_lowers_the_confidence_and_is_said() -> None:
    sure, less = last(knee(0, 8.0), knee(60, 6.0)), last(knee(0, 8.0), failed(knee(60, 6.0), share=0.3))
    assert less.reasons == (f"fat suppression failed in part on {DAY + timedelta(60)}",)
    assert abs(less.change_over_sdc) < abs(sure.change_over_sdc)
    assert (less.comparable, less.probability) == (True, None)
    assert track([knee(0, 8.0), failed(knee(60, 6.5), share=None)]).not_compared


def test_a_decisive_change_is_told_where_fat_suppression_failed_but_without_a_probability() -> None:
    for earlier, later in ((knee(0, 8.0), failed(knee(60, 0.0))), (failed(knee(0, 8.0)), knee(60, 0.0))):
        timeline = track([earlier, later])
        assert not timeline.not_compared
        event = timeline.events[-1]
        assert (event.kind.value, event.comparable, event.probability) == ("resolved", False, None)
        assert "fat suppression failed" in event.reasons[0]


def test_edema_seen_where_fat_suppression_failed_carries_no_probability() -> None:
    event = last(knee(0, 0.0), failed(knee(60, 5.0)))
    assert (event.kind.value, event.comparable, event.probability) == ("new", False, None)


def test_an_exam_that_tells_no_protocol_is_taken_as_equal() -> None:
    bare = fake_result(Joint.KNEE, RIGHT, DAY + timedelta(60), {"patella": 4.0})
    assert last(knee(0, 8.0), bare).reasons == ()


def test_a_change_of_one_smallest_detectable_change_is_real_with_97_5_percent() -> None:
    from bmetk.tracking.significance import judge_change

    change = judge_change(-2.0, 2.0)
    assert change.probability == pytest.approx(0.975, abs=1e-3)
    assert (change.ml_low, change.ml_high) == (-4.0, 0.0)
    assert judge_change(0.0, 2.0).probability == 0.5


def test_an_onset_whose_interval_reaches_zero_is_never_sure() -> None:
    from bmetk.tracking.significance import presence_probability

    assert presence_probability(2.0, 0.0, 0.5) == pytest.approx(0.975, abs=1e-3)
    assert presence_probability(2.0, 1.6, 0.5) > 0.999
    assert presence_probability(2.0, None, 0.5) > 0.999


def test_a_new_lesion_is_as_sure_as_its_own_interval_allows() -> None:
    seen = fake_result(Joint.KNEE, RIGHT, DAY, {"patella": 12.0})
    unsure = replace(seen, measurements=tuple(replace(m, edema_ml_low=0.0) for m in seen.measurements))
    assert last(knee(-90, 0.0), unsure).probability == pytest.approx(0.975, abs=1e-3)
