"""Plan exams: one joint of one side on one day, with its best T1 and fluid-sensitive series.

No pixel is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bmetk.anatomy import Joint, Side
from bmetk.dicom.geometry import FaultKind
from bmetk.dicom.grouping import Group, group_volumes, left_over
from bmetk.dicom.identity import read_identity
from bmetk.dicom.inventory import Inventory, PatientRecord, Study, Volume
from bmetk.dicom.selection import FLUID_PREFERENCE, T1_CONTRASTS, Pair, choose_pair, is_candidate
from bmetk.dicom.site import agree
from bmetk.errors import (
    GeometryError,
    InputError,
    MissingSeriesError,
    SeriesMismatchError,
    UnreadableFileError,
)
from bmetk.exam import Contrast, Patient, SkippedExam

_log = logging.getLogger(__name__)


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


def plan_exams(inventory: Inventory, options: LoadOptions = LoadOptions()) -> tuple[ExamPlan, ...]:
    """Decide which exams an inventory holds, without reading pixels; errors as `load_exams`."""
    volumes = _require_volumes(inventory)
    plans = [plan for record in inventory.patients for plan in _plan_patient(record, options)]
    if not plans:
        raise _refusal(volumes, options)
    _require_one_patient(plans)
    return tuple(sorted(plans, key=_order))


def sort_out_exams(
    inventory: Inventory, options: LoadOptions = LoadOptions()
) -> tuple[tuple[ExamPlan, ...], tuple[SkippedExam, ...]]:
    """Decide which exams an inventory holds, and say of those that cannot be used why not.

    Where `plan_exams` refuses an inventory for one faulty exam, this leaves it out. A joint that
    lacks a series is an exam too, even beside a whole one; its analysis will say what it lacks. A
    study without any MR image is none.

    Raises
    ------
    UnreadableFileError
        If nothing in the inventory is an image.
    GeometryError
        If nothing in it is MR.
    SeriesMismatchError
        If the only T1 and the only fluid-sensitive series are of different patients.
    """
    volumes = _require_volumes(inventory)
    parts = [
        part
        for record in inventory.patients
        for study in record.studies
        for part in _sort_out(record.patient, study, options)
    ]
    if not parts:
        raise _refusal(volumes, options)
    plans = [part for part in parts if isinstance(part, ExamPlan)]
    _require_one_patient(plans)
    skipped = tuple(part for part in parts if isinstance(part, SkippedExam))
    return tuple(sorted(plans, key=_order)), skipped


def _require_volumes(inventory: Inventory) -> list[Volume]:
    volumes = list(inventory.volumes())
    if not volumes:
        raise UnreadableFileError(_nothing_found(inventory))
    return volumes


def _order(plan: ExamPlan) -> tuple[str, bool, date, str, str]:
    side = plan.side.value if plan.side else ""
    return plan.patient.pseudonym, plan.date is None, plan.date or date.min, plan.joint.value, side


def _nothing_found(inventory: Inventory) -> str:
    if inventory.files == 0 and not inventory.unreadable:
        return "the folder is empty: give a folder, file or archive with DICOM images"
    damaged = f", {len(inventory.unreadable)} damaged" if inventory.unreadable else ""
    first = f" ({inventory.unreadable[0].name}: {inventory.unreadable[0].reason})" if damaged else ""
    return f"no DICOM image in {inventory.files} files{damaged}{first}: give a folder with MR images"


def _refusal(volumes: Sequence[Volume], options: LoadOptions) -> InputError:
    """Say why none of the volumes makes an exam."""
    faulty = [volume for volume in volumes if not volume.is_readable(allow_gaps=options.allow_gaps)]
    wanted = [volume for volume in faulty if volume.contrast.contrast is not Contrast.LOCALIZER]
    if wanted and len(faulty) == len(volumes):
        return GeometryError(_faults(wanted[:4]))
    reasons = "; ".join(f"{volume.where}: {volume.refusal}" for volume in volumes[:4] if volume.refusal)
    return MissingSeriesError(
        f"no T1 and no fluid-sensitive series found ({reasons}): export those series too"
    )


def _faults(volumes: Sequence[Volume]) -> str:
    return "; ".join(dict.fromkeys(fault.message for volume in volumes for fault in volume.faults))


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
        if options.joint is None and options.side is None:
            _tell_of(left_over(candidates, groups))
        plans += [_plan(record.patient, study, group, options) for group in groups]
    return plans


def _tell_of(groups: Sequence[Group]) -> None:
    """Name the joints that lack a series, where another one of the study is whole."""
    for group in groups:
        lacking = "T1" if group.has_fluid else "fluid-sensitive"
        _log.warning("the %s is left out: it has no %s series", group.title, lacking)


def _sort_out(patient: Patient, study: Study, options: LoadOptions) -> Iterator[ExamPlan | SkippedExam]:
    """Plan every exam of a study, or say why there is none."""
    candidates = [v for v in study.volumes if is_candidate(v, allow_gaps=options.allow_gaps)]
    asks = options.joint is not None or options.side is not None
    try:
        groups = _asked_groups(candidates, options)
    except SeriesMismatchError as error:
        yield _skipped(patient, study, candidates, str(error))
        return
    faulty: list[Group] = []
    if not asks:
        groups += left_over(candidates, groups)
        faulty += left_over(_lost(study, options), groups)
    for group in groups:
        try:
            yield _plan(patient, study, group, options)
        except InputError as error:
            yield _skipped(patient, study, group.volumes, str(error))
    for group in faulty:
        yield _skipped(patient, study, group.volumes, _faults(group.volumes[:4]))
    of_mr = [volume for volume in study.volumes if _is_mr(volume)]
    if of_mr and not groups and not faulty:
        yield _skipped(patient, study, of_mr, str(_refusal(of_mr, options)))


def _skipped(patient: Patient, study: Study, volumes: Sequence[Volume], reason: str) -> SkippedExam:
    """Leave an exam out; its joint and side are what no volume speaks against."""
    joints = {volume.site.joint for volume in volumes} - {None}
    sides = {volume.site.side for volume in volumes} - {None}
    return SkippedExam(
        joint=(joints.pop() if len(joints) == 1 else None) or Joint.OTHER,
        side=sides.pop() if len(sides) == 1 else None,
        date=study.date,
        reason=without_file_names(reason, volumes),
        patient=patient,
    )


def without_file_names(reason: str, volumes: Iterable[Volume]) -> str:
    """Take the names of files, which may hold a patient's, out of a reason that goes into results."""
    names = {frame.file.shown_name for volume in volumes for frame in volume.frames}
    for name in sorted(names, key=len, reverse=True):
        reason = reason.replace(name, "a file")
    return reason


def _lost(study: Study, options: LoadOptions) -> list[Volume]:
    """List the faulty volumes that an exam would have taken."""
    wanted = _faulty(study, options, (*FLUID_PREFERENCE, *T1_CONTRASTS))
    return [v for v in wanted if _is_mr(v) and v.faults[0].kind is not FaultKind.TOO_FEW_SLICES]


def _is_mr(volume: Volume) -> bool:
    return all(fault.kind is not FaultKind.NOT_MR for fault in volume.faults)


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
        raise GeometryError(_faults(lost[:2]))


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
