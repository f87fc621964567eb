"""A patient's course: what could not be used is told with its reason, wherever one may look."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bmetk.anatomy import Joint, Side
from bmetk.config import Settings
from bmetk.dicom import load_usable_exams
from bmetk.errors import InputError, SeriesMismatchError, UnreadableFileError
from bmetk.exam import Exam, ExamResult, Patient
from bmetk.patient import track_exams_to, track_to
from bmetk.pipeline import analyze
from bmetk.study import ReadOptions, write_exams
from bmetk.tracking import EventKind, Timeline
from tests.dicom.conftest import SeriesWriter
from tests.export.fakes import small_result

KNEE = {"BodyPartExamined": "KNEE", "Laterality": "R"}
FOOT = {"BodyPartExamined": "FOOT", "Laterality": "R"}
NO_FLUID = "no fluid-sensitive series"


def quick(exam: Exam, **options) -> ExamResult:
    """Stand in for the analysis where there is a fluid-sensitive series."""
    if exam.fluid is None:
        return analyze(exam, **options)
    found = small_result()
    return replace(found, exam=replace(exam, t1=found.exam.t1, fluid=found.exam.fluid))


@pytest.fixture(autouse=True)
def _analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmetk.pipeline.analyze", quick)


@pytest.fixture
def visit(tmp_path: Path) -> Callable[..., SeriesWriter]:
    """Write a visit: both series of a right knee, unless told otherwise."""

    def write(day: str, protocols: tuple[str, ...] = ("t1", "stir"), **who: str) -> SeriesWriter:
        study = SeriesWriter(tmp_path / "studies" / (day or "undated"), date=day, **who)
        for protocol in protocols:
            study.series(protocol, KNEE)
        return study

    return write


def track(out: Path, *sources: Path) -> Timeline:
    return track_to(sources, out, settings=Settings(), options=ReadOptions())


def written(out: Path) -> dict:
    return json.loads((out / "timeline.json").read_text(encoding="utf-8"))


def test_a_visit_that_cannot_be_used_is_told_with_name_date_joint_side_and_reason(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105")
    visit("20240210", ("t1",))
    visit("20240301")
    timeline = track(tmp_path / "out", tmp_path / "studies")
    document = written(tmp_path / "out")
    assert document["schema"] == "bmetk.timeline/1"
    (skipped,) = document["skipped"]
    assert NO_FLUID in skipped.pop("reason")
    assert skipped == {"exam": "2_knee_right", "date": "2024-02-10", "joint": "knee", "side": "right"}
    assert [exam["exam"] for exam in document["exams"]] == ["1_knee_right", "3_knee_right"]
    assert not (tmp_path / "out/2_knee_right").exists()
    assert [exam.name for exam in timeline.skipped] == ["2_knee_right"]
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "2024-02-10, right knee (2_knee_right): no fluid-sensitive series" in page


def test_a_visit_without_date_is_left_out_and_the_others_are_tracked(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105")
    visit("")
    (skipped,) = track(tmp_path / "out", tmp_path / "studies").skipped
    assert (skipped.date, "has no date" in skipped.reason) == (None, True)
    (told,) = written(tmp_path / "out")["skipped"]
    assert (told["date"], told["joint"]) == (None, "knee")


def test_a_course_of_which_nothing_is_lost_says_so(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105")
    assert track(tmp_path / "out", tmp_path / "studies").skipped == ()
    assert written(tmp_path / "out")["skipped"] == []
    assert "left out" not in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_what_could_not_be_loaded_is_told_in_time_order_with_what_could_not_be_analysed(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105", ("t1",))
    visit("20240210")
    visit("20240301", ("localizer",))
    whole = visit("20240401")
    whole.series("t1", FOOT, centre_mm=(0, 0, -420))
    timeline = track(tmp_path / "out", tmp_path / "studies")
    told = [(exam.name, exam.reason.split(" (")[0][:20]) for exam in timeline.skipped]
    assert told == [
        ("1_knee_right", NO_FLUID[:20]),
        ("3_knee_right", "no T1 and no fluid-s"),
        ("5_foot_right", NO_FLUID[:20]),
    ]
    assert [exam.name for exam in timeline.exams] == ["2_knee_right", "4_knee_right"]


def test_an_unusable_study_does_not_cost_the_results_of_an_earlier_run(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    first, second = visit("20240105"), visit("20240210", ("t1",))
    track(tmp_path / "one", first.folder)
    timeline = track(tmp_path / "two", tmp_path / "one", second.folder)
    assert [exam.name for exam in timeline.exams] == ["1_knee_right"]
    assert [exam.name for exam in timeline.skipped] == ["2_knee_right"]


def test_what_an_earlier_course_left_out_is_told_until_it_is_measured(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105")
    second = visit("20240210", ("t1",))
    before = track(tmp_path / "one", tmp_path / "studies")
    again = track(tmp_path / "two", tmp_path / "one")
    assert [(exam.name, exam.reason) for exam in again.skipped] == [
        (exam.name, exam.reason) for exam in before.skipped
    ]
    still = track(tmp_path / "three", tmp_path / "one", second.folder)
    assert [exam.name for exam in still.skipped] == ["2_knee_right"]
    second.series("stir", KNEE)
    mended = track(tmp_path / "four", tmp_path / "one", second.folder)
    assert [exam.name for exam in mended.exams] == ["1_knee_right", "2_knee_right"]
    assert mended.skipped == ()


def test_what_analyze_left_out_of_a_study_is_told_by_the_course(tmp_path: Path) -> None:
    knee = small_result().exam
    foot = Exam(Joint.FOOT, Side.LEFT, date=knee.date)
    write_exams([knee, foot], tmp_path / "study", quick, settings=Settings())
    timeline = track(tmp_path / "out", tmp_path / "study")
    (skipped,) = timeline.skipped
    assert (skipped.name, skipped.joint, skipped.side) == ("2_foot_left", Joint.FOOT, Side.LEFT)
    assert NO_FLUID in skipped.reason


@pytest.mark.parametrize("damage", ["", '{"schema": "bmetk.timeline/1", "skipped": [{}]}', "[]"])
def test_a_damaged_course_of_an_earlier_run_is_refused(
    tmp_path: Path, visit: Callable[..., SeriesWriter], damage: str
) -> None:
    track(tmp_path / "one", visit("20240105").folder)
    (tmp_path / "one/timeline.json").write_text(damage, encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"timeline.json in one is damaged"):
        track(tmp_path / "two", tmp_path / "one")
    assert not (tmp_path / "two").exists()


def test_a_course_from_before_exams_were_told_is_read(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    track(tmp_path / "one", visit("20240105").folder)
    document = written(tmp_path / "one")
    del document["skipped"]
    (tmp_path / "one/timeline.json").write_text(json.dumps(document), encoding="utf-8")
    assert track(tmp_path / "two", tmp_path / "one").skipped == ()


def test_an_unusable_exam_of_somebody_else_is_not_told_as_the_patient_s(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105")
    visit("20240210", ("localizer",), patient_id="OTHER")
    visit("20240211", ("localizer",))
    other, own = track(tmp_path / "out", tmp_path / "studies").skipped
    assert other.reason.startswith("of another patient than the other exams; ")
    assert own.reason.startswith("no T1")


def test_the_same_patient_under_another_pseudonym_is_not_somebody_else(tmp_path: Path) -> None:
    knee = small_result().exam
    bare = Exam(Joint.KNEE, Side.LEFT, date=date(2020, 1, 1), patient=Patient("subject-2", key="key"))
    timeline = track_exams_to([knee, bare], tmp_path / "out", settings=Settings(), options=ReadOptions())
    assert [exam.reason.startswith(NO_FLUID) for exam in timeline.skipped] == [True]


def test_nothing_is_written_where_no_exam_can_be_used_and_each_reason_is_told(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105", ("t1",))
    visit("20240210", ("localizer",))
    with pytest.raises(InputError, match=r"1_knee_right: no fluid.*; 2_knee_right: no T1") as refused:
        track(tmp_path / "out", tmp_path / "studies")
    assert not (tmp_path / "out").exists()
    assert not any(word in str(refused.value) for word in ("Doe", "ID4711"))


def test_an_exam_of_somebody_else_is_refused_by_a_file_s_name_before_anything_is_analysed(
    tmp_path: Path, visit: Callable[..., SeriesWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    visit("20240105")
    visit("20240210")
    visit("20240301", patient_id="ID9999", patient_name="Roe^Rita")
    monkeypatch.setattr("bmetk.pipeline.analyze", lambda *_, **__: pytest.fail("analysed"))
    with pytest.raises(SeriesMismatchError, match=r"^20240301/.*\.dcm: of another patient") as refused:
        track(tmp_path / "out", tmp_path / "studies")
    assert not any(word in str(refused.value) for word in ("Roe", "Rita", "ID9999", "Doe"))
    assert not (tmp_path / "out").exists()


def test_studies_in_any_order_with_names_that_tell_no_date_are_put_in_time_order(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    for number, day in enumerate(("20240301", "20240105", "20240210")):
        visit(day).folder.rename(tmp_path / "studies" / f"scan {'cab'[number]}")
    timeline = track(tmp_path / "out", tmp_path / "studies")
    assert [str(exam.date) for exam in timeline.exams] == ["2024-01-05", "2024-02-10", "2024-03-01"]


def test_two_studies_on_one_day_and_another_joint_between_are_one_course(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    first = visit("20240105")
    twin = SeriesWriter(tmp_path / "studies" / "twin", date="20240105", study_uid="1.2.3.4.5")
    for protocol in ("t1", "stir"):
        twin.series(protocol, FOOT)
    visit("20240301")
    assert first.study_uid != twin.study_uid
    timeline = track(tmp_path / "out", tmp_path / "studies")
    assert [(exam.name, str(exam.date)) for exam in timeline.exams] == [
        ("1_knee_right", "2024-01-05"),
        ("2_foot_right", "2024-01-05"),
        ("3_knee_right", "2024-03-01"),
    ]


def test_two_studies_of_one_joint_on_one_day_are_two_exams_and_one_event(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    visit("20240105")
    again = SeriesWriter(tmp_path / "studies" / "again", date="20240105", study_uid="1.2.3.4.5")
    for protocol in ("t1", "stir"):
        again.series(protocol, KNEE)
    timeline = track(tmp_path / "out", tmp_path / "studies")
    assert [exam.name for exam in timeline.exams] == ["1_knee_right", "2_knee_right"]
    told = [(event.date, event.region, event.side) for event in timeline.events]
    assert len(told) == len(set(told)) > 0


def test_an_exam_of_another_joint_between_two_of_the_same_parts_nothing(
    tmp_path: Path, visit: Callable[..., SeriesWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The knee is compared with the knee, and the foot between says nothing of it."""

    def by_joint(exam: Exam, **options) -> ExamResult:
        found = quick(exam, **options)
        return found if exam.joint is Joint.KNEE else replace(found, measurements=(), lesions=())

    monkeypatch.setattr("bmetk.pipeline.analyze", by_joint)
    visit("20240105")
    between = SeriesWriter(tmp_path / "studies" / "between", date="20240210")
    for protocol in ("t1", "stir"):
        between.series(protocol, FOOT)
    visit("20240301")
    timeline = track(tmp_path / "out", tmp_path / "studies")
    assert [exam.joint for exam in timeline.exams] == [Joint.KNEE, Joint.FOOT, Joint.KNEE]
    last = [event for event in timeline.events if event.date == date(2024, 3, 1)]
    assert last
    assert all(event.previous_date == date(2024, 1, 5) for event in last)
    assert {event.kind for event in last} == {EventKind.UNCHANGED}


def test_results_of_somebody_else_are_refused_by_the_folder_s_name(
    tmp_path: Path, visit: Callable[..., SeriesWriter]
) -> None:
    options = ReadOptions()
    folders = []
    for number, who in enumerate(({}, {}, {"patient_id": "ID9999", "patient_name": "Roe^Rita"})):
        study = visit(f"2024010{number + 5}", **who)
        (exam,) = load_usable_exams(study.folder)[0]
        folders.append(tmp_path / f"result {number}")
        write_exams((exam,), folders[-1], quick, settings=Settings())
    with pytest.raises(SeriesMismatchError, match=r"^result 2: of another patient") as refused:
        track_to(folders, tmp_path / "out", settings=Settings(), options=options)
    assert not any(word in str(refused.value) for word in ("Roe", "Rita", "ID9999", "Doe"))
    assert not (tmp_path / "out").exists()


def test_names_of_files_are_written_nowhere(tmp_path: Path, visit: Callable[..., SeriesWriter]) -> None:
    visit("20240105").folder.rename(tmp_path / "studies" / "Doe Jane")
    track(tmp_path / "out", tmp_path / "studies")
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"Doe Jane" not in path.read_bytes()
