"""Connected pieces of a mask, bone by bone, and which of them are believed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import convex_hull_image

from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, boxes
from bmetk.image import Grid

IntArray = npt.NDArray[np.int32]
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def connect(mask: BoolArray) -> IntArray:
    """Label the connected pieces of a mask from 1, corners included."""
    labels, _ = ndimage.label(mask, structure=_NEIGHBOURS)
    return np.asarray(labels, dtype=np.int32)


def connect_by_bone(mask: BoolArray, bones: npt.NDArray[np.uint8]) -> IntArray:
    """Label the connected pieces of each bone: what reaches the next bone is two things."""
    labels = np.zeros(mask.shape, np.int32)
    last = 0
    for value, box in boxes(np.where(mask, bones, np.uint8(0)), pad=0):
        own = connect(mask[box] & (bones[box] == value))
        labels[box] += np.where(own > 0, own + last, 0)
        last += int(own.max())
    return labels


def is_large(labels: IntArray, least_ml: float, grid: Grid) -> BoolArray:
    """Tell of each number of a label map whether so much carries it, bool, shape (N,); 0 is nothing."""
    large = np.bincount(labels.ravel()) * grid.voxel_ml >= least_ml
    large[0] = False
    return np.asarray(large)


def mean_of_each(labels: IntArray, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Give the mean value of each number of a label map, shape (N,); 0 for a number that nothing carries."""
    size = np.bincount(labels.ravel())
    return np.asarray(np.bincount(labels.ravel(), weights=values.ravel()) / np.maximum(size, 1))


def convex_hull(mask: BoolArray) -> BoolArray:
    """Fill the convex hull of what is marked in one slice, shape (R, C); nothing where nothing is."""
    hull = convex_hull_image(mask) if mask.any() else mask  # type: ignore[no-untyped-call]
    return np.asarray(hull, bool)


def principal_lengths_mm(index: npt.NDArray[np.intp], grid: Grid) -> npt.NDArray[np.float64]:
    """Give the full lengths of voxels along their three principal axes, mm, longest first.

    Parameters
    ----------
    index : shape (N, 3), slice, row and column of each voxel, N at least 1
    grid : Grid
    """
    voxel = np.diag(np.asarray(grid.spacing_mm) ** 2 / 12)
    spread = np.cov((index * np.asarray(grid.spacing_mm)).T) if len(index) > 1 else 0.0
    return np.asarray(np.sqrt(12 * np.maximum(np.linalg.eigvalsh(spread + voxel), 0.0)[::-1]))


def disk(radius: float) -> BoolArray:
    """Give a disk within the slice, shape (1, N, N), radius in pixels."""
    whole = max(1, round(radius))
    y, x = np.mgrid[-whole : whole + 1, -whole : whole + 1]
    return np.asarray((x**2 + y**2 <= whole**2 + 0.5)[None])


def with_core(
    likely: BoolArray,
    certain: BoolArray,
    bones: npt.NDArray[np.uint8],
    measured: BoolArray,
    grid: Grid,
    settings: EdemaSettings,
) -> BoolArray:
    """Keep the pieces that are large enough, hold a core beyond doubt, and lie in what is measured."""
    labels = connect_by_bone(likely, bones)
    last = int(labels.max()) + 1
    size, core, inside = (
        np.bincount(labels[mask & likely], minlength=last) for mask in (likely, certain, measured)
    )
    kept = (size * grid.voxel_ml >= settings.minimal_ml) & (core * grid.voxel_ml >= settings.seed_ml)
    kept &= inside >= settings.measured_share * size
    kept[0] = False
    return np.asarray(kept[labels])
