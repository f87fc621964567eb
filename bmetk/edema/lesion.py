"""Lesions as objects: connected pieces of edema, named by the regions that they lie in."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from bmetk.edema.candidates import connect
from bmetk.edema.segment import EdemaMap
from bmetk.edema.volume import boxes, depth_below_surface
from bmetk.exam import Lesion, Segmentation
from bmetk.image import Box, crop_grid

_SUBCHONDRAL_MM = 4.0


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
    pieces = [
        (value_box, mask)
        for bone in sorted({(label.bone, label.side or "") for label in regions.meaning.values()})
        for value_box, mask in _pieces_of(bone, found, regions)
    ]
    pieces.sort(key=lambda piece: -int(piece[1].sum()))
    return tuple(_describe(number, box, mask, found, regions) for number, (box, mask) in enumerate(pieces, 1))


Piece = tuple[Box, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]


def _pieces_of(bone: tuple[str, str], found: EdemaMap, regions: Segmentation) -> list[Piece]:
    """List the connected pieces within one bone of one side."""
    values = [v for v, label in regions.meaning.items() if (label.bone, label.side or "") == bone]
    chosen = np.zeros(256, dtype=bool)
    chosen[values] = True
    labels = connect(found.edema.array & chosen[regions.labels.array])
    return [(box, labels[box] == value) for value, box in boxes(labels, pad=0)]


def _describe(
    number: int,
    box: Box,
    mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    found: EdemaMap,
    regions: Segmentation,
) -> Lesion:
    grid = crop_grid(regions.grid, box)
    labels = regions.labels.array[box]
    index = np.argwhere(mask)
    points = grid.to_world(index)
    extent = (index.max(axis=0) - index.min(axis=0) + 1) * np.asarray(grid.spacing_mm)
    shares: dict[str, float] = defaultdict(float)
    for value, count in zip(*np.unique(labels[mask], return_counts=True), strict=True):
        shares[regions.meaning[int(value)].name] += float(count) / len(index)
    main = regions.meaning[int(np.bincount(labels[mask]).argmax())]
    centroid = points.mean(axis=0)
    return Lesion(
        id=number,
        volume_ml=len(index) * grid.voxel_ml,
        centroid_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
        extent_mm=(float(extent[0]), float(extent[1]), float(extent[2])),
        regions=dict(sorted(shares.items(), key=lambda item: -item[1])),
        bone=main.bone,
        side=main.side,
        mean_ratio=float(found.ratio.array[box][mask].mean()),
        subchondral=_near_surface(box, mask, regions),
    )


def _near_surface(
    box: Box, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], regions: Segmentation
) -> bool:
    """Tell whether a lesion comes within 4 mm of the surface of its bone."""
    wide = tuple(slice(max(0, b.start - 8), b.stop + 8) for b in box)
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
    area: Box = (wide[0], wide[1], wide[2])
    bone = (regions.labels.array[area] > 0).astype(np.uint8)
    depth = depth_below_surface(bone, crop_grid(regions.grid, area))[inner]
    return bool(depth[mask].min() <= _SUBCHONDRAL_MM)
