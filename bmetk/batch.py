"""Many patients: analyze and track all, resume, one table for the cohort."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bmetk.config import Settings
from bmetk.dicom import Inventory, load_exams, scan
from bmetk.errors import BmetkError, InputError, OutputError
from bmetk.export import TIMELINE_FILE
from bmetk.patient import track_exams_to
from bmetk.pipeline import Progress
from bmetk.study import ReadOptions

COHORT_TABLE = "cohort.csv"


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One region at one exam of one patient, or one patient that failed."""

    patient: str
    status: str
    reason: str = ""
    exam: str = ""
    date: str = ""
    side: str = ""
    region: str = ""
    state: str = ""
    coverage: float | None = None
    edema_ml: float | None = None
    edema_ml_low: float | None = None
    edema_ml_high: float | None = None


@dataclass(frozen=True, slots=True)
class PatientOutcome:
    """What became of one patient: ``done`` or ``failed`` with the reason."""

    patient: str
    status: str
    reason: str = ""


def run_batch(
    root: Path,
    out: Path,
    *,
    settings: Settings,
    options: ReadOptions,
    jobs: int = 1,
    on_progress: Progress | None = None,
) -> tuple[PatientOutcome, ...]:
    """Analyse and track every patient below a folder; a second run does only what is missing.

    Parameters
    ----------
    root : folder tree with studies of any number of patients
    out : receives one timeline folder a patient, named by pseudonym, and ``cohort.csv``
    jobs : patients at a time, each in its own process

    Raises
    ------
    InputError
        If there is no patient below ``root``.
    OutputError
        If ``out`` cannot be written.
    """
    inventory = scan(root)
    patients = inventory.pseudonyms()
    if not patients:
        raise InputError(f"no DICOM image below {root.name}: name the folder that holds the studies")
    _make_folder(out)
    waiting = [patient for patient in patients if not (out / patient / TIMELINE_FILE).is_file()]
    failed = dict(_run_all(inventory, waiting, out, settings, options, jobs, on_progress))
    outcomes = tuple(
        PatientOutcome(patient, "failed", failed[patient])
        if patient in failed
        else PatientOutcome(patient, "done")
        for patient in patients
    )
    _write_table(out, outcomes)
    return outcomes


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}; choose another folder") from error
    if not os.access(out, os.W_OK):
        raise OutputError(f"cannot write to {out}: no permission; choose another folder")


def _run_all(
    inventory: Inventory,
    patients: Sequence[str],
    out: Path,
    settings: Settings,
    options: ReadOptions,
    jobs: int,
    on_progress: Progress | None,
) -> Iterator[tuple[str, str]]:
    """Yield each patient that failed, with the reason."""
    parts = {patient: inventory.of_patient(patient) for patient in patients}
    if jobs == 1:
        outcomes = (
            (patient, _run_one(part, out / patient, settings, options)) for patient, part in parts.items()
        )
        yield from _failures(outcomes, len(parts), on_progress)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {
            pool.submit(_run_one, part, out / patient, settings, options): patient
            for patient, part in parts.items()
        }
        finished = ((waiting[future], future.result()) for future in as_completed(waiting))
        yield from _failures(finished, len(parts), on_progress)


def _failures(
    outcomes: Iterator[tuple[str, str]], total: int, on_progress: Progress | None
) -> Iterator[tuple[str, str]]:
    for number, (patient, reason) in enumerate(outcomes, start=1):
        if on_progress is not None:
            on_progress(patient, number / total)
        if reason:
            yield patient, reason


def _run_one(inventory: Inventory, folder: Path, settings: Settings, options: ReadOptions) -> str:
    """Track one patient; give back the reason if it fails, else an empty text."""
    try:
        exams = load_exams(inventory, keep_identity=options.keep_identity, allow_gaps=options.allow_gaps)
        track_exams_to(exams, folder, settings=settings, options=options)
    except BmetkError as error:
        return str(error)
    except (MemoryError, ValueError, RuntimeError, OSError) as error:
        # One patient's surprise must not end the night's work of a thousand others.
        return f"unexpected {type(error).__name__}; run 'bmetk track' on this patient alone to see where"
    return ""


def _write_table(out: Path, outcomes: Sequence[PatientOutcome]) -> None:
    rows = [row for outcome in outcomes for row in _rows(out, outcome)]
    partial = out / f".{COHORT_TABLE}.partial"
    with partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(CohortRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    partial.replace(out / COHORT_TABLE)


def _rows(out: Path, outcome: PatientOutcome) -> Iterator[CohortRow]:
    if outcome.status != "done":
        yield CohortRow(outcome.patient, outcome.status, outcome.reason)
        return
    document = json.loads((out / outcome.patient / TIMELINE_FILE).read_text(encoding="utf-8"))
    for history in document["regions"]:
        for point in history["points"]:
            yield CohortRow(
                patient=outcome.patient,
                status=outcome.status,
                exam=point["exam"],
                date=point["date"],
                side=history["side"] or "",
                region=history["region"],
                state=point["state"],
                coverage=point["coverage"],
                edema_ml=point["edema_ml"],
                edema_ml_low=point["edema_ml_low"],
                edema_ml_high=point["edema_ml_high"],
            )
