"""Lay the exams of one bone on each other: a frame in which its lesions can be compared."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import Side
from bmetk.exam import ExamResult, Segmentation
from bmetk.image import (
    Grid,
    RigidTransform,
    ScalarImage,
    crop_box,
    crop_grid,
    isotropic_grid,
    resample_scalar,
)
from bmetk.image.grid import FloatArray
from bmetk.image.resample import index_affine
from bmetk.registration import (
    BoneAlignment,
    BoneRegistrationSettings,
    BoneView,
    register_bone,
    view_bone,
)
from bmetk.tracking.lesion_map import LesionMap, map_lesions
from bmetk.tracking.timeline import BoneMatch, TimelineExam

Bone = tuple[str, Side | None]
"""A bone of one side."""

FRAME_MM = 1.5
_MARGIN_MM = 15.0
_STILL = RigidTransform.identity()
_T = TypeVar("_T")
_KNOWN: WeakKeyDictionary[object, dict[Hashable, Any]] = WeakKeyDictionary()
"""What was computed of bones, for as long as these are in use: a reader's stroke changes the edema alone."""


def _once(owner: object, key: Hashable, compute: Callable[[], _T]) -> _T:
    """Compute something of its owner once, and forget it with the owner."""
    known = _KNOWN.setdefault(owner, {})
    if key not in known:
        known[key] = compute()
    result: _T = known[key]
    return result


@dataclass(frozen=True, slots=True, eq=False)
class FrameView:
    """What one exam shows of a bone, carried into the bone's frame.

    Parameters
    ----------
    probability : array on the frame's grid, of edema, 0 where it was not imaged
    lesions : array on the frame's grid, number of the lesion that each voxel belongs to or lies next to
    seen : array on the frame's grid, whether the exam shows it
    """

    probability: npt.NDArray[np.float32]
    lesions: npt.NDArray[np.uint8]
    seen: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BoneFrame:
    """The exams of one bone in one frame, by exam; one whose registration was refused is not in it."""

    grid: Grid
    views: Mapping[str, FrameView]


def build_frames(
    exams: Sequence[TimelineExam],
    results: Sequence[ExamResult],
    settings: BoneRegistrationSettings | None = None,
) -> tuple[dict[Bone, tuple[BoneFrame, ...]], tuple[BoneMatch, ...]]:
    """Register every bone with a lesion between the exams that show it.

    A frame is that of the exam that shows most of the bone; the others are registered to it. Those that
    are refused, as the knee's end of a femur by the hip's, make a frame of their own. A bone that one exam
    alone shows needs none.
    """
    frames: dict[Bone, tuple[BoneFrame, ...]] = {}
    matches: list[BoneMatch] = []
    shown = list(zip(exams, results, strict=True))
    for bone in _bones_with_lesions(results):
        showing = [it for it in shown if bone_number(it[1].bones, bone) is not None]
        if len(showing) < 2:
            frames[bone] = ()
            continue
        views = [
            _Shown(exam, result, bone_view(result, bone, settings), _bone_ml(result.bones, bone))
            for exam, result in showing
        ]
        views.sort(key=lambda view: -view.bone_ml)
        made = []
        while len(views) > 1:
            frame, told = _build(bone, views, settings)
            made.append(frame)
            matches += told
            views = [view for view in views if view.exam.name not in frame.views]
        frames[bone] = tuple(made)
    return frames, tuple(matches)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """One exam of a bone, ready to be registered."""

    exam: TimelineExam
    result: ExamResult
    view: BoneView
    bone_ml: float


def _bones_with_lesions(results: Sequence[ExamResult]) -> list[Bone]:
    found = {(lesion.bone, lesion.side): None for result in results for lesion in result.lesions}
    return sorted(found, key=lambda bone: (bone[0], bone[1] or ""))


def bone_number(bones: Segmentation, bone: Bone) -> int | None:
    """Find the number of a bone in an exam's label map; None where the exam does not show it."""

    def find() -> int | None:
        named = [value for value, label in bones.meaning.items() if (label.name, label.side) == bone]
        return next((value for value in named if (bones.labels.array == value).any()), None)

    return _once(bones, ("number", bone), find)


def _build(
    bone: Bone, shown: Sequence[_Shown], settings: BoneRegistrationSettings | None
) -> tuple[BoneFrame, list[BoneMatch]]:
    reference, *others = shown
    grid = _frame_grid(reference.result.bones, bone)
    carried = {reference.exam.name: _carry(reference.result, bone, grid, _STILL)}
    matches = []
    for other in others:
        if not _have_part_in_common(reference.view, other.view):
            continue
        found = registered(reference.view, other.view, settings)
        matches.append(_match(bone, reference.exam, other.exam, found))
        if found.transform is not None:
            carried[other.exam.name] = _carry(other.result, bone, grid, found.transform)
    return BoneFrame(grid, carried), matches


def _have_part_in_common(one: BoneView, other: BoneView) -> bool:
    """Tell whether two exams name a region of the bone that both show, or name none at all."""
    named = one.anchors_mm.keys(), other.anchors_mm.keys()
    return bool(named[0] & named[1]) or not all(named)


def bone_view(result: ExamResult, bone: Bone, settings: BoneRegistrationSettings | None = None) -> BoneView:
    """Prepare a bone of an exam for registration, with whatever images the exam still carries."""
    moved = result.alignment
    pose = None if moved is None else (tuple(map(tuple, moved.rotation)), tuple(moved.translation_mm))
    regions = None if result.regions is result.bones else result.regions  # no owner may hold itself
    key = (bone, pose, result.exam.t1, result.exam.fluid, regions, settings)
    return _once(result.bones, ("view", key), lambda: _prepared(result, bone, settings))


def _prepared(result: ExamResult, bone: Bone, settings: BoneRegistrationSettings | None) -> BoneView:
    exam = result.exam
    mask = result.bones.labels.mask(bone_number(result.bones, bone) or 0)
    images: dict[str, tuple[ScalarImage, RigidTransform | None]] = {}
    if exam.t1 is not None:
        images["t1"] = (exam.t1.image, result.alignment)
    if exam.fluid is not None:
        images[exam.fluid.contrast.value] = (exam.fluid.image, None)
    return view_bone(mask, images, dict(_anchors(result.regions, mask.array)), settings)


def registered(
    reference: BoneView, other: BoneView, settings: BoneRegistrationSettings | None
) -> BoneAlignment:
    """Register two views of a bone, once for as long as both are in use; the other way is the inverse."""
    known = _alignments(reference, other)
    if settings not in known:
        back = _alignments(other, reference).get(settings)
        known[settings] = register_bone(reference, other, settings) if back is None else back.inverse()
    return known[settings]


def _alignments(reference: BoneView, other: BoneView) -> dict[Hashable, BoneAlignment]:
    """Give what is known of two views, by the settings it was found with."""
    partners: WeakKeyDictionary[BoneView, dict[Hashable, BoneAlignment]]
    partners = _once(reference, "registered", WeakKeyDictionary)
    return partners.setdefault(other, {})


def _anchors(regions: Segmentation, bone: npt.NDArray[np.bool_]) -> Iterator[tuple[str, FloatArray]]:
    """Name the centre of each region of a bone that does not reach the edge of the view."""
    box = crop_box(bone, regions.grid, 0.0)
    labels = np.where(bone[box], regions.labels.array[box], 0)
    grid = crop_grid(regions.grid, box)
    for value in np.unique(labels[labels > 0]):
        centre = np.array(ndimage.center_of_mass(labels == value))
        yield regions.meaning[int(value)].name, grid.to_world(centre)


def _bone_ml(bones: Segmentation, bone: Bone) -> float:
    return _once(bones, ("ml", bone), lambda: bones.labels.mask(bone_number(bones, bone) or 0).volume_ml)


def _frame_grid(bones: Segmentation, bone: Bone) -> Grid:
    def surround() -> Grid:
        mask = bones.labels.mask(bone_number(bones, bone) or 0)
        part = crop_grid(mask.grid, crop_box(mask.array, mask.grid, 0.0))
        return isotropic_grid(part, FRAME_MM, _MARGIN_MM)

    return _once(bones, ("grid", bone), surround)


def _carry(result: ExamResult, bone: Bone, grid: Grid, transform: RigidTransform) -> FrameView:
    """Carry one bone of an exam into the frame once."""
    known: dict[Bone, tuple[Grid, RigidTransform, FrameView]] = _once(result, "carried", dict)
    if bone in known:
        old_grid, old_transform, view = known[bone]
        if old_grid is grid and old_transform is transform:
            return view
    view = _carried(result, bone, grid, transform)
    known[bone] = (grid, transform, view)
    return view


def _carried(result: ExamResult, bone: Bone, grid: Grid, transform: RigidTransform) -> FrameView:
    """Carry edema probability and lesions of one bone into the frame; volumes are not measured there."""
    lesions: LesionMap = map_lesions(result, bone)
    matrix = index_affine(lesions.grid, grid, transform)
    near = ndimage.affine_transform(
        lesions.nearest, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=0
    )
    probability = resample_scalar(lesions.probability, grid, transform).array
    points = transform.apply(grid.world_coordinates())
    return FrameView(np.where(near > 0, probability, 0.0), near, result.bones.grid.contains(points))


def _match(bone: Bone, origin: TimelineExam, target: TimelineExam, found: BoneAlignment) -> BoneMatch:
    move = found.transform
    rows = () if move is None else tuple((float(a), float(b), float(c)) for a, b, c in move.rotation)
    return BoneMatch(
        bone=bone[0],
        side=bone[1],
        from_exam=origin.name,
        to_exam=target.name,
        accepted=move is not None,
        distance_mm=round(found.distance_mm, 3) if np.isfinite(found.distance_mm) else None,
        message=found.check.message,
        rotation=rows or None,
        translation_mm=None if move is None else tuple(map(float, move.translation_mm)),  # type: ignore[arg-type]
    )
