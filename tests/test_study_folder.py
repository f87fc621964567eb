"""From exams to folders: one exam lies in the folder itself, several beside each other, or nothing at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bmetk.anatomy import Joint, Side
from bmetk.config import Settings
from bmetk.errors import BonesNotFoundError, InputError, OutputError
from bmetk.exam import Exam, ExamResult
from bmetk.study import write_exams
from tests.export.fakes import small_result

KNEE = Exam(Joint.KNEE, Side.RIGHT, date=date(2024, 3, 1))
FOOT = Exam(Joint.FOOT, Side.RIGHT, date=date(2024, 3, 1))


def stage(exam: Exam, *, settings=None, on_progress=None) -> ExamResult:
    """Stand in for `analyze`: a knee gives a result, nothing else does."""
    if on_progress is not None:
        on_progress("bones", 0.5)
    if exam.joint is not Joint.KNEE:
        raise BonesNotFoundError(f"no bone in the {exam.joint}")
    result = small_result()
    return replace(result, exam=replace(result.exam, joint=exam.joint, side=exam.side, date=exam.date))


def test_one_exam_lies_in_the_folder_itself(tmp_path: Path) -> None:
    ((folder, result),) = write_exams([KNEE], tmp_path / "out", stage, settings=Settings())
    assert folder == tmp_path / "out"
    assert result.exam.date == KNEE.date
    assert json.loads((folder / "exam.json").read_text())["study"]["date"] == "2024-03-01"
    assert "medial femoral condyle" in (folder / "report.html").read_text(encoding="utf-8")


def test_several_exams_lie_beside_each_other_and_the_unusable_one_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    left = replace(KNEE, side=Side.LEFT)
    written = write_exams([KNEE, FOOT, left], out, stage, settings=Settings())
    assert [folder.name for folder, _ in written] == ["2_knee_right", "1_knee_left"]
    document = json.loads((out / "study.json").read_text())
    assert document["skipped"] == {"3_foot_right": "no bone in the foot"}
    assert {path.name for path in out.iterdir()} == {"study.json", "1_knee_left", "2_knee_right"}
    assert json.loads((out / "1_knee_left/exam.json").read_text())["study"]["side"] == "left"


def test_nothing_is_written_where_no_exam_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2_foot_right: no bone in the foot; 1_foot_left: no bone"):
        write_exams([FOOT, replace(FOOT, side=Side.LEFT)], tmp_path / "out", stage, settings=Settings())
    assert not list(tmp_path.iterdir())


def test_an_earlier_result_is_replaced_by_force_alone(tmp_path: Path) -> None:
    write_exams([KNEE], tmp_path / "out", stage, settings=Settings())
    later = replace(KNEE, date=date(2025, 1, 2))
    with pytest.raises(OutputError, match="--force"):
        write_exams([later], tmp_path / "out", stage, settings=Settings())
    write_exams([later], tmp_path / "out", stage, settings=Settings(), force=True)
    assert json.loads((tmp_path / "out/exam.json").read_text())["study"]["date"] == "2025-01-02"


def test_progress_names_the_exam_where_there_are_several(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    write_exams(
        [KNEE, replace(KNEE, side=Side.LEFT)],
        tmp_path / "out",
        stage,
        settings=Settings(),
        on_progress=lambda what, fraction: told.append((what, fraction)),
    )
    assert told == [("2_knee_right: bones", 0.5), ("1_knee_left: bones", 0.5)]
