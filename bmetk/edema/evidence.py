"""Where the network does not see enough: what stands out of normal marrow.

The network knows the bones of hip, knee, ankle and foot. A mask of the user's own may be any bone, drawn to
any border: there a voxel counts by its fluid signal above the marrow's own scatter, the more so the less T1
signal it has.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage, special

from bmetk.edema.normalize import Level, usual_level
from bmetk.edema.pieces import IntArray, connect, connect_by_bone, disk, is_large
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, boxes, smooth_inside
from bmetk.image import crop_grid, spread_numbers

_CORE_MM = 2.0
_HALF_Z = 3.0
_LEAST_CONTRAST = 0.2
_T1_POWER = 0.35
"""Power of the T1 signal by which the fluid signal is divided: T1 tells less of edema than fluid does."""
_T1_RANGE = (0.25, 1.1)
_LEAST_BONE_ML = 5.0
"""What is connected to no more than this is judged by the marrow of all bones."""
_PLATE_T1 = 0.6
"""T1 signal below which there is no marrow between two bones, but plates of bone, a disc, a joint."""
_FILLED = 0.15
"""Share of a bone that the network finds likely, from which on its own marrow is not the norm."""
_POSSIBLE = 0.001
"""Probability below which the network rules edema out, be it a bone that it does not know."""
_CLEFT_MM = 2.2
_CLEFT_CONTRAST = 0.3
_CLEFT_PLATES = 0.9
"""Fluid signal of normal marrow's that the plates of bone on both sides of a joint stay below."""
_CLEFT_ML = 0.2
_RIM_MM = 0.5
_RIM_SHARE, _RIM_ML = 0.1, 0.5
"""What is wet in a ray and smaller than both, the first as a share of the bone, is joint fluid at its rim."""
_NEAR_MM, _NEAR_SHARE = 4.0, 0.4
"""But not what is so large a share of the bone that lies so near: it fills an end."""
_SURE = 0.85
_LEAST_ML = 0.3


def standing_out(
    smooth: Float32Array,
    t1: Float32Array | None,
    likely: Float32Array,
    volume: MarrowVolume,
    settings: EdemaSettings,
) -> Float32Array:
    """Say how far each voxel stands out of its bone's normal marrow, 0 to 1; one half at three deviations.

    It is the fluid signal that stands out, the more so the less T1 signal there is. Bones that were drawn as
    one are told apart by what is dark between them: each has a normal marrow of its own.

    Parameters
    ----------
    smooth : float32, shape (S, R, C), fluid signal smoothed within the bones, in units of normal marrow
    t1 : float32 of the same shape, in units of normal marrow; None where there is none
    likely : float32 of the same shape, the network's probability, which here can only rule edema out
    volume : MarrowVolume of the same shape
    settings : EdemaSettings
    """
    inside = volume.bones > 0
    signal, labels = smooth, connect_by_bone(inside, volume.bones)
    if t1 is not None:
        known = smooth_inside(t1, inside, settings.smoothing_mm, volume.grid)
        signal = smooth / np.clip(known, *_T1_RANGE) ** np.float32(_T1_POWER)
        labels = _told_apart(labels, known, volume)
    core = inside & (volume.depth_mm > _CORE_MM)
    everywhere = usual_level(signal[core if core.any() else inside])
    result = np.zeros_like(smooth)
    for number, box in boxes(labels, pad=0):
        own = labels[box] == number
        inner = own & core[box]
        level = everywhere
        if np.count_nonzero(inner) * volume.grid.voxel_ml >= _LEAST_BONE_ML:
            level = _level_of(signal[box][inner], likely[box][inner], everywhere, settings)
        above = signal[box] - level.value
        share = special.ndtr(above / level.spread - _HALF_Z) * (above > _LEAST_CONTRAST)
        result[box] += np.where(own, share, 0).astype(np.float32)
    return np.where(likely >= _POSSIBLE, result, np.float32(0))


def _told_apart(labels: IntArray, t1: Float32Array, volume: MarrowVolume) -> IntArray:
    """Tell apart what lies on both sides of a dark plate; what is too small goes with the nearest."""
    result, count = np.zeros_like(labels), 0
    for number, box in boxes(labels, pad=0):
        own, grid = labels[box] == number, crop_grid(volume.grid, box)
        marrow = own & (volume.depth_mm[box] > _CORE_MM) & (t1[box] > _PLATE_T1)
        parts, _ = ndimage.label(ndimage.binary_opening(marrow, disk(_CORE_MM / grid.spacing_mm[1])))
        large = is_large(parts, _LEAST_BONE_ML, grid)
        parts = np.where(large[parts], parts, 0)
        if large.any():
            parts = spread_numbers(parts, grid.spacing_mm)
        result[box] = np.where(own, count + 1 + parts, result[box])
        count = int(result.max())
    return result


def bright_clefts(smooth: Float32Array, strange: BoolArray, volume: MarrowVolume) -> BoolArray:
    """Mark what is bright in a narrow joint that was drawn with its bones, bool, shape (S, R, C).

    Between two dark plates of bone, an inflamed joint is often no brighter than marrow. Who draws a mask
    through the joint asks for what is in there, too.

    Parameters
    ----------
    smooth : float32, shape (S, R, C), fluid signal smoothed within the bones, in units of normal marrow
    strange : bool of the same shape, bones of unknown name
    volume : MarrowVolume of the same shape
    """
    if not strange.any():
        return strange
    near = disk(_CLEFT_MM / volume.grid.spacing_mm[1])
    darkest = ndimage.grey_erosion(np.where(strange, smooth, np.float32(np.inf)), footprint=near)
    plates = ndimage.grey_dilation(np.where(strange, darkest, np.float32(0)), footprint=near)
    between = strange & (volume.depth_mm > _CORE_MM) & (plates < _CLEFT_PLATES)
    labels = connect(between & (smooth - plates > _CLEFT_CONTRAST))
    return is_large(labels, _CLEFT_ML, volume.grid)[labels]


def _level_of(
    signal: Float32Array, likely: Float32Array, everywhere: Level, settings: EdemaSettings
) -> Level:
    """Take a bone's own marrow for normal, unless much of it is edema."""
    filled = float((likely >= settings.least_probability).mean()) >= _FILLED
    return everywhere if filled else usual_level(signal)


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
    wet &= ~_along_rim(wet, volume)
    return np.where(wet, np.maximum(likely, np.float32(_SURE)), likely)


def _along_rim(wet: BoolArray, volume: MarrowVolume) -> BoolArray:
    """Mark small pieces that leave nearly all of a bone dry, in the slices that show them and around."""
    rim = np.zeros_like(wet)
    near = disk(_NEAR_MM / min(volume.grid.spacing_mm[1:]))
    for number, box in boxes(labels := connect_by_bone(wet, volume.bones), pad=near.shape[1] // 2):
        piece = labels[box] == number
        shown = np.flatnonzero(piece.any(axis=(1, 2))) + box[0].start
        value = volume.bones[box][piece][0]
        size, whole = np.count_nonzero(piece), np.count_nonzero(volume.bones[shown] == value)
        if size < _RIM_SHARE * whole and size * volume.grid.voxel_ml < _RIM_ML:
            around = ndimage.binary_dilation(piece, near) & (volume.bones[box] == value)
            if size < _NEAR_SHARE * np.count_nonzero(around):
                rim[box] |= piece
    return rim


def _share_of_lesions(contrast: Float32Array, likely: Float32Array, volume: MarrowVolume) -> Float32Array:
    """Compare with the sure lesions of the exam, whose water is taken for half of what it could be."""
    sure = contrast[likely >= _SURE]
    if sure.size * volume.grid.voxel_ml < _LEAST_ML:
        return np.zeros_like(contrast)
    return np.asarray(0.5 * contrast / max(float(np.median(sure)), 1e-6), np.float32)
