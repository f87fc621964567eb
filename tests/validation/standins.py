"""Exams that cost nothing, and an analysis that finds as much of their truth as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from bmetk.bones import GivenBones
from bmetk.exam import Exam, ExamResult
from bmetk.image import Mask, ScalarImage
from bmetk.simulate.spec import ExamSpec, SimulatedExam
from bmetk.validation.truth import true_result
from tests.simulate.fake_exams import fake_exam

Find = Callable[[ExamResult], ExamResult]
"""What the analysis makes of the true result."""


@dataclass
class StandIn:
    """Takes the place of simulation and analysis; ``find`` may raise."""

    find: Find = lambda truth: truth
    told: list[Exam] = field(default_factory=list)
    made: list[SimulatedExam] = field(default_factory=list)

    def simulate(self, spec: ExamSpec) -> SimulatedExam:
        exam = fake_exam(spec)
        self.made.append(exam)
        return exam

    def analyze(self, exam: Exam, *, settings: object, **_told: object) -> ExamResult:
        self.told.append(exam)
        (simulated,) = (made for made in self.made if made.fluid is exam.fluid)
        truth = true_result(simulated, exam.patient.pseudonym)
        return replace(self.find(truth), seconds={"bones": 2.0, "edema": 1.0})

    def provide_bones(self, t1: ScalarImage, **_told: object) -> GivenBones:
        (simulated,) = (made for made in self.made if made.t1.image is t1)
        truth = self.find(true_result(simulated, "x"))
        spec = simulated.spec
        return GivenBones(spec.joint, spec.side, truth.bones, truth.regions, truth.quality)


def find_nothing(truth: ExamResult) -> ExamResult:
    """Miss all edema."""
    return _with_edema(truth, np.zeros(truth.edema.grid.shape, bool))


def find_half(truth: ExamResult) -> ExamResult:
    """Find the edema of every second column alone, and none beside it."""
    array = truth.edema.array.copy()
    array[:, :, ::2] = False
    return _with_edema(truth, array)


def _with_edema(truth: ExamResult, array: np.ndarray) -> ExamResult:
    share = np.count_nonzero(array) / max(1, np.count_nonzero(truth.edema.array))
    rows = (
        row
        if row.edema_ml is None
        else replace(row, edema_ml=share * row.edema_ml, edema_ml_low=0.0, edema_ml_high=row.bone_ml)
        for row in truth.measurements
    )
    return replace(truth, edema=Mask(array, truth.edema.grid), measurements=tuple(rows))
