"""Load the pixels of exams; see `bmetk.dicom.plan` for what makes one."""

from __future__ import annotations

import logging
from pathlib import Path

from bmetk.anatomy import Joint, Side
from bmetk.dicom.inventory import Inventory
from bmetk.dicom.load import load_series
from bmetk.dicom.plan import ExamPlan, LoadOptions, plan_exams, sort_out_exams, without_file_names
from bmetk.dicom.scanner import scan
from bmetk.errors import InputError
from bmetk.exam import Exam, SkippedExam

_log = logging.getLogger(__name__)


def load_exams(
    source: Path | str | Inventory,
    *,
    keep_identity: bool = False,
    allow_gaps: bool = False,
    joint: Joint | None = None,
    side: Side | None = None,
    without_fluid: bool = False,
) -> tuple[Exam, ...]:
    """Load every exam of a source, in order of patient and date.

    Parameters
    ----------
    source : folder, file or archive, or an inventory of one
    keep_identity, allow_gaps, joint, side, without_fluid : see `bmetk.dicom.plan.LoadOptions`

    Returns
    -------
    tuple of Exam
        At least one. ``t1`` or ``fluid`` is None where the study simply has no such series.

    Raises
    ------
    UnreadableFileError
        If nothing in the source is a DICOM image, or pixels cannot be read.
    MissingSeriesError
        If no series can serve as T1 or fluid-sensitive series.
    GeometryError
        If the only T1 or fluid-sensitive series of an exam is faulty; the message names the fault.
    SeriesMismatchError
        If T1 and fluid-sensitive series are of different patients, joints or sides, or do not overlap.
    """
    options = LoadOptions(keep_identity, allow_gaps, joint, side, without_fluid)
    plans = plan_exams(_inventory(source), options)
    return tuple(load_plan(plan, allow_gaps=allow_gaps) for plan in plans)


def load_exam(
    source: Path | str | Inventory,
    *,
    keep_identity: bool = False,
    allow_gaps: bool = False,
    joint: Joint | None = None,
    side: Side | None = None,
    without_fluid: bool = False,
) -> Exam:
    """Load the one exam of a source; parameters and errors as `load_exams`.

    Raises
    ------
    InputError
        If there are several exams.
    """
    options = LoadOptions(keep_identity, allow_gaps, joint, side, without_fluid)
    plans = plan_exams(_inventory(source), options)
    if len(plans) > 1:
        listed = ", ".join(plan.title for plan in plans[:6])
        raise InputError(f"{len(plans)} exams found where one is needed ({listed}): give the folder of one")
    return load_plan(plans[0], allow_gaps=allow_gaps)


def load_usable_exams(
    source: Path | str | Inventory,
    *,
    keep_identity: bool = False,
    allow_gaps: bool = False,
    joint: Joint | None = None,
    side: Side | None = None,
) -> tuple[tuple[Exam, ...], tuple[SkippedExam, ...]]:
    """Load every exam of a source that can be loaded, and say of the others why not.

    Returns
    -------
    exams, in order of patient and date, and exams left out; either may be empty

    Raises
    ------
    InputError
        As `bmetk.dicom.plan.sort_out_exams`, which says what counts as an exam.
    """
    options = LoadOptions(keep_identity, allow_gaps, joint, side)
    inventory = _inventory(source)
    plans, skipped = sort_out_exams(inventory, options)
    loaded = [_load_or_skip(plan, allow_gaps) for plan in plans]
    if inventory.damage and inventory is not source:  # who gives an inventory tells of it once
        _log.warning(inventory.damage)
    exams = tuple(exam for exam in loaded if isinstance(exam, Exam))
    return exams, (*skipped, *(exam for exam in loaded if isinstance(exam, SkippedExam)))


def _load_or_skip(plan: ExamPlan, allow_gaps: bool) -> Exam | SkippedExam:
    try:
        return load_plan(plan, allow_gaps=allow_gaps)
    except InputError as error:
        volumes = [volume for volume in (plan.pair.t1, plan.pair.fluid) if volume is not None]
        reason = without_file_names(str(error), volumes)
        return SkippedExam(plan.joint, plan.side, plan.date, reason, plan.patient)


def _inventory(source: Path | str | Inventory) -> Inventory:
    return source if isinstance(source, Inventory) else scan(source)


def load_plan(plan: ExamPlan, *, allow_gaps: bool = False) -> Exam:
    """Read the pixels of a planned exam."""
    chosen = (plan.pair.t1, plan.pair.fluid)
    t1, fluid = (load_series(volume, allow_gaps=allow_gaps) if volume else None for volume in chosen)
    return Exam(
        joint=plan.joint,
        side=plan.side,
        t1=t1,
        fluid=fluid,
        patient=plan.patient,
        date=plan.date,
        warnings=plan.warnings,
        source=_first_file(plan),
    )


def _first_file(plan: ExamPlan) -> str:
    """Name one file of an exam with its folder, so that a user finds it."""
    volume = plan.pair.fluid or plan.pair.t1
    if volume is None:
        return ""
    file = volume.frames[0].file
    return f"{file.path.parent.name}/{file.shown_name}"
