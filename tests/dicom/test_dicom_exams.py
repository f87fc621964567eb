"""Exams are made of the right two series of one joint, side, day and patient."""

from __future__ import annotations

import pytest
from pydicom.uid import generate_uid

from bmetk.anatomy import Joint, Side
from bmetk.dicom import load_exam, load_exams, load_usable_exams, scan
from bmetk.dicom.plan import plan_exams
from bmetk.errors import (
    GeometryError,
    InputError,
    MissingSeriesError,
    SeriesMismatchError,
    UnreadableFileError,
)
from bmetk.exam import Contrast

KNEE = {"BodyPartExamined": "KNEE", "Laterality": "R"}
FOOT = {"BodyPartExamined": "FOOT", "Laterality": "R"}
A_SLICE_SHORT = [0, 4, 8, 16, 20]


def write_pair(study, site, centre_mm=(0.0, 0.0, 0.0), **layout):
    for protocol in ("t1", "stir"):
        study.series(protocol, site, centre_mm=centre_mm, **layout)


def test_one_knee_gives_one_exam_with_its_two_series(study):
    study.series("localizer", KNEE, slices=3)
    write_pair(study, KNEE)
    exam = load_exam(study.folder)
    assert (exam.joint, exam.side) == (Joint.KNEE, Side.RIGHT)
    assert (exam.t1.contrast, exam.fluid.contrast) == (Contrast.T1, Contrast.STIR)
    assert exam.date.isoformat() == "2024-01-05"
    assert exam.patient.sex == "F"
    assert exam.patient.age_years == 44.0
    assert exam.patient.identity is None
    assert exam.warnings == ()


def test_identity_is_kept_on_request_alone(study):
    write_pair(study, KNEE)
    assert load_exam(study.folder, keep_identity=True).patient.identity["id"] == "ID4711"


def test_stir_is_preferred_to_fat_suppressed_pd_and_same_plane_to_another(study):
    study.series("fs_pd", KNEE, plane="coronal")
    study.series("stir", KNEE, plane="sagittal", slices=24, size=(12, 12), centre_mm=(-1, 0, 0))
    study.series("stir", KNEE, plane="coronal", slices=24)
    study.series("t1", KNEE, plane="coronal", slices=24)
    exam = load_exam(study.folder)
    assert (exam.t1.number, exam.fluid.number) == (4, 3)


def test_a_series_after_contrast_agent_is_second_choice(study):
    study.series("t1", {**KNEE, "ContrastBolusAgent": "Gd"})
    write_pair(study, KNEE)
    assert load_exam(study.folder).t1.number == 2


def test_two_knees_of_one_study_are_two_exams(study):
    write_pair(study, {"BodyPartExamined": "KNEE", "Laterality": "R"}, (-90, 0, 0))
    write_pair(study, {"BodyPartExamined": "KNEE", "Laterality": "L"}, (90, 0, 0))
    exams = load_exams(study.folder)
    assert {exam.side for exam in exams} == {Side.RIGHT, Side.LEFT}
    assert all(exam.t1 and exam.fluid for exam in exams)
    assert load_exam(study.folder, side=Side.LEFT).side is Side.LEFT


def test_two_knees_at_the_same_coordinates_are_parted_by_tags(study):
    for side in ("R", "L"):
        write_pair(study, {"BodyPartExamined": "KNEE", "Laterality": side})
    assert {exam.side for exam in load_exams(study.folder)} == {Side.RIGHT, Side.LEFT}


def test_two_knees_without_laterality_are_parted_by_geometry(study):
    write_pair(study, {"BodyPartExamined": "KNEE"}, (-90, 0, 0))
    write_pair(study, {"BodyPartExamined": "KNEE"}, (90, 0, 0))
    assert [exam.side for exam in load_exams(study.folder)] == [Side.LEFT, Side.RIGHT]


def test_a_knee_and_a_foot_are_two_exams(study):
    write_pair(study, {"BodyPartExamined": "KNEE", "Laterality": "L"})
    write_pair(study, {"BodyPartExamined": "FOOT", "Laterality": "L"}, (0, 0, -420))
    assert {exam.joint for exam in load_exams(study.folder)} == {Joint.KNEE, Joint.FOOT}


def test_both_hips_in_one_view_are_one_exam(study):
    write_pair(study, {"StudyDescription": "MRI HIPS"}, size=(20, 32))
    assert load_exam(study.folder).side is Side.BOTH


def test_visits_are_sorted_by_date(new_study):
    for date in ("20240601", "20240105", "20240310"):
        write_pair(new_study(date=date), KNEE)
    root = new_study().folder.parent
    assert [exam.date.month for exam in load_exams(root)] == [1, 3, 6]
    with pytest.raises(InputError, match="3 exams found where one is needed"):
        load_exam(root)


def test_two_studies_of_one_day_are_two_exams(new_study):
    write_pair(new_study(), KNEE)
    write_pair(new_study(), {"BodyPartExamined": "FOOT", "Laterality": "L"})
    assert len(load_exams(new_study().folder.parent)) == 2


def test_series_of_different_patients_are_refused(new_study):
    new_study(patient_id="A").series("t1", KNEE)
    new_study(patient_id="B").series("stir", KNEE)
    with pytest.raises(SeriesMismatchError, match="different patients") as refused:
        load_exams(new_study().folder.parent)
    assert "Doe" not in str(refused.value)


def test_series_of_different_sides_are_refused_unless_the_side_is_given(study):
    study.series("t1", {"BodyPartExamined": "KNEE", "Laterality": "R"})
    study.series("stir", {"BodyPartExamined": "KNEE", "Laterality": "L"})
    with pytest.raises(SeriesMismatchError, match=r"T1 \(series 1\) shows the right knee"):
        load_exams(study.folder)
    assert load_exam(study.folder, side=Side.LEFT).side is Side.LEFT


def test_series_of_different_joints_are_refused(study):
    study.series("t1", {"BodyPartExamined": "KNEE"})
    study.series("stir", {"BodyPartExamined": "FOOT"}, centre_mm=(0, 0, -400))
    with pytest.raises(SeriesMismatchError, match="shows the knee"):
        load_exams(study.folder)


def test_fields_of_view_that_miss_each_other_are_refused(study):
    study.series("t1", KNEE)
    study.series("stir", KNEE, centre_mm=(0, 0, 400))
    with pytest.raises(SeriesMismatchError, match="share 0 % of the smaller"):
        load_exams(study.folder)


def test_absent_series_is_none_and_pd_stands_in_with_a_warning(study):
    study.series("pd", KNEE)
    exam = load_exam(study.folder)
    assert exam.fluid is None
    assert exam.t1.contrast is Contrast.PD
    assert "no T1 series was found" in exam.warnings[0]


def test_a_faulty_fluid_series_is_named_not_called_absent(study):
    study.series("t1", KNEE)
    study.series("stir", KNEE, offsets_mm=[0, 4, 8, 16, 20])
    with pytest.raises(GeometryError, match="in series 2: a slice is missing"):
        load_exam(study.folder)
    assert load_exam(study.folder, without_fluid=True).fluid is None
    mended = load_exam(study.folder, allow_gaps=True)
    assert "interpolated" in mended.warnings[0]


def test_a_localizer_alone_is_no_exam(study):
    study.series("localizer", KNEE, slices=5)
    with pytest.raises(MissingSeriesError, match="localizer"):
        load_exams(study.folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="empty"):
        load_exams(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UnreadableFileError, match="no DICOM image in 1 files"):
        load_exams(tmp_path)


def test_series_without_side_join_the_one_that_tells(study):
    study.series("t1", KNEE)
    study.frame_of_reference = generate_uid()
    study.series("stir", {"BodyPartExamined": "KNEE"})
    exam = load_exam(study.folder)
    assert exam.side is Side.RIGHT
    assert exam.t1 is not None


def test_plans_read_no_pixels(study):
    write_pair(study, KNEE)
    inventory = scan(study.folder)
    for path in study.folder.iterdir():
        path.unlink()
    assert plan_exams(inventory)[0].title == "right knee on 2024-01-05"


def test_pseudonym_is_stable_keyed_and_tells_patients_apart(new_study, monkeypatch):
    for patient in ("A", "B"):
        new_study(patient_id=patient).series("t1", KNEE)
    root = new_study().folder.parent
    first = scan(root).pseudonyms()
    assert first == scan(root).pseudonyms()
    assert len(set(first)) == 2
    assert all(len(name) == 10 and name.startswith("P-") for name in first)
    monkeypatch.setenv("BMETK_PSEUDONYM_KEY", "secret of the site")
    assert not set(first) & set(scan(root).pseudonyms())


def test_a_faulty_visit_is_left_out_with_its_reason_and_the_others_are_loaded(new_study):
    write_pair(new_study(date="20240105"), KNEE)
    faulty = new_study(date="20240310")
    faulty.series("t1", KNEE)
    faulty.series("stir", KNEE, offsets_mm=A_SLICE_SHORT)
    root = new_study().folder.parent
    with pytest.raises(GeometryError):
        load_exams(root)
    exams, (skipped,) = load_usable_exams(root)
    assert [exam.date.month for exam in exams] == [1]
    assert (skipped.joint, skipped.side, skipped.date.month) == (Joint.KNEE, Side.RIGHT, 3)
    assert "in series 2: a slice is missing" in skipped.reason
    assert load_usable_exams(root, allow_gaps=True)[1] == ()


def test_a_visit_whose_pixels_are_damaged_is_left_out(new_study):
    def cut(dataset, _):
        dataset.PixelData = dataset.PixelData[:-100]

    write_pair(new_study(date="20240105"), KNEE)
    damaged = new_study(date="20240310")
    damaged.series("t1", KNEE)
    damaged.series("stir", KNEE, change=cut)
    for number, file in enumerate(sorted(damaged.folder.rglob("*"))):
        if file.is_file():
            file.rename(file.with_name(f"DOE_JANE_{number}.dcm"))
    exams, (skipped,) = load_usable_exams(new_study().folder.parent)
    assert [exam.date.month for exam in exams] == [1]
    assert (skipped.joint, skipped.date.month) == (Joint.KNEE, 3)
    assert "transfer the series again" in skipped.reason
    assert "DOE" not in skipped.reason


def test_a_visit_with_a_localizer_alone_is_left_out_with_the_reason(new_study):
    write_pair(new_study(date="20240105"), KNEE)
    new_study(date="20240310").series("localizer", KNEE, slices=5)
    root = new_study().folder.parent
    assert len(load_exams(root)) == 1
    exams, (skipped,) = load_usable_exams(root)
    assert len(exams) == 1
    assert (skipped.joint, skipped.side, skipped.date.month) == (Joint.KNEE, Side.RIGHT, 3)
    assert "localizer" in skipped.reason


def test_a_visit_whose_two_series_are_of_two_sides_is_left_out_with_the_side_open(new_study):
    write_pair(new_study(date="20240105"), KNEE)
    mixed = new_study(date="20240310")
    mixed.series("t1", KNEE)
    mixed.series("stir", {**KNEE, "Laterality": "L"})
    exams, (skipped,) = load_usable_exams(new_study().folder.parent)
    assert len(exams) == 1
    assert (skipped.joint, skipped.side) == (Joint.KNEE, None)
    assert "shows the right knee" in skipped.reason


@pytest.mark.parametrize("same_frame", [True, False])
def test_a_joint_without_fluid_series_beside_a_whole_one_is_not_lost(study, same_frame):
    write_pair(study, KNEE)
    if not same_frame:
        study.frame_of_reference = generate_uid()
    study.series("t1", FOOT, centre_mm=(0, 0, -420))
    assert [exam.joint for exam in load_exams(study.folder)] == [Joint.KNEE]
    exams, skipped = load_usable_exams(study.folder)
    assert {(exam.joint, exam.fluid is None) for exam in exams} == {(Joint.KNEE, False), (Joint.FOOT, True)}
    assert skipped == ()


def test_the_other_knee_without_fluid_series_is_not_lost(study, caplog):
    write_pair(study, KNEE)
    study.series("t1", {**KNEE, "Laterality": "L"})
    assert [exam.side for exam in load_exams(study.folder)] == [Side.RIGHT]
    assert [record.getMessage() for record in caplog.records] == [
        "the left knee is left out: it has no fluid-sensitive series"
    ]
    exams, skipped = load_usable_exams(study.folder)
    assert {(exam.side, exam.fluid is None) for exam in exams} == {(Side.RIGHT, False), (Side.LEFT, True)}
    assert skipped == ()


def test_a_scout_of_another_joint_is_no_lost_exam(study):
    write_pair(study, KNEE)
    study.series("t1", FOOT, centre_mm=(0, 0, -420), slices=2)
    exams, skipped = load_usable_exams(study.folder)
    assert (len(exams), skipped) == (1, ())


def test_a_place_without_name_beside_a_whole_joint_is_not_lost(study):
    write_pair(study, KNEE)
    study.series("t1", centre_mm=(0, 0, -420))
    exams, _ = load_usable_exams(study.folder)
    assert [exam.fluid is None for exam in exams] == [False, True]


def test_a_joint_whose_series_are_all_faulty_beside_a_whole_one_is_left_out(study):
    write_pair(study, KNEE)
    write_pair(study, FOOT, (0, 0, -420), offsets_mm=A_SLICE_SHORT)
    (exam,), (skipped,) = load_usable_exams(study.folder)
    assert exam.joint is Joint.KNEE
    assert (skipped.joint, skipped.side) == (Joint.FOOT, Side.RIGHT)
    assert "in series 3: a slice is missing" in skipped.reason
    assert "in series 4" in skipped.reason


@pytest.mark.parametrize(
    ("site", "faulty"),
    [
        (KNEE, None),
        ({"BodyPartExamined": "KNEE"}, None),
        ({}, None),
        ({**KNEE, "Laterality": "B"}, None),
        (KNEE, A_SLICE_SHORT),
        (KNEE, [0]),
    ],
)
def test_a_further_series_of_a_whole_joint_is_no_lost_exam(study, site, faulty):
    write_pair(study, KNEE)
    study.frame_of_reference = generate_uid()
    study.series("pd", site, offsets_mm=faulty)
    exams, skipped = load_usable_exams(study.folder)
    assert (len(exams), skipped) == (1, ())


def test_who_asks_for_a_joint_is_not_told_of_the_others(study):
    write_pair(study, KNEE)
    study.series("t1", FOOT, centre_mm=(0, 0, -420))
    (exam,), skipped = load_usable_exams(study.folder, joint=Joint.KNEE)
    assert (exam.joint, skipped) == (Joint.KNEE, ())


def test_a_radiograph_is_no_lost_exam_but_alone_it_is_refused(new_study):
    picture = new_study(date="20240310")
    picture.series("t1", {**KNEE, "Modality": "CT"})
    root = picture.folder.parent
    with pytest.raises(GeometryError, match="modality CT"):
        load_usable_exams(root)
    write_pair(new_study(date="20240105"), KNEE)
    exams, skipped = load_usable_exams(root)
    assert (len(exams), skipped) == (1, ())


def test_damaged_files_are_told_once_with_where_to_look(study, caplog):
    write_pair(study, KNEE)
    whole = next(study.folder.iterdir()).read_bytes()
    (study.folder / "half.dcm").write_bytes(whole[:200])
    exams, _ = load_usable_exams(study.folder)
    assert len(exams) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "1 file is damaged and left out; 'bmetk info' says which and why"
    ]
    caplog.clear()
    load_usable_exams(scan(study.folder))
    assert caplog.records == []
