"""Fat that escaped its suppression: how much there is, where, and its signal taken off.

Suppression by frequency fails where the field is off, so that fat is bright although its water is not. What
fat the T1 series shows, and how bright such fat is nearby, tell what of the fluid-sensitive signal is fat.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bmetk.edema.normalize import NormalisedMarrow, surroundings
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, blurred
from bmetk.exam import Check, CheckStatus, Contrast
from bmetk.image import stretch_in_plane
from bmetk.image.grid import FloatArray

CHECK_NAME = "fat_suppression"
_FAT_T1, _MARROW_T1 = 0.8, 0.85
"""T1 signal above which soft tissue, or marrow, is fat, in units of normal marrow."""
_LEAST_FAT = 1000
_BRIGHT_FAT = 2.0
_UNSUPPRESSED = (0.07, 0.15)
_STEP = 4
"""Every so many pixels of a row and a column tell what varies slowly."""
_NEAR_MM = 10.0
"""Standard deviation of the distance within which fat is near."""
_LEAST_FAT_SHARE = 0.02
"""Share of the surroundings that is fat, below which there is none."""

_TAKEN_OFF_SHARE, _NEARBY_SHARE = 0.05, (0.2, 0.5)
"""Shares of bright fat, of all around the bones and of that nearby, from which on its signal is taken off, by
the latter in part or in whole: muscle near a coil may look like fat."""
_FIELD_MM, _FAR = 4.0, 3.0
"""Standard deviation of the distance over which the signal of fat is taken, and how many times farther fat is
looked for where less than the least share of the surroundings is fat."""
_LEAST_FAT_NEAR = 0.03
_SUPPRESSED_PERCENTILE, _ALLOWED = 20.0, 1.3
"""Fat that is suppressed, and how many times brighter fat may be before it counts as escaped."""
_LIKE_FAT_NEARBY = (0.5, 1.4)
"""Marrow tells of fat where its signal is between so many times that of the soft tissue's fat nearby."""
_WATER_T1 = 0.3
"""T1 signal of what holds no fat: muscle's by the spin-echo equation."""
_MOST_FAT = 1.5
_LEAST_LEFT = 0.3
"""Share of normal marrow's signal that is left of what is as bright or brighter."""


def check_fat_suppression(volume: MarrowVolume, contrast: Contrast, settings: EdemaSettings) -> Check | None:
    """Look for fat that is bright although it was suppressed by its frequency; STIR does not need it.

    On development exams up to 4 % of the fat around the bones was twice as bright as normal marrow, and a
    quarter or more where suppression had failed. None for STIR, and where T1 does not tell what is fat.

    Parameters
    ----------
    volume : MarrowVolume, normalised
    contrast : Contrast of the fluid series
    settings : EdemaSettings
    """
    if volume.t1 is None or contrast is Contrast.STIR:
        return None
    near = surroundings(volume, settings.shading_margin_mm)
    fat = volume.fluid[near & (volume.bones == 0) & (volume.t1 > _FAT_T1)]
    if fat.size < _LEAST_FAT:
        return None
    share = float((fat > _BRIGHT_FAT).mean())
    warned, failed = _UNSUPPRESSED
    status = CheckStatus.FAIL if share > failed else CheckStatus.WARN if share > warned else CheckStatus.OK
    message = f"{share:.0%} of the fat around the bones is not suppressed"
    if share > _TAKEN_OFF_SHARE:
        message += "; its signal is taken off where most of the fat nearby is bright"
    return Check(CHECK_NAME, status, share, message)


def unsuppressed_nearby(volume: MarrowVolume, contrast: Contrast) -> Float32Array:
    """Give the share of the fat nearby, outside of bones, that is bright although it should be suppressed.

    Parameters
    ----------
    volume : MarrowVolume, normalised
    contrast : Contrast of the fluid series; STIR suppresses fat everywhere

    Returns
    -------
    float32, shape (S, R, C), 0 to 1; 0 where T1 does not tell what is fat, or none is near
    """
    if volume.t1 is None or contrast is Contrast.STIR:
        return np.zeros_like(volume.fluid)
    thin = (slice(None), slice(None, None, _STEP), slice(None, None, _STEP))
    fat = ((volume.bones == 0) & volume.covered & (volume.t1 > _FAT_T1))[thin]
    steps = np.array([1, _STEP, _STEP]) * volume.grid.spacing_mm
    part, whole = blurred(volume.fluid[thin] > _BRIGHT_FAT, fat, _NEAR_MM / steps, truncate=2.0)
    share = part / np.maximum(whole, np.float32(_LEAST_FAT_SHARE))
    wide = np.repeat(np.repeat(share, _STEP, 1), _STEP, 2)
    return np.asarray(wide[:, : volume.fluid.shape[1], : volume.fluid.shape[2]], np.float32)


def without_escaped_fat(
    volume: MarrowVolume, normal: NormalisedMarrow, nearby: Float32Array, check: Check | None
) -> MarrowVolume:
    """Take the signal of fat that escaped its suppression off the fluid series.

    Of each voxel's signal what its fat has, by its T1 signal, goes, as far as fat nearby is brighter than
    suppressed fat. What has lost its fat, as edema, fluid and muscle have, keeps its own.

    Parameters
    ----------
    volume : MarrowVolume as acquired
    normal : NormalisedMarrow of the same, with the pixels that its field of fat is estimated on
    nearby : what `unsuppressed_nearby` gives for it
    check : what `check_fat_suppression` found

    Returns
    -------
    MarrowVolume, the same where no more fat escaped than does in a good exam
    """
    if check is None or (check.value or 0.0) <= _TAKEN_OFF_SHARE:
        return volume
    escaped = stretch_in_plane(_escaped(normal.volume, nearby), *volume.grid.shape[1:])
    t1, fluid = normal.scale.apply(volume)
    assert t1 is not None  # the check needs it
    fat = np.clip((t1 - _WATER_T1) / (1 - _WATER_T1), 0, _MOST_FAT)
    left = np.maximum(fluid - escaped * fat, _LEAST_LEFT * np.minimum(fluid, 1))
    share = left / np.maximum(fluid, np.float32(1e-6))
    return replace(volume, fluid=np.asarray(volume.fluid * share, np.float32))


def _escaped(volume: MarrowVolume, nearby: Float32Array) -> Float32Array:
    """Give the signal of fat nearby beyond that of suppressed fat, on every so many pixels.

    Fat of the soft tissue tells, and then marrow that is about as bright: a lesion is not taken for it.
    """
    thin = (slice(None), *(slice(min(_STEP // 2, n - 1), None, _STEP) for n in volume.fluid.shape[1:]))
    assert volume.t1 is not None
    t1, bones, covered = volume.t1[thin], volume.bones[thin] > 0, volume.covered[thin]
    fat = covered & (t1 > np.where(bones, np.float32(_MARROW_T1), np.float32(_FAT_T1)))
    signal = np.where(fat, volume.fluid[thin] / np.maximum(t1, np.float32(_FAT_T1)), np.float32(0))
    suppressed = max(1.0, float(np.percentile(signal[fat], _SUPPRESSED_PERCENTILE)))
    steps = np.array([1, _STEP, _STEP]) * volume.grid.spacing_mm
    around = _mean_nearby(signal, fat & ~bones, steps)
    low, high = _LIKE_FAT_NEARBY
    like = fat & (signal > low * around - low) & (signal < high * around + low)
    excess = _mean_nearby(signal, like, steps) - np.float32(_ALLOWED * suppressed)
    little, much = _NEARBY_SHARE
    believed = np.clip((nearby[thin] - little) / (much - little), 0, 1)
    return np.asarray(np.maximum(excess, 0) * believed, np.float32)


def _mean_nearby(signal: Float32Array, where: BoolArray, steps_mm: FloatArray) -> Float32Array:
    """Average what is marked near each place, or farther away where there is little of it near."""

    def mean(sigma_mm: float, least: float) -> tuple[Float32Array, Float32Array]:
        total, weight = blurred(signal, where, sigma_mm / steps_mm, truncate=2.5)
        return np.asarray(total / np.maximum(weight, np.float32(least)), np.float32), weight

    near, weight = mean(_FIELD_MM, _LEAST_FAT_NEAR)
    far, _ = mean(_FAR * _FIELD_MM, 1e-3)
    return np.where(weight > _LEAST_FAT_NEAR, near, far)
