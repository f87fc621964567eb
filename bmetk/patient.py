"""From the studies of one patient to a timeline folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bmetk.config import Settings
from bmetk.errors import InputError
from bmetk.exam import Exam, ExamResult
from bmetk.export import (
    EXAM_FILE,
    TIMELINE_FILE,
    TIMELINE_SCHEMA,
    load_result,
    read_clinical,
    whole_folder,
    write_timeline,
)
from bmetk.pipeline import Progress, analyze, track_exams
from bmetk.report import exam_page, timeline_page
from bmetk.study import REPORT_FILE, ReadOptions, exams_of_study, run_all
from bmetk.tracking import Timeline, exam_names


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
    with whole_folder(out, TIMELINE_FILE, TIMELINE_SCHEMA, overwrite=force) as staged:
        earlier = {source: result_folders(source) for source in sources}
        folders = [folder for found in earlier.values() for folder in found]
        exams = [
            exam for source, found in earlier.items() if not found for exam in exams_of_study(source, options)
        ]
        fresh = _analysed(exams, settings, on_progress)
        course = () if clinical is None else read_clinical(clinical)
        return _write_course(folders, fresh, staged, settings, options, course)


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
    force: bool = False,
    on_progress: Progress | None = None,
) -> Timeline:
    """Follow one patient through exams that are loaded already; see `track_to`."""
    with whole_folder(out, TIMELINE_FILE, TIMELINE_SCHEMA, overwrite=force) as staged:
        return _write_course((), _analysed(exams, settings, on_progress), staged, settings, options)


def _analysed(
    exams: Sequence[Exam], settings: Settings, on_progress: Progress | None
) -> tuple[ExamResult, ...]:
    if not exams:
        return ()
    results, _ = run_all(exams, analyze, settings, on_progress)
    return tuple(results.values())


def _write_course(
    folders: Sequence[Path],
    fresh: Sequence[ExamResult],
    staged: Path,
    settings: Settings,
    options: ReadOptions,
    clinical: Sequence[Mapping[str, object]] = (),
) -> Timeline:
    earlier = [load_result(folder) for folder in folders]
    results = [*earlier, *fresh]
    if not results:
        raise InputError("no exam to track; name at least one study or result folder")
    names = exam_names([result.exam for result in results])
    spoken = [*(folder.name for folder in folders), *names[len(folders) :]]
    timeline = track_exams(results, settings=settings, sources=spoken)
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
        extra_files={REPORT_FILE: timeline_page(timeline, exam_pages=names)},
        clinical=clinical,
        keep_identity=options.keep_identity,
    )
    return timeline
