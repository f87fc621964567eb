"""Boxes of voxels: the part of an image around what matters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bmetk.image.grid import Grid

Box = tuple[slice, slice, slice]


def crop_box(mask: npt.NDArray[np.bool_], grid: Grid, margin_mm: float) -> Box:
    """Find the box around a non-empty mask, widened by ``margin_mm``."""
    slices = []
    for axis, (size, spacing) in enumerate(zip(grid.shape, grid.spacing_mm, strict=True)):
        others = tuple(a for a in range(3) if a != axis)
        used = np.flatnonzero(mask.any(axis=others))
        margin = int(np.ceil(margin_mm / spacing))
        slices.append(slice(max(0, int(used[0]) - margin), min(size, int(used[-1]) + margin + 1)))
    return slices[0], slices[1], slices[2]


def crop_grid(grid: Grid, box: Box) -> Grid:
    """Return the grid of a box."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world([b.start or 0 for b in box])
    shape = [len(range(*b.indices(n))) for b, n in zip(box, grid.shape, strict=True)]
    return Grid((shape[0], shape[1], shape[2]), affine)
