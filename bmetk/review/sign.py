"""Sign a review, open it again, and hand it on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bmetk import __version__
from bmetk.errors import InputError
from bmetk.exam import ExamResult
from bmetk.export import (
    EXAM_FILE,
    EXAM_SCHEMA,
    TIMELINE_FILE,
    TIMELINE_SCHEMA,
    clinical_of,
    read_skipped,
    whole_folder,
    write_result,
    write_timeline,
)
from bmetk.export.plain import plain, to_json
from bmetk.report import exam_page, timeline_page
from bmetk.review.audit import Action, AuditEntry, append_audit
from bmetk.review.changes import list_changes
from bmetk.review.links import follow
from bmetk.review.measure import measure_draft
from bmetk.review.store import (
    Review,
    drop_draft,
    exam_folders,
    fingerprint,
    open_review,
    require_unchanged,
    version_folder,
)
from bmetk.study import REPORT_FILE, STUDY_FILE, STUDY_SCHEMA
from bmetk.tracking import Timeline

REVIEW_FILE = "review.json"


def measure_review(review: Review) -> dict[str, ExamResult]:
    """Measure every exam as the reader left it, by name in time order."""
    drafted = {name: measure_draft(draft) for name, draft in review.drafts.items()}
    return dict(sorted({**drafted, **review.unedited}.items(), key=lambda it: str(it[1].exam.date or "9")))


def sign(review: Review, *, who: str, when: datetime, note: str = "", spare: Path | None = None) -> Review:
    """Sign a review: write the version, record it, and make it read-only.

    Parameters
    ----------
    review : with the reader's drafts
    who : the reader's name, as typed
    when : now, with its time zone
    note : the reader's own words
    spare : where drafts of results lie whose own folder is read-only

    Raises
    ------
    InputError
        If there is no name, it is signed already, or the result changed on disk since it was opened.
    OutputError
        If the folder cannot be written; then nothing was signed.
    """
    _require_name(who)
    if review.is_signed:
        raise InputError(f"version {review.version} is signed already; reopen it to change it")
    require_unchanged(review)
    results = measure_review(review)
    changes = {name: plain(list_changes(draft, results[name])) for name, draft in review.drafts.items()} | {
        "links": plain(review.verdicts)
    }
    version = 1 + max((entry.version for entry in review.log), default=0)
    goal = version_folder(review.folder, version)
    if goal.exists():  # a signature that was cut short between version and record
        shutil.rmtree(goal)
    told = {"version": version, "from_version": review.version, "signed_by": who, "changes": changes}
    write_review(review, goal, results=results, told=told | {"signed_at": when.isoformat(timespec="seconds")})
    entry = AuditEntry(
        Action.SIGNED, who, when, version, review.version, __version__, fingerprint(goal), changes, note
    )
    try:
        append_audit(review.home, entry)
    except InputError:
        shutil.rmtree(goal, ignore_errors=True)
        raise
    drop_draft(review, spare=spare)
    return open_review(review.folder, spare=spare)


def reopen(review: Review, *, who: str, when: datetime, note: str = "", spare: Path | None = None) -> Review:
    """Open a signed version for changes; that it was is recorded.

    Raises
    ------
    InputError
        If there is no name, or it is not signed.
    OutputError
        If the record cannot be written.
    """
    _require_name(who)
    if not review.is_signed:
        raise InputError("this review is not signed: it can be changed as it is")
    require_unchanged(review)
    version = review.version
    entry = AuditEntry(
        Action.REOPENED, who, when, version, version, __version__, review.fingerprint, {}, note
    )
    append_audit(review.home, entry)
    return open_review(review.folder, spare=spare)


def write_review(
    review: Review,
    folder: Path,
    *,
    results: Mapping[str, ExamResult] | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Write what the reader made of a result as a result: report page, NIfTI, CSV, JSON.

    Parameters
    ----------
    review : Review
    folder : new or empty
    results : what `measure_review` gave, if it is known already
    told : content of ``review.json``; without it the page is a draft's

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds something else.
    """
    results = results or measure_review(review)
    about = to_json({"schema": "bmetk.review/1", "signed": told is not None, **(told or {})})
    if len(exam_folders(review.folder)) == 1 and (review.folder / EXAM_FILE).is_file():
        (result,) = results.values()
        pages = {REPORT_FILE: exam_page(result), REVIEW_FILE: about}
        with whole_folder(folder, EXAM_FILE, EXAM_SCHEMA) as staged:
            write_result(result, staged, extra_files=pages)
            _keep_series(staged, review.folder)
        return
    _write_course(review, folder, results, about)


def review_timeline(review: Review, results: Mapping[str, ExamResult]) -> Timeline | None:
    """Follow the patient through the reviewed exams; None where an exam has no date."""
    if any(result.exam.date is None for result in results.values()):
        return None
    timeline = follow(results, review.verdicts)
    document = _course_document(review)
    if not document:
        return timeline
    return replace(timeline, skipped=read_skipped(document), clinical=clinical_of(document))


def _write_course(review: Review, folder: Path, results: Mapping[str, ExamResult], about: str) -> None:
    timeline = review_timeline(review, results)
    pages = {name: {REPORT_FILE: exam_page(result)} for name, result in results.items()}
    if timeline is None:
        _write_study(review, folder, pages, results=results, about=about)
        return
    extra = {REPORT_FILE: timeline_page(timeline, exam_pages=list(results)), REVIEW_FILE: about}
    with whole_folder(folder, TIMELINE_FILE, TIMELINE_SCHEMA) as staged:
        write_timeline(
            timeline,
            staged,
            exams=results,
            exam_files=pages,
            extra_files=extra,
        )
        for name in results:
            _keep_series(staged / name, review.folder / name)


def _write_study(
    review: Review,
    folder: Path,
    pages: Mapping[str, Mapping[str, str]],
    *,
    results: Mapping[str, ExamResult],
    about: str,
) -> None:
    """Write exams without a course, for want of a date."""
    with whole_folder(folder, STUDY_FILE, STUDY_SCHEMA) as staged:
        for name, result in results.items():
            (staged / name).mkdir()
            write_result(result, staged / name, extra_files=pages[name])
            _keep_series(staged / name, review.folder / name)
        document = {
            "schema": STUDY_SCHEMA,
            "exams": list(results),
            "skipped": {},
            "files": [*results, REVIEW_FILE],
        }
        (staged / REVIEW_FILE).write_text(about, encoding="utf-8")
        (staged / STUDY_FILE).write_text(to_json(document), encoding="utf-8")


def _keep_series(written: Path, source: Path) -> None:
    """Carry over which series a result was made from, where they were not open at the review."""
    path = written / EXAM_FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    if not document["series"]:
        before = json.loads((source / EXAM_FILE).read_text(encoding="utf-8"))
        document["series"] = before["series"]
        path.write_text(to_json(document), encoding="utf-8")


def _course_document(review: Review) -> dict[str, Any]:
    try:
        document = json.loads((review.folder / TIMELINE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _require_name(who: str) -> None:
    if not who.strip():
        raise InputError("a signature needs a name: type yours")
