"""The outline of lesions: half way between the marrow around and the lesion's own level.

The signal of the fluid-sensitive series is linear in the water that replaced fat, so that half its height
is where half of the lesion's water is, be the lesion strong or weak, sharp or fuzzy. Red marrow holds water
before any lesion, so that the height counts from it where a lesion lies in it. Where lesions are, the
network says (`membership.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from bmetk.edema.growth import grow_alike
from bmetk.edema.measured import Signals
from bmetk.edema.pieces import with_core
from bmetk.edema.satellites import without_satellites
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowKinds, MarrowVolume, blurred, widened
from bmetk.image import crop_box

_NORMAL_PROBABILITY = 0.1
_NORMAL_SHARE = 0.1
_REACH_PIXELS, _CLEAR_PIXELS = 3, 6
"""How far the fringe of a lesion reaches, and from where on marrow is clear of it."""
_LEAST_SHARE_AROUND, _HIGHEST_AROUND = 1e-3, 0.5
"""Least weight of clear marrow that tells what is around, and the most that is of a lesion's level."""
_LEAST_PEAK = 1e-3
_WINDOWS = 2.5
"""Standard deviations at which the window of a lesion's own level ends."""
_BELOW_HALF = 0.49
"""What is likely, and yet no lesion, is not told as more likely than not."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Lesions and how likely each voxel belongs to one; shape (S, R, C).

    Parameters
    ----------
    edema : bool
    probability : float32, 0 to 1, above one half inside of ``edema``
    dropped : bool, what was left out for what its signals tell
    doubtful : bool, what of it may be what is left of an earlier lesion
    dropped_ml : mL that was left out, by what it is
    half_height : float32, fluid signal half way from the marrow around up to the lesion nearby; infinite
        where there is none
    """

    edema: BoolArray
    probability: Float32Array
    dropped: BoolArray
    doubtful: BoolArray
    dropped_ml: Mapping[str, float]
    half_height: Float32Array

    def with_fringe(self, fluid: Float32Array, bones: npt.NDArray[np.uint8]) -> Outline:
        """Add pixels beside a lesion of their bone that are half as high: smoothing takes them from it.

        Parameters
        ----------
        fluid : float32, shape (S, R, C), fluid signal before its smoothing, in units of normal marrow
        bones : uint8 of the same shape
        """
        cross = ndimage.generate_binary_structure(2, 1)[None]
        beside = ndimage.grey_dilation(np.where(self.edema, bones, np.uint8(0)), footprint=cross) == bones
        return self.with_more((bones > 0) & beside & (fluid >= self.half_height))

    def with_more(self, found: BoolArray) -> Outline:
        """Take what was found by other means for edema, too."""
        if not found.any():
            return self
        probability = np.where(found, np.maximum(self.probability, np.float32(0.5)), self.probability)
        return replace(
            self,
            edema=self.edema | found,
            probability=probability,
            dropped=self.dropped & ~found,
            doubtful=self.doubtful & ~found,
        )


def outline_lesions(
    likely: Float32Array,
    smooth: Float32Array,
    t1: Float32Array | None,
    water: Float32Array,
    unsuppressed: Float32Array,
    volume: MarrowVolume,
    kinds: MarrowKinds,
    settings: EdemaSettings,
) -> Outline:
    """Outline what the network found.

    Parameters
    ----------
    likely : float32, shape (S, R, C), the network's probability, 0 outside the bones
    smooth : float32 of the same shape, fluid signal smoothed within the bones, in units of normal marrow
    t1 : float32 of the same shape, in units of normal marrow; None where there is none
    water : float32 of the same shape, share of edema water's signal; 0 where nothing tells it
    unsuppressed : float32 of the same shape, share of the fat nearby that escaped its suppression
    volume : MarrowVolume of the same shape, whose bones and regions count
    kinds : which bones may hold red marrow
    settings : EdemaSettings
    """
    inside = volume.bones > 0
    contrast, noise = _above_normal(smooth, likely, volume)
    least, seed = settings.fatty_probability
    fat = np.isin(volume.bones, kinds.fatty)
    certain = likely >= np.where(fat, seed, settings.seed_probability)
    enough = likely >= np.where(fat, least, settings.least_probability)
    found = _believed(enough & inside, certain, volume, settings)
    signals = Signals(likely, contrast, water, t1, noise, unsuppressed)
    if not found.any():
        return Outline(found, _agreeing(likely, found), found, found, {}, np.full_like(smooth, np.inf))
    strange = np.isin(volume.bones, kinds.unknown)
    core_share = np.where(strange, np.float32(0), np.float32(settings.core_share))
    height, peak = _height(contrast, found & certain, core_share, volume, settings)
    around = np.minimum(_around(contrast, found, volume, kinds, settings), _HIGHEST_AROUND * peak)
    own_height = peak - around
    above = np.where(height > 0, (contrast - around) / own_height, height)
    near = widened(found, (0, _REACH_PIXELS, _REACH_PIXELS)) & inside
    edge = np.where(strange, settings.least_probability, settings.edge_probability)
    wide = strange & (not settings.familiar)
    level = np.where(wide, settings.wide_outline_share, settings.outline_share).astype(np.float32)
    half = near & (height >= level) & (likely >= edge)
    outlined = _believed(half, found & certain, volume, settings)
    believed, doubtful, dropped_ml = without_satellites(outlined, signals, volume, kinds, settings)
    own = _believed(believed & (above >= level), believed & certain, volume, settings)
    edema = grow_alike(own, signals, volume, kinds, settings) & (believed | ~outlined)
    scatter = np.hypot(noise / own_height, np.float32(settings.uncertain_share))
    share = special.ndtr((above - level) / scatter)
    close = edema | (near & (likely >= settings.edge_probability))
    probability = _agreeing(np.where(close, share, likely), edema)
    half_height = np.where(near, smooth - contrast + around + level * own_height, np.float32(np.inf))
    return Outline(edema, probability, outlined & ~believed, doubtful & ~edema, dropped_ml, half_height)


def _agreeing(probability: npt.NDArray[np.floating], edema: BoolArray) -> Float32Array:
    """Have the probability agree with the outline: above one half inside of it alone."""
    agreeing = np.where(edema, np.maximum(probability, 0.5), np.minimum(probability, _BELOW_HALF))
    return np.asarray(agreeing, np.float32)


def _believed(
    mask: BoolArray, certain: BoolArray, volume: MarrowVolume, settings: EdemaSettings
) -> BoolArray:
    return with_core(mask, certain, volume.bones, volume.measured, volume.grid, settings)


def _above_normal(
    fluid: Float32Array, likely: Float32Array, volume: MarrowVolume
) -> tuple[Float32Array, Float32Array]:
    """Subtract the normal marrow of each bone, and measure its scatter.

    A bone that hardly has any is compared with normal marrow elsewhere, which is 1.
    """
    contrast, noise = np.zeros_like(fluid), np.ones_like(fluid)
    for value in volume.values():
        inside = volume.bones == value
        normal = fluid[inside & (likely < _NORMAL_PROBABILITY)]
        base, spread = 1.0, 0.3
        if normal.size > _NORMAL_SHARE * np.count_nonzero(inside):
            base = float(np.median(normal))
            spread = 1.4826 * float(np.median(np.abs(normal - base)))
        contrast[inside], noise[inside] = fluid[inside] - base, spread
    return contrast, noise


def _around(
    contrast: Float32Array,
    found: BoolArray,
    volume: MarrowVolume,
    kinds: MarrowKinds,
    settings: EdemaSettings,
) -> Float32Array:
    """Mean contrast of the marrow around the lesions, by its nearness; 0 in bones that hold no red marrow."""
    around = np.zeros_like(contrast)
    clear = ~widened(found, (0, _CLEAR_PIXELS, _CLEAR_PIXELS))
    sigma = [settings.around_window_mm / s for s in volume.grid.spacing_mm]
    for value in np.setdiff1d(volume.bones[found], kinds.not_red):
        here = volume.bones == value
        box = crop_box(here, volume.grid, 0.0)
        mean, weight = _local_mean(np.maximum(contrast[box], 0), (here & clear)[box], sigma)
        told = here[box] & (weight > _LEAST_SHARE_AROUND)
        around[box] = np.where(told, mean, around[box])
    return around


def _height(
    contrast: Float32Array,
    certain: BoolArray,
    core_share: Float32Array,
    volume: MarrowVolume,
    settings: EdemaSettings,
) -> tuple[Float32Array, Float32Array]:
    """Height of each voxel between normal marrow (0) and the lesion around it (1), and the lesion's level.

    The level is the mean of what is certain nearby without its dim parts: the fuzzy edge is certain, too, and
    would lower it.
    """
    reach_mm = _WINDOWS * settings.level_window_mm
    box = crop_box(certain, volume.grid, reach_mm + 2 * max(volume.grid.spacing_mm))
    sigma = [settings.level_window_mm / s for s in volume.grid.spacing_mm]
    here, above = certain[box], np.maximum(contrast[box], 0)
    level, _ = _local_mean(above, here, sigma)
    level, weight = _local_mean(above, here & (above >= core_share[box] * level), sigma)
    height, peak = np.zeros_like(contrast), np.full_like(contrast, _LEAST_PEAK)
    height[box], peak[box] = np.where(weight > 1e-4, contrast[box] / level, 0), level
    return height, peak


def _local_mean(
    values: Float32Array, mask: BoolArray, sigma: Sequence[float]
) -> tuple[Float32Array, Float32Array]:
    """Average what is marked, weighted by its nearness; with the weight there is."""
    total, weight = blurred(values, mask, sigma, truncate=_WINDOWS, mode="constant")
    return np.maximum(total / np.maximum(weight, 1e-6), np.float32(_LEAST_PEAK)), weight
