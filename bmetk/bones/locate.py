"""Find the bones coarsely, each class at once, on any view of the lower limb with bright marrow.

The network of `bmetk.bones.slices` names every pixel; its answers are gathered on a 4 mm grid along LPS. It
tells no sides: laterality is a matter of geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import Joint
from bmetk.bones.slices import slice_probabilities
from bmetk.errors import UnknownNameError
from bmetk.image import Box, Grid, ScalarImage, crop_box, crop_grid, field_of_view, resample_scalar

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

CLASSES = (
    "background",
    "femur",
    "tibia",
    "fibula",
    "patella",
    "pelvis",
    "talus",
    "calcaneus",
    "navicular",
    "cuboid",
    "cuneiforms",
    "metatarsals",
    "phalanges",
)
"""What each channel stands for; the pelvis includes the sacrum."""

SPACING_MM = 4.0
_SMALLEST = 8
"""Fewest voxels an axis, so that a thin stack still has surroundings."""
_FAINT = 0.03
"""A class that is nowhere more probable is not carried over."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarseBones:
    """What the network sees, on an isotropic grid along LPS: slice = z, row = y, column = x.

    Attributes
    ----------
    probabilities : float32, shape (K, S, R, C)
        Sum to 1 over the classes; background where nothing was acquired.
    grid : Grid
        Isotropic, 4 mm.
    classes : tuple of K names
        ``background`` first.
    covered : bool, shape (S, R, C)
        Inside of the acquired field of view.
    """

    probabilities: FloatArray
    grid: Grid
    classes: tuple[str, ...]
    covered: BoolArray

    def probability(self, name: str) -> FloatArray:
        """Return the probability of one class, shape (S, R, C).

        Raises
        ------
        UnknownNameError
            If there is no such class.
        """
        if name not in self.classes:
            raise UnknownNameError(f"class is {name!r}: give one of {', '.join(self.classes)}")
        return np.asarray(self.probabilities[self.classes.index(name)])

    def labels(self) -> npt.NDArray[np.uint8]:
        """Return the index of the most probable class, shape (S, R, C)."""
        return np.asarray(np.argmax(self.probabilities, axis=0), dtype=np.uint8)

    def volumes_ml(self) -> dict[str, float]:
        """Return the expected volume of each class but the background, mL."""
        sums = self.probabilities.sum(axis=(1, 2, 3), dtype=np.float64) * self.grid.voxel_ml
        return {name: float(v) for name, v in zip(self.classes[1:], sums[1:], strict=True)}


def locate_bones(image: ScalarImage, *, joint: Joint | None = None, threads: int = 1) -> CoarseBones:
    """Find the bones coarsely on a T1-weighted or similar image of any plane and field of view.

    Parameters
    ----------
    image : ScalarImage
        Any scale of intensity; marrow should be bright.
    joint : Joint, optional
        What is known to be in view.
    threads : int
        Processor threads of the network.
    """
    fine, slices = slice_probabilities(image, joint=joint, threads=threads)
    blurred = ndimage.uniform_filter(fine, (1, 1, 2, 2), mode="nearest")
    return gather_slices(blurred, slices, coarse_grid(image.grid), image.grid, CLASSES)


def gather_slices(
    fine: FloatArray, slices: Grid, grid: Grid, view: Grid, classes: tuple[str, ...]
) -> CoarseBones:
    """Bring probabilities (K, S, R, C) of pixels to an isotropic grid; background outside of the view."""
    covered = field_of_view(view, grid).array
    probabilities = np.zeros((len(classes), *grid.shape), dtype=np.float32)
    for number in range(1, len(classes)):
        seen = fine[number] > _FAINT
        if seen.any():
            box = crop_box(seen, slices, slices.spacing_mm[0])
            part = ScalarImage(fine[number][box], crop_grid(slices, box))
            into = _box_about(part.grid, grid)
            probabilities[number][into] = resample_scalar(part, crop_grid(grid, into)).array
    probabilities[:, ~covered] = 0
    probabilities[0] = 1 - np.minimum(probabilities[1:].sum(axis=0), 1)
    return CoarseBones(probabilities, grid, classes, covered)


def _box_about(part: Grid, grid: Grid) -> Box:
    """Find the voxels of a grid that can lie in another one."""
    index = grid.to_index(part.corners_mm)
    low = np.clip(np.floor(index.min(axis=0)), 0, np.asarray(grid.shape) - 1).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, low + 1, grid.shape).astype(int)
    s, r, c = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return s, r, c


def coarse_grid(
    view: Grid, spacing_mm: float = SPACING_MM, about: npt.NDArray[np.float64] | None = None
) -> Grid:
    """Cover the acquired volume, or its part in the box about some points (N, 3), with cubes along LPS."""
    corners = view.corners_mm
    low, high = corners.min(axis=0), corners.max(axis=0)
    if about is not None:
        low, high = np.maximum(low, about.min(axis=0)), np.minimum(high, about.max(axis=0))
    count = np.maximum(np.ceil((high - low) / spacing_mm - 1e-6).astype(int), _SMALLEST)
    origin = (low + high) / 2 - (count - 1) / 2 * spacing_mm
    shape = (int(count[2]), int(count[1]), int(count[0]))
    return Grid.from_axes(shape, (spacing_mm, spacing_mm, spacing_mm), np.eye(3)[:, ::-1], origin)
