"""The review beside the result: drafts that survive a crash, and the folder of all of it.

::

    <result>/review/draft.npz          what the reader did since the last signature
    <result>/review/audit.jsonl        who signed what; see `bmetk.review.audit`
    <result>/review/signed/<n>/        each signed version, as `analyze` or `track` writes a result

The result itself is never changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bmetk.anatomy import Side
from bmetk.errors import BmetkError, InputError, OutputError, UnreadableFileError
from bmetk.exam import ExamResult, Segmentation
from bmetk.export import EXAM_FILE, TIMELINE_FILE, load_result
from bmetk.export.plain import plain
from bmetk.image import LabelMap
from bmetk.review.audit import Action, AuditEntry, read_audit
from bmetk.review.draft import Draft, begin, is_touched
from bmetk.review.links import LesionPlace, LinkVerdict, Verdict
from bmetk.tracking import exam_names

REVIEW_FOLDER = "review"
SIGNED_FOLDER = "signed"
DRAFT_FILE = "draft.npz"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, BadZipFile, BmetkError)


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """A result under review.

    Parameters
    ----------
    folder : the result's folder
    drafts : by exam name, in time order
    unedited : exams without edema to review (bones alone), by name
    verdicts : on links between lesions
    version : the version that the drafts began from; 0 is the program's own
    is_signed : whether it is read-only until reopened
    fingerprint : SHA-256 over the files of that version
    log : the audit record, oldest first
    restored : whether a draft of an earlier session was found and taken up
    trouble : what the reader must be told at opening; empty if nothing
    """

    folder: Path
    drafts: Mapping[str, Draft]
    unedited: Mapping[str, ExamResult]
    verdicts: tuple[LinkVerdict, ...]
    version: int
    is_signed: bool
    fingerprint: str
    log: tuple[AuditEntry, ...]
    restored: bool = False
    trouble: str = ""

    @property
    def is_touched(self) -> bool:
        """Whether anything was changed or decided since the version that it began from."""
        return bool(self.verdicts) or any(is_touched(draft) for draft in self.drafts.values())

    @property
    def home(self) -> Path:
        """Folder of the review."""
        return self.folder / REVIEW_FOLDER

    def with_draft(self, name: str, draft: Draft) -> Review:
        """Put another draft of one exam in the place of the one at hand."""
        return replace(self, drafts={**self.drafts, name: draft})


def open_review(folder: Path, *, spare: Path | None = None) -> Review:
    """Open the version of a result that was signed last, and the draft since, if there is one.

    Parameters
    ----------
    folder : a folder that ``analyze`` or ``track`` wrote
    spare : where drafts of results lie whose own folder is read-only

    Raises
    ------
    UnreadableFileError
        If there is no result, or result or record are damaged.
    """
    log = read_audit(folder / REVIEW_FOLDER)
    version = log[-1].version if log else 0
    source = version_folder(folder, version)
    results = _load(source)
    drafts = {name: begin(result) for name, result in results.items() if result.edema is not None}
    review = Review(
        folder=folder,
        drafts=drafts,
        unedited={name: result for name, result in results.items() if result.edema is None},
        verdicts=(),
        version=version,
        is_signed=bool(log) and log[-1].action is Action.SIGNED,
        fingerprint=fingerprint(source),
        log=log,
    )
    if log and log[-1].content != review.fingerprint:
        trouble = f"version {version} is not as it was signed: its files were changed since"
        return replace(review, trouble=trouble)
    return review if review.is_signed else _restore(review, spare)


def version_folder(folder: Path, version: int) -> Path:
    """Name the folder of a version; 0 is the program's own result."""
    return folder / REVIEW_FOLDER / SIGNED_FOLDER / str(version) if version else folder


def exam_folders(folder: Path) -> tuple[Path, ...]:
    """List the folders with one exam each: the folder itself, or those in it."""
    if (folder / EXAM_FILE).is_file():
        return (folder,)
    if not folder.is_dir():
        return ()
    return tuple(sorted(child for child in folder.iterdir() if (child / EXAM_FILE).is_file()))


def fingerprint(folder: Path) -> str:
    """Hash every file of a result, SHA-256; the review beside it is left out."""
    digest = hashlib.sha256()
    paths = [path for exam in exam_folders(folder) for path in exam.iterdir() if path.is_file()]
    course = folder / TIMELINE_FILE
    for path in sorted({*paths, *([course] if course.is_file() else [])}):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def require_unchanged(review: Review) -> None:
    """Refuse to go on with a result that changed on disk since it was opened.

    Raises
    ------
    InputError
        If it did, or is gone.
    """
    try:
        now = fingerprint(version_folder(review.folder, review.version))
    except OSError:
        now = ""
    if now != review.fingerprint:
        raise InputError(
            "the result changed on disk since it was opened (it was analysed again, or removed): nothing was "
            "signed and your draft is kept; open the result again to see what it holds now"
        )


def save_draft(review: Review, *, spare: Path | None = None) -> Path:
    """Keep the draft so that it survives a crash; written whole or not at all.

    Returns
    -------
    Path
        The file: beside the result, or in ``spare`` where the result's folder is read-only.

    Raises
    ------
    OutputError
        If neither can be written.
    """
    data = _packed(review)
    try:
        return _write_whole(review.home / DRAFT_FILE, data)
    except OSError as error:
        if spare is None:
            raise _unsaved(error) from error
    try:
        return _write_whole(_spare_file(review, spare), data)
    except OSError as error:
        raise _unsaved(error) from error


def drop_draft(review: Review, *, spare: Path | None = None) -> None:
    """Forget the draft: it was signed, or the reader wants to begin again."""
    paths = [review.home / DRAFT_FILE, *([_spare_file(review, spare)] if spare else [])]
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"the draft cannot be removed: {error.strerror or error}") from error


def _unsaved(error: OSError) -> OutputError:
    return OutputError(
        f"the draft cannot be saved ({error.strerror or error}): it lasts as long as this window; "
        "make room or make the folder writable"
    )


def _spare_file(review: Review, spare: Path) -> Path:
    return spare / f"{review.fingerprint[:32]}.npz"


def _write_whole(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _load(folder: Path) -> dict[str, ExamResult]:
    folders = exam_folders(folder)
    if not folders:
        raise UnreadableFileError(
            f"folder {folder.name!r} holds no result of bmetk; "
            "open one that 'bmetk analyze' or 'bmetk track' wrote"
        )
    results = [load_result(each) for each in folders]
    alone = folders == (folder,)
    names = exam_names([result.exam for result in results]) if alone else [each.name for each in folders]
    named = sorted(zip(names, results, strict=True), key=lambda pair: str(pair[1].exam.date or "9"))
    return dict(named)


def _packed(review: Review) -> bytes:
    arrays: dict[str, Any] = {}
    for name, draft in review.drafts.items():
        arrays[f"{name}/marks"] = draft.marks.array
        for what, now, then in (
            ("bones", draft.bones, draft.base.bones),
            ("regions", draft.regions, draft.base.regions),
        ):
            if not np.array_equal(now.labels.array, then.labels.array):
                arrays[f"{name}/{what}"] = now.labels.array
    document = {
        "fingerprint": review.fingerprint,
        "version": review.version,
        "verdicts": plain(review.verdicts),
        "exams": {name: _decisions(draft) for name, draft in review.drafts.items()},
    }
    arrays["document"] = np.frombuffer(json.dumps(document).encode("utf-8"), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _decisions(draft: Draft) -> dict[str, Any]:
    return {
        "accepted": sorted(draft.accepted),
        "split": sorted(draft.split),
        "findings": dict(draft.findings),
    }


def _restore(review: Review, spare: Path | None) -> Review:
    """Take up the draft of an earlier session; one of another state of the result is kept, not used."""
    paths = [review.home / DRAFT_FILE, *([_spare_file(review, spare)] if spare else [])]
    there = [path for path in paths if path.is_file()]
    if not there:
        return review
    path = max(there, key=lambda each: each.stat().st_mtime)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            arrays = dict(kept)
        document = json.loads(arrays["document"].tobytes())
        if (document["fingerprint"], document["version"]) != (review.fingerprint, review.version):
            return _set_aside(review, path)
        drafts = {name: _restored(name, draft, arrays, document) for name, draft in review.drafts.items()}
        verdicts = tuple(_verdict(told) for told in document["verdicts"])
    except _DAMAGED:
        trouble = (
            "the draft of an earlier session is damaged and was not taken up; the result itself is whole"
        )
        return replace(review, trouble=trouble)
    taken = replace(review, drafts=drafts, verdicts=verdicts)
    return replace(taken, restored=taken.is_touched)


def _set_aside(review: Review, path: Path) -> Review:
    number = 1
    while (aside := path.with_name(f"draft-of-an-earlier-result-{number}.npz")).exists():
        number += 1
    told = "the result changed since an earlier session"
    try:
        path.rename(aside)
    except OSError:
        return replace(review, trouble=f"{told}: its draft was not taken up, and stays where it is")
    return replace(review, trouble=f"{told}: its draft was not taken up; it is kept as {aside.name}")


def _restored(name: str, draft: Draft, arrays: Mapping[str, Any], document: Mapping[str, Any]) -> Draft:
    decided = document["exams"][name]
    return replace(
        draft,
        marks=LabelMap(arrays[f"{name}/marks"], draft.marks.grid),
        bones=_labels(arrays.get(f"{name}/bones"), draft.bones),
        regions=_labels(arrays.get(f"{name}/regions"), draft.regions),
        accepted=frozenset((int(s), int(r), int(c)) for s, r, c in decided["accepted"]),
        split=frozenset((int(s), int(r), int(c)) for s, r, c in decided["split"]),
        findings={str(key): bool(held) for key, held in decided["findings"].items()},
    )


def _labels(array: Any, otherwise: Segmentation) -> Segmentation:
    return otherwise if array is None else replace(otherwise, labels=LabelMap(array, otherwise.grid))


def _verdict(told: Mapping[str, Any]) -> LinkVerdict:
    places = [
        LesionPlace(
            place["exam"],
            place["bone"],
            None if place["side"] is None else Side(place["side"]),
            (float(place["centroid_mm"][0]), float(place["centroid_mm"][1]), float(place["centroid_mm"][2])),
        )
        for place in (told["before"], told["after"])
    ]
    return LinkVerdict(Verdict(told["verdict"]), *places)
