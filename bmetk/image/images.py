"""Images whose type says what they mean: an intensity is interpolated, a label never."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bmetk.errors import GridMismatchError
from bmetk.image.grid import Grid

if TYPE_CHECKING:
    import SimpleITK as sitk


def _frozen(array: npt.NDArray[np.generic], grid: Grid, what: str) -> npt.NDArray[np.generic]:
    if array.shape != grid.shape:
        raise GridMismatchError(f"{what}: array of shape {array.shape} on a grid of shape {grid.shape}")
    view = array.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True, slots=True, eq=False)
class ScalarImage:
    """Intensities on a grid.

    Parameters
    ----------
    array : float32, shape (S, R, C)
    grid : Grid of the same shape
    """

    array: npt.NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        array = np.asarray(self.array, dtype=np.float32)
        object.__setattr__(self, "array", _frozen(array, self.grid, "scalar image"))

    def with_array(self, array: npt.ArrayLike) -> ScalarImage:
        """Put other intensities on the same grid."""
        return ScalarImage(np.asarray(array, dtype=np.float32), self.grid)

    def to_sitk(self) -> sitk.Image:
        """Convert to SimpleITK (pixel type float32)."""
        from bmetk.image.itk import to_sitk

        return to_sitk(self.array, self.grid)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A set of voxels.

    Parameters
    ----------
    array : bool, shape (S, R, C)
    grid : Grid of the same shape
    """

    array: npt.NDArray[np.bool_]
    grid: Grid

    def __post_init__(self) -> None:
        array = np.asarray(self.array, dtype=bool)
        object.__setattr__(self, "array", _frozen(array, self.grid, "mask"))

    def __and__(self, other: Mask) -> Mask:
        self.grid.require_match(other.grid, "two masks")
        return Mask(self.array & other.array, self.grid)

    def __or__(self, other: Mask) -> Mask:
        self.grid.require_match(other.grid, "two masks")
        return Mask(self.array | other.array, self.grid)

    def __invert__(self) -> Mask:
        return Mask(~self.array, self.grid)

    def __bool__(self) -> bool:
        return bool(self.array.any())

    @property
    def volume_ml(self) -> float:
        """Volume of the set, mL."""
        return int(np.count_nonzero(self.array)) * self.grid.voxel_ml

    def to_sitk(self) -> sitk.Image:
        """Convert to SimpleITK (pixel type uint8)."""
        from bmetk.image.itk import to_sitk

        return to_sitk(self.array.astype(np.uint8), self.grid)


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Whole-number labels on a grid, 0 outside.

    Parameters
    ----------
    array : uint8, shape (S, R, C)
    grid : Grid of the same shape
    """

    array: npt.NDArray[np.uint8]
    grid: Grid

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.dtype != np.uint8:
            if array.size and (
                array.min() < 0 or array.max() > 255 or not np.array_equal(array, np.floor(array))
            ):
                raise GridMismatchError(
                    f"a label map holds whole numbers from 0 to 255, found {array.min()} to {array.max()}"
                )
            array = array.astype(np.uint8)
        object.__setattr__(self, "array", _frozen(array, self.grid, "label map"))

    def mask(self, value: int) -> Mask:
        """Select the voxels with one label."""
        return Mask(self.array == value, self.grid)

    def values(self) -> tuple[int, ...]:
        """List the labels present, 0 left out, ascending."""
        flat = self.array.ravel()
        # Labels come in runs: where one begins tells as much as all voxels, in a tenth of the time.
        begins = flat[1:][flat[1:] != flat[:-1]]
        return tuple(int(v) for v in np.union1d(flat[:1], begins) if v)

    def areas(self) -> Iterator[tuple[int, Mask]]:
        """Yield each label present with its mask."""
        for value in self.values():
            yield value, self.mask(value)

    def to_sitk(self) -> sitk.Image:
        """Convert to SimpleITK (pixel type uint8)."""
        from bmetk.image.itk import to_sitk

        return to_sitk(self.array, self.grid)
