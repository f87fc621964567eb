"""A lesion goes on for as long as the marrow looks like it.

The network judges what it sees within some centimetres, and may doubt the far end of a lesion that fills a
bone. What touches the lesion, is about as bright, and has lost about as much T1 signal, belongs to it.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from bmetk.edema.measured import Signals, brightest_of_other_sides
from bmetk.edema.pieces import disk
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, MarrowKinds, MarrowVolume, boxes, smooth_inside
from bmetk.image import Grid, crop_grid

_SURE = 0.6
_LEAST_ML = 0.1
"""A lesion smaller than this says too little of itself, and a smaller addition is left to the outline."""
_T1_SMOOTHING_MM = 1.0
_BRIDGE_MM = 1.2
"""Radius of the thinnest bridge that a lesion grows over."""


def grow_alike(
    edema: BoolArray, signals: Signals, volume: MarrowVolume, kinds: MarrowKinds, settings: EdemaSettings
) -> BoolArray:
    """Add the marrow that touches a lesion of its own bone and looks like it.

    Where the fat nearby escaped its suppression, fatty marrow looks like it too: there nothing is added. Nor
    is what the network does not find likely where red marrow may be and the other side is about as bright, or
    not seen.

    Parameters
    ----------
    edema : bool, shape (S, R, C)
    signals : Signals of the same shape
    volume : MarrowVolume of the same shape
    kinds : which bones may hold red marrow; in the others little else looks like a lesion
    settings : EdemaSettings

    Returns
    -------
    bool, shape (S, R, C) : the lesions with what was added
    """
    grown = edema.copy()
    other_side = brightest_of_other_sides(signals, volume, settings)
    least = {True: settings.alike_fatty_probability, False: settings.alike_probability}
    for value, box in boxes(volume.bones):
        inside = volume.bones[box] == value
        here, grid = signals.crop(box), crop_grid(volume.grid, box)
        possible = inside & (here.likely >= least[value in kinds.not_red])
        possible &= here.fat <= settings.fat.nearby[0]
        if value not in kinds.not_red:
            brighter = here.contrast >= settings.side.red_contrast[0] * other_side.get(value, np.inf)
            possible &= brighter | volume.yellow[box] | (here.likely >= settings.least_probability)
        grown[box] |= _added(edema[box] & inside, possible, here, grid, settings)
    return grown


def _added(
    lesion: BoolArray, possible: BoolArray, signals: Signals, grid: Grid, settings: EdemaSettings
) -> BoolArray:
    """Find what belongs to the lesions of one bone, among what is possible."""
    nothing = np.zeros_like(lesion)
    sure = lesion & (signals.likely >= _SURE)
    if np.count_nonzero(sure) * grid.voxel_ml < _LEAST_ML:
        return nothing
    height = signals.contrast / max(float(np.median(signals.contrast[sure])), 1e-6)
    alike = possible & ~lesion & (height >= settings.alike_share) & (height <= 1 / settings.alike_share)
    if signals.t1 is not None:
        lost = 1 - smooth_inside(signals.t1, possible | lesion, _T1_SMOOTHING_MM, grid)
        alike &= lost >= settings.alike_share * max(float(np.median(lost[sure])), 0.0)
    bridge = disk(_BRIDGE_MM / min(grid.spacing_mm[1:]))
    labels, _ = ndimage.label(ndimage.binary_opening(alike | lesion, bridge) | lesion)
    touching = np.isin(labels, np.unique(labels[lesion]))
    added = np.asarray(ndimage.binary_dilation(touching, bridge) & alike)
    return added if np.count_nonzero(added) * grid.voxel_ml >= _LEAST_ML else nothing
