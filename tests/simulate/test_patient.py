"""A patient lies on disk as studies, with the truth apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pydicom
import pytest

from bmetk.anatomy import Joint, Side
from bmetk.errors import OutputError, UnknownNameError
from bmetk.simulate.patient import simulate_to
from bmetk.simulate.spec import PatientSpec
from bmetk.simulate.truth import read_truth
from tests.simulate.fake_exams import fake_exam, fake_spec


def quick(spec):
    return fake_exam(spec, shape=(2, 12, 10))


@pytest.fixture
def patient():
    knee = fake_spec()
    foot = fake_spec(joint=Joint.FOOT, side=Side.LEFT, seed=12)
    later = fake_spec(date=date(2024, 9, 1), lesions=(), seed=13)
    return PatientSpec("two-joints", (knee, foot, later))


def test_exams_of_a_day_form_a_study_and_truth_lies_apart(patient, tmp_path):
    where = simulate_to(patient, tmp_path / "out", simulator=quick)
    assert [path.name for path in where.studies] == ["20240301_1", "20240901_1"]
    names = [path.name for path in where.truths]
    assert names == ["20240301_foot_left", "20240301_knee_right", "20240901_knee_right"]
    assert where.folder == tmp_path / "out" / "two-joints"
    assert len(list(where.studies[0].iterdir())) == 16
    assert read_truth(where.truths[0]).joint is Joint.FOOT


def test_patient_folder_holds_dicom_alone(patient, tmp_path):
    where = simulate_to(patient, tmp_path, simulator=quick)
    files = [path for path in where.folder.rglob("*") if path.is_file()]
    patients = {pydicom.dcmread(path).PatientID for path in files}
    assert len(files) == 24
    assert len(patients) == 1


def test_single_exam_becomes_a_patient(tmp_path):
    where = simulate_to(fake_spec(seed=5), tmp_path, simulator=quick)
    assert where.folder.name == "exam-5"


def test_same_joint_twice_on_a_day_keeps_both_truths(tmp_path):
    patient = PatientSpec("twice", (fake_spec(seed=1), fake_spec(seed=2)))
    where = simulate_to(patient, tmp_path, simulator=quick)
    assert [path.name for path in where.truths] == ["20240301_knee_right", "20240301_knee_right_2"]


def test_progress_runs_from_nothing_to_all(patient, tmp_path):
    said = []
    simulate_to(patient, tmp_path, lambda _, fraction: said.append(fraction), simulator=quick)
    assert said == sorted(said)
    assert (said[0], said[-1]) == (0.0, 1.0)


def test_unknown_manufacturer_is_refused_and_leaves_nothing(tmp_path):
    spec = fake_spec()
    spec = replace(spec, protocol=replace(spec.protocol, manufacturer="ACME"))
    with pytest.raises(UnknownNameError, match="ACME"):
        simulate_to(spec, tmp_path / "out", simulator=quick)
    assert not (tmp_path / "out").exists()


def test_patient_that_is_there_is_not_overwritten(patient, tmp_path):
    simulate_to(patient, tmp_path, simulator=quick)
    with pytest.raises(OutputError, match="is there already"):
        simulate_to(patient, tmp_path, simulator=quick)


def test_failure_leaves_nothing_behind(patient, tmp_path):
    def fail(spec):
        raise OutputError("no room")

    with pytest.raises(OutputError, match="no room"):
        simulate_to(patient, tmp_path, simulator=fail)
    assert list(tmp_path.iterdir()) == []


def test_output_that_is_a_file_is_refused(patient, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        simulate_to(patient, tmp_path / "file", simulator=quick)
