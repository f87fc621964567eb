"""The folder of a patient's course: ``timeline.json``, ``timeline.csv`` and a folder an exam."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from bmetk import __version__
from bmetk.anatomy import Joint, Side
from bmetk.exam import ExamResult, SkippedExam
from bmetk.export.clinical import clinical_document
from bmetk.export.exam_folder import write_extra_files, write_result
from bmetk.export.plain import plain, to_json
from bmetk.export.whole_folder import whole_folder, writing
from bmetk.tracking import (
    Event,
    LesionLink,
    LesionTrack,
    Migration,
    RegionHistory,
    Resolution,
    ResolutionState,
    Timeline,
    TimelineExam,
)

TIMELINE_SCHEMA = "bmetk.timeline/1"
TIMELINE_FILE = "timeline.json"
TIMELINE_TABLE = "timeline.csv"


def save_timeline(
    timeline: Timeline,
    folder: Path,
    *,
    exams: Mapping[str, ExamResult | Path] | None = None,
    exam_files: Mapping[str, Mapping[str, str | bytes]] | None = None,
    extra_files: Mapping[str, str | bytes] | None = None,
    overwrite: bool = False,
    keep_identity: bool = False,
) -> None:
    """Write a course and its exams into a folder, whole or not at all.

    Parameters
    ----------
    timeline : Timeline
    folder : new, empty, or with an earlier timeline where ``overwrite`` is set
    exams : by exam name, its result, or the folder of an earlier result to be copied
    exam_files : by exam name, further files of that exam, as its ``report.html``
    extra_files : further files of the course, as its ``report.html``
    overwrite : whether an earlier timeline is replaced
    keep_identity : whether name, ID and birth date are written, where an exam still carries them

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds something else.
    """
    with whole_folder(folder, TIMELINE_FILE, TIMELINE_SCHEMA, overwrite=overwrite) as staged:
        write_timeline(
            timeline,
            staged,
            exams=exams,
            exam_files=exam_files,
            extra_files=extra_files,
            keep_identity=keep_identity,
        )


def write_timeline(
    timeline: Timeline,
    folder: Path,
    *,
    exams: Mapping[str, ExamResult | Path] | None = None,
    exam_files: Mapping[str, Mapping[str, str | bytes]] | None = None,
    extra_files: Mapping[str, str | bytes] | None = None,
    keep_identity: bool = False,
) -> None:
    """Write the files of a course into a folder that exists; for use within `whole_folder`.

    See `save_timeline` for the parameters.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    with writing(folder):
        for name, exam in (exams or {}).items():
            _write_exam(exam, folder / name, (exam_files or {}).get(name, {}), keep_identity)
        timeline.to_frame().to_csv(folder / TIMELINE_TABLE, index=False, lineterminator="\n")
        names = [*(exams or {}), TIMELINE_TABLE, *write_extra_files(extra_files or {}, folder), TIMELINE_FILE]
        document = timeline_document(timeline, files=names)
        (folder / TIMELINE_FILE).write_text(to_json(document), encoding="utf-8")


def _write_exam(
    exam: ExamResult | Path, folder: Path, files: Mapping[str, str | bytes], keep_identity: bool
) -> None:
    if isinstance(exam, Path):
        shutil.copytree(exam, folder)
        write_extra_files(files, folder)
        return
    folder.mkdir()
    write_result(exam, folder, extra_files=files, keep_identity=keep_identity)


def timeline_document(timeline: Timeline, *, files: list[str] | None = None) -> dict[str, Any]:
    """Describe a course as the contract's ``timeline.json``, plain values alone."""
    return {
        "schema": TIMELINE_SCHEMA,
        "research_use_only": True,
        "software": {"name": "bmetk", "version": __version__, "settings": plain(timeline.settings)},
        "patient": {"pseudonym": timeline.exams[0].pseudonym},
        "exams": [_exam(exam) for exam in timeline.exams],
        "regions": [_region(history) for history in timeline.regions],
        "events": [_event(event) for event in timeline.events],
        "migrations": [_migration(migration) for migration in timeline.migrations],
        "lesions": [_lesion(track) for track in timeline.lesions],
        "skipped": [_skipped(exam) for exam in timeline.skipped],
        "episodes": plain(timeline.episodes),
        "kinetics": [_resolution(course) for course in timeline.kinetics],
        "not_compared": plain(timeline.not_compared),
        "bone_matches": plain(timeline.matches),
        "clinical": [clinical_document(entry) for entry in timeline.clinical],
        "files": files or [],
    }


def _exam(exam: TimelineExam) -> dict[str, Any]:
    document: dict[str, Any] = plain(exam)
    return {"exam": document.pop("name"), **document}


def _skipped(exam: SkippedExam) -> dict[str, Any]:
    return {
        "exam": exam.name,
        "date": plain(exam.date),
        "joint": exam.joint.value,
        "side": plain(exam.side),
        "reason": exam.reason,
    }


def read_skipped(document: Mapping[str, Any]) -> tuple[SkippedExam, ...]:
    """Read the exams that a ``timeline.json`` left out; an older one tells of none.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the document is damaged.
    """
    return tuple(
        SkippedExam(
            joint=Joint(told["joint"]),
            side=None if told["side"] is None else Side(told["side"]),
            date=None if told["date"] is None else date.fromisoformat(told["date"]),
            reason=told["reason"],
            name=told["exam"],
        )
        for told in document.get("skipped", ())
    )


def read_kinetics(document: Mapping[str, Any]) -> tuple[Resolution, ...]:
    """Read how each site of a ``timeline.json`` resolved; an older one tells of none.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the document is damaged.
    """
    names = [field.name for field in fields(Resolution)]
    return tuple(
        Resolution(
            **{name: told[name] for name in names}
            | {
                "side": None if told["side"] is None else Side(told["side"]),
                "onset": date.fromisoformat(told["onset"]),
                "state": ResolutionState(told["state"]),
            }
        )
        for told in document.get("kinetics", ())
    )


def _region(history: RegionHistory) -> dict[str, Any]:
    document: dict[str, Any] = plain(history)
    return document


def _event(event: Event) -> dict[str, Any]:
    document: dict[str, Any] = plain(event)
    return document


def _migration(migration: Migration) -> dict[str, Any]:
    return {
        "from": plain(migration.origin),
        "to": plain(migration.target),
        "interval_days": migration.interval_days,
        "relation": migration.relation.value,
        "path": list(migration.path),
        "episode": migration.episode,
    }


def _resolution(course: Resolution) -> dict[str, Any]:
    document: dict[str, Any] = plain(course)
    return document | {"resolved_midpoint_days": plain(course.resolved_midpoint_days)}


def _lesion(track: LesionTrack) -> dict[str, Any]:
    return {
        "id": track.id,
        "bone": track.bone,
        "side": plain(track.side),
        "regions": list(track.regions),
        "observations": plain(track.observations),
        "links": [_link(link) for link in track.links],
        "identifier": track.identifier,
        "uid": track.uid,
    }


def _link(link: LesionLink) -> dict[str, Any]:
    return {
        "from": {"exam": link.from_exam, "lesion": link.from_lesion},
        "to": {"exam": link.to_exam, "lesion": link.to_lesion},
        "overlap": link.overlap,
        "kind": link.kind,
        "by": link.by,
        "drift_mm": link.drift_mm,
    }
