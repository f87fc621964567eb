"""Lay one exam over another, bone by bone, so that both can be scrolled together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bmetk import registration
from bmetk.errors import InputError
from bmetk.exam import Exam, ExamResult, Segmentation, Series
from bmetk.image import (
    LabelMap,
    RigidTransform,
    ScalarImage,
    resample_labels,
    resample_mask,
    resample_scalar,
)
from bmetk.tracking.frames import Bone, bone_number, bone_view


@dataclass(frozen=True, slots=True)
class BoneFit:
    """How one bone of an exam lies under that of another.

    Parameters
    ----------
    transform : from the world of the fixed exam to that of the moving one
    residual_mm : median distance left between the two surfaces; None where they could not be registered, and
        the middles of the bone are laid over each other
    doubt : why they could not; empty where they were
    """

    transform: RigidTransform
    residual_mm: float | None
    doubt: str = ""


def register_bone(fixed: ExamResult, moving: ExamResult, bone: Bone) -> BoneFit:
    """Align one bone of two exams, as the tracker does that follows its lesions.

    Parameters
    ----------
    fixed, moving : the two exams
    bone : name and side of a bone

    Raises
    ------
    InputError
        If one of the exams does not show that bone.
    """
    masks = []
    for result in (fixed, moving):
        value = bone_number(result.bones, bone)
        if value is None:
            name = f"{bone[1] or ''} {bone[0].replace('_', ' ')}".strip()
            raise InputError(f"the {name} is not in both exams: choose a bone that both show")
        masks.append(result.bones.labels.mask(value))
    found = registration.register_bone(bone_view(fixed, bone), bone_view(moving, bone))
    if found.transform is not None:
        return BoneFit(found.transform, found.distance_mm)
    middle, goal = (mask.grid.to_world(np.argwhere(mask.array).mean(axis=0)) for mask in masks)
    return BoneFit(RigidTransform(np.eye(3), goal - middle), None, found.check.message)


def bones_of(result: ExamResult) -> dict[Bone, int]:
    """Count the voxels of each bone that an exam shows, the largest first."""
    counts = np.bincount(result.bones.labels.array.ravel(), minlength=256)
    present = result.bones.present().items()
    shown = {(label.name, label.side): int(counts[value]) for value, label in present}
    return dict(sorted(shown.items(), key=lambda it: -it[1]))


def carry(result: ExamResult, onto: ExamResult, transform: RigidTransform) -> ExamResult:
    """Show an exam on the grid of another one; for looking at, never for measuring.

    Parameters
    ----------
    result : exam to be shown
    onto : exam whose grid it is shown on
    transform : world of ``onto`` to that of ``result``, as `register_bone` gives it
    """
    grid = onto.bones.grid

    def scalar(image: ScalarImage | None) -> ScalarImage | None:
        return None if image is None else resample_scalar(image, grid, transform)

    def labels(segmentation: Segmentation) -> Segmentation:
        moved: LabelMap = resample_labels(segmentation.labels, grid, transform)
        return replace(segmentation, labels=moved)

    return replace(
        result,
        exam=_carried_series(result, onto, transform),
        bones=labels(result.bones),
        regions=labels(result.regions),
        edema=None if result.edema is None else resample_mask(result.edema, grid, transform),
        probability=scalar(result.probability),
        ratio=scalar(result.ratio),
        alignment=None,
        marrow=None,
    )


def _carried_series(result: ExamResult, onto: ExamResult, transform: RigidTransform) -> Exam:
    """Carry both series along; T1 by way of its own alignment."""
    exam, grid = result.exam, onto.bones.grid

    def moved(series: Series | None, way: RigidTransform) -> Series | None:
        return None if series is None else replace(series, image=resample_scalar(series.image, grid, way))

    to_t1 = transform if result.alignment is None else result.alignment.after(transform)
    return replace(exam, t1=moved(exam.t1, to_t1), fluid=moved(exam.fluid, transform))
