"""Which exams make a timeline, and how it reads as a table."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from bmetk.anatomy import Joint, Side
from bmetk.errors import InputError, SeriesMismatchError
from bmetk.exam import Exam, ExamResult, Patient
from bmetk.tracking import exam_names, track
from tests.tracking.courses import COURSES, LEFT, RIGHT, fake_result, result_of

DAY = date(2020, 3, 1)


def of(patient: Patient, side: Side = RIGHT, day: date = DAY) -> ExamResult:
    return fake_result(Joint.KNEE, side, day, {}, patient=patient)


def test_exams_of_two_patients_are_refused_by_folder_and_not_by_name() -> None:
    one, other = Patient("anon-1", key="k1"), Patient("anon-2", key="k2", identity={"name": "Doe^Jane"})
    with pytest.raises(SeriesMismatchError) as caught:
        track([of(one), of(one, LEFT), of(other)], folders=["first", "second", "stray"])
    assert "stray" in str(caught.value)
    assert "first" not in str(caught.value)
    for secret in ("Doe", "anon-2", "k2"):
        assert secret not in str(caught.value)


def test_the_source_of_a_stray_exam_is_named() -> None:
    one, other = Patient("anon-1", key="k1"), Patient("anon-2", key="k2")
    with pytest.raises(SeriesMismatchError, match=r"^stray: of another patient"):
        track([of(one), of(other, LEFT)], sources=["first", "stray"])


def test_patients_without_a_key_are_told_apart_by_pseudonym() -> None:
    with pytest.raises(SeriesMismatchError):
        track([of(Patient("anon-1", key="k1")), of(Patient("anon-2"))])


def test_exams_of_an_unknown_patient_are_taken_as_one() -> None:
    assert (
        len(track([of(Patient()), of(Patient(), LEFT), of(Patient("anon-1"), day=date(2021, 1, 1))]).exams)
        == 3
    )


def test_an_exam_without_a_date_is_refused() -> None:
    with pytest.raises(InputError, match="has no date"):
        track([result_of(Exam(Joint.KNEE, RIGHT), ())])


def test_nothing_to_track_is_refused() -> None:
    with pytest.raises(InputError, match="no exam"):
        track([])


def test_two_exams_of_one_folder_name_are_refused() -> None:
    with pytest.raises(InputError, match="different folder names"):
        track([of(Patient()), of(Patient(), LEFT)], folders=["a", "a"])


def test_exams_are_named_by_number_in_time_joint_and_side() -> None:
    exams = [
        Exam(Joint.ANKLE, LEFT, date=date(2021, 1, 1)),
        Exam(Joint.HIP, Side.BOTH, date=DAY),
        Exam(Joint.OTHER, None, date=date(2022, 1, 1)),
    ]
    assert exam_names(exams) == ("2_ankle_left", "1_hip_both", "3_other")


def test_every_region_has_one_point_an_exam() -> None:
    timeline = track(COURSES["jimenez-martin-2019"].exams)
    for history in timeline.regions:
        assert [point.exam for point in history.points] == [exam.name for exam in timeline.exams]


def test_the_table_has_one_row_a_region_and_exam_in_time_order() -> None:
    timeline = track(COURSES["vaishya-tmo-hip-talus"].exams)
    frame = timeline.to_frame()
    assert len(frame) == len(timeline.exams) * len(timeline.regions)
    assert all(a <= b for a, b in pairwise(frame["date"]))
    talus = frame[(frame["region"] == "talus") & (frame["state"] == "measured")]
    assert list(talus["event"]) == ["new", "resolved"]
    assert frame.loc[frame["state"] == "not_imaged", "edema_ml"].isna().all()
    assert len(frame["event"].dropna()) == len(timeline.events)
