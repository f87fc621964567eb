"""Lesions as objects: connected pieces of edema, named by the regions that they lie in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import Label
from bmetk.edema.pieces import connect_by_bone
from bmetk.edema.segment import EdemaMap
from bmetk.edema.volume import BoolArray, Float32Array, boxes
from bmetk.exam import Lesion, Segmentation
from bmetk.image import Box, Grid, ScalarImage, crop_grid

_JOINT_GAP_MM = 9.0
"""Bone surfaces that face each other across a joint lie within this distance."""
_PLATE_MM = 3.0
REACH_MM = 30.0
"""How far around a lesion its joint surface is looked for."""
DIFFUSE_SHARE = 1 / 3
"""Of a region, from which on a lesion is called diffuse."""


@dataclass(frozen=True, slots=True, eq=False)
class _Bones:
    """Regions numbered by their bone: arrays of shape (S, R, C), and the numbers' meaning."""

    regions: npt.NDArray[np.uint8]
    bones: npt.NDArray[np.uint8]
    meaning: dict[int, Label]
    sizes: npt.NDArray[np.intp]
    grid: Grid


def find_lesions(found: EdemaMap, regions: Segmentation) -> tuple[Lesion, ...]:
    """List the connected pieces of edema, largest first; each bone's edema is its own lesion.

    Parameters
    ----------
    found : EdemaMap
    regions : Segmentation on the grid of ``found``

    Raises
    ------
    GridMismatchError
        If the images do not share a grid.
    """
    regions.grid.require_match(found.edema.grid, "regions and edema")
    area = _number_bones(regions)
    labels = connect_by_bone(found.edema.array & (area.bones > 0), area.bones)
    pieces = [(box, labels[box] == value) for value, box in boxes(labels, pad=0)]
    pieces.sort(key=lambda piece: -int(piece[1].sum()))
    return tuple(_describe(number, box, mask, found, area) for number, (box, mask) in enumerate(pieces, 1))


def _number_bones(regions: Segmentation) -> _Bones:
    """Give all regions of a bone one number."""
    names = sorted({(label.bone, label.side or "") for label in regions.meaning.values()})
    table = np.zeros(256, np.uint8)
    for value, label in regions.meaning.items():
        table[value] = 1 + names.index((label.bone, label.side or ""))
    labels = regions.labels.array
    sizes = np.bincount(labels.ravel(), minlength=256)
    return _Bones(labels, table[labels], dict(regions.meaning), sizes, regions.grid)


def _describe(number: int, box: Box, mask: BoolArray, found: EdemaMap, area: _Bones) -> Lesion:
    grid = crop_grid(area.grid, box)
    index = np.argwhere(mask)
    extent = (index.max(axis=0) - index.min(axis=0) + 1) * np.asarray(grid.spacing_mm)
    counts = np.bincount(area.regions[box][mask], minlength=256)
    shares = {area.meaning[int(v)].name: float(counts[v]) / len(index) for v in np.flatnonzero(counts)}
    main = area.meaning[int(counts.argmax())]
    centroid = grid.to_world(index).mean(axis=0)
    depth = joint_depth_mm(box, mask, area.bones, area.grid)
    return Lesion(
        id=number,
        volume_ml=len(index) * grid.voxel_ml,
        centroid_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
        extent_mm=(float(extent[0]), float(extent[1]), float(extent[2])),
        regions=dict(sorted(shares.items(), key=lambda item: -item[1])),
        bone=main.bone,
        side=main.side,
        mean_ratio=float(found.ratio.array[box][mask].mean()),
        subchondral=depth <= _PLATE_MM,
        depth_mm=depth,
        water_fraction=_mean(found.water, box, mask) or None,
        contrast=_mean(found.contrast, box, mask),
        diffuse=bool((counts[counts > 0] / area.sizes[counts > 0]).max() >= DIFFUSE_SHARE),
    )


def _mean(image: ScalarImage | None, box: Box, mask: BoolArray) -> float | None:
    return None if image is None else float(image.array[box][mask].mean())


def joint_depth_mm(box: Box, mask: BoolArray, bones: npt.NDArray[np.uint8], grid: Grid) -> float:
    """Measure how near a lesion comes to the joint surface of its bone, mm; half a voxel at least.

    The joint surface is what lies within 9 mm of another bone; where there is none within reach, it is all of
    the bone's surface.

    Parameters
    ----------
    box : place of the lesion
    mask : bool, shape of the box
    bones : uint8, shape (S, R, C), a number for each bone
    grid : Grid of ``bones``
    """
    wide = [
        slice(max(0, b.start - int(REACH_MM / s)), min(n, b.stop + int(REACH_MM / s)))
        for b, s, n in zip(box, grid.spacing_mm, bones.shape, strict=True)
    ]
    around = bones[wide[0], wide[1], wide[2]]
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
    own = around == np.bincount(around[inner][mask]).argmax()
    surface = own & ~ndimage.binary_erosion(own, border_value=1)
    other = (around > 0) & ~own
    if other.any():
        facing = surface & (_distance(other, grid) <= _JOINT_GAP_MM)
        surface = facing if facing.any() else surface
    if not surface.any():
        return REACH_MM
    least = min(grid.spacing_mm) / 2
    return float(max(_distance(surface, grid)[inner][mask].min(), least))


def _distance(mask: BoolArray, grid: Grid) -> Float32Array:
    """Measure the distance to a mask, mm."""
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=grid.spacing_mm), np.float32)
