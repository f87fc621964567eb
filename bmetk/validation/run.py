"""Run the whole way on simulated exams and score every stage."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bmetk.bones import provide_bones, settle_on_fluid
from bmetk.config import Settings
from bmetk.errors import BmetkError
from bmetk.exam import Check, CheckStatus, ExamResult, Segmentation
from bmetk.image import Mask, ScalarImage, resample_scalar
from bmetk.pipeline import Progress, analyze
from bmetk.registration import register_rigid
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.spec import ExamSpec, SimulatedExam
from bmetk.simulate.truth import measure_truth
from bmetk.validation.score import boundary_distance_mm, dice
from bmetk.validation.signs import FindingScore, score_findings
from bmetk.validation.truth import exam_of

WORTH_ML = 0.5
"""Less of a bone, at the edge of the view, says nothing of its outline."""

_Task = TypeVar("_Task")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class BoneScore:
    """One bone of one exam; ``flagged`` where the exam itself warns of this bone.

    ``confidence`` is the Dice that the exam itself expects; None where it says nothing of the bone.
    """

    bone: str
    side: str
    true_ml: float
    dice: float
    boundary_mm: float
    flagged: bool
    confidence: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One slice of what was scored: image and outlines, shape (R, C); pixels (row, column) in mm."""

    title: str
    dice: float
    image: npt.NDArray[np.float32]
    true: npt.NDArray[np.bool_]
    found: npt.NDArray[np.bool_]
    pixel_mm: tuple[float, float]


@dataclass(frozen=True, slots=True)
class RegionScore:
    """Edema of one region of one exam, mL."""

    region: str
    side: str
    true_ml: float
    found_ml: float | None
    low_ml: float | None
    high_ml: float | None
    limit_ml: float | None = None
    """Detection limit that the exam itself states."""


@dataclass(frozen=True, slots=True)
class ExamScore:
    """One exam; ``failure`` holds the sentence where the pipeline refused it."""

    name: str
    joint: str
    side: str
    failure: str = ""
    found_side: str = ""
    untold: str = ""
    """Joint and side as the picture alone tells them; empty where it was not asked."""
    true_ml: float = 0.0
    found_ml: float = 0.0
    dice: float = 0.0
    bones: tuple[BoneScore, ...] = ()
    worst: View | None = None
    """The bone with the least Dice."""
    edema: View | None = None
    """The slice where most of the edema was missed or made up."""
    regions: tuple[RegionScore, ...] = ()
    findings: tuple[FindingScore, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0


def run_all(
    work: Callable[[_Task], _Answer],
    tasks: Sequence[_Task],
    jobs: int,
    stage: str,
    on_progress: Progress | None,
) -> tuple[_Answer, ...]:
    """Do the same work on many tasks, each in its own process where ``jobs`` is above 1."""
    if jobs == 1:
        return tuple(_counted(map(work, tasks), len(tasks), stage, on_progress))
    with ProcessPoolExecutor(jobs) as pool:
        return tuple(_counted(pool.map(work, tasks), len(tasks), stage, on_progress))


def _counted(
    answers: Iterator[_Answer], total: int, stage: str, on_progress: Progress | None
) -> Iterator[_Answer]:
    for number, answer in enumerate(answers, start=1):
        if on_progress is not None:
            on_progress(stage, number / total)
        yield answer


def score_exam(task: tuple[str, ExamSpec, Settings]) -> ExamScore:
    """Simulate one exam, analyse it without any knowledge of its truth, and score it."""
    name, spec, settings = task
    simulated = simulate_exam(spec)
    try:
        result = analyze(exam_of(simulated, name), settings=settings)
    except BmetkError as error:
        return ExamScore(name, spec.joint, spec.side, failure=str(error))
    assert result.edema is not None
    true = simulated.truth.edema
    scores = tuple(_bone_scores(simulated.truth.bones, result.bones, result.quality))
    return ExamScore(
        name=name,
        joint=spec.joint,
        side=spec.side,
        found_side=result.exam.side or "",
        true_ml=true.volume_ml,
        found_ml=result.edema.volume_ml,
        dice=dice(result.edema.array, true.array),
        bones=scores,
        worst=_worst_bone(scores, simulated, result.bones),
        edema=_edema_view(simulated, result.edema),
        regions=tuple(_region_scores(simulated, result)),
        findings=tuple(score_findings(simulated, result.findings)),
        seconds=dict(result.seconds),
        peak_mb=_peak_mb(),
    )


def score_bones(task: tuple[str, ExamSpec, Settings]) -> ExamScore:
    """Simulate one exam, find its bones as `analyze` does, and score them on the grid of its result."""
    name, spec, settings = task
    simulated = simulate_exam(spec)
    transform = register_rigid(simulated.fluid.image, simulated.t1.image, settings.registration).transform
    start = perf_counter()
    try:
        found = provide_bones(simulated.t1.image, joint=spec.joint, side=spec.side, settings=settings.bones)
    except BmetkError as error:
        return ExamScore(name, spec.joint, spec.side, failure=str(error))
    settled = settle_on_fluid(found, simulated.fluid.image, transform)
    bones, _ = found.place(simulated.truth.bones.grid, settled.transform)
    seconds = perf_counter() - start
    scores = tuple(_bone_scores(simulated.truth.bones, bones, found.checks))
    return ExamScore(
        name=name,
        joint=spec.joint,
        side=spec.side,
        found_side=found.side,
        untold=_recognise(simulated, settings),
        bones=scores,
        worst=_worst_bone(scores, simulated, bones),
        seconds={"bones": seconds},
        peak_mb=_peak_mb(),
    )


def _recognise(simulated: SimulatedExam, settings: Settings) -> str:
    """Name joint and side of an exam that has no tags."""
    try:
        found = provide_bones(simulated.t1.image, settings=replace(settings.bones, refine=False))
    except BmetkError:
        return "not recognised"
    return f"{found.joint.value} {found.side.value}"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _bone_scores(truth: Segmentation, bones: Segmentation, checks: Sequence[Check]) -> Iterator[BoneScore]:
    warned = {check.name for check in checks if check.status is not CheckStatus.OK}
    expected = {check.name: check.value for check in checks}
    for value, label in truth.present().items():
        true, found = truth.labels.array == value, bones.labels.array == value
        name = f"bone_{label.name}_{label.side}"
        name = name if name in expected else f"bone_{label.name}_both"  # the pelvis is one structure
        yield BoneScore(
            bone=label.name,
            side=label.side or "",
            true_ml=float(true.sum()) * truth.grid.voxel_ml,
            dice=dice(found, true),
            boundary_mm=boundary_distance_mm(found, true, truth.grid),
            flagged=name in warned,
            confidence=expected.get(name),
        )


def _worst_bone(scores: Sequence[BoneScore], simulated: SimulatedExam, bones: Segmentation) -> View | None:
    """Show the bone with the least Dice, of those that count, in the slice that shows most of it."""
    counted = [score for score in scores if score.true_ml >= WORTH_ML]
    if not counted:
        return None
    worst = min(counted, key=lambda score: score.dice)
    truth = simulated.truth.bones
    value = next(
        v for v, label in truth.meaning.items() if (label.name, label.side) == (worst.bone, worst.side)
    )
    true, found = truth.labels.array == value, bones.labels.array == value
    number = int(np.count_nonzero(true, axis=(1, 2)).argmax())
    image: ScalarImage = resample_scalar(simulated.t1.image, truth.grid, simulated.truth.motion)
    title = f"{worst.side} {worst.bone.replace('_', ' ')}"
    return _view(title, worst.dice, image, true, found, number)


def _edema_view(simulated: SimulatedExam, found: Mask) -> View | None:
    """Show the slice with most that was missed or made up; None where there is nothing to see."""
    true = simulated.truth.edema.array
    if not (true | found.array).any():
        return None
    wrong, shown = (np.count_nonzero(m, axis=(1, 2)) for m in (true ^ found.array, true | found.array))
    number = int((wrong + 0.01 * shown).argmax())
    title = f"{simulated.spec.joint}, {simulated.fluid.contrast}"
    return _view(title, dice(found.array, true), simulated.fluid.image, true, found.array, number)


def _view(
    title: str,
    overlap: float,
    image: ScalarImage,
    true: npt.NDArray[np.bool_],
    found: npt.NDArray[np.bool_],
    number: int,
) -> View:
    pixel = (image.grid.spacing_mm[1], image.grid.spacing_mm[2])
    return View(title, overlap, image.array[number].astype(np.float32), true[number], found[number], pixel)


def _region_scores(simulated: SimulatedExam, result: ExamResult) -> Iterator[RegionScore]:
    measured = {(row.region, row.side): row for row in result.measurements}
    for true in measure_truth(simulated):
        if true.edema_ml is None:
            continue
        row = measured.get((true.region, true.side))
        yield RegionScore(
            region=true.region,
            side=true.side or "",
            true_ml=true.edema_ml,
            found_ml=None if row is None else row.edema_ml,
            low_ml=None if row is None else row.edema_ml_low,
            high_ml=None if row is None else row.edema_ml_high,
            limit_ml=None if row is None else row.detection_limit_ml,
        )
