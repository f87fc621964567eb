"""The part of an exam that edema is looked for in: both series and the bones, cropped and measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import opposite_value
from bmetk.image import Box, Grid

BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MarrowVolume:
    """Both series around the bones.

    Parameters
    ----------
    grid : Grid of the cropped arrays
    t1, fluid : float32, shape (S, R, C); ``t1`` is None where there is no T1
    bones : uint8, shape (S, R, C)
    depth_mm : float32, distance below the surface of the voxel's own bone, 0 outside
    covered : bool, where both series were acquired
    measured : bool, inside a region that is measured
    yellow : bool, inside a region that holds no red marrow in an adult
    """

    grid: Grid
    t1: Float32Array | None
    fluid: Float32Array
    bones: npt.NDArray[np.uint8]
    depth_mm: Float32Array
    covered: BoolArray
    measured: BoolArray
    yellow: BoolArray

    def values(self) -> tuple[int, ...]:
        """List the bones present."""
        return tuple(int(v) for v in np.flatnonzero(np.bincount(self.bones.ravel(), minlength=256)) if v)

    def paired(self) -> tuple[int, ...]:
        """List the bones present whose other side is present, too."""
        present = self.values()
        return tuple(value for value in present if opposite_value(value) in present)


@dataclass(frozen=True, slots=True)
class MarrowKinds:
    """What kind of marrow bones hold, by their labels.

    Parameters
    ----------
    fatty : bones that hold none in an adult
    unknown : bones of which that is not known; they are judged by their own scatter alone
    thin : rays and toes, whose cortex darkens the marrow on T1
    red : bones that hold much of it for life
    ended : bones of which an end is seen, whose marrow is yellow
    """

    fatty: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    thin: tuple[int, ...] = ()
    red: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()

    @property
    def not_red(self) -> tuple[int, ...]:
        """Bones whose pieces are not compared with red marrow."""
        return (*self.fatty, *self.unknown)


def boxes(labels: npt.NDArray[np.integer], pad: int = 1) -> Iterator[tuple[int, Box]]:
    """Yield each label present with the box around it, ``pad`` voxels wider."""
    for index, found in enumerate(ndimage.find_objects(labels.astype(np.int32, copy=False))):
        if found is not None:
            wide = [
                slice(max(0, b.start - pad), min(n, b.stop + pad))
                for b, n in zip(found, labels.shape, strict=True)
            ]
            yield index + 1, (wide[0], wide[1], wide[2])


def depth_below_surface(bones: npt.NDArray[np.uint8], grid: Grid) -> Float32Array:
    """Measure how deep each voxel lies below the surface of its own bone, mm, shape (S, R, C).

    The surface lies half a voxel beyond the outer voxel centres. The border of the image is no surface.
    Distances are taken within the slice: thick slices say little about the surface between them.
    """
    depth = np.zeros(bones.shape, np.float32)
    pixel = grid.spacing_mm[1:]
    for value, box in boxes(bones):
        inside = bones[box] == value
        for plane, target in zip(inside, depth[box], strict=True):
            if plane.all():
                target[:] = np.float32(1e3)
            elif plane.any():
                rows, columns = (
                    slice(max(0, s.start - 1), s.stop + 1)
                    for s in ndimage.find_objects(plane.view(np.uint8))[0]
                )
                near = plane[rows, columns]
                distance = ndimage.distance_transform_edt(near, sampling=pixel) - min(pixel) / 2
                np.copyto(target[rows, columns], distance.astype(np.float32), where=near)
    return depth


def blurred(
    values: npt.NDArray[np.generic],
    where: BoolArray,
    sigma: Sequence[float] | npt.NDArray[np.floating],
    *,
    truncate: float,
    mode: str = "reflect",
) -> tuple[Float32Array, Float32Array]:
    """Blur what is marked, and the mark: their quotient is a mean that is weighted by nearness.

    Parameters
    ----------
    values : numbers, shape (S, R, C)
    where : bool of the same shape
    sigma : standard deviation along each axis, voxels
    truncate : where the window ends, in standard deviations
    mode : how values go on beyond the edge, as in `scipy.ndimage.gaussian_filter`

    Returns
    -------
    two float32 of the same shape
    """
    total, weight = (
        ndimage.gaussian_filter(part.astype(np.float32), sigma, truncate=truncate, mode=mode)
        for part in (np.where(where, values, np.zeros((), values.dtype)), where)
    )
    return total, weight


def smooth_inside(image: Float32Array, inside: BoolArray, sigma_mm: float, grid: Grid) -> Float32Array:
    """Smooth within the slice without mixing in what lies outside, float32, shape (S, R, C)."""
    if sigma_mm <= 0:
        return np.where(inside, image, np.float32(0)).astype(np.float32)
    sigma = [0.0, sigma_mm / grid.spacing_mm[1], sigma_mm / grid.spacing_mm[2]]
    total, weight = blurred(image, inside, sigma, truncate=3.0)
    return np.where(inside, total / np.maximum(weight, 1e-6), np.float32(0)).astype(np.float32)


def widened(mask: BoolArray, reach: Sequence[int]) -> BoolArray:
    """Mark what lies no farther than ``reach`` elements from a mask along each axis."""
    near = mask.astype(np.uint8)
    for axis, elements in enumerate(reach):
        near = ndimage.maximum_filter1d(near, 2 * elements + 1, axis=axis, mode="constant")
    return near > 0
