"""Where the network does not see enough: what stands out of normal marrow.

The network knows the bones of hip, knee, ankle and foot. A mask of the user's own may be any bone, drawn to
any border: there a voxel counts by its fluid signal above the marrow's own scatter, as long as T1 is not
brighter than normal marrow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

from bmetk.edema.normalize import usual_level
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import Float32Array, MarrowVolume, smooth_inside

_CORE_MM = 2.0
_HALF_Z = 3.0
_LEAST_CONTRAST = 0.2
_BRIGHTEST_T1 = 1.2
_RIM_MM = 0.5
_SURE = 0.85
_LEAST_ML = 0.3


def standing_out(
    smooth: Float32Array, t1: Float32Array | None, volume: MarrowVolume, settings: EdemaSettings
) -> Float32Array:
    """Say how far each voxel stands out of normal marrow, 0 to 1; one half at three deviations.

    Parameters
    ----------
    smooth : float32, shape (S, R, C), fluid signal smoothed within the bones, in units of normal marrow
    t1 : float32 of the same shape, in units of normal marrow; None where there is none
    volume : MarrowVolume of the same shape
    settings : EdemaSettings
    """
    inside = volume.bones > 0
    core = inside & (volume.depth_mm > _CORE_MM)
    level = usual_level(smooth[core if core.any() else inside])
    likely = special.ndtr((smooth - level.value) / level.spread - _HALF_Z).astype(np.float32)
    allowed = inside & (smooth - level.value > _LEAST_CONTRAST)
    if t1 is not None:
        allowed &= smooth_inside(t1, inside, settings.smoothing_mm, volume.grid) < _BRIGHTEST_T1
    return np.where(allowed, likely, np.float32(0))


def fill_forefoot(
    likely: Float32Array,
    smooth: Float32Array,
    water: Float32Array,
    volume: MarrowVolume,
    least_share: Mapping[int, float],
) -> Float32Array:
    """Add what is wet in toes and metatarsals, whose marrow is so thin that the network takes it for a rim.

    Parameters
    ----------
    likely : float32, shape (S, R, C), the network's probability
    smooth : float32 of the same shape, fluid signal smoothed within the bones, in units of normal marrow
    water : float32 of the same shape, share of edema water's signal
    volume : MarrowVolume of the same shape
    least_share : share of edema water's signal from which on it counts, by the label of each such bone
    """
    inside = np.isin(volume.bones, list(least_share))
    if not inside.any():
        return likely
    least = np.ones(256, np.float32)
    for value, enough in least_share.items():
        least[value] = enough
    level = usual_level(smooth[volume.bones > 0])
    contrast = smooth - level.value
    share = water if water.any() else _share_of_lesions(contrast, likely, volume)
    wet = inside & (volume.depth_mm > _RIM_MM) & (share >= least[volume.bones])
    wet &= contrast > _HALF_Z * level.spread
    return np.where(wet, np.maximum(likely, np.float32(_SURE)), likely)


def _share_of_lesions(contrast: Float32Array, likely: Float32Array, volume: MarrowVolume) -> Float32Array:
    """Compare with the sure lesions of the exam, whose water is taken for half of what it could be."""
    sure = contrast[likely >= _SURE]
    if sure.size * volume.grid.voxel_ml < _LEAST_ML:
        return np.zeros_like(contrast)
    return np.asarray(0.5 * contrast / max(float(np.median(sure)), 1e-6), np.float32)
