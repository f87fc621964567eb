"""Episodes and migrations beyond the published courses."""

from __future__ import annotations

from datetime import date, timedelta

from bmetk.anatomy import Joint, Side
from bmetk.exam import ExamResult
from bmetk.tracking import Relation, track
from bmetk.tracking.migration import find_episodes
from tests.tracking.courses import LEFT, RIGHT, fake_result

DAY = date(2020, 3, 1)


def exam(days: int, joint: Joint, side: Side, **edema: float) -> ExamResult:
    return fake_result(joint, side, DAY + timedelta(days), edema)


def moves(*results: ExamResult) -> list[tuple[str, str, str, int]]:
    return [
        (move.origin.region, move.target.region, move.relation.value, move.interval_days)
        for move in track(results).migrations
    ]


def test_a_knee_and_a_foot_a_week_apart_are_one_episode() -> None:
    knee, foot = exam(0, Joint.KNEE, RIGHT, patella=4.0), exam(7, Joint.FOOT, RIGHT, cuboid=2.0)
    assert moves(knee, foot) == []
    assert len(find_episodes(track([knee, foot]).events, 30)) == 1


def test_thirty_days_are_one_episode_and_thirty_one_are_two() -> None:
    knee = exam(0, Joint.KNEE, RIGHT, patella=4.0)
    assert moves(knee, exam(30, Joint.FOOT, RIGHT, cuboid=2.0)) == []
    assert moves(knee, exam(31, Joint.FOOT, RIGHT, cuboid=2.0)) == [("patella", "cuboid", "same_limb", 31)]


def test_monthly_onsets_do_not_chain_into_one_episode() -> None:
    results = (
        exam(0, Joint.KNEE, RIGHT, patella=4.0),
        exam(25, Joint.FOOT, RIGHT, cuboid=2.0),
        exam(50, Joint.HIP, RIGHT, femoral_head=20.0),
    )
    assert moves(*results) == [("patella", "femoral_head", "same_limb", 50)]


def test_a_lesion_across_a_border_is_one_episode_led_by_its_larger_part() -> None:
    hip = exam(0, Joint.HIP, RIGHT, femoral_head=10.0, femoral_neck=12.0)
    assert moves(hip, exam(100, Joint.ANKLE, RIGHT, talus=3.0)) == [
        ("femoral_neck", "talus", "same_limb", 100)
    ]


def test_edema_that_returns_where_it_was_has_not_moved() -> None:
    results = [exam(d, Joint.KNEE, RIGHT, patella=ml) for d, ml in ((0, 4.0), (60, 0.0), (120, 4.0))]
    assert moves(*results) == []


def test_growth_in_the_same_region_is_no_migration() -> None:
    results = [exam(d, Joint.KNEE, RIGHT, patella=ml) for d, ml in ((0, 4.0), (60, 9.0))]
    assert moves(*results) == []


def test_one_migration_leads_to_each_joint_of_the_later_episode() -> None:
    results = (
        exam(0, Joint.HIP, RIGHT, femoral_head=20.0),
        exam(90, Joint.KNEE, RIGHT, patella=4.0, medial_tibial_plateau=6.0),
        exam(97, Joint.FOOT, LEFT, cuboid=2.0),
    )
    assert moves(*results) == [
        ("femoral_head", "medial_tibial_plateau", "same_limb", 90),
        ("femoral_head", "cuboid", "contralateral", 97),
    ]


def test_across_the_joint_is_same_joint_and_along_the_bone_is_same_bone() -> None:
    condyle = exam(0, Joint.KNEE, RIGHT, medial_femoral_condyle=9.0)
    plateau = exam(90, Joint.KNEE, RIGHT, medial_tibial_plateau=5.0)
    head = exam(90, Joint.HIP, RIGHT, femoral_head=20.0)
    assert [move.relation for move in track([condyle, plateau]).migrations] == [Relation.SAME_JOINT]
    assert [move.relation for move in track([condyle, head]).migrations] == [Relation.SAME_BONE]
