"""What the edema network is told of each pixel: both signals in three slices, and where it lies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy import ndimage

from bmetk.anatomy import opposite_value
from bmetk.edema.normalize import Level, NormalisedMarrow, usual_level
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume

PIXEL_MM = 0.9
"""In-plane size that the network looks at."""
CHANNELS = 14
RED_BONES = frozenset({"femur", "tibia", "fibula", "pelvis"})
"""Bones that hold red marrow in an adult (Vogler and Murphy, doi:10.1148/radiology.168.3.3043546)."""


class Told(IntEnum):
    """Place of what is told once a pixel; before it come three slices each of fluid, T1 and depth."""

    FLUID = 1
    T1 = 4
    DEPTH = 7
    WATER = 9
    MUSCLE_KNOWN = 10
    DEVIATIONS = 11
    RED = 12
    DISTANCE = 13


_CORE_MM = 1.5
_CORE_SHARE = 0.35
_USUAL_BASE = (0.6, 1.4)
DEPTH_MM = 6.0
UNKNOWN_RED = 0.5
_BRIGHTER, _FILLED_FLUID, _FILLED_T1, _OTHER_ML = 1.3, 1.6, 0.9, 5.0
"""A lesion fills a bone whose usual level and median of fluid are so many times the other side's, with less
than this share of its T1, if so much of the other side is seen."""


@dataclass(frozen=True, slots=True, eq=False)
class NormalLevels:
    """Fluid signal of normal marrow where each voxel lies, and its spread; float32, shape (S, R, C)."""

    base: Float32Array
    spread: Float32Array


def normal_levels(volume: MarrowVolume) -> NormalLevels:
    """Measure each bone's normal marrow; a bone that a lesion fills takes that of all bones.

    Parameters
    ----------
    volume : MarrowVolume, normalised
    """
    core = _core(volume)
    everywhere = usual_level(volume.fluid[core])
    base = np.full(volume.fluid.shape, everywhere.value, np.float32)
    spread = np.full(volume.fluid.shape, everywhere.spread, np.float32)
    own = {value: usual_level(volume.fluid[core & (volume.bones == value)]) for value in volume.values()}
    for value in own:
        level = _normal_level(value, own, everywhere, core, volume)
        inside = volume.bones == value
        base[inside], spread[inside] = level.value, level.spread
    return NormalLevels(base, spread)


def _normal_level(
    value: int, own: Mapping[int, Level], everywhere: Level, core: BoolArray, volume: MarrowVolume
) -> Level:
    """Choose what a bone is compared with: itself, the other side where a lesion fills it, or all bones."""
    other = opposite_value(value)
    brighter = other in own and own[value].value > _BRIGHTER * own[other].value
    if brighter and _is_filled(value, other, core, volume):
        return own[other]
    return own[value] if _is_usual(own[value], everywhere) else everywhere


def _is_filled(value: int, other: int, core: BoolArray, volume: MarrowVolume) -> bool:
    """Tell whether a bone is far brighter than the other side's, and darker on T1."""
    if volume.t1 is None:
        return False
    here, there = core & (volume.bones == value), core & (volume.bones == other)
    if np.count_nonzero(there) * volume.grid.voxel_ml < _OTHER_ML:
        return False
    brighter = float(np.median(volume.fluid[here])) / max(float(np.median(volume.fluid[there])), 1e-6)
    darker = float(np.median(volume.t1[here])) / max(float(np.median(volume.t1[there])), 1e-6)
    return brighter > _FILLED_FLUID and darker < _FILLED_T1


def _core(volume: MarrowVolume) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Mark what lies clear of the rim; in small bones the rim is thinner."""
    core = np.zeros(volume.bones.shape, bool)
    for value in volume.values():
        inside = volume.bones == value
        deepest = float(np.percentile(volume.depth_mm[inside], 98))
        core |= inside & (volume.depth_mm >= min(_CORE_MM, _CORE_SHARE * deepest))
    return core & volume.covered


def _is_usual(own: Level, everywhere: Level) -> bool:
    """Tell whether a bone's normal marrow is about as bright as that of all bones."""
    low, high = _USUAL_BASE
    return bool(low <= own.value / max(everywhere.value, 1e-6) <= high)


def describe(
    normal: NormalisedMarrow, water_to_muscle: float, fatty: Collection[int], unknown: Collection[int] = ()
) -> Float32Array:
    """Gather what is told of every pixel.

    Parameters
    ----------
    normal : NormalisedMarrow with pixels of about ``PIXEL_MM``
    water_to_muscle : signal of edema's water as a multiple of muscle's
    fatty : bones that hold no red marrow
    unknown : bones of which that is not known

    Returns
    -------
    float32, shape (S, CHANNELS, R, C): fluid of three slices, T1 of three, depth in the bone of three, water
    share, whether that is known, deviations above normal marrow, chance of red marrow, slice distance
    """
    volume = normal.volume
    levels = normal_levels(volume)
    contrast = volume.fluid - levels.base
    told = np.zeros((volume.fluid.shape[0], CHANNELS, *volume.fluid.shape[1:]), np.float32)
    t1 = np.zeros_like(volume.fluid) if volume.t1 is None else np.clip(volume.t1, 0, 2.5)
    told[:, _about(Told.FLUID)] = _three(np.log2(np.clip(volume.fluid, 0, 60) + 0.25) / 4)
    told[:, _about(Told.T1)] = _three(t1)
    told[:, _about(Told.DEPTH)] = _three(np.clip(signed_depth(volume) / DEPTH_MM, -1, 1))
    if normal.muscle is not None:
        told[:, Told.WATER] = np.clip(contrast / normal.water_level(water_to_muscle), -0.5, 3)
        told[:, Told.MUSCLE_KNOWN] = 1
    told[:, Told.DEVIATIONS] = np.clip(contrast / levels.spread, -5, 30) / 15
    red = np.where(np.isin(volume.bones, list(unknown)), np.float32(UNKNOWN_RED), np.float32(1))
    possible = (volume.bones > 0) & ~np.isin(volume.bones, list(fatty)) & ~volume.yellow
    told[:, Told.RED] = np.where(possible, red, 0)
    told[:, Told.DISTANCE] = volume.grid.spacing_mm[0] / 5 - 1
    return told


def _about(middle: Told) -> slice:
    """Places of a slice, the one below and the one above."""
    return slice(middle - 1, middle + 2)


def _three(array: Float32Array) -> Float32Array:
    """Stack each slice with its neighbours, shape (S, 3, R, C); the ends are their own neighbours."""
    last = len(array) - 1
    near = np.clip(np.arange(len(array))[:, None] + np.array([-1, 0, 1]), 0, last)
    return np.asarray(array[near], np.float32)


def signed_depth(volume: MarrowVolume) -> Float32Array:
    """Measure in each slice how deep a pixel lies in its bone, or how far outside of all (negative), mm."""
    depth = volume.depth_mm.copy()
    pixel = volume.grid.spacing_mm[1:]
    for plane, target in zip(volume.bones == 0, depth, strict=True):
        if plane.all():
            target[:] = -99
        elif plane.any():
            outside = ndimage.distance_transform_edt(plane, sampling=pixel) - min(pixel) / 2
            np.copyto(target, -outside.astype(np.float32), where=plane)
    return depth
