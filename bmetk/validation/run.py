"""Run the whole way on simulated exams and score every stage."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from bmetk.config import Settings
from bmetk.errors import BmetkError
from bmetk.exam import CheckStatus, ExamResult
from bmetk.pipeline import Progress, analyze, track_exams
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.spec import ExamSpec, PatientSpec, SimulatedExam
from bmetk.simulate.truth import measure_truth
from bmetk.tracking import Event, Timeline
from bmetk.validation.score import Retrieval, boundary_distance_mm, dice, retrieve
from bmetk.validation.truth import exam_of, true_result

_Task = TypeVar("_Task")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class BoneScore:
    """One bone of one exam; ``flagged`` where the exam itself warns of this bone."""

    bone: str
    side: str
    true_ml: float
    dice: float
    boundary_mm: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class RegionScore:
    """Edema of one region of one exam, mL."""

    region: str
    side: str
    true_ml: float
    found_ml: float | None
    low_ml: float | None
    high_ml: float | None


@dataclass(frozen=True, slots=True)
class ExamScore:
    """One exam; ``failure`` holds the sentence where the pipeline refused it."""

    name: str
    joint: str
    side: str
    failure: str = ""
    found_side: str = ""
    true_ml: float = 0.0
    found_ml: float = 0.0
    dice: float = 0.0
    bones: tuple[BoneScore, ...] = ()
    regions: tuple[RegionScore, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class PatientScore:
    """One patient: events and migrations found, missed and made up."""

    name: str
    failure: str = ""
    events: Retrieval = Retrieval(0, 0, 0)
    onsets: Retrieval = Retrieval(0, 0, 0)
    migrations: Retrieval = Retrieval(0, 0, 0)


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
    return ExamScore(
        name=name,
        joint=spec.joint,
        side=spec.side,
        found_side=result.exam.side or "",
        true_ml=true.volume_ml,
        found_ml=result.edema.volume_ml,
        dice=dice(result.edema.array, true.array),
        bones=tuple(_bone_scores(simulated, result)),
        regions=tuple(_region_scores(simulated, result)),
        seconds=dict(result.seconds),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _bone_scores(simulated: SimulatedExam, result: ExamResult) -> Iterator[BoneScore]:
    warned = {check.name for check in result.quality if check.status is not CheckStatus.OK}
    truth = simulated.truth.bones
    for value, label in truth.present().items():
        true, found = truth.labels.array == value, result.bones.labels.array == value
        yield BoneScore(
            bone=label.name,
            side=label.side or "",
            true_ml=float(true.sum()) * truth.grid.voxel_ml,
            dice=dice(found, true),
            boundary_mm=boundary_distance_mm(found, true, truth.grid),
            flagged=f"bone_{label.name}_{label.side}" in warned,
        )


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
        )


def score_patient(task: tuple[PatientSpec, Settings]) -> PatientScore:
    """Simulate one patient, track what the pipeline finds, and compare with the tracked truth."""
    patient, settings = task
    found: list[ExamResult] = []
    true: list[ExamResult] = []
    for spec in patient.exams:
        simulated = simulate_exam(spec)
        try:
            found.append(analyze(exam_of(simulated, patient.name), settings=settings))
        except BmetkError as error:
            return PatientScore(patient.name, failure=str(error))
        true.append(true_result(simulated, patient.name))
    seen, real = track_exams(found, settings=settings), track_exams(true, settings=settings)
    return PatientScore(
        name=patient.name,
        events=retrieve(_events(seen.events), _events(real.events)),
        onsets=retrieve(_onsets(seen.events), _onsets(real.events)),
        migrations=retrieve(_migrations(seen), _migrations(real)),
    )


def _events(events: Sequence[Event]) -> set[tuple[str, ...]]:
    return {(str(e.date), str(e.side), e.region, e.kind) for e in events}


def _onsets(events: Sequence[Event]) -> set[tuple[str, ...]]:
    return {(str(e.date), str(e.side), e.region) for e in events if e.kind.is_onset}


def _migrations(timeline: Timeline) -> set[tuple[str, ...]]:
    return {
        (str(m.origin.side), m.origin.region, str(m.target.side), m.target.region, str(m.target.date))
        for m in timeline.migrations
    }
