"""From the exams of a study to a result folder: the stages joined to files."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bmetk.anatomy import BONE_LABELS, Joint, Label, Side
from bmetk.config import Settings
from bmetk.dicom import IMAGE_SUFFIXES, load_exams, load_image, load_labels, scan
from bmetk.errors import BmetkError, InputError, MissingSeriesError, SeriesMismatchError, UnknownNameError
from bmetk.exam import Contrast, Exam, ExamResult, Patient, Segmentation, Series, SkippedExam
from bmetk.export import EXAM_FILE, EXAM_SCHEMA, load_result, whole_folder, write_result
from bmetk.pipeline import Progress, analyze, analyze_after
from bmetk.report import exam_page
from bmetk.tracking import exam_names

_log = logging.getLogger(__name__)

STUDY_FILE = "study.json"
STUDY_SCHEMA = "bmetk.study/1"
REPORT_FILE = "report.html"


class Stage(Protocol):
    """What turns an exam into a result."""

    def __call__(self, exam: Exam, *, settings: Settings | None, on_progress: Progress | None) -> ExamResult:
        """Give the result of one exam."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a study is read.

    ``joint`` and ``side`` take the place of what the tags say; ``allow_gaps`` accepts series with
    missing slices; ``keep_identity`` carries name, ID and birth date into the result.
    """

    joint: Joint | None = None
    side: Side | None = None
    keep_identity: bool = False
    allow_gaps: bool = False
    named_bones: bool = False
    """Whether the labels of the user's own bones are bmetk's numbers, as in ``bones.nii.gz``."""


def load_exam(
    path: str | Path | None = None,
    *,
    t1: str | Path | None = None,
    stir: str | Path | None = None,
    bones: str | Path | None = None,
    named_bones: bool = False,
    joint: Joint | str | None = None,
    side: Side | str | None = None,
    day: date | None = None,
) -> Exam:
    """Load the one exam of a study folder, or one from image files.

    Parameters
    ----------
    path : DICOM study, as a folder, a file or an archive
    t1, stir : NIfTI, NRRD, MHA, or a DICOM folder each, instead of ``path``
    bones : the user's own mask or label map
    named_bones : whether its labels are bmetk's numbers, as in a corrected ``bones.nii.gz``; then it is
        divided into regions as found bones are
    joint, side : take the place of what the tags say
    day : date of the exam, for image files without one

    Raises
    ------
    InputError
        If there is no exam, more than one, or a file that cannot be used.
    """
    options = ReadOptions(
        joint=None if joint is None else known_joint(joint),
        side=None if side is None else known_side(side),
        named_bones=named_bones,
    )
    own = None if bones is None else Path(bones)
    if path is None:
        return exam_from_files(
            None if t1 is None else Path(t1), None if stir is None else Path(stir), own, options, day=day
        )
    exams = exams_of_study(Path(path), options, bones=own)
    if len(exams) > 1:
        names = ", ".join(exam_names(exams))
        raise InputError(
            f"{Path(path).name} holds {len(exams)} exams ({names}); name one with joint and side"
        )
    return exams[0]


def known_joint(name: str, *, any_name: bool = True) -> Joint:
    """Turn the name of a joint, in any language known, into a `Joint`.

    A name that is not known is ``other``, or refused unless ``any_name``.

    Raises
    ------
    UnknownNameError
        If it is refused.
    """
    from bmetk.anatomy.vocabulary import parse_joint

    folded = name.strip().lower()
    joint = Joint(folded) if folded in set(Joint) else parse_joint(name)
    if joint is None and not any_name:
        raise UnknownNameError(f"joint {name!r} is not known; say {', '.join(Joint)}")
    return joint or Joint.OTHER


def known_side(name: str) -> Side:
    """Turn the name of a side into a `Side`.

    Raises
    ------
    UnknownNameError
        If it is none.
    """
    from bmetk.anatomy.vocabulary import parse_side

    folded = name.strip().lower()
    side = Side(folded) if folded in set(Side) else parse_side(name)
    if side is None:
        raise UnknownNameError(f"side {name!r} is not known; say left, right or both")
    return side


def exams_of_study(
    source: Path, options: ReadOptions, *, bones: Path | None = None, without_fluid: bool = False
) -> tuple[Exam, ...]:
    """Load every exam below a path, in time order.

    Parameters
    ----------
    source : folder, file or archive
    bones : the user's own bones, where there is one exam alone
    without_fluid : whether an exam is wanted for its T1 series alone

    Raises
    ------
    InputError
        If there is none, or bones are given and there are several.
    """
    exams = load_exams(
        source,
        keep_identity=options.keep_identity,
        allow_gaps=options.allow_gaps,
        joint=options.joint,
        side=options.side,
        without_fluid=without_fluid,
    )
    if bones is None:
        return exams
    if len(exams) > 1:
        raise InputError(f"--bones belongs to one exam, but {source.name} holds {len(exams)}; name one exam")
    return (replace(exams[0], bones=_own_bones(bones, options)),)


def exam_from_files(
    t1: Path | None, fluid: Path | None, bones: Path | None, options: ReadOptions, *, day: date | None = None
) -> Exam:
    """Build an exam from image files or DICOM folders; what they do not tell comes from the options.

    Raises
    ------
    SeriesMismatchError
        If the two are DICOM of different patients.
    InputError
        If a file cannot be used.
    """
    origins = [origin for origin in map(_origin, (t1, fluid)) if origin is not None]
    if len({origin.patient.key for origin in origins}) > 1:
        raise SeriesMismatchError("the T1 and the STIR are of different patients; name two series of one")
    origin = origins[0] if origins else _Origin(Patient(), None)
    loaded = [
        None if path is None else load_image(path, allow_gaps=options.allow_gaps) for path in (t1, fluid)
    ]
    return Exam(
        joint=options.joint or Joint.OTHER,
        side=options.side,
        t1=None if loaded[0] is None else _as_contrast(loaded[0], (Contrast.T1,), Contrast.T1),
        fluid=None if loaded[1] is None else _as_contrast(loaded[1], tuple(Contrast), Contrast.STIR),
        bones=None if bones is None else _own_bones(bones, options),
        patient=origin.patient,
        date=day or origin.day,
    )


@dataclass(frozen=True, slots=True)
class _Origin:
    """Who and when, where the source of an image tells."""

    patient: Patient
    day: date | None


def _origin(path: Path | None) -> _Origin | None:
    """Read patient and date of a DICOM source; None for an image file, which tells neither."""
    if path is None or path.name.lower().endswith(IMAGE_SUFFIXES):
        return None
    records = scan(path).patients
    return _Origin(records[0].patient, records[0].studies[0].date) if records else None


def _as_contrast(series: Series, kept: Sequence[Contrast], otherwise: Contrast) -> Series:
    """Believe the user's choice of a file over its tags, unless they tell a fluid-sensitive kind."""
    keeps = series.contrast in kept and (otherwise is Contrast.T1 or series.contrast.is_fluid_sensitive)
    return series if keeps else replace(series, contrast=otherwise)


def _own_bones(path: Path, options: ReadOptions) -> Segmentation:
    labels = load_labels(path)
    values = labels.values()
    if not values:
        raise InputError(f"the bone mask {path.name} is empty: draw at least one bone")
    if not options.named_bones:
        names = {value: f"label_{value}" for value in values}
        return Segmentation(labels, {value: Label(name, None, name) for value, name in names.items()})
    unknown = [str(value) for value in values if value not in BONE_LABELS]
    if unknown:
        raise InputError(
            f"label {', '.join(unknown)} of {path.name} is no bone's number; take those of exam.json, "
            "or leave out --named-bones"
        )
    return Segmentation(labels, BONE_LABELS)


def write_exams(
    exams: Sequence[Exam],
    out: Path,
    stage: Stage,
    *,
    settings: Settings,
    force: bool = False,
    keep_identity: bool = False,
    on_progress: Progress | None = None,
) -> tuple[tuple[Path, ExamResult], ...]:
    """Put the exams of a study through a stage and write the results, whole or not at all.

    One exam is written into ``out`` itself, several into ``out/<n>_<joint>_<side>``. Of several, one
    that cannot be used is left out and named in ``study.json`` with the reason.

    Parameters
    ----------
    stage : `pipeline.analyze`, or `pipeline.find_exam_bones` for the bones alone

    Raises
    ------
    InputError
        If no exam can be used, or the folder cannot be written.
    """
    if len(exams) == 1:
        with whole_folder(out, EXAM_FILE, EXAM_SCHEMA, overwrite=force) as staged:
            result = stage(exams[0], settings=settings, on_progress=on_progress)
            _write_exam(result, staged, keep_identity)
        return ((out, result),)
    with whole_folder(out, STUDY_FILE, STUDY_SCHEMA, overwrite=force) as staged:
        results, skipped = run_all(exams, stage, settings, on_progress)
        require_result(results, skipped)
        for name, result in results.items():
            (staged / name).mkdir()
            _write_exam(result, staged / name, keep_identity)
        document = {
            "schema": STUDY_SCHEMA,
            "exams": list(results),
            "skipped": {exam.name: exam.reason for exam in skipped},
            "files": list(results),
        }
        (staged / STUDY_FILE).write_text(json.dumps(document, indent=2), encoding="utf-8")
    for exam in skipped:
        _log.warning("exam %s is left out: %s", exam.name, exam.reason)
    return tuple((out / name, result) for name, result in results.items())


def analysis(bones_from: Path | None = None) -> Stage:
    """Give the stage that analyses an exam, with the reviewed bones of an earlier result if one is named."""
    if bones_from is None:
        return analyze
    return partial(analyze_after, reviewed=load_result(bones_from))


def _write_exam(result: ExamResult, folder: Path, keep_identity: bool) -> None:
    write_result(result, folder, extra_files={REPORT_FILE: exam_page(result)}, keep_identity=keep_identity)


def read_skipped_of_study(document: Mapping[str, Any]) -> tuple[SkippedExam, ...]:
    """Read the exams that a ``study.json`` left out, their joint and side from their names.

    Raises
    ------
    AttributeError, KeyError, TypeError, ValueError
        If the document is damaged.
    """
    exams = []
    for name, reason in document["skipped"].items():
        _, joint, *side = name.split("_")
        exams.append(SkippedExam(Joint(joint), Side(side[0]) if side else None, None, str(reason), name=name))
    return tuple(exams)


def run_all(
    exams: Sequence[Exam], stage: Stage, settings: Settings, on_progress: Progress | None
) -> tuple[dict[str, ExamResult], tuple[SkippedExam, ...]]:
    """Run a stage on each exam; give back the results by name, and those that cannot be used."""
    results: dict[str, ExamResult] = {}
    skipped: list[SkippedExam] = []
    for name, exam in zip(exam_names(exams), exams, strict=True):
        try:
            results[name] = stage(exam, settings=settings, on_progress=_named(on_progress, name))
        except BmetkError as error:
            skipped.append(SkippedExam(exam.joint, exam.side, exam.date, str(error), exam.patient, name))
    return results, tuple(skipped)


def require_result(results: Collection[object], skipped: Sequence[SkippedExam]) -> None:
    """Refuse a study or a patient without any exam that can be used.

    Raises
    ------
    MissingSeriesError
        If there is no result; the message gives the reason of each exam.
    """
    if not results:
        reasons = "; ".join(f"{exam.name}: {exam.reason}" for exam in skipped)
        raise MissingSeriesError(f"no exam can be used: {reasons or 'there is none'}")


def _named(on_progress: Progress | None, name: str) -> Progress | None:
    if on_progress is None:
        return None
    return lambda stage, fraction: on_progress(f"{name}: {stage}", fraction)
