"""The end of a bone against the same end on the other side, where one view shows both.

Marrow of the ends of long bones is yellow on both sides. An end that is brighter and darker on T1 than the
other is read as edema even where the lesion is weak, and where it leaves no normal marrow beside it.
"""

from __future__ import annotations

import numpy as np

from bmetk.anatomy import opposite_value
from bmetk.edema.doubted import raised
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, widened

_CONTRAST, _SPREADS = 0.35, 3.0
"""Fluid signal above the other end's median, at least, in units of normal marrow and of that end's spread."""
_LOSS = 0.1
"""Least loss of T1 signal below the other end's median, in units of normal marrow."""
_PIECE_ML = 2.0
_AROUND_MM, _APART_MM = 15.0, 3.0
_ALIKE = 1.3
"""Ratio of the soft tissue around both ends beyond which the coil lights them too differently to compare."""


def unlike_other_side(
    likely: Float32Array, unsuppressed: Float32Array, volume: MarrowVolume, settings: EdemaSettings
) -> Float32Array:
    """Raise the probability of what sets the end of a bone apart from the other side's.

    Parameters
    ----------
    likely : float32, shape (S, R, C), the network's probability
    unsuppressed : float32 of the same shape, share of the fat nearby that escaped its suppression
    volume : MarrowVolume of the same shape, `bmetk.edema.doubted.smoothed`, both signals in units of normal
        marrow
    settings : EdemaSettings, of whose ``side`` and ``fat`` the bounds of other rules hold here, too

    Returns
    -------
    float32, shape (S, R, C) : the same where there is no T1 or no other side
    """
    pairs = volume.paired()
    if volume.t1 is None or not pairs:
        return likely
    inside = volume.bones > 0
    fluid, t1 = volume.fluid, volume.t1
    inner = volume.yellow & volume.covered & (volume.depth_mm > settings.side.depth_mm)
    soft = volume.covered & ~_near(inside, _APART_MM, volume)
    apart = np.zeros_like(inside)
    for value in pairs:
        here, there = (inner & (volume.bones == side) for side in (value, opposite_value(value)))
        if min(map(np.count_nonzero, (here, there))) * volume.grid.voxel_ml < settings.side.least_ml:
            continue
        if _is_lit_alike(here, there, soft, volume):
            usual, bright = np.quantile(fluid[there], (0.5, 0.9))
            brighter = fluid > usual + max(_CONTRAST, _SPREADS * (bright - usual))
            apart |= here & brighter & (t1 < np.median(t1[there]) - _LOSS)
    return raised(likely, apart & (unsuppressed < settings.fat.near_share), _PIECE_ML, volume, settings)


def _is_lit_alike(here: BoolArray, there: BoolArray, soft: BoolArray, volume: MarrowVolume) -> bool:
    """Tell whether the soft tissue around both ends does not differ as the ends of a lesion's side would."""
    assert volume.t1 is not None
    around = [soft & _near(end, _AROUND_MM, volume) for end in (here, there)]
    if not all(part.any() for part in around):
        return False
    fluid, t1 = ([float(np.median(s[part])) for part in around] for s in (volume.fluid, volume.t1))
    return fluid[0] <= _ALIKE * fluid[1] and t1[1] <= _ALIKE * t1[0]


def _near(mask: BoolArray, reach_mm: float, volume: MarrowVolume) -> BoolArray:
    """Mark what lies no farther from a mask than this within the slice."""
    return widened(mask, [0, *(round(reach_mm / spacing) for spacing in volume.grid.spacing_mm[1:])])
