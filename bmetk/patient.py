"""From the studies of one patient to a timeline folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bmetk.anatomy import Joint, Side
from bmetk.config import Settings
from bmetk.course import Course
from bmetk.dicom import load_usable_exams
from bmetk.errors import InputError, UnreadableFileError
from bmetk.exam import Exam, ExamResult, Patient, SkippedExam
from bmetk.export import (
    EXAM_FILE,
    TIMELINE_FILE,
    TIMELINE_SCHEMA,
    load_result,
    read_clinical,
    read_skipped,
    whole_folder,
    write_timeline,
)
from bmetk.pipeline import Progress, track_exams
from bmetk.report import exam_page, timeline_page
from bmetk.study import (
    REPORT_FILE,
    STUDY_FILE,
    STUDY_SCHEMA,
    ReadOptions,
    read_skipped_of_study,
    require_result,
    run_all,
)
from bmetk.tracking import ClinicalEntry, Timeline, exam_names, require_one_patient

_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class _Known:
    """What there is of a patient: results of earlier runs, exams to analyse, exams left out."""

    folders: tuple[Path, ...]
    exams: tuple[Exam, ...]
    skipped: tuple[SkippedExam, ...]


def track_to(
    sources: Sequence[Path],
    out: Path,
    *,
    settings: Settings,
    options: ReadOptions,
    clinical: Path | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Timeline:
    """Follow one patient through every exam below the sources and write the course.

    An exam that cannot be used is left out, and told with the reason in ``Timeline.skipped``.

    Parameters
    ----------
    sources : studies, or folders that ``analyze`` or ``track`` wrote, in any order
    out : folder of the result, written whole or not at all
    clinical : treatments and scores as CSV or JSON, carried in ``timeline.json``

    Raises
    ------
    InputError
        If there is no exam that can be used, or the folder cannot be written.
    SeriesMismatchError
        If the exams are of more than one patient.
    """
    course = () if clinical is None else read_clinical(clinical)
    with whole_folder(out, TIMELINE_FILE, TIMELINE_SCHEMA, overwrite=force) as staged:
        known = _leave_out_undated(_gather(sources, options))
        require_one_patient(known.exams, [exam.source or "an exam" for exam in known.exams])
        done = tuple(load_result(folder) for folder in known.folders)
        known, fresh = _run_in_order(known, done, settings, on_progress)
        return _write_course(known, (*done, *fresh), staged, settings, options, course)


def result_folders(source: Path) -> tuple[Path, ...]:
    """List the folders below a path, itself included, that ``analyze`` wrote."""
    if not source.is_dir():
        return ()
    return tuple(sorted(path.parent for path in source.rglob(EXAM_FILE)))


def track_exams_to(
    exams: Sequence[Exam],
    out: Path,
    *,
    settings: Settings,
    options: ReadOptions,
    skipped: Sequence[SkippedExam] = (),
    extra_files: Mapping[str, str] | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Timeline:
    """Follow one patient through exams that are loaded already; see `track_to`.

    ``skipped`` are those that could not be loaded; ``extra_files`` go beside the result.
    """
    with whole_folder(out, TIMELINE_FILE, TIMELINE_SCHEMA, overwrite=force) as staged:
        known = _leave_out_undated(_Known((), tuple(exams), tuple(skipped)))
        require_one_patient(known.exams, [exam.source or "an exam" for exam in known.exams])
        known, fresh = _run_in_order(known, (), settings, on_progress)
        return _write_course(known, fresh, staged, settings, options, extra_files=extra_files or {})


def _run_in_order(
    known: _Known, done: Sequence[ExamResult], settings: Settings, on_progress: Progress | None
) -> tuple[_Known, tuple[ExamResult, ...]]:
    """Analyse the dated exams of one patient, the oldest first, each knowing the others."""
    exams = sorted(known.exams, key=lambda exam: exam.date or date.max)
    course = Course(done)
    _, failed = run_all(exams, course, settings, on_progress)
    return replace(known, skipped=(*known.skipped, *failed)), course.results


def _gather(sources: Sequence[Path], options: ReadOptions) -> _Known:
    folders: list[Path] = []
    exams: list[Exam] = []
    skipped: list[SkippedExam] = []
    before: list[SkippedExam] = []
    for source in sources:
        found = result_folders(source)
        folders += found
        if found:
            before += _skipped_before(source)
            continue
        usable, unusable = load_usable_exams(
            source,
            keep_identity=options.keep_identity,
            allow_gaps=options.allow_gaps,
            joint=options.joint,
            side=options.side,
        )
        exams += usable
        skipped += unusable
    again = {*map(_place_in_course, exams), *map(_place_in_course, skipped)}
    skipped += [exam for exam in before if _place_in_course(exam) not in again]
    return _Known(tuple(folders), tuple(exams), tuple(skipped))


def _leave_out_undated(known: _Known) -> _Known:
    """Leave out the exams that have no place in time."""
    reason = "it has no date, so it has no place in time; give the study a Study Date"
    undated = [SkippedExam(e.joint, e.side, None, reason, e.patient) for e in known.exams if e.date is None]
    dated = tuple(exam for exam in known.exams if exam.date is not None)
    return replace(known, exams=dated, skipped=(*known.skipped, *undated))


def _place_in_course(exam: Exam | SkippedExam) -> tuple[date | None, Joint, Side | None]:
    return exam.date, exam.joint, exam.side


def _skipped_before(source: Path) -> Iterator[SkippedExam]:
    """Read which exams an earlier run left out of the results below a path."""
    readers: dict[str, tuple[str, Callable[[dict[str, Any]], tuple[SkippedExam, ...]]]] = {
        TIMELINE_FILE: (TIMELINE_SCHEMA, read_skipped),
        STUDY_FILE: (STUDY_SCHEMA, read_skipped_of_study),
    }
    for name, (schema, read) in readers.items():
        for path in sorted(source.rglob(name)):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                if document["schema"] == schema:
                    yield from read(document)
            except _DAMAGED as error:
                raise UnreadableFileError(
                    f"the {name} in {path.parent.name} is damaged; name the studies, or each exam's folder"
                ) from error


def _write_course(
    known: _Known,
    results: Sequence[ExamResult],
    staged: Path,
    settings: Settings,
    options: ReadOptions,
    clinical: Sequence[ClinicalEntry] = (),
    extra_files: Mapping[str, str] = MappingProxyType({}),
) -> Timeline:
    folders = known.folders
    fresh = results[len(folders) :]
    if not results and not known.skipped:
        raise InputError("no exam to track; name at least one study or result folder")
    every_name = exam_names([*(result.exam for result in results), *known.skipped])
    names = every_name[: len(results)]
    skipped = _told(known.skipped, every_name[len(results) :], [result.exam.patient for result in results])
    require_result(results, skipped)
    spoken = [*(folder.name for folder in folders), *_spoken(fresh, names[len(folders) :])]
    timeline = track_exams(results, settings=settings, folders=names, sources=spoken, clinical=clinical)
    timeline = replace(timeline, skipped=skipped)
    sources: Mapping[str, ExamResult | Path] = dict(zip(names, [*folders, *fresh], strict=True))
    pages = {
        name: {REPORT_FILE: exam_page(source)}
        for name, source in sources.items()
        if not isinstance(source, Path)
    }
    write_timeline(
        timeline,
        staged,
        exams=sources,
        exam_files=pages,
        extra_files={REPORT_FILE: timeline_page(timeline, exam_pages=names), **extra_files},
        keep_identity=options.keep_identity,
    )
    return timeline


def _spoken(fresh: Sequence[ExamResult], names: Sequence[str]) -> list[str]:
    """Call each exam by a file that it came from, else by the folder it would get."""
    return [result.exam.source or name for result, name in zip(fresh, names, strict=True)]


def _told(
    skipped: Sequence[SkippedExam], names: Sequence[str], patients: Sequence[Patient]
) -> tuple[SkippedExam, ...]:
    """Give the exams left out their names, in time order, and say which are of somebody else."""
    named = [replace(exam, name=name) for exam, name in zip(skipped, names, strict=True)]
    told = [
        exam
        if _is_one_of(exam.patient, patients)
        else replace(exam, reason=f"of another patient than the other exams; {exam.reason}")
        for exam in named
    ]
    return tuple(sorted(told, key=lambda exam: (exam.date or date.max, int(exam.name.partition("_")[0]))))


def _is_one_of(patient: Patient, patients: Sequence[Patient]) -> bool:
    """Tell whether nothing shows that a patient is none of the others."""
    unknown = Patient().pseudonym
    if patient.pseudonym == unknown or any(other.pseudonym == unknown for other in patients):
        return True
    same = any(
        patient.pseudonym == other.pseudonym or (patient.key is not None and patient.key == other.key)
        for other in patients
    )
    return same or not patients
