"""Many patients: analyze and track all, resume, one table for the cohort."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bmetk import __version__
from bmetk.config import Settings
from bmetk.dicom import Inventory, load_usable_exams, scan
from bmetk.errors import BmetkError, InputError, OutputError
from bmetk.exam import SkippedExam
from bmetk.export import TIMELINE_FILE, read_kinetics, read_skipped
from bmetk.export.whole_folder import write_whole
from bmetk.patient import track_exams_to
from bmetk.pipeline import Progress
from bmetk.report.survival import resolution_picture
from bmetk.study import ReadOptions
from bmetk.tracking import Resolution, curves_of_sites, resolution_frame

_log = logging.getLogger(__name__)

COHORT_TABLE = "cohort.csv"
RESOLUTION_TABLE = "resolution.csv"
RESOLUTION_FIGURE = "resolution.png"
SOURCE_FILE = "batch.json"
"""In a patient's folder: what the result was made from."""


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One region at one exam of one patient, one exam that was skipped, or one patient that failed."""

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
    """What became of one patient: ``done`` or ``failed`` with the reason.

    A patient is done when any exam could be used; ``skipped`` are those that could not.
    """

    patient: str
    status: str
    reason: str = ""
    skipped: tuple[SkippedExam, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """What there is to tell of one patient: the outcome, rows of the table, how its sites resolved."""

    outcome: PatientOutcome
    rows: tuple[CohortRow, ...]
    sites: tuple[Resolution, ...] = ()


def run_batch(
    root: Path,
    out: Path,
    *,
    settings: Settings,
    options: ReadOptions,
    jobs: int = 1,
    on_progress: Progress | None = None,
) -> tuple[PatientOutcome, ...]:
    """Analyse and track every patient below a folder; a second run does what is missing or has changed.

    A patient of whom some exam could be used is done. An exam that could not is left out: its
    ``timeline.json`` and a row of the table give the reason. A patient is done again when there are
    other images of it than before, or other settings; if that fails, the earlier result stays.

    Parameters
    ----------
    root : folder tree with studies of any number of patients
    out : receives one timeline folder a patient, named by pseudonym, ``cohort.csv``, and Kaplan-Meier of
        the cohort's sites by region: ``resolution.csv`` and ``resolution.png``
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
    parts = {patient: inventory.of_patient(patient) for patient in patients}
    waiting = {
        patient: part
        for patient, part in parts.items()
        if not _is_done(out / patient, part, settings, options)
    }
    failed = dict(_run_all(waiting, out, settings, options, jobs, on_progress))
    told = [_tell(out, patient, failed.get(patient, "")) for patient in patients]
    _write_tables(out, told)
    if inventory.damage:
        _log.warning(inventory.damage)
    return tuple(each.outcome for each in told)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}; choose another folder") from error
    if not os.access(out, os.W_OK):
        raise OutputError(f"cannot write to {out}: no permission; choose another folder")


def _is_done(folder: Path, part: Inventory, settings: Settings, options: ReadOptions) -> bool:
    """Tell whether a patient's folder holds the result of just these images and settings.

    A result that no batch wrote is left alone.
    """
    if not (folder / TIMELINE_FILE).is_file():
        return False
    try:
        source = json.loads((folder / SOURCE_FILE).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return bool(source == _source(part, settings, options))


def _source(part: Inventory, settings: Settings, options: ReadOptions) -> str:
    """Digest what a patient's result depends on: the images by their UIDs, and how they are analysed."""
    images = sorted((volume.series_uid_hash, len(volume.frames)) for volume in part.volumes())
    return hashlib.sha256(repr((images, settings, options, __version__)).encode()).hexdigest()


def _run_all(
    parts: Mapping[str, Inventory],
    out: Path,
    settings: Settings,
    options: ReadOptions,
    jobs: int,
    on_progress: Progress | None,
) -> Iterator[tuple[str, str]]:
    """Yield each patient that failed, with the reason."""
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
        finished = ((waiting[future], _reason(future)) for future in as_completed(waiting))
        yield from _failures(finished, len(parts), on_progress)


def _reason(future: Future[str]) -> str:
    """Wait for a patient; a process that the system ends takes those that wait for it along."""
    try:
        return future.result()
    except BrokenProcessPool:
        return "a process was ended from outside, most likely for want of memory; resume with fewer --jobs"


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
        exams, skipped = load_usable_exams(
            inventory, keep_identity=options.keep_identity, allow_gaps=options.allow_gaps
        )
        track_exams_to(
            exams,
            folder,
            settings=settings,
            options=options,
            skipped=skipped,
            extra_files={SOURCE_FILE: json.dumps({"source": _source(inventory, settings, options)})},
            force=True,
        )
    except BmetkError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  one patient's surprise must not end the night of a thousand
        return f"unexpected {type(error).__name__}; run 'bmetk track' on this patient alone to see where"
    return ""


def _tell(out: Path, patient: str, reason: str) -> _Told:
    """Tell what became of one patient, with its rows of the tables."""
    if not reason:
        try:
            return _read_outcome(out, patient)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            reason = f"the {TIMELINE_FILE} of an earlier run is damaged; remove its folder and run again"
    return _Told(PatientOutcome(patient, "failed", reason), (CohortRow(patient, "failed", reason),))


def _read_outcome(out: Path, patient: str) -> _Told:
    document = json.loads((out / patient / TIMELINE_FILE).read_text(encoding="utf-8"))
    outcome = PatientOutcome(patient, "done", skipped=read_skipped(document))
    left_out = (_skipped_row(patient, exam) for exam in outcome.skipped)
    return _Told(outcome, (*_rows(document, patient), *left_out), read_kinetics(document))


def _skipped_row(patient: str, exam: SkippedExam) -> CohortRow:
    return CohortRow(
        patient=patient,
        status="skipped",
        reason=exam.reason,
        exam=exam.name,
        date=exam.date.isoformat() if exam.date else "",
        side=exam.side or "",
    )


def _rows(document: Mapping[str, Any], patient: str) -> Iterator[CohortRow]:
    for history in document["regions"]:
        for point in history["points"]:
            yield CohortRow(
                patient=patient,
                status="done",
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


def _write_tables(out: Path, told: Sequence[_Told]) -> None:
    """Write the tables and the figure of the cohort, each whole, or leave the ones before."""
    curves = curves_of_sites(site for each in told for site in each.sites)
    write_whole(out / COHORT_TABLE, _table([row for each in told for row in each.rows]))
    resolution = resolution_frame(curves).to_csv(index=False, lineterminator="\n")
    write_whole(out / RESOLUTION_TABLE, resolution.encode())
    write_whole(out / RESOLUTION_FIGURE, resolution_picture(curves))


def _table(rows: Sequence[CohortRow]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, [field.name for field in fields(CohortRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return stream.getvalue().encode()
