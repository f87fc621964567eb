"""Load exams: one joint of one side on one day, with its best T1 and fluid-sensitive series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from bmetk.anatomy import Joint, Side
from bmetk.dicom.geometry import FaultKind
from bmetk.dicom.grouping import Group, group_volumes
from bmetk.dicom.identity import read_identity
from bmetk.dicom.inventory import Inventory, PatientRecord, Study, Volume
from bmetk.dicom.load import load_series
from bmetk.dicom.scanner import scan
from bmetk.dicom.selection import FLUID_PREFERENCE, T1_CONTRASTS, Pair, choose_pair, is_candidate
from bmetk.dicom.site import agree
from bmetk.errors import (
    GeometryError,
    InputError,
    MissingSeriesError,
    SeriesMismatchError,
    UnreadableFileError,
)
from bmetk.exam import Contrast, Exam, Patient


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to make exams of a scan.

    Parameters
    ----------
    keep_identity : whether `Patient.identity` is filled
    allow_gaps : whether series with missing, doubled or uneven slices are mended by interpolation
    joint, side : what the user knows; picks that exam, or stands in for tags that tell otherwise
    without_fluid : whether a fluid-sensitive series may be absent or faulty (bones alone are wanted)
    """

    keep_identity: bool = False
    allow_gaps: bool = False
    joint: Joint | None = None
    side: Side | None = None
    without_fluid: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ExamPlan:
    """An exam before its pixels are read: which volumes it takes, and what was doubtful."""

    patient: Patient
    date: date | None
    joint: Joint
    side: Side | None
    pair: Pair
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """Side, joint and day in words."""
        side = f"{self.side.value} " if self.side else ""
        return f"{side}{self.joint.value}{f' on {self.date}' if self.date else ''}"


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
    keep_identity, allow_gaps, joint, side, without_fluid : see `LoadOptions`

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
    )


def plan_exams(inventory: Inventory, options: LoadOptions = LoadOptions()) -> tuple[ExamPlan, ...]:
    """Decide which exams an inventory holds, without reading pixels; errors as `load_exams`."""
    volumes = list(inventory.volumes())
    if not volumes:
        raise UnreadableFileError(_nothing_found(inventory))
    plans = [plan for record in inventory.patients for plan in _plan_patient(record, options)]
    if not plans:
        _refuse_all(volumes, options)
    _require_one_patient(plans)
    return tuple(sorted(plans, key=_order))


def _order(plan: ExamPlan) -> tuple[str, bool, date, str, str]:
    side = plan.side.value if plan.side else ""
    return plan.patient.pseudonym, plan.date is None, plan.date or date.min, plan.joint.value, side


def _nothing_found(inventory: Inventory) -> str:
    if inventory.files == 0 and not inventory.unreadable:
        return "the folder is empty: give a folder, file or archive with DICOM images"
    damaged = f", {len(inventory.unreadable)} damaged" if inventory.unreadable else ""
    first = f" ({inventory.unreadable[0].name}: {inventory.unreadable[0].reason})" if damaged else ""
    return f"no DICOM image in {inventory.files} files{damaged}{first}: give a folder with MR images"


def _refuse_all(volumes: Sequence[Volume], options: LoadOptions) -> None:
    """Say why none of the volumes makes an exam."""
    faulty = [volume for volume in volumes if not volume.is_readable(allow_gaps=options.allow_gaps)]
    wanted = [volume for volume in faulty if volume.contrast.contrast is not Contrast.LOCALIZER]
    if wanted and len(faulty) == len(volumes):
        raise GeometryError("; ".join(dict.fromkeys(fault.message for v in wanted[:4] for fault in v.faults)))
    reasons = "; ".join(f"{volume.where}: {volume.refusal}" for volume in volumes[:4] if volume.refusal)
    raise MissingSeriesError(
        f"no T1 and no fluid-sensitive series found ({reasons}): export those series too"
    )


def _require_one_patient(plans: Sequence[ExamPlan]) -> None:
    """Refuse a T1 of one patient with a fluid-sensitive series of another."""
    lacks_fluid = {plan.patient.key for plan in plans if plan.pair.fluid is None}
    lacks_t1 = {plan.patient.key for plan in plans if plan.pair.t1 is None}
    incomplete = all(plan.pair.t1 is None or plan.pair.fluid is None for plan in plans)
    if incomplete and lacks_fluid and lacks_t1 and not lacks_fluid & lacks_t1:
        raise SeriesMismatchError(
            "the T1 and the fluid-sensitive series are of different patients (their Patient IDs differ): "
            "give both series of one patient"
        )


def _plan_patient(record: PatientRecord, options: LoadOptions) -> list[ExamPlan]:
    plans = []
    for study in record.studies:
        candidates = [v for v in study.volumes if is_candidate(v, allow_gaps=options.allow_gaps)]
        groups = _asked_groups(candidates, options)
        plans += [_plan(record.patient, study, group, options) for group in groups]
    return plans


def _asked_groups(candidates: Sequence[Volume], options: LoadOptions) -> list[Group]:
    """Group volumes; where the user names joint or side, pick that group, or overrule the tags."""
    if options.joint is None and options.side is None:
        return group_volumes(candidates, without_fluid=options.without_fluid)
    try:
        groups = group_volumes(candidates, without_fluid=options.without_fluid)
    except SeriesMismatchError:
        groups = []
    asked = [
        group
        for group in groups
        if options.joint in (None, group.joint) and options.side in (None, group.best_side) and group.is_whole
    ]
    return asked or group_volumes(
        [_told(volume, options) for volume in candidates], without_fluid=options.without_fluid
    )


def _told(volume: Volume, options: LoadOptions) -> Volume:
    """Put what the user says in place of what the tags say."""
    known = volume.site
    told = known.side_is_told or options.side is not None
    site = replace(
        known, joint=options.joint or known.joint, side=options.side or known.side, side_is_told=told
    )
    return replace(volume, site=replace(site, conflicts=()))


def _plan(patient: Patient, study: Study, group: Group, options: LoadOptions) -> ExamPlan:
    joint = agree([volume.site.joint for volume in group.volumes]) or Joint.OTHER
    pair = choose_pair(group.volumes)
    _require_no_lost_series(study, pair, options)
    if options.keep_identity:
        patient = replace(patient, identity=read_identity(group.volumes[0].tags))
    return ExamPlan(
        patient=patient,
        date=study.date,
        joint=joint,
        side=group.best_side,
        pair=pair,
        warnings=tuple(dict.fromkeys(_warnings(study, group, pair, options))),
    )


def _require_no_lost_series(study: Study, pair: Pair, options: LoadOptions) -> None:
    """Refuse an exam whose T1 or fluid-sensitive series is there, but faulty."""
    lost = []
    if pair.t1 is None:
        lost += _faulty(study, options, (Contrast.T1,))
    if pair.fluid is None and not options.without_fluid:
        lost += _faulty(study, options, FLUID_PREFERENCE)
    if lost:
        raise GeometryError("; ".join(dict.fromkeys(fault.message for v in lost[:2] for fault in v.faults)))


def _faulty(study: Study, options: LoadOptions, contrasts: Sequence[Contrast]) -> list[Volume]:
    """List volumes of some contrasts that cannot be read (a single slice is a scout, not a loss)."""
    return [
        volume
        for volume in study.volumes
        if volume.contrast.contrast in contrasts and not volume.is_readable(allow_gaps=options.allow_gaps)
    ]


def _warnings(study: Study, group: Group, pair: Pair, options: LoadOptions) -> Iterable[str]:
    for volume in (pair.t1, pair.fluid):
        if volume is not None:
            yield from _volume_warnings(volume)
    if pair.t1 is not None and pair.t1.contrast.contrast is not Contrast.T1:
        used = pair.t1.contrast.contrast.value.replace("_", " ")
        yield f"no T1 series was found: {pair.t1.where} ({used}) stands in for it"
    joints = dict.fromkeys(v.site.joint.value for v in group.volumes if v.site.joint is not None)
    if len(joints) > 1:
        yield f"joint in conflict between series: {', '.join(joints)}"
    for volume in _faulty(study, options, (*FLUID_PREFERENCE, *T1_CONTRASTS)):
        if volume.faults[0].kind is not FaultKind.TOO_FEW_SLICES:
            yield f"not used: {volume.faults[0].message}"


def _volume_warnings(volume: Volume) -> Iterable[str]:
    yield from (f"{volume.where}: {conflict}" for conflict in volume.site.conflicts)
    if volume.faults:
        yield f"{volume.where}: slices were interpolated, for {volume.faults[0].message.split(';')[0]}"
    if not volume.contrast.original:
        yield f"{volume.where} is marked as derived, and was taken for want of an original series"
    if "; yet" in volume.contrast.reason:
        yield f"{volume.where}: {volume.contrast.reason}"
