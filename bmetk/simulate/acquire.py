"""From signal to slices: grids, slice profile, coil, motion, k-space filter, noise.

Noise is added to the complex image before the k-space window and the magnitude, so that it is
Rician and has the grain of an interpolated matrix (Gudbjartsson 1995, doi:10.1002/mrm.1910340618).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, special
from scipy.spatial.transform import Rotation

from bmetk.exam import Plane
from bmetk.image import Grid, RigidTransform
from bmetk.image.grid import FloatArray
from bmetk.image.resample import index_affine
from bmetk.simulate.fields import NoiseField, Volume, coarse_grid
from bmetk.simulate.spec import ProtocolSpec, SeriesSpec

_PLANES = {
    Plane.CORONAL: ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    Plane.SAGITTAL: ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    Plane.AXIAL: ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    Plane.OBLIQUE: ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
}
"""LPS directions of the slice, row and column index."""
_OBLIQUE_DEG = 32.0
_GAUSSIAN = 1 / 2.7
"""Standard deviation of a slice's profile over its thickness: a little less than a true Gaussian's 1/2.35."""


@dataclass(frozen=True, slots=True)
class View:
    """Where slices lie: axes, centre and extent along slice, row and column, mm."""

    axes: FloatArray
    centre_mm: FloatArray
    extent_mm: tuple[float, float, float]

    def grid(self, series: SeriesSpec) -> Grid:
        """Return the grid of one series in this view."""
        distance = series.thickness_mm + series.gap_mm
        counts = (
            max(3, round(self.extent_mm[0] / distance)),
            max(16, round(self.extent_mm[1] / series.in_plane_mm)),
            max(16, round(self.extent_mm[2] / series.in_plane_mm)),
        )
        spacing = (distance, series.in_plane_mm, series.in_plane_mm)
        half = (np.asarray(counts) - 1) / 2 * spacing
        return Grid.from_axes(counts, spacing, self.axes, self.centre_mm - self.axes @ half)


def plane_axes(plane: Plane, obliquity_deg: float) -> FloatArray:
    """Return the unit directions of slice, row and column index as columns, shape (3, 3).

    Obliquity turns a sagittal or axial plane about the patient's long or transverse axis, a coronal
    one about the transverse axis; ``oblique`` is a coronal plane turned by at least 32 degrees.
    """
    axes = np.array(_PLANES[plane], dtype=np.float64).T
    angle = obliquity_deg
    if plane is Plane.OBLIQUE:
        angle = np.copysign(max(abs(obliquity_deg), _OBLIQUE_DEG), obliquity_deg or 1.0)
    about = (0.0, 0.0, 1.0) if plane is Plane.SAGITTAL else (1.0, 0.0, 0.0)
    second = (1.0, 0.0, 0.0) if plane is Plane.SAGITTAL else (0.0, 0.0, 1.0)
    turn = Rotation.from_rotvec(np.radians(angle) * np.array(about))
    turn = turn * Rotation.from_rotvec(np.radians(0.3 * angle) * np.array(second))
    return np.asarray(turn.as_matrix() @ axes)


def fine_grid(targets: list[Grid], in_plane_mm: float, slice_mm: float, max_voxels: float) -> Grid:
    """Cover grids of one view with small voxels along the same axes, coarser if there were too many.

    The voxels are finer within the slices than across them, as what is asked of them is.
    """
    first = targets[0]
    corners = np.concatenate([_corners(g) for g in targets])
    local = (corners - first.centre_mm) @ first.axes
    low, high = local.min(0) - 4.0, local.max(0) + 4.0
    spacing = np.array([slice_mm, in_plane_mm, in_plane_mm])
    excess = float(np.prod((high - low) / spacing)) / max_voxels
    if excess > 1:
        spacing = spacing * np.array([excess**0.2, excess**0.4, excess**0.4])
    count = np.ceil((high - low) / spacing).astype(int) + 1
    origin = first.centre_mm + first.axes @ low
    shape = (int(count[0]), int(count[1]), int(count[2]))
    return Grid.from_axes(
        shape, (float(spacing[0]), float(spacing[1]), float(spacing[2])), first.axes, origin
    )


def _corners(grid: Grid) -> FloatArray:
    index = np.array([[s, r, c] for s in (-0.5, 0.5) for r in (-0.5, 0.5) for c in (-0.5, 0.5)])
    size = np.asarray(grid.shape, dtype=np.float64)
    return grid.to_world((size - 1) / 2 + index * size)


def draw_motion(motion_mm: float, centre_mm: FloatArray, rng: np.random.Generator) -> RigidTransform:
    """Draw how the patient moved between two series: about ``motion_mm``, and up to a degree a millimetre."""
    shift = rng.normal(0, 1, 3)
    shift = motion_mm * shift / max(float(np.linalg.norm(shift)), 1e-6) * float(rng.uniform(0.6, 1.2))
    degrees = np.clip(rng.normal(0, 0.45, 3) * min(motion_mm, 2.5), -1.2, 1.2)
    turn = Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    return RigidTransform.about(centre_mm, turn, shift)


def sample_slices(
    volume: Volume,
    fine: Grid,
    target: Grid,
    thickness_mm: float,
    motion: RigidTransform,
    *,
    box: bool = False,
) -> Volume:
    """Average a fine volume over the slice profile and sample it on the slices.

    Parameters
    ----------
    target : Grid with the axes of ``fine``
    motion : from the world of the fine volume to that of the slices
    box : a box profile of exactly the slice thickness (for truth) instead of a Gaussian
    """
    if motion.angle_deg == 0 and not np.any(motion.translation_mm):
        return _sample_still(volume, fine, target, thickness_mm, box)
    step = fine.spacing_mm[0]
    blurred = ndimage.gaussian_filter1d(
        volume, thickness_mm * _GAUSSIAN / step, 0, mode="nearest", truncate=2.5
    )
    matrix = index_affine(fine, target, motion.inverse())
    result = ndimage.affine_transform(
        blurred, matrix[:3, :3], matrix[:3, 3], output_shape=target.shape, order=1, mode="nearest"
    )
    return np.asarray(result, np.float32)


def _sample_still(volume: Volume, fine: Grid, target: Grid, thickness_mm: float, box: bool) -> Volume:
    """Sample along each axis in turn: the slice profile is a matrix over the fine slices."""
    index = [
        fine.to_index(target.to_world(np.eye(3)[k] * np.arange(n)[:, None]))[:, k]
        for k, n in enumerate(target.shape)
    ]
    profile = _profile(index[0], volume.shape[0], thickness_mm / fine.spacing_mm[0], box)
    flat = profile @ volume.reshape(volume.shape[0], -1)
    result = flat.reshape(-1, *volume.shape[1:])
    for axis in (1, 2):
        result = _interpolate(result, index[axis], axis)
    return np.asarray(result, np.float32)


def _profile(centres: FloatArray, count: int, width: float, box: bool) -> Volume:
    """Return the weight of each fine slice in each slice, shape (S, F); rows sum to 1."""
    offset = np.arange(count)[None, :] - centres[:, None]
    if box:
        weight = np.clip((width + 1) / 2 - np.abs(offset), 0, 1)
    else:
        weight = np.exp(-0.5 * (offset / (width * _GAUSSIAN)) ** 2) + 1e-12
    return np.asarray(weight / np.maximum(weight.sum(1, keepdims=True), 1e-9), np.float32)


def _interpolate(volume: Volume, index: FloatArray, axis: int) -> Volume:
    size = volume.shape[axis]
    place = np.clip(index, 0, size - 1)
    low = np.minimum(np.floor(place).astype(np.intp), max(size - 2, 0))
    weight = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
    first = np.take(volume, low, axis)
    return np.asarray(first + weight * (np.take(volume, np.minimum(low + 1, size - 1), axis) - first))


def shift_fat(fat: Volume, pixels: float, axis: int) -> Volume:
    """Displace fat along the frequency axis by whole or part voxels (chemical shift of the first kind)."""
    if abs(pixels) < 1e-3:
        return fat
    whole = int(np.floor(pixels))
    part = np.float32(pixels - whole)
    return np.asarray(
        (1 - part) * np.roll(fat, whole, axis) + part * np.roll(fat, whole + 1, axis), np.float32
    )


@dataclass(frozen=True, slots=True, eq=False)
class Coil:
    """Receive sensitivity, smooth, about 1 in the middle of the view."""

    grid: Grid
    sensitivity: Volume

    @classmethod
    def draw(cls, fine: Grid, shading: float, skin_depth_mm: Volume, rng: np.random.Generator) -> Coil:
        """Draw a coil: brighter near two or three elements and near the skin.

        Parameters
        ----------
        shading : 0 (even) to 1 (strong)
        """
        coarse = coarse_grid(fine, 12.0)
        points = coarse.world_coordinates()
        extent = np.asarray(fine.shape) * fine.spacing_mm
        log = np.zeros(coarse.shape)
        for _ in range(int(rng.integers(2, 5))):
            direction = rng.normal(0, 1, 3)
            element = fine.centre_mm + fine.axes @ (0.6 * extent * direction / np.linalg.norm(direction))
            distance = np.linalg.norm(points - element, axis=-1)
            log += rng.uniform(0.3, 1.0) * np.exp(-distance / (0.35 * float(extent.max())))
        log += 0.12 * NoiseField.draw(rng, 70.0).at(points)
        steps = [max(1, n // k) for n, k in zip(fine.shape, coarse.shape, strict=True)]
        depth = skin_depth_mm[:: steps[0], :: steps[1], :: steps[2]]
        near_skin = float(rng.uniform(0, 0.5)) * np.exp(-np.clip(np.median(depth), 0, 60) / 30.0)
        log = (1.0 + near_skin) * (log - log.mean())
        return cls(coarse, np.exp(1.6 * shading * log).astype(np.float32))

    def on(self, target: Grid) -> Volume:
        """Sample on a grid along the same axes, float32."""
        result = self.sensitivity
        for axis, count in enumerate(target.shape):
            line = target.to_world(np.eye(3)[axis] * np.arange(count)[:, None])
            result = _interpolate(result, self.grid.to_index(line)[:, axis], axis)
        return result


def receive(
    signal: Volume, sensitivity: Volume, noise: float, fill: float, rng: np.random.Generator
) -> Volume:
    """Turn signed signal into a magnitude image: coil, complex noise, k-space window.

    Parameters
    ----------
    noise : standard deviation of the noise in the signal's unit
    fill : part of k-space that was measured along rows and columns, 0.5 to 1; the rest is zero filled
    """
    window = _window(signal.shape[1], fill)[:, None] * _window(signal.shape[2], fill)[None, :]
    level = np.float32(noise / fill)
    noisy = np.empty(signal.shape, np.complex64)
    noisy.real = signal * sensitivity + level * rng.standard_normal(signal.shape, dtype=np.float32)
    noisy.imag = level * rng.standard_normal(signal.shape, dtype=np.float32)
    spectrum = fft.fft2(noisy, axes=(1, 2), overwrite_x=True)
    spectrum *= window.astype(np.float32)
    return np.asarray(np.abs(fft.ifft2(spectrum, axes=(1, 2), overwrite_x=True)), np.float32)


def _window(size: int, fill: float) -> FloatArray:
    """Return a Fermi window over the frequencies of a row."""
    frequency = np.abs(np.fft.fftfreq(size)) * 2
    return np.asarray(special.expit((fill - frequency) / 0.035))


def body_centre(protocol: ProtocolSpec, centre_mm: FloatArray) -> FloatArray:
    """Return the middle of the field of view."""
    return np.asarray(centre_mm + np.asarray(protocol.centre_shift_mm, dtype=np.float64))


__all__ = [
    "Coil",
    "View",
    "body_centre",
    "draw_motion",
    "fine_grid",
    "plane_axes",
    "receive",
    "sample_slices",
    "shift_fat",
]
