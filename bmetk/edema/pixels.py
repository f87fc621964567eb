"""From the series' own pixels to those that the network looks at, and back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bmetk.edema.volume import MarrowVolume, depth_below_surface
from bmetk.image import ScalarImage, shrink_in_plane

_T = TypeVar("_T", bound=np.generic)


def at_pixels(volume: MarrowVolume, pixel_mm: float) -> MarrowVolume:
    """Resample rows and columns to about ``pixel_mm``: signals linearly, labels by the nearest voxel."""
    fluid = shrink_in_plane(ScalarImage(volume.fluid, volume.grid), pixel_mm)
    t1 = None
    if volume.t1 is not None:
        t1 = shrink_in_plane(ScalarImage(volume.t1, volume.grid), pixel_mm).array
    grid = fluid.grid
    bones = nearest(volume.bones, grid.shape)
    depth = depth_below_surface(bones, grid) * (bones > 0)
    masks = (nearest(m, grid.shape) for m in (volume.covered, volume.measured, volume.yellow))
    return MarrowVolume(grid, t1, fluid.array, bones, depth, *masks)


def nearest(array: npt.NDArray[_T], shape: tuple[int, int, int]) -> npt.NDArray[_T]:
    """Take the nearest voxel of an array with the same extent and other rows and columns."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for new, old in zip(shape[1:], array.shape[1:], strict=True)
    )
    return array[:, rows[:, None], columns[None, :]]
