"""The regular sampling grid that an image lies on.

Arrays are indexed (slice, row, column). The world is the DICOM patient system, LPS: x to the
patient's left, y to the back, z to the head, in mm (DICOM PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bmetk.errors import GridMismatchError

FloatArray = npt.NDArray[np.float64]

_SAME_POSITION_MM = 0.01


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular, possibly oblique grid of voxels.

    Parameters
    ----------
    shape : (S, R, C)
        Number of slices, rows and columns, each at least 1.
    affine : array, shape (4, 4)
        Maps (slice, row, column, 1) to (x, y, z, 1) in LPS mm; voxel centres are integers.
        Its three axes are orthogonal; they may be left- or right-handed.

    Raises
    ------
    GridMismatchError
        If the affine is singular, sheared, or not (4, 4).
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.all(np.isfinite(affine)):
            raise GridMismatchError(f"a grid needs a finite 4x4 affine, got shape {affine.shape}")
        if min(self.shape) < 1:
            raise GridMismatchError(f"a grid needs at least one voxel an axis, got {self.shape}")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if spacing.min() <= 0:
            raise GridMismatchError(f"voxel spacing must be above 0 mm, got {spacing.tolist()}")
        axes = affine[:3, :3] / spacing
        if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
            raise GridMismatchError("the axes of a grid must be orthogonal; resample the image first")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1]), int(self.shape[2])))

    @classmethod
    def from_axes(
        cls,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        axes: npt.ArrayLike,
        origin_mm: npt.ArrayLike,
    ) -> Grid:
        """Build a grid from unit axes.

        Parameters
        ----------
        shape : (S, R, C)
        spacing_mm : mm between slices, rows, columns
        axes : array, shape (3, 3)
            Columns are the unit LPS directions of increasing slice, row and column index.
        origin_mm : LPS mm of the centre of voxel (0, 0, 0)
        """
        affine = np.eye(4)
        affine[:3, :3] = np.asarray(axes, dtype=np.float64) * np.asarray(spacing_mm)
        affine[:3, 3] = origin_mm
        return cls(shape, affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between slice, row and column centres, mm."""
        s, r, c = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(s), float(r), float(c)

    @property
    def axes(self) -> FloatArray:
        """Unit LPS directions of the slice, row and column index, as columns, shape (3, 3)."""
        return np.asarray(self.affine[:3, :3] / np.asarray(self.spacing_mm))

    @property
    def origin_mm(self) -> FloatArray:
        """LPS mm of the centre of voxel (0, 0, 0), shape (3,)."""
        return np.asarray(self.affine[:3, 3])

    @property
    def centre_mm(self) -> FloatArray:
        """LPS mm of the middle of the grid, shape (3,)."""
        return self.to_world((np.asarray(self.shape) - 1) / 2)

    @property
    def corners_mm(self) -> FloatArray:
        """LPS mm of the outer corners of the volume, shape (8, 3)."""
        ends = np.meshgrid(*[(-0.5, n - 0.5) for n in self.shape], indexing="ij")
        return self.to_world(np.stack(ends, axis=-1).reshape(-1, 3))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def to_world(self, index: npt.ArrayLike) -> FloatArray:
        """Map voxel indices, shape (..., 3), to LPS mm, same shape."""
        return np.asarray(np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_index(self, points_mm: npt.ArrayLike) -> FloatArray:
        """Map LPS mm, shape (..., 3), to continuous voxel indices, same shape."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        return np.asarray((np.asarray(points_mm, dtype=np.float64) - self.affine[:3, 3]) @ inverse.T)

    def contains(self, points_mm: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which points, shape (..., 3), LPS mm, lie in a voxel."""
        index = self.to_index(points_mm)
        inside = (index >= -0.5) & (index <= np.asarray(self.shape) - 0.5)
        return np.asarray(inside.all(axis=-1), dtype=bool)

    def world_coordinates(self) -> FloatArray:
        """LPS mm of every voxel centre, shape (S, R, C, 3)."""
        return self.to_world(np.moveaxis(np.indices(self.shape), 0, -1))

    def matches(self, other: Grid) -> bool:
        """Tell whether every voxel of the two grids coincides, within 0.01 mm."""
        if self.shape != other.shape:
            return False
        corners = np.array([[s, r, c] for s in (0, 1) for r in (0, 1) for c in (0, 1)])
        corners = corners * (np.asarray(self.shape) - 1)
        return bool(np.abs(self.to_world(corners) - other.to_world(corners)).max() <= _SAME_POSITION_MM)

    def require_match(self, other: Grid, what: str) -> None:
        """Raise GridMismatchError unless the grids coincide; ``what`` names the two images."""
        if not self.matches(other):
            raise GridMismatchError(
                f"{what} do not share a grid: {self.describe()} against {other.describe()}; "
                "resample one onto the other"
            )

    def describe(self) -> str:
        """Say size and spacing in words, without any identity."""
        s, r, c = self.spacing_mm
        return f"{self.shape[0]}x{self.shape[1]}x{self.shape[2]} at {s:.2f}x{r:.2f}x{c:.2f} mm"
