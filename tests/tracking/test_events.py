"""What is said of a region from exam to exam."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bmetk.anatomy import Joint
from bmetk.errors import SettingsError
from bmetk.exam import Exam, ExamResult
from bmetk.tracking import (
    EventKind,
    PointState,
    RegionPoint,
    TrackingSettings,
    smallest_detectable_change_ml,
    track,
)
from tests.tracking.courses import BOTH, LEFT, RIGHT, fake_result, measurement, not_imaged, result_of

DAY = date(2020, 3, 1)


def knee(days: int, edema_ml: float, coverage: float = 1.0) -> ExamResult:
    return fake_result(
        Joint.KNEE, RIGHT, DAY + timedelta(days), {"patella": edema_ml}, coverage={"patella": coverage}
    )


def kinds(*results: ExamResult) -> list[str]:
    return [event.kind.value for event in track(results).events]


def test_a_healthy_patient_has_no_event() -> None:
    assert kinds(knee(0, 0.0), knee(90, 0.0)) == []


def test_specks_below_the_detection_limit_are_no_edema() -> None:
    assert kinds(knee(0, 0.14), knee(90, 0.29)) == []


def test_a_large_change_is_called_by_its_direction() -> None:
    assert kinds(knee(0, 4.0), knee(60, 8.0), knee(120, 3.0)) == ["baseline", "increased", "decreased"]


def test_a_change_within_the_smallest_detectable_change_is_unchanged() -> None:
    timeline = track([knee(0, 4.0), knee(60, 4.4)])
    event = timeline.events[-1]
    assert event.kind is EventKind.UNCHANGED
    assert event.change_over_sdc is not None
    assert 0 < event.change_over_sdc < 1


def test_thirty_percent_is_called_in_a_lesion_over_two_millilitres() -> None:
    assert kinds(knee(0, 2.0), knee(90, 2.6)) == ["baseline", "increased"]
    assert kinds(knee(0, 10.0), knee(90, 7.0)) == ["baseline", "decreased"]


def test_a_decrease_has_a_negative_change() -> None:
    event = track([knee(0, 8.0), knee(60, 3.0)]).events[-1]
    assert event.change_over_sdc is not None
    assert event.change_over_sdc < -1
    assert (event.edema_ml_before, event.edema_ml_after) == (8.0, 3.0)


def test_wide_intervals_raise_the_smallest_detectable_change() -> None:
    settings = TrackingSettings()
    sure = RegionPoint(DAY, "1", PointState.MEASURED, 1.0, 60.0, 5.0, 4.9, 5.1)
    unsure = RegionPoint(DAY, "2", PointState.MEASURED, 1.0, 60.0, 5.0, 1.0, 9.0)
    assert smallest_detectable_change_ml(sure, sure, settings) == pytest.approx(0.576, abs=0.01)
    assert smallest_detectable_change_ml(sure, unsure, settings) == pytest.approx(1.15, abs=0.01)


def test_the_share_that_is_no_change_falls_in_large_lesions() -> None:
    ml = [
        smallest_detectable_change_ml(point, point, TrackingSettings())
        for point in (RegionPoint(DAY, "1", PointState.MEASURED, 1.0, 300.0, v, v, v) for v in (17.0, 68.0))
    ]
    assert ml[1] == pytest.approx(2 * ml[0])


def test_edema_that_comes_back_is_recurrent() -> None:
    assert kinds(knee(0, 4.0), knee(60, 0.0), knee(120, 3.0)) == ["baseline", "resolved", "recurrent"]


def test_what_is_left_of_a_little_edema_is_no_speck() -> None:
    """In a bone of 60 mL 0.6 mL are edema and 0.5 mL are not; but from 0.6 to 0.5 mL nothing has changed."""
    assert kinds(knee(0, 0.6), knee(60, 0.5)) == ["baseline", "unchanged"]
    assert kinds(knee(0, 0.6), knee(60, 0.5), knee(90, 0.55)) == ["baseline", "unchanged", "unchanged"]
    assert kinds(knee(0, 4.0), knee(60, 0.5)) == ["baseline", "resolved"]
    assert kinds(knee(0, 0.5), knee(60, 0.55)) == []


def doubtful(exam: ExamResult, bone_ml: float = 60.0, low_ml: float = 0.0) -> ExamResult:
    rows = (replace(row, edema_ml_low=low_ml, bone_ml=bone_ml) for row in exam.measurements)
    return replace(exam, measurements=tuple(rows))


def test_a_volume_in_doubt_is_no_onset_in_a_large_region() -> None:
    """In a region of 60 mL; in a toe the interval of all edema does, and it counts by its share."""
    assert kinds(knee(0, 0.0), knee(90, 2.0)) == ["new"]
    assert kinds(knee(0, 0.0), doubtful(knee(90, 2.0))) == []
    assert kinds(knee(0, 0.0), doubtful(knee(90, 0.3), bone_ml=1.5)) == ["new"]
    assert kinds(knee(0, 20.0), doubtful(knee(90, 1.2))) == ["baseline", "resolved"]
    assert kinds(knee(0, 2.2), doubtful(knee(90, 2.0))) == ["baseline", "unchanged"]
    assert kinds(knee(0, 20.0), doubtful(knee(90, 2.0), bone_ml=18.0)) == ["baseline", "decreased"]
    assert kinds(knee(0, 0.0), doubtful(knee(90, 2.0), bone_ml=18.0)) == []
    assert kinds(knee(0, 0.0), doubtful(knee(90, 2.0), low_ml=0.45)) == []
    assert kinds(knee(0, 0.0), doubtful(knee(90, 2.0), low_ml=0.55)) == ["new"]


def test_edema_in_doubt_is_told_where_the_next_exam_bears_it_out() -> None:
    doubted = doubtful(knee(0, 2.0))
    assert kinds(doubted, knee(90, 6.0)) == ["baseline", "increased"]
    assert kinds(doubted, knee(90, 0.0), knee(180, 6.0)) == ["new"]
    assert kinds(doubted, doubtful(knee(90, 2.0))) == []
    assert kinds(doubtful(knee(0, 0.3)), knee(90, 6.0)) == ["new"]


@pytest.mark.parametrize(
    ("low_ml", "high_ml", "told"), [(0.6, 7.0, "new"), (0.6, 9.0, ""), (0.8, 9.0, "new"), (0.4, 7.0, "")]
)
def test_a_part_of_much_that_looks_alike_must_stay_clearer_of_0(
    low_ml: float, high_ml: float, told: str
) -> None:
    rows = knee(90, 2.0).measurements
    part = tuple(replace(row, edema_ml_low=low_ml, edema_ml_high=high_ml) for row in rows)
    assert kinds(knee(0, 0.0), replace(knee(90, 2.0), measurements=part)) == [told] * bool(told)
    assert kinds(knee(0, 0.0), doubtful(knee(90, 4.0), low_ml=0.8)) == ["new"]


def test_in_a_small_bone_a_speck_is_edema_where_edema_is_on_record() -> None:
    """In a cuneiform of 3 mL 0.35 mL are a speck, unless there was more before."""

    def foot(days: int, edema_ml: float) -> ExamResult:
        exam = fake_result(Joint.FOOT, RIGHT, DAY + timedelta(days), {"medial_cuneiform": edema_ml})
        return replace(exam, measurements=tuple(replace(row, bone_ml=3.0) for row in exam.measurements))

    assert kinds(foot(0, 0.0), foot(60, 0.35)) == []
    assert kinds(foot(0, 1.0), foot(60, 0.35)) == ["baseline", "decreased"]
    assert kinds(foot(0, 1.0), foot(60, 0.0), foot(90, 0.35)) == ["baseline", "resolved"]


def test_edema_that_the_later_slices_may_miss_is_not_called_resolved() -> None:
    def thick(days: int, edema_ml: float) -> ExamResult:
        exam = knee(days, edema_ml)
        rows = tuple(replace(row, detection_limit_ml=0.8) for row in exam.measurements)
        return replace(exam, measurements=rows)

    timeline = track([knee(0, 0.7), thick(60, 0.0), knee(90, 0.0)])
    assert [event.kind.value for event in timeline.events] == ["baseline", "resolved"]
    (refused,) = timeline.not_compared
    assert refused.date == DAY + timedelta(60)
    assert refused.reasons == ("0.7 mL before, and slices that may miss 0.8 mL",)
    assert timeline.events[-1].date == DAY + timedelta(90)
    assert [e.kind.value for e in track([knee(0, 0.9), thick(60, 0.0)]).events] == ["baseline", "resolved"]


def test_a_region_that_is_not_imaged_is_never_resolved() -> None:
    hidden = result_of(Exam(Joint.KNEE, RIGHT, date=DAY + timedelta(60)), (not_imaged("patella", RIGHT),))
    assert kinds(knee(0, 4.0), hidden) == ["baseline"]
    other_joint = fake_result(Joint.ANKLE, RIGHT, DAY + timedelta(60), {})
    assert kinds(knee(0, 4.0), other_joint) == ["baseline"]


def test_change_is_told_against_the_last_exam_that_measured_the_region() -> None:
    between = fake_result(Joint.ANKLE, RIGHT, DAY + timedelta(30), {})
    event = track([knee(0, 4.0), between, knee(60, 4.1)]).events[-1]
    assert (event.kind, event.previous_date) == (EventKind.UNCHANGED, DAY)


def test_half_a_region_free_of_edema_is_not_resolved() -> None:
    assert kinds(knee(0, 4.0), knee(60, 0.0, coverage=0.6), knee(90, 4.1)) == ["baseline", "unchanged"]


def test_a_region_seen_too_little_is_not_imaged() -> None:
    timeline = track([knee(0, 0.0, coverage=0.3), knee(60, 4.0)])
    patella = next(history for history in timeline.regions if history.region == "patella")
    assert patella.points[0].state is PointState.NOT_IMAGED
    assert patella.points[0].edema_ml is None
    assert not timeline.events[0].previously_imaged


def test_edema_seen_in_a_small_part_of_a_region_is_there() -> None:
    assert kinds(knee(0, 4.0, coverage=0.3)) == ["baseline"]


def test_a_bone_never_imaged_before_is_new_and_says_so() -> None:
    event = track([knee(0, 0.0), fake_result(Joint.ANKLE, LEFT, DAY + timedelta(90), {"talus": 3.0})]).events[
        0
    ]
    assert event.kind is EventKind.NEW
    assert not event.previously_imaged
    assert event.previous_date is None
    assert event.edema_ml_before is None
    assert event.change_over_sdc is None


def test_both_exams_of_the_first_day_are_baseline() -> None:
    foot = fake_result(Joint.FOOT, RIGHT, DAY, {"metatarsal_2": 2.0})
    assert kinds(knee(0, 4.0), foot) == ["baseline", "baseline"]


def test_a_region_in_two_exams_of_one_day_counts_once() -> None:
    ankle = fake_result(Joint.ANKLE, RIGHT, DAY, {"talus": 3.0})
    foot = fake_result(Joint.FOOT, RIGHT, DAY, {"talus": 1.0}, coverage={"talus": 0.6})
    timeline = track([foot, ankle])
    assert [(event.region, event.edema_ml_after) for event in timeline.events] == [("talus", 3.0)]


def test_both_hips_in_one_exam_are_told_apart() -> None:
    first = fake_result(Joint.HIP, BOTH, DAY, {"right femoral_head": 20.0})
    second = fake_result(Joint.HIP, BOTH, DAY + timedelta(200), {"left femoral_head": 20.0})
    told = {(event.side, event.kind.value) for event in track([first, second]).events}
    assert told == {("right", "baseline"), ("right", "resolved"), ("left", "new")}


def test_the_users_own_labels_are_followed_without_a_side() -> None:
    def own(days: int, edema_ml: float) -> ExamResult:
        exam = Exam(Joint.OTHER, None, date=DAY + timedelta(days))
        return result_of(exam, (measurement("label_1", None, edema_ml),))

    assert kinds(own(0, 3.0), own(60, 0.0)) == ["baseline", "resolved"]


@pytest.mark.parametrize(
    "values",
    [{"detection_ml": 0.0}, {"minimum_coverage": 1.2}, {"episode_days": -1}, {"change_ml": float("nan")}],
)
def test_settings_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        TrackingSettings(**values)  # type: ignore[arg-type]
