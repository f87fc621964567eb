"""Carry an image onto another grid: intensities linearly, labels by the nearest voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bmetk.image.grid import FloatArray, Grid
from bmetk.image.images import LabelMap, Mask, ScalarImage
from bmetk.image.transform import RigidTransform

_BLUR = 0.42
"""Anti-alias Gaussian: its sigma per millimetre of resolution given up."""


def index_affine(source: Grid, target: Grid, transform: RigidTransform | None = None) -> FloatArray:
    """Matrix from target voxel index to source voxel index, shape (4, 4).

    ``transform`` maps target (fixed) world to source (moving) world.
    """
    move = np.eye(4)
    if transform is not None:
        move[:3, :3] = transform.rotation
        move[:3, 3] = transform.translation_mm
    return np.asarray(np.linalg.inv(source.affine) @ move @ target.affine)


def _sample(
    array: npt.NDArray[np.generic],
    matrix: FloatArray,
    shape: tuple[int, int, int],
    order: int,
    outside: float,
) -> npt.NDArray[np.generic]:
    from scipy import ndimage  # takes 0.3 s to import: `bmetk info` never resamples

    result: npt.NDArray[np.generic] = ndimage.affine_transform(
        array, matrix[:3, :3], matrix[:3, 3], output_shape=shape, order=order, mode="constant", cval=outside
    )
    return result


def resample_scalar(
    image: ScalarImage, target: Grid, transform: RigidTransform | None = None, *, outside: float = 0.0
) -> ScalarImage:
    """Interpolate an intensity image linearly on another grid.

    Parameters
    ----------
    image : ScalarImage, the moving image
    target : Grid of the result
    transform : target world to image world; None is the identity
    outside : value where the image was not acquired
    """
    if transform is None and image.grid.matches(target):
        return image
    matrix = index_affine(image.grid, target, transform)
    padded, matrix = _pad_edges(image.array, matrix)
    return ScalarImage(_sample(padded, matrix, target.shape, 1, outside).astype(np.float32), target)


def _pad_edges(
    array: npt.NDArray[np.generic], matrix: FloatArray
) -> tuple[npt.NDArray[np.generic], FloatArray]:
    """Repeat edge voxels once a side, so that the outer half voxel is covered and not cut away."""
    shifted = matrix.copy()
    shifted[:3, 3] += 1
    return np.pad(array, 1, mode="edge"), shifted


def resample_labels(labels: LabelMap, target: Grid, transform: RigidTransform | None = None) -> LabelMap:
    """Carry a label map onto another grid by the nearest voxel; 0 where it was not drawn."""
    if transform is None and labels.grid.matches(target):
        return labels
    matrix = index_affine(labels.grid, target, transform)
    return LabelMap(_sample(labels.array, matrix, target.shape, 0, 0).astype(np.uint8), target)


def resample_mask(mask: Mask, target: Grid, transform: RigidTransform | None = None) -> Mask:
    """Carry a mask onto another grid by the nearest voxel."""
    if transform is None and mask.grid.matches(target):
        return mask
    matrix = index_affine(mask.grid, target, transform)
    return Mask(_sample(mask.array.astype(np.uint8), matrix, target.shape, 0, 0).astype(bool), target)


def field_of_view(source: Grid, target: Grid, transform: RigidTransform | None = None) -> Mask:
    """Mark the voxels of ``target`` that lie inside the acquired volume of ``source``.

    The acquired volume reaches half a voxel beyond the outer voxel centres.
    """
    matrix = index_affine(source, target, transform)
    inside = np.ones(target.shape, dtype=bool)
    for axis, size in enumerate(source.shape):
        s, r, c = (matrix[axis, k] * np.arange(n) for k, n in enumerate(target.shape))
        index = s[:, None, None] + r[None, :, None] + c[None, None, :] + matrix[axis, 3]
        inside &= (index >= -0.5 - 1e-6) & (index <= size - 0.5 + 1e-6)
    return Mask(inside, target)


def isotropic_grid(grid: Grid, spacing_mm: float, margin_mm: float = 0.0) -> Grid:
    """Cover the same volume, along the same axes, with cubic voxels."""
    extent = np.asarray(grid.shape) * np.asarray(grid.spacing_mm) + 2 * margin_mm
    shape = np.maximum(1, np.round(extent / spacing_mm)).astype(int)
    half = (shape - 1) / 2 * spacing_mm
    origin = grid.centre_mm - grid.axes @ half
    return Grid.from_axes(
        (int(shape[0]), int(shape[1]), int(shape[2])), (spacing_mm, spacing_mm, spacing_mm), grid.axes, origin
    )


def shrink_in_plane(image: ScalarImage, pixel_mm: float) -> ScalarImage:
    """Resample rows and columns to about ``pixel_mm``, blurring what gets lost; slices stay."""
    from scipy import ndimage

    array = np.nan_to_num(np.asarray(image.array, dtype=np.float32), posinf=0.0, neginf=0.0)
    shape = [array.shape[0]]
    spacing = [image.grid.spacing_mm[0]]
    for axis in (1, 2):
        fine = image.grid.spacing_mm[axis]
        count = max(8, round(array.shape[axis] * fine / pixel_mm))
        shape.append(count)
        spacing.append(array.shape[axis] * fine / count)
        sigma = _BLUR * np.sqrt(max(spacing[axis] ** 2 - fine**2, 0.0)) / fine
        if sigma > 0.2:  # voxels; less is no blur at all
            array = ndimage.gaussian_filter1d(array, sigma, axis=axis, mode="nearest", truncate=2.5)
    factors = [new / old for new, old in zip(shape, array.shape, strict=True)]
    array = stretch_in_plane(array, shape[1], shape[2])
    start = image.grid.to_world([0.0, *((1 / f - 1) / 2 for f in factors[1:])])
    grid = Grid.from_axes(
        (shape[0], shape[1], shape[2]), (spacing[0], spacing[1], spacing[2]), image.grid.axes, start
    )
    return ScalarImage(array, grid)


def stretch_in_plane(array: npt.NDArray[np.float32], rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Interpolate rows and columns linearly to other numbers of them over the same extent.

    Parameters
    ----------
    array : float32, shape (S, R, C)
    rows, columns : those of the result

    Returns
    -------
    float32, shape (S, rows, columns); beyond the outermost pixel centres the outermost pixel's value
    """
    result = array
    for axis, count in ((1, rows), (2, columns)):
        last = array.shape[axis] - 1
        place = np.clip((np.arange(count) + 0.5) * (last + 1) / count - 0.5, 0, last)
        low = np.minimum(place.astype(np.intp), max(last - 1, 0))
        shape = [1, 1, 1]
        shape[axis] = count
        share = (place - low).astype(np.float32).reshape(shape)
        first = np.take(result, low, axis)
        result = first + share * (np.take(result, np.minimum(low + 1, last), axis) - first)
    return np.asarray(result, np.float32)


def spread_numbers(
    numbers: npt.NDArray[np.integer], spacing_mm: Sequence[float], within_mm: float = np.inf
) -> npt.NDArray[np.int32]:
    """Give what has no number the nearest one, where that lies within some distance, else 0.

    Parameters
    ----------
    numbers : integers, any shape, 0 for none
    spacing_mm : of each axis
    within_mm : largest distance, mm
    """
    from scipy import ndimage  # takes 0.3 s to import: `bmetk info` never spreads

    if not numbers.any():
        return np.zeros(numbers.shape, np.int32)
    away, nearest = ndimage.distance_transform_edt(numbers == 0, sampling=spacing_mm, return_indices=True)
    return np.where(away <= within_mm, numbers[tuple(nearest)], 0).astype(np.int32)
