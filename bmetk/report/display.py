"""How a slice is turned for reading: the radiological way up.

Axial and coronal slices show the patient's right on the viewer's left, sagittal ones the front on the
viewer's left; letters at the edges say what lies there (DICOM PS3.3 C.7.6.1.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bmetk.image import Grid

_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
_SECOND_LETTER = 0.35  # about 20 degrees off the main direction

# By the main world axis of the slice normal: (axis, sign) that point right and down on the page.
_RIGHT_AND_DOWN = {0: ((1, 1), (2, -1)), 1: ((0, 1), (2, -1)), 2: ((0, 1), (1, 1))}

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Display:
    """How slices of one grid are turned, and what lies at their edges.

    ``pixel_mm`` is the height and width of a shown pixel; the letters are those of the shown edges.
    """

    transpose: bool
    flip_rows: bool
    flip_columns: bool
    pixel_mm: tuple[float, float]
    left: str
    right: str
    top: str
    bottom: str

    def turn(self, array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """Turn a slice, shape (R, C), for showing with its first row on top."""
        shown = array.T if self.transpose else array
        shown = shown[::-1] if self.flip_rows else shown
        return shown[:, ::-1] if self.flip_columns else shown


def display_of(grid: Grid) -> Display:
    """Choose how slices of a grid are shown; oblique ones as the plane they are nearest to."""
    normal, rows, columns = grid.axes.T
    (right_axis, right_sign), (down_axis, down_sign) = _RIGHT_AND_DOWN[int(np.argmax(np.abs(normal)))]
    as_stored = abs(columns[right_axis]) + abs(rows[down_axis])
    transpose = bool(abs(rows[right_axis]) + abs(columns[down_axis]) > as_stored)
    right, down = (rows, columns) if transpose else (columns, rows)
    flip_columns, flip_rows = bool(right[right_axis] * right_sign < 0), bool(down[down_axis] * down_sign < 0)
    right, down = (-right if flip_columns else right), (-down if flip_rows else down)
    _, row_mm, column_mm = grid.spacing_mm
    return Display(
        transpose,
        flip_rows,
        flip_columns,
        (column_mm, row_mm) if transpose else (row_mm, column_mm),
        left=edge_letters(-right),
        right=edge_letters(right),
        top=edge_letters(-down),
        bottom=edge_letters(down),
    )


def edge_letters(direction: npt.NDArray[np.float64]) -> str:
    """Name a unit LPS direction by one letter, or two where it runs aslant."""
    order = np.argsort(-np.abs(direction), kind="stable")
    letters = [_LETTERS[axis][int(direction[axis] > 0)] for axis in order]
    return letters[0] + (letters[1] if abs(direction[order[1]]) > _SECOND_LETTER else "")
