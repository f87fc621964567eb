"""How an image's grid lies on the screen, and back.

napari draws a layer right only where its axes run along the world's. So every image is turned to
(z, y, x) of the LPS patient system, all increasing; an oblique one is resampled on such a grid for
display, and an edit there goes back voxel by voxel to the true grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from bmetk.image import Grid, LabelMap, ScalarImage, resample_labels, resample_scalar

AXES = ("z", "y", "x")
"""Names of the axes of every layer: towards the head, the back, the patient's left."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image's own grid and the one that it is shown on.

    Parameters
    ----------
    native : grid of the image
    upright : grid along the patient's axes, still in the order of ``native``
    grid : ``upright`` turned to (z, y, x), all increasing: that of the layers
    """

    native: Grid
    upright: Grid
    grid: Grid

    @property
    def is_resampled(self) -> bool:
        """Whether the image is oblique, so that display and image differ."""
        return self.upright is not self.native

    def placement(self) -> dict[str, Any]:
        """Say where a layer lies, in the words of napari."""
        return {
            "scale": self.grid.spacing_mm,
            "translate": tuple(float(mm) for mm in self.grid.origin_mm[::-1]),
            "units": ("mm", "mm", "mm"),
            "axis_labels": AXES,
        }

    def show_scalar(self, image: ScalarImage) -> npt.NDArray[np.float32]:
        """Turn an image for display."""
        shown = resample_scalar(image, self.upright) if self.is_resampled else image
        return np.asarray(np.nan_to_num(_turned(shown.array, self.upright)), dtype=np.float32)

    def show_labels(self, labels: LabelMap) -> npt.NDArray[np.uint8]:
        """Turn labels for display; a copy that can be painted on."""
        shown = resample_labels(labels, self.upright) if self.is_resampled else labels
        return np.array(_turned(shown.array, self.upright), order="C")

    def take_back(
        self,
        native: npt.NDArray[np.uint8],
        before: npt.NDArray[np.uint8],
        after: npt.NDArray[np.uint8],
    ) -> npt.NDArray[np.uint8]:
        """Carry an edit of the display to the image.

        Parameters
        ----------
        native : what the image held before, shape of ``native``
        before, after : what the display showed and shows, shape (z, y, x)

        Returns
        -------
        array, shape of ``native``
            A voxel changes only where the display voxel nearest to it changed, so that undo brings
            everything back; of an oblique exam, single voxels that the display does not show stay.
        """
        if not self.is_resampled:
            return np.ascontiguousarray(_turned_back(after, self.upright))
        changed = before != after
        spread = _nearest(changed.astype(np.uint8), self.grid, self.native).astype(bool)
        return np.where(spread, _nearest(after, self.grid, self.native), native).astype(np.uint8)


def frame_of(grid: Grid) -> Frame:
    """Choose how a grid is shown."""
    upright = _upright(grid)
    order = nearest_axes(upright)[::-1]
    shape = tuple(upright.shape[axis] for axis in order)
    spacing = tuple(upright.spacing_mm[axis] for axis in order)
    first = upright.to_world(np.where(_backwards(upright), np.asarray(upright.shape) - 1, 0))
    shown = Grid.from_axes(
        (shape[0], shape[1], shape[2]), (spacing[0], spacing[1], spacing[2]), np.eye(3)[:, ::-1], first
    )
    return Frame(grid, upright, shown)


def native_plane(grid: Grid) -> int:
    """Axis of the patient that the slices are stacked along: 0 is z (axial), 1 is y, 2 is x."""
    return 2 - nearest_axes(grid).index(0)


def nearest_axes(grid: Grid) -> tuple[int, int, int]:
    """Find the array axis that runs along x, along y and along z of the patient, each once."""
    along = np.abs(grid.axes)
    best = max(
        permutations(range(3)),
        key=lambda axes: float(sum(along[world, axis] for world, axis in enumerate(axes))),
    )
    return best[0], best[1], best[2]


def _nearest(array: npt.NDArray[np.uint8], grid: Grid, target: Grid) -> npt.NDArray[np.uint8]:
    return resample_labels(LabelMap(array, grid), target).array


def _turned(array: npt.NDArray[Any], grid: Grid) -> npt.NDArray[Any]:
    """Turn an array to (z, y, x), all increasing; a view."""
    flips = tuple(slice(None, None, -1 if back else 1) for back in _backwards(grid))
    return array[flips].transpose(nearest_axes(grid)[::-1])


def _turned_back(array: npt.NDArray[Any], grid: Grid) -> npt.NDArray[Any]:
    """Undo `_turned`."""
    flips = tuple(slice(None, None, -1 if back else 1) for back in _backwards(grid))
    return array.transpose(np.argsort(nearest_axes(grid)[::-1]))[flips]


def _backwards(grid: Grid) -> npt.NDArray[np.bool_]:
    """Tell for each array axis whether it runs against its nearest axis of the patient."""
    backwards = np.zeros(3, dtype=bool)
    for world, axis in enumerate(nearest_axes(grid)):
        backwards[axis] = grid.axes[world, axis] < 0
    return backwards


def _upright(grid: Grid) -> Grid:
    """Return the grid itself if it runs along the patient's axes, else an upright one that encloses it.

    Upright enough is: no voxel is shown further off than half the smallest spacing.
    """
    order = nearest_axes(grid)
    upright = np.zeros((3, 3))
    for world, axis in enumerate(order):
        upright[world, axis] = np.sign(grid.axes[world, axis])
    corners = np.array(np.meshgrid(*((0.0, n - 1.0) for n in grid.shape), indexing="ij")).reshape(3, -1).T
    corners_mm = grid.to_world(corners)
    straight_mm = grid.centre_mm + (corners - (np.asarray(grid.shape) - 1) / 2) * grid.spacing_mm @ upright.T
    if np.abs(corners_mm - straight_mm).max() <= min(grid.spacing_mm) / 2:
        return grid
    low, high = corners_mm.min(axis=0), corners_mm.max(axis=0)
    spacing = np.array([grid.spacing_mm[axis] for axis in order])
    shape = np.ceil((high - low) / spacing).astype(int) + 1
    z, y, x = (int(n) for n in shape[::-1])
    dx, dy, dz = (float(mm) for mm in spacing)
    return Grid.from_axes((z, y, x), (dz, dy, dx), np.eye(3)[:, ::-1], low)
