"""The command line: exit status, sentences, and nothing half written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bmetk.cli import main
from bmetk.export import load_result
from bmetk.image import LabelMap, Mask
from bmetk.image.nifti import write_nifti
from bmetk.simulate.sample import find_sample
from bmetk.simulate.scanners import scanner_of
from tests.conftest import make_grid
from tests.dicom.conftest import SeriesWriter
from tests.test_pipeline import phantom_exam


def run(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "bmetk", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the phantom exam as NIfTI files."""
    folder = tmp_path_factory.mktemp("files")
    exam = phantom_exam()
    write_nifti(exam.t1.image, folder / "t1.nii.gz")
    write_nifti(exam.fluid.image, folder / "stir.nii.gz")
    write_nifti(exam.bones.labels, folder / "bones.nii.gz")
    return folder


@pytest.fixture(scope="module")
def analysed(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analyse the phantom through the command line."""
    out = tmp_path_factory.mktemp("out") / "result"
    done = run("analyze", *_inputs(files), "--joint", "sacroiliac", "--date", "2020-02-03", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "label_1" in done.stdout
    return out


def _inputs(files: Path, bones: str = "bones.nii.gz") -> list[str | Path]:
    return ["--t1", files / "t1.nii.gz", "--stir", files / "stir.nii.gz", "--bones", files / bones]


def test_analyze_writes_the_files_of_the_contract(analysed: Path) -> None:
    assert {path.name for path in analysed.iterdir()} == {
        "exam.json",
        "bones.nii.gz",
        "regions.nii.gz",
        "edema.nii.gz",
        "edema_probability.nii.gz",
        "ratio.nii.gz",
        "measurements.csv",
        "report.html",
    }
    document = json.loads((analysed / "exam.json").read_text())
    assert document["schema"] == "bmetk.exam/1"
    assert document["study"]["date"] == "2020-02-03"
    assert document["regions"][0]["region"] == "label_1"
    assert document["regions"][0]["edema_ml"] == pytest.approx(7.24, rel=0.1)


def test_track_follows_folders_that_analyze_wrote(analysed: Path, tmp_path: Path) -> None:
    clinical = tmp_path / "course.csv"
    clinical.write_text("date,kind,what\n2020-03-01,treatment,rest\n", encoding="utf-8")
    done = run("track", analysed, "--out", tmp_path / "course", "--clinical", clinical)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "course" / "timeline.json").read_text())
    assert [event["kind"] for event in document["events"]] == ["baseline"]
    assert document["clinical"][0]["what"] == "rest"
    assert (tmp_path / "course" / document["exams"][0]["exam"] / "exam.json").is_file()


@pytest.mark.slow
def test_bones_from_a_reviewed_result_are_carried_into_the_next_analysis(tmp_path: Path) -> None:
    """The reviewer took a corner off the femur: it is gone in the next analysis too."""
    study = find_sample() / "studies/20230523_1"
    done = run("analyze", study, "--out", tmp_path / "reviewed")
    assert done.returncode == 0, done.stderr
    before = load_result(tmp_path / "reviewed")
    (value,) = (v for v, label in before.bones.meaning.items() if label.name == "femur")
    labels = before.bones.labels
    femur = labels.mask(value)
    points = labels.grid.world_coordinates()
    medial = points[femur.array][points[femur.array][:, 0].argmax()]
    corner = Mask(femur.array & (np.linalg.norm(points - medial, axis=-1) < 18), labels.grid)
    cut = np.where(corner.array, 0, labels.array).astype(np.uint8)
    write_nifti(LabelMap(cut, labels.grid), tmp_path / "reviewed/bones.nii.gz")
    done = run("analyze", study, "--bones-from", tmp_path / "reviewed", "--out", tmp_path / "next")
    assert done.returncode == 0, done.stderr
    after = load_result(tmp_path / "next")
    assert corner.volume_ml > 2
    assert (after.bones.labels.mask(value) & corner).volume_ml < 0.2 * corner.volume_ml
    assert "bone_carried_over" in {check.name for check in after.quality}


def test_bones_from_a_folder_without_a_result_are_refused_in_one_line(files: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = run("analyze", *_inputs(files), "--bones-from", tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nothing" in done.stderr
    assert not (tmp_path / "out").exists()


def test_track_names_an_exam_that_is_left_out_in_one_line(analysed: Path, tmp_path: Path) -> None:
    SeriesWriter(tmp_path / "later", date="20200301").series("t1", {"BodyPartExamined": "KNEE"})
    done = run("track", analysed, tmp_path / "later", "--out", tmp_path / "course")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("bmetk: exam 2_knee (2020-03-01) is left out: no fluid-sensitive series")
    assert "baseline" in done.stdout
    assert json.loads((tmp_path / "course/timeline.json").read_text())["skipped"][0]["exam"] == "2_knee"


def test_a_second_result_is_not_written_over_the_first_unless_forced(files: Path, analysed: Path) -> None:
    before = (analysed / "exam.json").read_bytes()
    done = run("analyze", *_inputs(files), "--out", analysed)
    assert done.returncode == 3
    assert "--force" in done.stderr
    assert (analysed / "exam.json").read_bytes() == before


def test_a_mask_on_another_grid_is_refused_and_nothing_is_written(files: Path, tmp_path: Path) -> None:
    grid = make_grid("coronal", (9, 40, 40))
    write_nifti(LabelMap([[[1] * 40] * 40] * 9, grid), files / "other.nii.gz")
    done = run("analyze", *_inputs(files, "other.nii.gz"), "--out", tmp_path / "out")
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert "grid" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("analyze", tmp_path / "empty", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "empty"]


def test_a_foreign_folder_is_not_written_to(files: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    done = run("analyze", *_inputs(files), "--out", tmp_path)
    assert done.returncode == 3
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "words",
    [
        ["analyze"],
        ["analyze", "--out", "x"],
        ["nonsense"],
        ["info", "--config", "none.toml", "."],
        ["validate", "--out", "x", "--part", "knees"],
        ["validate", "--out", "x", "--population", "everyone"],
        ["simulate", "nobody-2024", "--out", "x"],
        ["simulate", "costa-2025", "--seed", "-1", "--out", "x"],
        ["analyze", "study", "--side", "middle", "--out", "x"],
        ["analyze", "study", "--joint", "kne", "--out", "x"],
        ["bones", "study", "--side", "middle", "--out", "x"],
        ["bones", "study", "--joint", "kne", "--out", "x"],
    ],
)
def test_wrong_usage_has_status_two(words: list[str], tmp_path: Path) -> None:
    done = run(*words, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "wrong", "known"),
    [
        (["analyze", "study", "--side", "middle"], "middle", "left, right or both"),
        (["bones", "study", "--joint", "kne"], "kne", "hip, knee, ankle, foot"),
        (["simulate", "nobody-2024"], "nobody-2024", "costa-2025"),
        (["validate", "--population", "everyone"], "everyone", "development, test"),
    ],
)
def test_a_name_that_is_not_known_is_told_with_those_that_are(
    words: list[str], wrong: str, known: str, tmp_path: Path
) -> None:
    told = " ".join(run(*words, "--out", "x", folder=tmp_path).stderr.replace("│", " ").split())
    assert wrong in told
    assert known in told


def test_a_name_that_a_file_holds_is_unusable_input_not_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        scanner_of("ACME")

    monkeypatch.setattr("bmetk.simulate.patient.simulate_to", refuse)
    monkeypatch.setattr(sys, "argv", ["bmetk", "simulate", "costa-2025", "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 3
    assert capsys.readouterr().err.startswith("bmetk: no scanner of 'ACME'")


def test_every_command_has_help() -> None:
    listed = run("--help").stdout
    for command in ("info", "analyze", "bones", "track", "batch", "simulate", "validate", "demo", "view"):
        assert command in listed
        assert run(command, "--help").returncode == 0
