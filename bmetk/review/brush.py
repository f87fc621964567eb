"""The reader's tools: each tells which voxels to set; nothing is set here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.errors import InputError
from bmetk.exam import Segmentation
from bmetk.image import LabelMap, Mask, ScalarImage, crop_box
from bmetk.review.draft import Draft, Voxel, with_marks

HALF_HEIGHT = 0.5
"""Height between normal marrow and a lesion at which edema is outlined, as the edema stage does."""


def grow(
    image: ScalarImage,
    bones: LabelMap,
    seed: Voxel,
    *,
    share: float = HALF_HEIGHT,
    reach_mm: float = 40.0,
) -> Mask:
    """Select what is connected with a voxel and about as bright, within its bone.

    The limit lies at ``share`` of the way from the bone's median to the mean around the seed.

    Parameters
    ----------
    image : ScalarImage, bright where there is edema
    bones : LabelMap on the grid of ``image``
    seed : slice, row and column of the click
    share : 0 (whole bone) to 1 (as bright as the seed alone)
    reach_mm : how far the selection may go

    Raises
    ------
    GridMismatchError
        If the two do not share a grid.
    InputError
        If the seed lies in no bone, or is no brighter than its bone.
    """
    image.grid.require_match(bones.grid, "image and bones")
    bone = int(bones.array[seed])
    if bone == 0:
        raise InputError("the click lies outside the bones: click on bright marrow inside a bone")
    near = _within(bones, seed, reach_mm)
    marrow = near & (bones.array == bone)
    level = _mean_around(image, marrow, seed)
    normal = float(np.median(image.array[bones.array == bone]))
    if level <= normal:
        raise InputError("the marrow clicked is no brighter than the rest of its bone: nothing to grow from")
    bright = marrow & (image.array >= normal + share * (level - normal))
    pieces, _ = ndimage.label(bright | _only(seed, bright.shape))
    return Mask((pieces == pieces[seed]) & marrow, image.grid)


def threshold_brush(
    image: ScalarImage, bones: LabelMap, centre: Voxel, radius_mm: float, level: float, *, axis: int = 0
) -> Mask:
    """Select what a round brush covers, as far as it is bright and in the bone under its centre.

    Parameters
    ----------
    image : ScalarImage
    bones : LabelMap on the grid of ``image``
    centre : slice, row and column under the brush
    radius_mm : of the brush
    level : least intensity that is taken
    axis : array axis across which the brush is flat

    Raises
    ------
    GridMismatchError
        If the two do not share a grid.
    """
    image.grid.require_match(bones.grid, "image and bones")
    chosen = np.zeros(image.grid.shape, dtype=bool)
    bone = int(bones.array[centre])
    if bone:
        box, disc = _disc(image, centre, radius_mm, axis)
        chosen[box] = disc & (bones.array[box] == bone) & (image.array[box] >= level)
    return Mask(chosen, image.grid)


def suggest_level(image: ScalarImage, bones: LabelMap, edema: Mask, *, share: float = HALF_HEIGHT) -> float:
    """Suggest the least intensity of edema: half-way from normal marrow to the edema at hand."""
    marrow = bones.array > 0
    if not marrow.any():
        return float(np.median(image.array))
    normal = float(np.median(image.array[marrow & ~edema.array]))
    bright = image.array[edema.array] if edema else image.array[marrow]
    top = float(np.median(bright)) if edema else float(np.percentile(bright, 99))
    return normal + share * (top - normal)


def relabel(regions: Segmentation, piece: Mask, value: int) -> Segmentation:
    """Give the voxels of a piece to another region.

    Raises
    ------
    GridMismatchError
        If the two do not share a grid.
    InputError
        If no region has that number.
    """
    regions.grid.require_match(piece.grid, "regions and piece")
    if value not in regions.meaning:
        raise InputError(f"label {value} is no region of this exam; choose one of its regions")
    labels = np.where(piece.array, np.uint8(value), regions.labels.array)
    return replace(regions, labels=LabelMap(labels, regions.grid))


def use_labels(draft: Draft, labels: LabelMap) -> Draft:
    """Take edema that was drawn elsewhere; any value above 0 counts.

    Raises
    ------
    GridMismatchError
        If it lies on another grid.
    """
    draft.marks.grid.require_match(labels.grid, "the exam and the labels")
    return with_marks(draft, (labels.array > 0).astype(np.uint8))


def _within(bones: LabelMap, seed: Voxel, reach_mm: float) -> npt.NDArray[np.bool_]:
    """Mark the voxels within a distance of one."""
    near = np.zeros(bones.grid.shape, dtype=bool)
    box = crop_box(_only(seed, near.shape), bones.grid, reach_mm)
    offsets = [
        (np.arange(part.start, part.stop) - at) * spacing
        for part, at, spacing in zip(box, seed, bones.grid.spacing_mm, strict=True)
    ]
    s, r, c = np.meshgrid(*offsets, indexing="ij", sparse=True)
    near[box] = s**2 + r**2 + c**2 <= reach_mm**2
    return near


def _only(seed: Voxel, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    alone = np.zeros(shape, dtype=bool)
    alone[seed] = True
    return alone


def _mean_around(image: ScalarImage, marrow: npt.NDArray[np.bool_], seed: Voxel) -> float:
    s, r, c = seed
    around = (slice(s, s + 1), slice(max(0, r - 1), r + 2), slice(max(0, c - 1), c + 2))
    return float(image.array[around][marrow[around]].mean())


def _disc(
    image: ScalarImage, centre: Voxel, radius_mm: float, axis: int
) -> tuple[tuple[slice, slice, slice], npt.NDArray[np.bool_]]:
    """Lay a flat disc into the image: the box around it, and what of the box it covers."""
    slices, offsets = [], []
    for each, (at, spacing, size) in enumerate(
        zip(centre, image.grid.spacing_mm, image.grid.shape, strict=True)
    ):
        reach = 0 if each == axis else int(radius_mm / spacing)
        part = slice(max(0, at - reach), min(size, at + reach + 1))
        slices.append(part)
        offsets.append((np.arange(part.start, part.stop) - at) * spacing)
    s, r, c = np.meshgrid(*offsets, indexing="ij", sparse=True)
    return (slices[0], slices[1], slices[2]), s**2 + r**2 + c**2 <= radius_mm**2
