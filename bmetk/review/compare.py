"""Lay one exam over another, bone by bone, so that both can be scrolled together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import measure

from bmetk.errors import InputError
from bmetk.exam import Exam, ExamResult, Segmentation, Series
from bmetk.image import (
    LabelMap,
    RigidTransform,
    ScalarImage,
    crop_box,
    crop_grid,
    resample_labels,
    resample_mask,
    resample_scalar,
)
from bmetk.image.grid import FloatArray

_POINTS = 2500
_ROUNDS = 60
_KEPT = 0.9  # of the points: the ends that one exam alone shows must not pull
_STILL_MM = 1e-3
_SMOOTH_MM = 1.5
_LEAST_VOXELS = 20


@dataclass(frozen=True, slots=True)
class BoneFit:
    """How one bone of an exam lies under that of another.

    ``transform`` maps the world of the fixed exam to that of the moving one; ``residual_mm`` is the
    median distance left between the two surfaces.
    """

    transform: RigidTransform
    residual_mm: float


def register_bone(fixed: Segmentation, moving: Segmentation, value: int) -> BoneFit:
    """Align one bone of two exams by its surface.

    Iterative closest points (Besl and McKay, doi:10.1109/34.121791) that leave out the worst tenth, since
    the two exams end at different places (trimmed: Chetverikov, doi:10.1016/j.imavis.2004.05.007).

    Parameters
    ----------
    fixed, moving : bones of the two exams
    value : label of the bone

    Raises
    ------
    InputError
        If one of the exams does not show that bone.
    """
    points, target = _surface(fixed, value), _surface(moving, value)
    tree = cKDTree(target)
    transform = RigidTransform(np.eye(3), target.mean(axis=0) - points.mean(axis=0))
    kept = max(3, int(_KEPT * len(points)))
    for _ in range(_ROUNDS):
        moved = transform.apply(points)
        distance, index = tree.query(moved)
        best = np.argsort(distance)[:kept]
        step = _best_rigid(moved[best], target[index[best]])
        transform = step.after(transform)
        if float(np.abs(step.displacement_mm(moved[:50])).max()) < _STILL_MM:
            break
    residual = float(np.median(tree.query(transform.apply(points))[0]))
    return BoneFit(transform, residual)


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


def _surface(bones: Segmentation, value: int) -> FloatArray:
    """Take points evenly from the smoothed surface of a bone, LPS mm; the image's border is no surface."""
    mask = bones.labels.array == value
    if np.count_nonzero(mask) < _LEAST_VOXELS:
        label = bones.meaning.get(value)
        name = label.name.replace("_", " ") if label else f"bone {value}"
        raise InputError(f"the {name} is not in both exams: choose a bone that both show")
    box = crop_box(mask, bones.grid, 4 * _SMOOTH_MM)
    # Without smoothing the steps between slices lock into each other.
    sigma = [max(_SMOOTH_MM / spacing, 0.6) for spacing in bones.grid.spacing_mm]
    soft = ndimage.gaussian_filter(mask[box].astype(np.float32), sigma, mode="nearest")
    level = min(0.5, 0.5 * float(soft.max()))
    points, *_ = measure.marching_cubes(  # type: ignore[no-untyped-call]
        np.pad(soft, _thin(soft), mode="edge"), level
    )
    grid = crop_grid(bones.grid, box)
    return grid.to_world(points[:: max(1, len(points) // _POINTS)])


def _thin(soft: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Widen an axis of a single voxel, which has no surface across it."""
    return [(0, 1) if size < 2 else (0, 0) for size in soft.shape]


def _best_rigid(points: FloatArray, target: FloatArray) -> RigidTransform:
    """Fit a rigid movement to pairs of points (Kabsch, doi:10.1107/S0567739476001873)."""
    middle, aim = points.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((points - middle).T @ (target - aim))
    turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ turn @ u.T
    return RigidTransform(rotation, aim - rotation @ middle)
