"""Lesions compared in the frame of their bone: two of one region are told apart, wherever the joint lies."""

from __future__ import annotations

from dataclasses import replace
from gc import collect
from weakref import ref

import numpy as np
import pytest

from bmetk.anatomy import Side
from bmetk.errors import RegistrationError, SeriesMismatchError
from bmetk.exam import ExamResult, Segmentation
from bmetk.image import LabelMap, Mask, RigidTransform, crop_grid
from bmetk.registration import BoneRegistrationSettings, register_bone
from bmetk.tracking import LesionTrack, carry_bones, carry_edema, frames, shows_soon_after, track
from bmetk.tracking.frames import bone_view, registered
from tests.registration.bones import turned
from tests.tracking.bones import FEMUR, knee, without_bones

STILL = RigidTransform.identity()
BENT = turned((12.0, -8.0, 10.0), (9.0, -7.0, 6.0))
FRONT, BACK = ((-14.0, -9.0, -8.0), 5.0), ((-14.0, 9.0, -8.0), 5.0)
WHOLE = ((-14.0, 0.0, -8.0), 13.0)


def tracks(*results) -> tuple[LesionTrack, ...]:
    return track(results).lesions


def test_two_lesions_of_one_region_are_two_tracks_in_any_pose() -> None:
    found = tracks(knee(0, [FRONT, BACK], STILL), knee(60, [FRONT, BACK], BENT, "coronal"))
    assert [len(each.observations) for each in found] == [2, 2]
    assert {link.by for each in found for link in each.links} == {"bone"}
    assert all(link.overlap > 0.6 and link.drift_mm < 2.0 for each in found for link in each.links)


def test_a_lesion_elsewhere_in_the_region_is_another_one() -> None:
    found = tracks(knee(0, [FRONT], STILL), knee(60, [BACK], BENT, "coronal"))
    assert [len(each.observations) for each in found] == [1, 1]


def test_what_splits_and_merges_stays_one_track() -> None:
    found = tracks(knee(0, [WHOLE], STILL), knee(60, [FRONT, BACK], BENT), knee(120, [WHOLE], STILL))
    (only,) = found
    assert [link.kind for link in only.links] == ["splits", "splits", "merges", "merges"]


def test_volumes_are_those_of_each_exam_s_own_space() -> None:
    exams = knee(0, [FRONT], STILL), knee(60, [FRONT], BENT, "coronal")
    (only,) = tracks(*exams)
    assert [seen.volume_ml for seen in only.observations] == [exam.lesions[0].volume_ml for exam in exams]


def test_without_bones_shared_regions_must_do_and_it_is_said() -> None:
    found = tracks(*(without_bones(knee(days, [FRONT], STILL)) for days in (0, 60)))
    (only,) = found
    assert [(link.by, link.drift_mm) for link in only.links] == [("region", None)]


def test_the_names_of_a_track_for_dicom_do_not_change_with_later_exams() -> None:
    early, late = knee(0, [FRONT], STILL), knee(60, [FRONT, BACK], BENT)
    (before,), after = tracks(early), tracks(early, late)
    assert (after[0].identifier, after[0].uid) == (before.identifier, before.uid)
    assert len({each.uid for each in after}) == len(after) == 2
    assert before.uid.startswith("2.25.")
    assert len(before.uid) <= 64
    assert "phantom" not in before.identifier


def test_each_registration_of_a_bone_is_told() -> None:
    (match,) = track([knee(0, [FRONT], STILL), knee(60, [FRONT], BENT)]).matches
    assert (match.bone, match.accepted) == ("femur", True)
    assert match.distance_mm is not None
    assert match.distance_mm < 0.7


def test_exams_that_are_no_longer_in_use_are_not_kept() -> None:
    exams = [knee(0, [FRONT], STILL), knee(60, [FRONT], BENT), knee(120, [FRONT], STILL)]
    track(exams)
    kept = [ref(part) for exam in exams for part in (exam, exam.bones, bone_view(exam, FEMUR))]
    assert all(part() is not None for part in kept)
    del exams
    collect()
    assert not any(part() is not None for part in kept)


def test_a_bone_is_registered_once_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    femur = "femur", Side.RIGHT
    one, other = (bone_view(exam, femur) for exam in (knee(0, [], STILL), knee(60, [], BENT)))
    there, calls = registered(one, other, None), []
    monkeypatch.setattr(frames, "register_bone", lambda *views: calls.append(views))
    back = registered(other, one, None)
    assert not calls
    assert there.transform is not None
    assert back.transform is not None
    points = np.eye(3) * 20.0
    assert np.allclose(back.transform.apply(there.transform.apply(points)), points)


def test_only_the_exam_that_was_edited_is_carried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    exams = [knee(0, [FRONT], STILL), knee(60, [FRONT], BENT), knee(120, [FRONT], STILL)]
    before, carried = tracks(*exams), []
    real = frames.map_lesions
    monkeypatch.setattr(frames, "map_lesions", lambda *what: carried.append(what[0]) or real(*what))
    assert [track.identifier for track in tracks(*exams)] == [track.identifier for track in before]
    assert not carried
    exams[1] = replace(exams[1], lesions=())
    assert sum(len(track.observations) for track in tracks(*exams)) == 2
    assert carried == [exams[1]]


def test_a_reviewed_outline_is_carried_to_another_pose() -> None:
    reviewed, found = knee(0, [], STILL, "sagittal"), knee(60, [], BENT, "coronal")
    bones, checks = carry_bones(reviewed, found)
    carried, own = bones.labels.mask(FEMUR), found.bones.labels.mask(FEMUR)
    common = (carried & own).volume_ml
    assert 2 * common / (carried.volume_ml + own.volume_ml) > 0.93
    assert [check.status.value for check in checks] == ["ok"]


def test_a_correction_reaches_the_next_exam() -> None:
    """The reviewer took a corner off the bone: it is gone in the next exam too."""
    from dataclasses import replace

    import numpy as np

    from bmetk.exam import Segmentation
    from bmetk.image import LabelMap

    first, second = knee(0, [], STILL), knee(60, [], BENT)
    corner = np.linalg.norm(first.bones.grid.world_coordinates() - (13.0, 4.0, -16.0), axis=-1) < 7
    cut = np.where(corner, 0, first.bones.labels.array).astype(np.uint8)
    reviewed = replace(first, bones=Segmentation(LabelMap(cut, first.bones.grid), first.bones.meaning))
    bones, _ = carry_bones(reviewed, second)
    there = BENT.inverse().apply(second.bones.grid.world_coordinates()) - (13.0, 4.0, -16.0)
    place = Mask(np.linalg.norm(there, axis=-1) < 5, second.bones.grid)
    assert (place & second.bones.labels.mask(FEMUR)).volume_ml > 0.2
    assert (place & bones.labels.mask(FEMUR)).volume_ml < 0.05


def test_bones_of_somebody_else_are_not_carried() -> None:
    with pytest.raises(SeriesMismatchError, match="another patient"):
        carry_bones(knee(0, [], STILL, key="one"), knee(60, [], BENT, key="two"))


def test_where_no_bone_can_be_carried_it_is_refused_with_the_reason() -> None:
    with pytest.raises(RegistrationError, match="no bone in common"):
        carry_bones(knee(0, [], STILL), without_bones(knee(60, [], BENT)))


BALL = ((-12.0, 0.0, -4.0), 9.0)


def test_earlier_edema_is_shown_in_the_pose_of_the_later_exam() -> None:
    later = knee(60, [], BENT, "coronal")
    carried = carry_edema(later, [knee(0, [BALL], STILL)])
    truth = knee(60, [BALL], BENT, "coronal").edema
    common = (carried & truth).volume_ml
    assert 2 * common / (carried.volume_ml + truth.volume_ml) > 0.85


def test_the_last_exam_before_tells_where_edema_was() -> None:
    later = knee(60, [], BENT)
    healed = [knee(0, [BALL], STILL), knee(30, [], STILL), knee(120, [BALL], STILL)]
    assert not carry_edema(later, healed)


@pytest.mark.parametrize(("days", "shown"), [(7, True), (60, False)])
def test_an_exam_within_a_month_after_tells_where_edema_was(days: int, shown: bool) -> None:
    first, next_one = knee(0, [], STILL), knee(days, [BALL], BENT)
    assert bool(carry_edema(first, [next_one])) == shown == shows_soon_after(first, next_one)
    assert not shows_soon_after(first, knee(days, [], BENT))
    assert not shows_soon_after(next_one, first)


def test_where_edema_was_is_known_closely_enough_in_a_bone_that_could_slide_a_little() -> None:
    earlier, later = knee(0, [BALL], STILL), knee(60, [], BENT)
    strict = BoneRegistrationSettings(maximal_unsure_mm=0.0)
    femurs = [bone_view(exam, ("femur", Side.RIGHT), strict) for exam in (later, earlier)]
    assert register_bone(*femurs).transform is not None
    assert register_bone(*femurs, strict).transform is None
    assert carry_edema(later, [earlier], strict)


def half_in_view(result: ExamResult, front: bool, coverage: float) -> ExamResult:
    """Cut a sagittal exam without edema in two, and say how much of each region it shows."""
    grid = result.bones.grid
    columns = np.flatnonzero((grid.world_coordinates()[0, 0, :, 1] < 0) == front)
    box = (slice(None), slice(None), slice(columns[0], columns[-1] + 1))
    part = crop_grid(grid, box)
    bones, regions = (
        Segmentation(LabelMap(each.labels.array[box], part), each.meaning)
        for each in (result.bones, result.regions)
    )
    rows = tuple(replace(row, coverage=coverage) for row in result.measurements)
    edema = Mask(np.zeros(part.shape, bool), part)
    return replace(
        result, bones=bones, regions=regions, edema=edema, probability=None, measurements=rows, lesions=()
    )


@pytest.mark.parametrize(("front", "coverage", "told"), [(True, 0.55, True), (False, 0.9, False)])
def test_resolved_is_what_was_looked_for_where_it_was(front: bool, coverage: float, told: bool) -> None:
    """The lesion lies in front: how much else of its region is in view does not count."""
    later = half_in_view(knee(60, [], STILL), front, coverage)
    kinds = [event.kind.value for event in track([knee(0, [FRONT], STILL), later]).events]
    assert kinds == ["baseline"] + ["resolved"] * told


def test_without_bones_the_view_of_the_region_tells_what_was_looked_at() -> None:
    first = knee(0, [FRONT], STILL)
    for coverage, told in ((0.9, True), (0.55, False)):
        later = without_bones(half_in_view(knee(60, [], STILL), False, coverage))
        kinds = [event.kind.value for event in track([first, later]).events]
        assert kinds == ["baseline"] + ["resolved"] * told
