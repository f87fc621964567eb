"""A specification survives its file, and a wrong one is named."""

from __future__ import annotations

import pytest

from bmetk.errors import SettingsError
from bmetk.simulate.courses import course, course_ids
from bmetk.simulate.population import population, random_patient
from bmetk.simulate.spec import PatientSpec
from bmetk.simulate.specfile import read_spec, write_spec

SHORT = """
name = "short"
[subject]
seed = 7
[[exam]]
joint = "knee"
side = "right"
date = 2024-03-01
"""


@pytest.fixture
def spec_file(tmp_path):
    def write(text):
        path = tmp_path / "SPEC.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("course_id", course_ids())
def test_course_survives_its_file(course_id, tmp_path):
    patient = course(course_id)
    write_spec(patient, tmp_path / "SPEC.toml")
    assert read_spec(tmp_path / "SPEC.toml") == (patient,)


@pytest.mark.parametrize("seed", range(20))
def test_random_patient_survives_its_file(seed, tmp_path):
    patient = random_patient(seed)
    write_spec(patient, tmp_path / "SPEC.toml")
    assert read_spec(tmp_path / "SPEC.toml") == (patient,)


def test_defaults_hold_where_the_file_is_silent(spec_file):
    (patient,) = read_spec(spec_file(SHORT))
    assert isinstance(patient, PatientSpec)
    assert patient.exams[0].subject.seed == 7
    assert patient.exams[0].lesions == ()
    assert patient.exams[0].protocol.snr == 30.0


def test_file_may_name_a_course_or_a_population(spec_file):
    assert read_spec(spec_file('[course]\nid = "costa-2025"\nseed = 3')) == (course("costa-2025", 3),)
    assert read_spec(spec_file('[population]\nname = "test"\ncount = 2')) == population("test", 2)


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("[exam.protocol]\nsnrr = 3", r"unknown key exam\[0\]\.protocol\.snrr"),
        ("colour = 3", r"unknown key exam\[0\]\.colour"),
        ("[exam.protocol]\nsnr = -3", r"protocol\.snr = -3 must be a number from 2 to 1000"),
        ("[exam.protocol]\nsnr = true", r"protocol\.snr = True"),
        ("[exam.protocol]\nplane = 'up'", r"protocol\.plane = 'up' is not one of axial"),
        ("[exam.protocol]\nslices = 2.5", r"protocol\.slices = 2.5 must be a whole number"),
        ("[exam.protocol.t1]\ncontrast = 't1'", r"protocol\.t1\.tr_ms is missing"),
        ("[exam.pose]\ntilt_deg = [1, 2]", r"tilt_deg = \[1, 2\] must be a list of 3"),
        ("[exam.pose]\ntilt_deg = [1, 2, 99]", r"tilt_deg = 99 must be a number from -45 to 45"),
        ("signs = 3", r"signs = 3 must be a table"),
        ("seed = -1", r"seed = -1 must be a whole number"),
        ("[[exam.lesion]]\nregions = ['elbow']\nside = 'right'", r"lesions\[0\]\.regions = 'elbow'"),
        ("[[exam.lesion]]\nregions = []", r"lesions\[0\]\.side is missing"),
        ("[exam.subject]\nseed = 1\nsex = 'X'", r"subject\.sex = 'X'"),
    ],
)
def test_wrong_entry_is_named(addition, message, spec_file):
    with pytest.raises(SettingsError, match=message):
        read_spec(spec_file(f"{SHORT}{addition}\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "no TOML file"),
        ("name = '../up'\n[[exam]]", "cannot be a folder"),
        ("name = 'empty'", r"no \[\[exam\]\]"),
        ("[course]\nid = 'nobody'", r"course\.id = 'nobody'"),
        ("[population]\nname = 'test'", r"population\.count = None"),
        ("[population]\nname = 'test'\ncount = 1\njoint = 'hip'", r"unknown key population\.joint"),
        ("[course]\nid = 'costa-2025'\n[[exam]]", "unknown key exam"),
    ],
)
def test_wrong_file_is_named(text, message, spec_file):
    with pytest.raises(SettingsError, match=message):
        read_spec(spec_file(text))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        read_spec(tmp_path / "absent.toml")
