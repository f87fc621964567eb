"""Where the lesions of an exam lie, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bmetk.anatomy import Side
from bmetk.edema.pieces import connect
from bmetk.exam import ExamResult, Lesion
from bmetk.image import Grid, ScalarImage, crop_box, crop_grid, spread_numbers

_NEAR_MM = 3.0
_SAME_MM, _SAME_SHARE = 2.0, 0.05


@dataclass(frozen=True, slots=True, eq=False)
class LesionMap:
    """The lesions of one bone on a part of the exam's grid.

    Parameters
    ----------
    nearest : uint8, shape (S, R, C), number of the lesion that lies here or within 3 mm, else 0
    probability : ScalarImage on the same grid, of edema, 0 to 1
    """

    grid: Grid
    nearest: npt.NDArray[np.uint8]
    probability: ScalarImage


def map_lesions(result: ExamResult, bone: tuple[str, Side | None]) -> LesionMap:
    """Find the voxels of each lesion of a bone.

    A lesion that the edema mask does not show (the mask was edited since) is not in the map.
    """
    values = [v for v, label in result.regions.meaning.items() if (label.bone, label.side) == bone]
    inside = np.isin(result.regions.labels.array, values)
    grid = result.regions.grid
    box = crop_box(inside, grid, 6.0) if inside.any() else (slice(0, 1),) * 3
    part = crop_grid(grid, box)
    edema = inside[box] if result.edema is None else result.edema.array[box] & inside[box]
    if result.edema is None:
        edema = np.zeros_like(edema)
    numbers = np.zeros(part.shape, np.uint8)
    pieces = connect(edema)
    for lesion in result.lesions:
        if (lesion.bone, lesion.side) == bone:
            numbers[_piece_of(lesion, pieces, part)] = min(lesion.id, 255)
    probability = edema.astype(np.float32)
    if result.probability is not None:
        probability = np.where(inside[box], result.probability.array[box], 0.0).astype(np.float32)
    if numbers.any():  # the fringe of each lesion, where the probability falls off, goes with it
        numbers = spread_numbers(numbers, part.spacing_mm, _NEAR_MM).astype(np.uint8)
    return LesionMap(part, numbers, ScalarImage(probability, part))


def _piece_of(lesion: Lesion, pieces: npt.NDArray[np.integer], grid: Grid) -> npt.NDArray[np.bool_]:
    """Select the connected piece whose volume and centre are those of a lesion."""
    counts = np.bincount(pieces.ravel())
    alike = [
        number
        for number in range(1, len(counts))
        if abs(counts[number] * grid.voxel_ml - lesion.volume_ml) <= _SAME_SHARE * lesion.volume_ml
    ]
    centres = {n: grid.to_world(np.argwhere(pieces == n).mean(axis=0)) for n in alike}
    away = {n: float(np.linalg.norm(centre - lesion.centroid_mm)) for n, centre in centres.items()}
    best = min(away, key=lambda n: away[n], default=0)
    found = best > 0 and away[best] <= _SAME_MM
    return pieces == best if found else np.zeros(pieces.shape, dtype=bool)
