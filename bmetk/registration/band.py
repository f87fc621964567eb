"""Intensities in a narrow band about a bone's surface, matched to a fraction of a millimetre.

Both exams show the bone in the same contrast, so that their profiles across the cortex differ by gain and
offset alone: least squares with both free, which is normalised correlation, by Gauss and Newton's steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bmetk.image import RigidTransform, ScalarImage, crop_box, crop_grid
from bmetk.image.grid import FloatArray, Grid
from bmetk.registration.outline import Outline, averaged

_DEPTHS_MM = np.arange(-5.0, 3.1, 1.0)
_BLUR_MM = 0.8
_MARGIN_MM = 12.0
_PIXEL_MM = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """One exam's intensities about a bone, with their slopes, and the points where they are compared.

    Parameters
    ----------
    values : array, shape (4, S, R, C): intensity and its slope along x, y, z (per mm, LPS)
    grid : of the values, in the image's own world
    to_image : from the world of the outline to that of the image
    samples_mm : array, shape (N, 3), in the world of the outline
    """

    values: FloatArray
    grid: Grid
    to_image: RigidTransform
    samples_mm: FloatArray

    def at(self, points_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Intensity, shape (N,), and its slope in the world of the outline, shape (N, 3); NaN outside."""
        index = self.grid.to_index(self.to_image.apply(points_mm)).T
        value, *slope = (
            ndimage.map_coordinates(part, index, order=1, mode="constant", cval=np.nan)
            for part in self.values
        )
        return value, np.stack(slope, axis=1) @ self.to_image.rotation


def band_of(image: ScalarImage, outline: Outline, to_image: RigidTransform | None = None) -> Band:
    """Gather the intensities about an outline.

    Parameters
    ----------
    image : ScalarImage
    outline : Outline, in its own world
    to_image : from the outline's world to the image's; the identity when None
    """
    move = to_image or RigidTransform.identity()
    depths = outline.points_mm[:, None, :] + _DEPTHS_MM[:, None] * outline.normals[:, None, :]
    samples = depths.reshape(-1, 3)
    values, grid = _smooth_part(image, move.apply(outline.points_mm))
    slopes = np.stack([np.gradient(values, axis=axis) for axis in range(3)])
    world = np.tensordot(grid.axes / np.asarray(grid.spacing_mm), slopes, axes=1)
    return Band(np.concatenate([values[None], world]), grid, move, samples)


def _smooth_part(image: ScalarImage, points_mm: FloatArray) -> tuple[FloatArray, Grid]:
    """Cut out what lies about the points, and blur it in the slices."""
    index = np.rint(image.grid.to_index(points_mm)).astype(int)
    inside = np.all((index >= 0) & (index < image.grid.shape), axis=1)
    near = np.zeros(image.grid.shape, dtype=bool)
    near[tuple(index[inside].T)] = True
    if not near.any():
        near[:] = True
    box = crop_box(near, image.grid, _MARGIN_MM)
    part, grid = averaged(np.nan_to_num(image.array[box]), crop_grid(image.grid, box), _PIXEL_MM)
    part = np.minimum(part, np.percentile(part[:, ::2, ::2], 99.5))
    blur = [0.0, *(_BLUR_MM / mm for mm in grid.spacing_mm[1:])]
    return ndimage.gaussian_filter(part, blur).astype(np.float32), grid


@dataclass(frozen=True, slots=True, eq=False)
class BandMatch:
    """How well two bands agree under a movement, and how to improve it.

    ``correlation`` is -1 to 1; ``rows`` and ``misfit`` are the linearised least squares about ``centre_mm``,
    in units of the misfit's own scatter.
    """

    correlation: float
    rows: FloatArray
    misfit: FloatArray
    centre_mm: FloatArray


def match_bands(fixed: Band, moving: Band, transform: RigidTransform, centre_mm: FloatArray) -> BandMatch:
    """Compare two bands at the samples of both.

    Parameters
    ----------
    transform : from the fixed outline's world to the moving one's
    centre_mm : point of the moving world that small rotations are about
    """
    back = transform.inverse()
    there = np.concatenate([transform.apply(fixed.samples_mm), moving.samples_mm])
    here = np.concatenate([fixed.samples_mm, back.apply(moving.samples_mm)])
    one, slope_one = fixed.at(here)
    two, slope_two = moving.at(there)
    known = np.isfinite(one) & np.isfinite(two)
    if known.sum() < 200:
        return BandMatch(0.0, np.zeros((0, 6)), np.zeros(0), centre_mm)
    one, two, there = one[known], two[known], there[known]
    spread = one.std() or 1.0, two.std() or 1.0
    misfit = (one - one.mean()) / spread[0] - (two - two.mean()) / spread[1]
    slope = (slope_one[known] @ transform.rotation.T / spread[0] + slope_two[known] / spread[1]) / 2
    rows = np.concatenate([np.cross(there - centre_mm, slope), slope], axis=1)
    correlation = 1 - float((misfit**2).mean()) / 2
    scatter = max(1.48 * float(np.median(np.abs(misfit))), 0.05)
    weight = np.sqrt(1 / (1 + (misfit / (2 * scatter)) ** 2)) / scatter
    return BandMatch(correlation, rows * weight[:, None], misfit * weight, centre_mm)
