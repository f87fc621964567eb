"""A dark line below the surface, within edema: the sign of a subchondral insufficiency fracture.

The line is low on both series, thin, and runs along the surface of the bone, below marrow. The plate itself
is as dark where an outline lies too far out, but marrow is below it alone; and a growth scar goes on beyond
the edema.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from bmetk.edema.pieces import disk
from bmetk.edema.segment import EdemaMap
from bmetk.edema.volume import BoolArray, Float32Array
from bmetk.exam import Finding, Segmentation
from bmetk.image import ScalarImage

_NARROW_MM = 2.2
"""Radius of the disk that a line is narrower than."""
_SMOOTHING_MM = 0.45
_DARKER, _DARKER_MEAN, _DARKER_MOST = 0.1, 0.16, 0.2
"""Least share by which a line is darker than what lies on both sides, on each series: of every pixel, in the
mean, and of its darkest pixel on both."""
_DEPTH_MM = (2.0, 12.0)
_ALONG_MM = 1.3
"""Largest standard deviation of the depth of a line that runs along the surface."""
_PART_MM, _LENGTH_MM = 5.0, 10.0
"""Least length in a slice, and of all slices together."""
_WIDTH_MM = 3.0
_AROUND_MM = 2.0
_EDEMA_SHARE = 0.6
_MARROW_ABOVE = 0.76
"""Least T1 signal of what lies between a line and the surface, as a share of that below the line."""
_ASIDE_MM = 0.3
_SCAR_SHARE = 0.4
"""From this share on that lies beyond the edema, the whole dark line on T1 is a growth scar."""
_LEAST_EDEMA_MM2 = 60.0
_CORNERS = np.ones((3, 3), bool)


def subchondral_line(
    t1: ScalarImage, fluid: ScalarImage, bones: Segmentation, regions: Segmentation, found: EdemaMap
) -> list[Finding]:
    """Look for a thin line, low on both series, within the edema and along the surface.

    Parameters
    ----------
    t1 : ScalarImage on the grid of ``fluid``
    fluid : ScalarImage
    bones, regions : Segmentation on the same grid
    found : EdemaMap on the same grid

    Returns
    -------
    list of one Finding, whose value is the length of the lines, added up over the slices, mm; empty without
    edema. Where more than that is the plate or a growth scar, the rest is taken for the same.
    """
    edema = found.edema.array
    if not edema.any():
        return []
    spacing, lengths = fluid.grid.spacing_mm[1:], {True: 0.0, False: 0.0}
    for number in np.flatnonzero(edema.any(axis=(1, 2))):
        labels = bones.labels.array[number]
        darker = np.stack([_darker_than_both_sides(s.array[number], spacing) for s in (t1, fluid)])
        for value in np.unique(labels[edema[number] & (labels > 0)]):
            bone = labels == value
            lines = _lines(t1.array[number], darker, bone, edema[number] & bone, spacing)
            for length, is_fracture in lines:
                lengths[is_fracture] += length
    total = lengths[True]
    named = regions.labels.array[edema]
    label = regions.meaning[int(np.bincount(named[named > 0]).argmax())] if named.any() else None
    message = (
        f"{total:.0f} mm of thin low signal on both series within the edema, along the surface and "
        f"{_DEPTH_MM[0]:.0f} to {_DEPTH_MM[1]:.0f} mm below it, added up over the slices"
    )
    side = label.side if label else None
    present = total >= _LENGTH_MM and total > lengths[False]
    return [Finding("subchondral_line", side, present, total, "mm", message)]


def _lines(
    t1: Float32Array, darker: Float32Array, bone: BoolArray, edema: BoolArray, spacing: tuple[float, ...]
) -> Iterator[tuple[float, bool]]:
    """Yield the length of each line in one slice of one bone, mm, and whether it is neither plate nor scar.

    ``darker`` is of shape (2, R, C).
    """
    around = disk(_AROUND_MM / spacing[0])[0]
    near = ndimage.binary_dilation(edema, around)
    searched = ndimage.binary_fill_holes(near) & bone
    if np.count_nonzero(searched) * spacing[0] * spacing[1] < _LEAST_EDEMA_MM2:
        return
    padded = np.pad(bone, 1, mode="edge")
    depth = ndimage.distance_transform_edt(padded, sampling=spacing)[1:-1, 1:-1]
    both = darker.min(axis=0)
    dark = searched & (depth > _DEPTH_MM[0]) & (depth < _DEPTH_MM[1]) & (both > _DARKER)
    labels, _ = ndimage.label(dark, structure=_CORNERS)
    on_t1, _ = ndimage.label(bone & (depth > _DEPTH_MM[0]) & (darker[0] > _DARKER), structure=_CORNERS)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        line = labels[box] == number
        extent = [(part.stop - part.start - 1) * s for part, s in zip(box, spacing, strict=True)]
        length = float(np.hypot(*extent))
        if length < _PART_MM or np.count_nonzero(line) * spacing[0] * spacing[1] > _WIDTH_MM * length:
            continue
        whole = labels == number
        if darker[:, whole].mean(axis=1).min() < _DARKER_MEAN or both[whole].max() < _DARKER_MOST:
            continue
        beside = ndimage.binary_dilation(whole, around) & ~whole
        if float(depth[whole].std()) < _ALONG_MM and float(edema[beside].mean()) > _EDEMA_SHARE:
            scar = float((~near)[np.isin(on_t1, on_t1[whole])].mean()) >= _SCAR_SHARE
            yield length, not scar and _has_marrow_above(t1, depth, whole, beside & bone)


def _has_marrow_above(t1: Float32Array, depth: Float32Array, line: BoolArray, beside: BoolArray) -> bool:
    """Tell whether what lies towards the surface is about as bright on T1 as what lies away from it."""
    middle = float(np.median(depth[line]))
    above, below = beside & (depth < middle - _ASIDE_MM), beside & (depth > middle + _ASIDE_MM)
    if not (above.any() and below.any()):
        return False
    return float(np.median(t1[above])) >= _MARROW_ABOVE * float(np.median(t1[below]))


def _darker_than_both_sides(signal: Float32Array, spacing: tuple[float, ...]) -> Float32Array:
    """Tell by which share each pixel is darker than what lies on both sides of a narrow line."""
    smooth = ndimage.gaussian_filter(signal, [_SMOOTHING_MM / s for s in spacing])
    level = ndimage.grey_closing(smooth, footprint=disk(_NARROW_MM / spacing[0])[0])
    return np.asarray((level - smooth) / np.maximum(level, 1e-6), np.float32)
