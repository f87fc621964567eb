"""Lesions followed by the regions they share."""

from __future__ import annotations

from datetime import date, timedelta

from bmetk.anatomy import Joint
from bmetk.exam import ExamResult, Lesion
from bmetk.tracking import LesionTrack, track
from tests.tracking.courses import RIGHT, fake_result, lesion

DAY = date(2020, 3, 1)
_MFC, _LFC, _TIBIA = "medial_femoral_condyle", "lateral_femoral_condyle", "medial_tibial_plateau"


def knee(days: int, *lesions: Lesion) -> ExamResult:
    edema: dict[str, float] = {}
    for each in lesions:
        for region, volume_ml in each.regions.items():
            edema[region] = edema.get(region, 0.0) + volume_ml
    return fake_result(Joint.KNEE, RIGHT, DAY + timedelta(days), edema, lesions=lesions)


def tracks(*results: ExamResult) -> tuple[LesionTrack, ...]:
    return track(results).lesions


def test_a_lesion_that_stays_is_one_track_with_one_link_a_follow_up() -> None:
    (found,) = tracks(*(knee(60 * n, lesion(1, RIGHT, {_MFC: 9.0 - n})) for n in range(3)))
    assert [(seen.exam, seen.volume_ml) for seen in found.observations] == [
        ("1_knee_right", 9.0),
        ("2_knee_right", 8.0),
        ("3_knee_right", 7.0),
    ]
    assert [link.kind for link in found.links] == ["continues", "continues"]


def test_lesions_of_two_bones_are_two_tracks() -> None:
    found = tracks(
        *(knee(60 * n, lesion(1, RIGHT, {_MFC: 9.0}), lesion(2, RIGHT, {_TIBIA: 4.0})) for n in range(2))
    )
    assert [(each.id, each.bone, len(each.observations)) for each in found] == [
        (1, "femur", 2),
        (2, "tibia", 2),
    ]


def test_a_lesion_that_splits_stays_one_track() -> None:
    whole = lesion(1, RIGHT, {_MFC: 6.0, _LFC: 6.0})
    parts = (lesion(1, RIGHT, {_MFC: 3.0}), lesion(2, RIGHT, {_LFC: 3.0}))
    (found,) = tracks(knee(0, whole), knee(60, *parts))
    assert [link.kind for link in found.links] == ["splits", "splits"]


def test_a_lesion_that_comes_back_after_it_resolved_is_another_track() -> None:
    found = tracks(knee(0, lesion(1, RIGHT, {_MFC: 6.0})), knee(60), knee(120, lesion(1, RIGHT, {_MFC: 5.0})))
    assert [len(each.observations) for each in found] == [1, 1]


def test_a_track_goes_on_over_an_exam_of_another_joint() -> None:
    ankle = fake_result(Joint.ANKLE, RIGHT, DAY + timedelta(30), {})
    (found,) = tracks(knee(0, lesion(1, RIGHT, {_MFC: 6.0})), ankle, knee(60, lesion(1, RIGHT, {_MFC: 5.0})))
    assert len(found.observations) == 2


def test_a_later_exam_keeps_the_ids_of_earlier_tracks() -> None:
    first = (knee(0, lesion(1, RIGHT, {_MFC: 6.0})), knee(60, lesion(1, RIGHT, {_TIBIA: 5.0})))
    later = knee(90, lesion(1, RIGHT, {_TIBIA: 4.0}), lesion(2, RIGHT, {"patella": 3.0}))
    before, after = tracks(*first), tracks(*first, later)
    assert [each.bone for each in before] == ["femur", "tibia"]
    assert [(each.id, each.bone) for each in after] == [(1, "femur"), (2, "tibia"), (3, "patella")]
