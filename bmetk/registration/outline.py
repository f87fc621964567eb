"""The surface of a bone as points with normals, without the faces where the view cuts it off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from bmetk.image import Grid, Mask, RigidTransform, crop_box, crop_grid
from bmetk.image.grid import FloatArray

_PIXEL_MM = 1.0
_EDGE_MM = 1.0
_SLOPE_MM = 2.0


@dataclass(frozen=True, eq=False)
class Outline:
    """Points spread evenly over the surface of one bone, in LPS mm.

    Parameters
    ----------
    points_mm, normals : arrays, shape (N, 3); normals are unit vectors that point outwards
    view : Grid, the field of view that the bone was seen in
    """

    points_mm: FloatArray
    normals: FloatArray
    view: Grid

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree over the points."""
        return cKDTree(self.points_mm)

    @cached_property
    def centre_mm(self) -> FloatArray:
        """Mean of the points, shape (3,)."""
        return np.asarray(self.points_mm.mean(axis=0))

    @property
    def size_mm(self) -> float:
        """Root mean square distance of the points from their centre, mm."""
        return float(np.sqrt(((self.points_mm - self.centre_mm) ** 2).sum(axis=1).mean()))

    def thinned(self, count: int) -> Outline:
        """Keep about ``count`` points, evenly spread."""
        if len(self.points_mm) <= count:
            return self
        kept = np.linspace(0, len(self.points_mm) - 1, count).astype(int)
        return Outline(self.points_mm[kept], self.normals[kept], self.view)

    def moved(self, transform: RigidTransform) -> FloatArray:
        """Points carried along a rigid movement, shape (N, 3)."""
        return transform.apply(self.points_mm)


def outline_of(bone: Mask, count: int) -> Outline:
    """Spread about ``count`` points over the surface of a bone.

    The mask is averaged to about 1 mm in the slices, so that its border lies between voxels, and
    cut by marching cubes (Lewiner et al. 2003, doi:10.1080/10867651.2003.10487582).

    Parameters
    ----------
    bone : Mask, shape (S, R, C), not empty
    """
    from skimage.measure import marching_cubes

    box = crop_box(bone.array, bone.grid, 3.0)
    soft, grid = averaged(bone.array[box], crop_grid(bone.grid, box), _PIXEL_MM)
    vertices, faces, _, _ = marching_cubes(np.pad(soft, 1, mode="edge"), 0.5)  # type: ignore[no-untyped-call]
    corners = grid.to_world(vertices - 1)[faces]
    centres = corners.mean(axis=1)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1) / 2
    kept = (area > 0) & _well_inside(centres, bone.grid)
    if not kept.any():
        return Outline(np.zeros((0, 3)), np.zeros((0, 3)), bone.grid)
    points = centres[kept][_evenly(area[kept], count)]
    return Outline(points, _normals(points, soft, grid), bone.grid)


def averaged(
    array: npt.NDArray[np.generic], grid: Grid, pixel_mm: float
) -> tuple[npt.NDArray[np.float32], Grid]:
    """Average blocks of pixels to about ``pixel_mm``; slices stay apart."""
    row_mm, column_mm = grid.spacing_mm[1:]
    factors = [max(1, int(pixel_mm / mm + 0.5)) for mm in (row_mm, column_mm)]
    rows, columns = (-(-n // f) * f for n, f in zip(array.shape[1:], factors, strict=True))
    padding = ((0, 0), (0, rows - array.shape[1]), (0, columns - array.shape[2]))
    whole = np.pad(array, padding, mode="edge").astype(np.float32)
    blocks = whole.reshape(len(array), rows // factors[0], factors[0], columns // factors[1], factors[1])
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world([0.0, (factors[0] - 1) / 2, (factors[1] - 1) / 2])
    affine[:3, 1] *= factors[0]
    affine[:3, 2] *= factors[1]
    soft = blocks.mean(axis=(2, 4))
    return soft, Grid((soft.shape[0], soft.shape[1], soft.shape[2]), affine)


def _well_inside(points_mm: FloatArray, view: Grid) -> npt.NDArray[np.bool_]:
    """Leave out what lies at the edge of the view: there the bone goes on."""
    margin = np.array([0.0, *(_EDGE_MM / mm for mm in view.spacing_mm[1:])])
    index = view.to_index(points_mm)
    return np.asarray(((index > margin) & (index < np.asarray(view.shape) - 1 - margin)).all(axis=1))


def _evenly(area: FloatArray, count: int) -> npt.NDArray[np.intp]:
    """Pick triangles at equal steps of area, in the order in which the cubes were marched."""
    ends = np.cumsum(area)
    wanted = (np.arange(min(count, len(area))) + 0.5) * ends[-1] / min(count, len(area))
    return np.unique(np.searchsorted(ends, wanted))


def _normals(points_mm: FloatArray, soft: npt.NDArray[np.float32], grid: Grid) -> FloatArray:
    """Take the normals from the slope of the mask, smoothed over the steps between slices."""
    smooth = ndimage.gaussian_filter(soft, _SLOPE_MM / np.asarray(grid.spacing_mm), mode="nearest")
    slopes = np.gradient(smooth)
    index = grid.to_index(points_mm).T
    slope = np.stack(
        [ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in slopes], axis=1
    )
    outward = -(slope / np.asarray(grid.spacing_mm)) @ grid.axes.T
    return np.asarray(outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12))
