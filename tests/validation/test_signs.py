"""Findings are scored by what an exam was drawn with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmetk.anatomy import Side
from bmetk.exam import Finding
from bmetk.validation.signs import EFFUSION_ML, score_findings
from tests.simulate.fake_exams import fake_exam


@pytest.mark.parametrize(("share", "true"), [(1.5, True), (0.5, False)])
def test_an_effusion_is_told_by_the_fluid_in_the_recesses(*, share: float, true: bool) -> None:
    exam = fake_exam()
    exam = replace(exam, truth=replace(exam.truth, recess_ml=share * EFFUSION_ML))
    (score,) = score_findings(exam, [Finding("joint_effusion", Side.RIGHT, True, 5.0, "mL", "")])
    assert (score.kind, score.true, score.seen) == ("joint_effusion", true, True)
