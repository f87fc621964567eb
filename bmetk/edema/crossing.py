"""Edema that crosses the border between two regions of a bone, and how much of it either side may claim.

Such borders are planes and spheres laid on the bone, with nothing to be seen in the image: another reader,
or the same bone found in another exam, has them some millimetres away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import REGIONS_OF_JOINT, Joint
from bmetk.edema.volume import BoolArray, Float32Array
from bmetk.exam import Segmentation
from bmetk.image import Grid, Mask, crop_box, crop_grid

BORDER_MM = 3.5
"""Half width of the 95 % interval of a border's place."""
HIP_BORDER_MM = 2.5
"""The same of borders laid about the femoral head, whose sphere is well seen."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a region would lose or gain, mL, if its borders lay `BORDER_MM` further in or out."""

    lost_ml: float = 0.0
    gained_ml: float = 0.0


def claims(edema: Mask, regions: Segmentation) -> dict[int, Claim]:
    """Weigh the edema next to the borders within each bone.

    Parameters
    ----------
    edema : Mask
    regions : Segmentation on its grid

    Returns
    -------
    dict : Claim by the value of the region, for all regions of bones that have edema and a border within
    """
    found: dict[int, Claim] = {}
    for values in _divided(edema, regions):
        near = np.isin(regions.labels.array, values)
        reach_mm = _reach_mm(regions.meaning[values[0]].name)
        box = crop_box(edema.array & near, edema.grid, reach_mm + max(edema.grid.spacing_mm))
        grid, named = crop_grid(edema.grid, box), regions.labels.array[box]
        wet = edema.array[box] & near[box]
        for value in values:
            own, others = named == value, near[box] & (named != value)
            lost, gained = (
                float(_nearness(to, grid, reach_mm)[wet & inside].sum()) * grid.voxel_ml
                for to, inside in ((others, own), (own, others))
            )
            found[value] = Claim(lost, gained)
    return found


def _divided(edema: Mask, regions: Segmentation) -> Iterator[list[int]]:
    """Yield the regions in view of each bone that has edema and more than one of them."""
    present = regions.present()
    wet = np.unique(regions.labels.array[edema.array])
    for bone in {(label.bone, label.side) for value, label in present.items() if value in wet}:
        values = [v for v, label in present.items() if (label.bone, label.side) == bone]
        if len(values) > 1:
            yield values


def _reach_mm(region: str) -> float:
    return HIP_BORDER_MM if region in REGIONS_OF_JOINT[Joint.HIP] else BORDER_MM


def _nearness(target: BoolArray, grid: Grid, reach_mm: float) -> Float32Array:
    """Share of each voxel within reach of a region, shape (S, R, C); a slice is a thick voxel."""
    if not target.any():
        return np.zeros(target.shape, np.float32)
    distance, nearest = ndimage.distance_transform_edt(~target, sampling=grid.spacing_mm, return_indices=True)
    steps = np.abs(nearest - np.indices(target.shape)).astype(np.float32)
    spacing = np.asarray(grid.spacing_mm, np.float32).reshape(3, 1, 1, 1)
    along: npt.NDArray[np.float32] = (steps * spacing * spacing).sum(0) / np.maximum(distance, 1e-6)
    along = np.maximum(along, np.float32(1e-3))
    return np.asarray(np.clip(1 + (reach_mm - distance) / along, 0, 1), np.float32)
