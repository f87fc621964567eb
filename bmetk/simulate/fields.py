"""Smooth random fields, occupancy of surfaces and fast resampling between coarse and fine grids.

Everything here is deterministic in the numpy Generator that it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from bmetk.bones.surfaces import Surface, voxelize
from bmetk.image import Grid
from bmetk.image.grid import FloatArray

Volume = npt.NDArray[np.float32]
Shape = tuple[int, int, int]

_LATTICE = 12
_STEPS = 4
"""Values between two nodes of a noise lattice, so that linear interpolation is smooth enough."""


@dataclass(frozen=True, slots=True, eq=False)
class NoiseField:
    """Smooth random function of position, the same for the same seed wherever it is evaluated.

    Parameters
    ----------
    lattice : float32, shape (N, N, N)
        Values at a quarter of the wavelength, unit deviation, repeated periodically.
    wavelength_mm : distance over which the values are independent, mm
    """

    lattice: Volume
    wavelength_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, wavelength_mm: float) -> NoiseField:
        """Draw a field of unit standard deviation."""
        fine = rng.standard_normal((_LATTICE,) * 3, dtype=np.float32)
        for axis in range(3):
            fine = np.repeat(fine, _STEPS, axis)
            for _ in range(2):
                fine = ndimage.uniform_filter1d(fine, _STEPS, axis, mode="wrap")
        return cls(np.asarray(fine / fine.std(), np.float32), wavelength_mm)

    def at(self, points_mm: FloatArray) -> Volume:
        """Evaluate at points, shape (..., 3), mm; returns shape (...), mean 0, deviation 1."""
        index = np.moveaxis(points_mm * (_STEPS / self.wavelength_mm), -1, 0)
        value = ndimage.map_coordinates(self.lattice, index, order=1, mode="grid-wrap", output=np.float32)
        return np.asarray(value)


@dataclass(frozen=True, slots=True, eq=False)
class WarpField:
    """Smooth random displacement of points."""

    parts: tuple[NoiseField, NoiseField, NoiseField]
    amplitude_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, wavelength_mm: float, amplitude_mm: float) -> WarpField:
        """Draw a displacement whose components deviate by ``amplitude_mm``."""
        x, y, z = (NoiseField.draw(rng, wavelength_mm) for _ in range(3))
        return cls((x, y, z), amplitude_mm)

    def moved(self, points_mm: FloatArray) -> FloatArray:
        """Return displaced points, shape (..., 3), mm."""
        steps = [self.amplitude_mm * part.at(points_mm) for part in self.parts]
        return np.asarray(points_mm + np.stack(steps, axis=-1))


def texture(shape: Shape, sigma: tuple[float, float, float], rng: np.random.Generator) -> Volume:
    """Return fine noise, shape ``shape``, unit deviation, correlated over ``sigma`` voxels.

    One periodic block is filtered and tiled: the eye does not find the period in marrow or muscle.
    """
    block = (min(shape[0], 40), min(shape[1], 168), min(shape[2], 168))
    noise = rng.standard_normal(block, dtype=np.float32)
    for axis, width in enumerate(sigma):
        if width > 0:
            noise = ndimage.gaussian_filter1d(noise, width, axis, mode="wrap", truncate=3.0)
    noise /= max(float(noise.std()), 1e-6)
    tiles = [-(-n // b) for n, b in zip(shape, block, strict=True)]
    tiled = np.tile(noise, tiles)
    return np.asarray(tiled[: shape[0], : shape[1], : shape[2]])


def coarse_grid(grid: Grid, spacing_mm: float) -> Grid:
    """Cover a grid, along its axes, with voxels of about ``spacing_mm`` whose corners coincide."""
    steps = [
        max(2, round((n - 1) * d / spacing_mm) + 1) for n, d in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    spacing = [
        max((n - 1) * d, d) / (k - 1) for n, d, k in zip(grid.shape, grid.spacing_mm, steps, strict=True)
    ]
    shape = (steps[0], steps[1], steps[2])
    return Grid.from_axes(shape, (spacing[0], spacing[1], spacing[2]), grid.axes, grid.origin_mm)


def upsample(coarse: Volume, shape: Shape) -> Volume:
    """Interpolate linearly from a `coarse_grid` to its fine grid, one axis after the other."""
    result = coarse.astype(np.float32, copy=False)
    for axis, count in enumerate(shape):
        size = result.shape[axis]
        position = np.linspace(0, size - 1, count) if count > 1 else np.zeros(1)
        low = np.clip(np.floor(position).astype(np.intp), 0, max(size - 2, 0))
        weight = (position - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        first = np.take(result, low, axis)
        second = np.take(result, np.minimum(low + 1, size - 1), axis)
        second -= first
        second *= weight
        first += second
        result = first
    return result


Box = tuple[slice, slice, slice]


def box_of(points_mm: FloatArray, grid: Grid, margin_mm: float) -> Box | None:
    """Return the part of a grid within ``margin_mm`` of points' bounding box, or None outside."""
    index = grid.to_index(points_mm)
    margin = margin_mm / np.asarray(grid.spacing_mm)
    low = np.maximum(np.floor(index.min(0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(index.max(0) + margin).astype(int) + 1, grid.shape)
    if np.any(high <= low):
        return None
    return (
        slice(int(low[0]), int(high[0])),
        slice(int(low[1]), int(high[1])),
        slice(int(low[2]), int(high[2])),
    )


def crop(grid: Grid, box: Box) -> Grid:
    """Return the grid of a box."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world([b.start for b in box])
    return Grid((box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start), affine)


def occupancy(
    surface: Surface, grid: Grid, samples: Shape, extent: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Volume:
    """Measure how much of each voxel a closed surface fills, 0 to 1.

    Parameters
    ----------
    samples : sub-samples a voxel along slice, row and column
    extent : part of the voxel that the samples span (slice thickness over slice distance)
    """
    total = np.zeros(grid.shape, np.float32)
    for offset in np.ndindex(*samples):
        shift = (np.asarray(offset) + 0.5) / samples - 0.5
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_world(shift * extent)
        total += voxelize(surface, affine, grid.shape)
    total /= float(np.prod(samples))
    return total


def depth_from_occupancy(filled: Volume, spacing_mm: tuple[float, float, float], sigma_mm: float) -> Volume:
    """Estimate the signed distance to the surface, positive inside, good to about 2.3 ``sigma_mm``.

    A half space blurred by a Gaussian is the normal distribution function of the depth, so its
    inverse gives the depth with sub-voxel accuracy and without stair steps.
    """
    blurred = ndimage.gaussian_filter(filled, [sigma_mm / d for d in spacing_mm], truncate=3.0)
    result = np.where(blurred > 0.5, np.float32(3 * sigma_mm), np.float32(-3 * sigma_mm))
    near = (blurred > 2e-3) & (blurred < 1 - 2e-3)
    result[near] = np.clip(special.ndtri(blurred[near].astype(np.float64)), -2.9, 2.9) * sigma_mm
    return result


def smoothstep(x: Volume | FloatArray, low: float, high: float) -> Volume:
    """Rise smoothly from 0 at ``low`` to 1 at ``high`` (falls when ``low`` > ``high``)."""
    t = np.clip((np.asarray(x, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
