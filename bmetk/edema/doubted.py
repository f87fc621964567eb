"""What the network doubts and the signals tell: edema by the water that it has for the T1 signal it lost.

By the spin-echo and inversion-recovery equations red marrow has less of water's signal for each share of T1
lost than edema, since its T2 is short; what has far more is edema, wherever it lies, if fat is suppressed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from bmetk.edema.pieces import connect_by_bone, disk, is_large, mean_of_each
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowKinds, MarrowVolume, smooth_inside

_SMOOTHING_MM = 2.0
_RADIUS_MM, _LIKELY = 3.0, 0.85
_WET_ML, _POSSIBLE = 4.0, 0.15
"""Least volume of what its water alone tells, and least probability in the mean: what the network rules out
altogether is none."""


def smoothed(volume: MarrowVolume) -> MarrowVolume:
    """Smooth both signals within the bones and leave them outside; the same where there is no T1."""
    if volume.t1 is None:
        return volume
    inside = volume.bones > 0
    t1, fluid = (
        np.where(inside, smooth_inside(signal, inside, _SMOOTHING_MM, volume.grid), signal)
        for signal in (volume.t1, volume.fluid)
    )
    return replace(volume, t1=t1, fluid=fluid)


def raised(
    likely: Float32Array,
    found: BoolArray,
    least_ml: float,
    volume: MarrowVolume,
    settings: EdemaSettings,
    *,
    least: float = 0.0,
) -> Float32Array:
    """Raise the probability of the pieces that are large, wide, and not likely to the network by itself.

    Parameters
    ----------
    likely : float32, shape (S, R, C), the network's probability
    found : bool of the same shape, what the signals tell
    least_ml : smallest piece, mL
    volume : MarrowVolume of the same shape
    settings : EdemaSettings
    least : mean probability that a piece has at least, 0 to 1
    """
    wide = disk(_RADIUS_MM / min(volume.grid.spacing_mm[1:]))
    labels = connect_by_bone(ndimage.binary_opening(found, wide), volume.bones)
    mean = mean_of_each(labels, likely)
    doubted = (mean >= least) & (mean < settings.side.probability)
    new = is_large(labels, least_ml, volume.grid) & doubted
    return np.where(new[labels], np.maximum(likely, np.float32(_LIKELY)), likely)


def wetter_than_red(
    likely: Float32Array,
    unsuppressed: Float32Array,
    water_level: float,
    volume: MarrowVolume,
    kinds: MarrowKinds,
    settings: EdemaSettings,
) -> Float32Array:
    """Raise the probability of what has too much water for red marrow, and all fat nearby suppressed.

    In the pelvis, which holds red marrow for life, and in rays and toes, whose cortex darkens T1, the network
    is believed.

    Parameters
    ----------
    likely : float32, shape (S, R, C), the network's probability
    unsuppressed : float32 of the same shape, share of the fat nearby that escaped its suppression
    water_level : fluid signal of edema's water above normal marrow, in units of normal marrow; infinite
        where no muscle tells it
    volume : MarrowVolume of the same shape, `smoothed`, both signals in units of normal marrow
    kinds : what marrow the bones may hold
    settings : EdemaSettings, of whose ``red``, ``side`` and ``fat`` the bounds of other rules hold here, too

    Returns
    -------
    float32, shape (S, R, C) : the same where there is no T1 or no muscle
    """
    if volume.t1 is None or not np.isfinite(water_level):
        return likely
    water, lost = np.clip((volume.fluid - 1) / water_level, 0, 1), 1 - volume.t1
    judged = (volume.bones > 0) & ~np.isin(volume.bones, (*kinds.red, *kinds.unknown, *kinds.thin))
    inner = judged & volume.covered & (volume.depth_mm > settings.side.depth_mm)
    wet = (volume.fluid > 1 + settings.side.large_contrast) & (water > settings.red.water_slope[0] * lost)
    wet &= (lost > settings.fat.loss) & (unsuppressed < settings.fat.near_share)
    return raised(likely, inner & wet, _WET_ML, volume, settings, least=_POSSIBLE)
