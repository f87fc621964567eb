"""Carry bones and edema from one exam of a patient to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bmetk.errors import RegistrationError, SeriesMismatchError
from bmetk.exam import Check, CheckStatus, ExamResult, Segmentation
from bmetk.image import LabelMap, Mask, RigidTransform, field_of_view, resample_mask
from bmetk.image.resample import index_affine
from bmetk.registration import BoneRegistrationSettings, register_bone
from bmetk.tracking.frames import Bone, bone_number, bone_view, registered
from bmetk.tracking.history import Place

CHECK_NAME = "bone_carried_over"
_SOON_DAYS = 31
"""Edema neither comes nor goes within so many days: what one exam shows the other may have missed."""
_UNSURE_MM = 3.0
"""Where edema was need not be known more closely than this: a ray of the foot may slide a little unseen."""


def carry_bones(
    reviewed: ExamResult, found: ExamResult, settings: BoneRegistrationSettings | None = None
) -> tuple[Segmentation, tuple[Check, ...]]:
    """Lay the bones of a reviewed exam over those that were found in another exam of the patient.

    Each bone is registered by itself. Where the reviewed exam shows the bone its outline holds; beyond that
    view, and for a bone whose registration is refused, what was found stays.

    Parameters
    ----------
    reviewed : exam with corrected bones
    found : the other exam with the bones that were found in it

    Returns
    -------
    Segmentation on the grid of ``found``, and one check a bone

    Raises
    ------
    SeriesMismatchError
        If the two are known to be of different patients.
    RegistrationError
        If no bone can be carried over.
    """
    keys = {reviewed.exam.patient.key, found.exam.patient.key} - {None}
    if len(keys) > 1:
        raise SeriesMismatchError("the reviewed bones are of another patient; name an exam of the same one")
    labels = found.bones.labels.array.copy()
    values = {(label.name, label.side): value for value, label in found.bones.present().items()}
    checks = []
    for value, label in reviewed.bones.present().items():
        bone = (label.name, label.side)
        if bone not in values:
            continue
        name = " ".join(filter(None, (label.side, label.name.replace("_", " "))))
        moved = register_bone(bone_view(found, bone, settings), bone_view(reviewed, bone, settings), settings)
        if moved.transform is None:
            checks.append(Check(CHECK_NAME, CheckStatus.WARN, None, f"{name}: {moved.check.message}"))
            continue
        _replace(labels, values[bone], (reviewed, value), moved.transform, found)
        checks.append(replace(moved.check, name=CHECK_NAME, message=f"{name}: {moved.check.message}"))
    if not any(check.status is CheckStatus.OK for check in checks):
        reasons = "; ".join(check.message for check in checks) or "the exams show no bone in common"
        raise RegistrationError(f"no bone can be carried over: {reasons}; review this exam by itself")
    return Segmentation(LabelMap(labels, found.bones.grid), found.bones.meaning), tuple(checks)


def _replace(
    labels: npt.NDArray[np.uint8],
    own: int,
    source: tuple[ExamResult, int],
    transform: RigidTransform,
    found: ExamResult,
) -> None:
    """Draw one carried bone into a label map, where the reviewed exam can tell."""
    from scipy import ndimage

    reviewed, value = source
    grid, view = found.bones.grid, reviewed.bones.grid
    soft = (reviewed.bones.labels.array == value).astype(np.float32)
    matrix = index_affine(view, grid, transform)
    # Linearly, so that the steps between slices are smoothed.
    carried = ndimage.affine_transform(
        soft, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=1, mode="nearest"
    )
    told = field_of_view(view, grid, transform).array
    labels[(labels == own) & told] = 0
    labels[(carried >= 0.5) & told & (labels == 0)] = own


def carry_edema(
    result: ExamResult,
    known: Sequence[ExamResult],
    settings: BoneRegistrationSettings | None = None,
) -> Mask:
    """Show on an exam where other exams of the patient had edema, bone by bone.

    The last exam before it that shows the bone tells, and the next after it within a month.

    Parameters
    ----------
    result : exam with its bones
    known : results of the patient's other exams, in any order; those without a date do not count

    Returns
    -------
    Mask on the grid of the exam
    """
    chosen = settings or BoneRegistrationSettings()
    loose = replace(chosen, maximal_unsure_mm=max(chosen.maximal_unsure_mm, _UNSURE_MM))
    dated = [(days, other) for other in known if (days := _days_after(result, other)) is not None]
    dated.sort(key=lambda each: abs(each[0]))
    carried = np.zeros(result.bones.grid.shape, bool)
    for nearest_first in (
        [other for days, other in dated if days < 0],
        [other for days, other in dated if 0 < days <= _SOON_DAYS],
    ):
        ill = _ill_bones(nearest_first)
        for value, label in result.bones.present().items():
            if (bone := (label.name, label.side)) in ill:
                inside = result.bones.labels.array == value
                carried |= inside & _nearest_edema(bone, result, nearest_first, loose)
    return Mask(carried, result.bones.grid)


def shows_soon_after(before: ExamResult, other: ExamResult) -> bool:
    """Tell whether an exam within a month after another shows edema in a bone that both show."""
    days = _days_after(before, other)
    bones = {(label.name, label.side) for label in before.bones.present().values()}
    return days is not None and 0 < days <= _SOON_DAYS and bool(bones & _ill_bones([other]))


def _ill_bones(exams: Sequence[ExamResult]) -> set[Bone]:
    return {(lesion.bone, lesion.side) for exam in exams for lesion in exam.lesions}


def _days_after(exam: ExamResult, other: ExamResult) -> int | None:
    own, its = exam.exam.date, other.exam.date
    return None if own is None or its is None else (its - own).days


def _nearest_edema(
    bone: Bone,
    result: ExamResult,
    others: Sequence[ExamResult],
    settings: BoneRegistrationSettings,
) -> npt.NDArray[np.bool_]:
    """Carry the edema of the first exam that shows a bone and can be registered in it."""
    for other in others:
        value = bone_number(other.bones, bone)
        if other.edema is None or value is None:
            continue
        moved = register_bone(bone_view(result, bone, settings), bone_view(other, bone, settings), settings)
        if moved.transform is None:
            continue
        edema = other.edema & other.bones.labels.mask(value)
        return resample_mask(edema, result.bones.grid, moved.transform).array
    return np.zeros(result.bones.grid.shape, bool)


def edema_in_view(
    before: ExamResult, after: ExamResult, place: Place, settings: BoneRegistrationSettings | None = None
) -> float | None:
    """Tell how much of a region's edema in one exam lay where another exam looked.

    Parameters
    ----------
    before, after : two exams of a patient
    place : region and side
    settings : how the bone is registered between the exams

    Returns
    -------
    Share of the edema, 0 to 1; None where there is none or the bone cannot be registered
    """
    value = bone_number(before.regions, place)
    if before.edema is None or value is None:
        return None
    edema = before.edema.array & (before.regions.labels.array == value)
    bone = (before.regions.meaning[value].bone, place[1])
    if not edema.any() or None in (bone_number(exam.bones, bone) for exam in (before, after)):
        return None
    moved = registered(bone_view(before, bone, settings), bone_view(after, bone, settings), settings)
    if moved.transform is None:
        return None
    points = moved.transform.apply(before.regions.grid.to_world(np.argwhere(edema)))
    return float(after.bones.grid.contains(points).mean())
