"""Scores of what was found against what is really there."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.image import Grid


def dice(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> float:
    """Overlap of two masks of one shape, 0 to 1; 1 where both are empty.

    Dice 1945, doi:10.2307/1932409.
    """
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(true))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(found & true)) / total


def boundary_distance_mm(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_], grid: Grid) -> float:
    """Mean symmetric distance of the boundaries of two masks, mm; infinite where only one has any.

    Boundaries at the edge of the image are where the field of view cuts the bone: they do not count.
    """
    edges = [_edge(mask) for mask in (found, true)]
    if not all(edge.any() for edge in edges):
        return 0.0 if np.array_equal(found, true) else float("inf")
    away = [ndimage.distance_transform_edt(~edge, sampling=grid.spacing_mm) for edge in edges]
    both = np.concatenate([away[1][edges[0]], away[0][edges[1]]])
    return float(both.mean())


def _edge(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    eroded = ndimage.binary_erosion(mask, border_value=1)
    return np.asarray(mask & ~eroded)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How many of the true things were found, and how many of the found ones are true."""

    hits: int
    misses: int
    false_alarms: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 1 where there was nothing to find or to say."""
        total = 2 * self.hits + self.misses + self.false_alarms
        return 1.0 if total == 0 else 2 * self.hits / total

    def __add__(self, other: Retrieval) -> Retrieval:
        return Retrieval(
            self.hits + other.hits, self.misses + other.misses, self.false_alarms + other.false_alarms
        )


def retrieve(found: Collection[Hashable], true: Collection[Hashable]) -> Retrieval:
    """Compare two sets of things."""
    found_set, true_set = set(found), set(true)
    return Retrieval(len(found_set & true_set), len(true_set - found_set), len(found_set - true_set))
