"""Simulate a patient into a folder: DICOM studies as they come, and the truth apart from them.

::

    OUT/<patient>/<YYYYMMDD>_<n>/                          the n-th study of that day
    OUT/truth/<patient>/<YYYYMMDD>_<joint>_<side>/         the truth of each exam

So ``OUT/<patient>`` holds nothing that a scanner would not have written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bmetk.errors import OutputError
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.scanners import scanner_of
from bmetk.simulate.spec import ExamSpec, PatientSpec, SimulatedExam
from bmetk.simulate.study import Compression, identify_study, write_study
from bmetk.simulate.truth import write_truth

OnProgress = Callable[[str, float], None]
Simulator = Callable[[ExamSpec], SimulatedExam]

TRUTH_FOLDER = "truth"


@dataclass(frozen=True, slots=True)
class SimulatedPatient:
    """Where a simulated patient lies: one folder a study, one truth folder an exam."""

    folder: Path
    studies: tuple[Path, ...]
    truths: tuple[Path, ...]


def silent(stage: str, fraction: float) -> None:
    """Report nothing."""


def simulate_to(
    spec: PatientSpec | ExamSpec,
    out: Path,
    on_progress: OnProgress = silent,
    *,
    compression: Compression = Compression.NONE,
    simulator: Simulator = simulate_exam,
) -> SimulatedPatient:
    """Simulate a patient, or a single exam, and write studies and truth below ``out``.

    Exams of one day form one study. Everything appears at once at the end, or nothing does.

    Parameters
    ----------
    spec : a single exam becomes a patient named ``exam-<seed>``
    out : made if absent
    on_progress : called with the stage and the fraction done, 0 to 1
    compression : of the pixels
    simulator : what turns a specification into images

    Raises
    ------
    OutputError
        If the patient is there already, or ``out`` cannot be written.
    UnknownNameError
        If there is no scanner of the manufacturer named.
    """
    patient = PatientSpec(f"exam-{spec.seed}", (spec,)) if isinstance(spec, ExamSpec) else spec
    for exam in patient.exams:
        scanner_of(exam.protocol.manufacturer)
    goal, truth_goal = out / patient.name, out / TRUTH_FOLDER / patient.name
    staging = _make_staging(out, goal, truth_goal)
    try:
        _simulate_all(patient, staging, on_progress, compression, simulator)
        (staging / "studies").rename(goal)
        (staging / TRUTH_FOLDER).rename(truth_goal)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # of another patient, or not empty
            truth_goal.parent.rmdir()
    return SimulatedPatient(goal, tuple(sorted(goal.iterdir())), tuple(sorted(truth_goal.iterdir())))


def _make_staging(out: Path, goal: Path, truth_goal: Path) -> Path:
    """Make the folder in which everything is written first, on the same disk as the goal."""
    for folder in (goal, truth_goal):
        if folder.exists():
            raise OutputError(f"{folder} is there already; name another output folder or remove it")
    try:
        truth_goal.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".simulating-", dir=out))
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}; name another output folder") from error


def _simulate_all(
    patient: PatientSpec,
    folder: Path,
    on_progress: OnProgress,
    compression: Compression,
    simulator: Simulator,
) -> None:
    """Write every study to ``folder/studies`` and every truth to ``folder/truth``."""
    done = 0
    for exams in _by_day(patient):
        identity = identify_study(patient, exams)
        study = folder / "studies" / f"{exams[0].date:%Y%m%d}_1"
        next_number = 1
        for spec in exams:
            on_progress("simulate", done / len(patient.exams))
            exam = simulator(spec)
            write_study(exam, study, identity, first_number=next_number, compression=compression)
            write_truth(exam, _unused(folder / TRUTH_FOLDER / _truth_name(spec)))
            next_number += 2 + len(exam.extras)
            done += 1
    on_progress("simulate", 1.0)


def _by_day(patient: PatientSpec) -> Iterator[tuple[ExamSpec, ...]]:
    """Group the exams of each day: they make one study."""
    ordered = sorted(patient.exams, key=lambda exam: exam.date)
    for _, exams in groupby(ordered, key=lambda exam: exam.date):
        yield tuple(exams)


def _truth_name(spec: ExamSpec) -> str:
    return f"{spec.date:%Y%m%d}_{spec.joint.value}_{spec.side.value}"


def _unused(folder: Path) -> Path:
    """Add a number to a name that is taken: a joint can be scanned twice on one day."""
    names = (folder, *(folder.with_name(f"{folder.name}_{n}") for n in range(2, 100)))
    return next(name for name in names if not name.exists())
