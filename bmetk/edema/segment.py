"""Edema from both signals: bright on the fluid-sensitive series and not bright on T1.

A lesion is detected where the geometric mean of the normalised fluid signal and of its ratio to T1
stands out of the bone's own normal marrow (hysteresis, Canny, doi:10.1109/TPAMI.1986.4767851), and
outlined at half the height between normal marrow and its own level on the fluid-sensitive series,
whose signal is linear in the water that replaced fat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage, special

from bmetk.anatomy import Bone
from bmetk.edema.candidates import Signs, bleeding, placed, with_seeds, without_mimics
from bmetk.edema.contrast import water_to_muscle
from bmetk.edema.normalize import Level, NormalisedMarrow, normalise, usual_level
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import (
    BoolArray,
    Float32Array,
    MarrowVolume,
    depth_below_surface,
    smooth_inside,
)
from bmetk.errors import BonesNotFoundError
from bmetk.exam import Acquisition, Check, CheckStatus, Contrast, Segmentation
from bmetk.image import Mask, ScalarImage, crop_box, crop_grid

_FATTY_BONES = frozenset(bone.value for bone in Bone) - {"femur", "tibia", "fibula", "pelvis"}
_FATTY_DOUBT = 0.7
"""Slope in these bones below which partial volume explains a voxel, against that of red marrow elsewhere."""
_DARKEST_T1 = 0.3
_NORMAL_T1 = 1.1
_BRIGHTEST_T1 = 1.25
_LARGEST_RATIO = 50.0
_CORTEX_MM = 2.5
_LEAST_RED = 0.05
_ABOVE_RED = 1.15
_BASE_RANGE = (0.6, 1.6)


@dataclass(frozen=True, slots=True, eq=False)
class EdemaMap:
    """Where edema is, on the grid of the fluid-sensitive series.

    Parameters
    ----------
    edema : Mask
    probability : ScalarImage, 0 to 1
    ratio : ScalarImage, fluid over T1, each in units of normal fatty marrow; 0 outside the bones
    low, high : Mask, the smallest and the largest outline that the images allow
    checks : what was doubtful
    """

    edema: Mask
    probability: ScalarImage
    ratio: ScalarImage
    low: Mask
    high: Mask
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What speaks for edema at each voxel; all arrays float32, shape (S, R, C)."""

    fluid: Float32Array
    t1: Float32Array | None
    base: Float32Array
    noise: Float32Array
    z: Float32Array
    rim_mm: Float32Array
    edge_mm: Float32Array


def segment_edema(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bones: Segmentation,
    covered: Mask,
    *,
    measured: Mask | None = None,
    settings: EdemaSettings | None = None,
    fluid_acquisition: Acquisition | None = None,
    fluid_contrast: Contrast = Contrast.STIR,
) -> EdemaMap:
    """Find bone marrow edema.

    Parameters
    ----------
    t1 : ScalarImage, registered and resampled on the grid of ``fluid``; None if there is none
    fluid : ScalarImage, STIR or fat-suppressed
    bones : Segmentation on the grid of ``fluid``
    covered : Mask, where both series were acquired
    measured : Mask, the regions that are measured; None for the whole of the bones
    settings : EdemaSettings
    fluid_acquisition : Acquisition of ``fluid``, as far as known
    fluid_contrast : Contrast of ``fluid``

    Raises
    ------
    GridMismatchError
        If the images do not share a grid.
    BonesNotFoundError
        If no bone lies where both series were acquired.
    """
    chosen = settings or EdemaSettings()
    for what, grid in (("fluid series and bones", bones.grid), ("fluid series and coverage", covered.grid)):
        fluid.grid.require_match(grid, what)
    if t1 is not None:
        fluid.grid.require_match(t1.grid, "fluid series and T1")
    marrow = (bones.labels.array > 0) & covered.array
    if not marrow.any():
        raise BonesNotFoundError("no bone lies where both series were acquired: edema cannot be measured")
    box = crop_box(marrow, fluid.grid, chosen.shading_margin_mm)
    volume = _cropped(t1, fluid, bones, covered, box)
    if measured is not None:
        fluid.grid.require_match(measured.grid, "fluid series and regions")
        volume = replace(volume, measured=measured.array[box])
    normal = normalise(volume, chosen)
    ratio_of_water = water_to_muscle(fluid_contrast, fluid_acquisition or Acquisition())
    parts = _segment(normal, ratio_of_water, chosen, _always_fatty(bones))
    shape = fluid.grid.shape
    edema, low, high = (Mask(placed(part, box, shape).astype(bool), fluid.grid) for part in parts.masks)
    probability, ratio = (
        fluid.with_array(placed(part, box, shape)) for part in (parts.probability, parts.ratio)
    )
    checks = (*normal.checks, *parts.checks, *_missing_t1(t1))
    return EdemaMap(edema, probability, ratio, low, high, checks)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Result in the cropped volume."""

    masks: tuple[BoolArray, BoolArray, BoolArray]
    probability: Float32Array
    ratio: Float32Array
    checks: tuple[Check, ...]


def _missing_t1(t1: ScalarImage | None) -> tuple[Check, ...]:
    if t1 is not None:
        return ()
    message = "no T1-weighted series: edema rests on the fluid-sensitive series alone and is less reliable"
    return (Check("t1_series", CheckStatus.WARN, None, message),)


def _cropped(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bones: Segmentation,
    covered: Mask,
    box: tuple[slice, slice, slice],
) -> MarrowVolume:
    """Cut out the bones with their surroundings; values that are no number count as not acquired."""
    grid = crop_grid(fluid.grid, box)
    known = covered.array[box] & np.isfinite(fluid.array[box])
    t1_part = None
    if t1 is not None:
        known &= np.isfinite(t1.array[box])
        t1_part = np.where(known, t1.array[box], np.float32(0))
    labels = bones.labels.array[box]
    depth = depth_below_surface(labels, grid)
    labels = np.where(known, labels, np.uint8(0)).astype(np.uint8)
    fluid_part = np.where(known, fluid.array[box], np.float32(0))
    inside = labels > 0
    return MarrowVolume(grid, t1_part, fluid_part, labels, depth * inside, known, inside)


def _always_fatty(bones: Segmentation) -> tuple[int, ...]:
    """List the bones that hold no red marrow in an adult (Vogler and Murphy, Radiology 168:679, 1988)."""
    return tuple(value for value, label in bones.meaning.items() if label.name in _FATTY_BONES)


def _segment(
    normal: NormalisedMarrow, water_ratio: float, settings: EdemaSettings, fatty: Sequence[int] = ()
) -> _Parts:
    volume = normal.volume
    evidence = _gather(volume, settings)
    level = np.inf if normal.muscle is None else max(normal.muscle * water_ratio - 1, 0.0)
    # Where muscle is no brighter than marrow, fat is poorly suppressed: the scale is too coarse for rules.
    water = level if normal.muscle is not None and normal.muscle >= 1.0 else np.inf
    least = settings.minimal_contrast
    if np.isfinite(level):
        least = max(least, settings.minimal_water * level)
    detection = _detect(volume, evidence, water, least, settings, fatty)
    highest = max(settings.outline_water * level, least) / settings.outline_share
    height, scatter = _height(volume, evidence, detection.seeds, highest, settings)
    allowed = detection.room
    if evidence.t1 is not None:
        allowed = allowed & (evidence.t1 < _BRIGHTEST_T1)
    share, wide = settings.outline_share, settings.uncertain_share
    least_voxels = settings.seed_ml / volume.grid.voxel_ml
    masks = [
        with_seeds(allowed & (height >= s), detection.seeds, least_voxels)
        for s in (share, share + wide, share - wide)
    ]
    edema = masks[0]
    masks[1] &= edema
    masks[2] |= edema
    probability = np.where(allowed, special.ndtr((height - share) / scatter), 0.0).astype(np.float32)
    return _Parts((edema, masks[1], masks[2]), probability, _ratio(volume), (detection.removed,))


def _gather(volume: MarrowVolume, settings: EdemaSettings) -> _Evidence:
    """Smooth both signals within the bones and measure each bone's normal marrow."""
    shape = volume.grid.shape
    rim, edge, base, noise, z = (np.zeros(shape, np.float32) for _ in range(5))
    for value in volume.values():
        inside = volume.bones == value
        deepest = settings.rim_share * float(np.percentile(volume.depth_mm[inside], 98))
        rim[inside], edge[inside] = min(settings.rim_mm, deepest), min(settings.edge_mm, deepest)
    marrow = (volume.bones > 0) & (volume.depth_mm >= edge)
    fluid = smooth_inside(volume.fluid, marrow, settings.smoothing_mm, volume.grid)
    t1 = None if volume.t1 is None else smooth_inside(volume.t1, marrow, settings.smoothing_mm, volume.grid)
    joint = fluid if t1 is None else fluid / np.sqrt(np.clip(t1, _DARKEST_T1, 2.0))
    core = marrow & (volume.depth_mm >= rim)
    everywhere = usual_level(joint[core]), usual_level(fluid[core])
    for value in volume.values():
        inside = volume.bones == value
        own = usual_level(joint[core & inside]), usual_level(fluid[core & inside])
        # A lesion that fills a bone leaves no normal marrow there to be measured: others tell.
        level, low = own if all(map(_is_usual, own, everywhere)) else everywhere
        z[inside] = (joint[inside] - level.value) / level.spread
        base[inside], noise[inside] = low.value, low.spread
    return _Evidence(fluid, t1, base, noise, z, rim, edge)


def _is_usual(own: Level, everywhere: Level) -> bool:
    """Tell whether a bone's normal marrow is about as bright as that of all bones."""
    return bool(_BASE_RANGE[0] <= own.value / max(everywhere.value, 1e-6) <= _BASE_RANGE[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Detection:
    """Voxels that are edema beyond doubt, the room in which to outline it, and what was left out."""

    seeds: BoolArray
    room: BoolArray
    removed: Check


def _detect(
    volume: MarrowVolume,
    evidence: _Evidence,
    water: float,
    least: float,
    settings: EdemaSettings,
    fatty: Sequence[int],
) -> _Detection:
    """Find the lesions above the noise, without mimics."""
    contrast = evidence.fluid - evidence.base
    bleed = bleeding(volume, evidence.base, settings.bleed_mm)
    marrow = (volume.bones > 0) & (volume.depth_mm >= evidence.edge_mm)
    mimics = _unlike_edema(volume, evidence, water, settings, fatty)
    growth = marrow & (evidence.z >= settings.grow_z) & (contrast > 0.5 * bleed)
    growth &= ~mimics
    seeds = growth & (evidence.z >= settings.seed_z) & (volume.depth_mm >= evidence.rim_mm)
    seeds &= contrast - bleed > 0.5 * least
    if evidence.t1 is not None:
        seeds &= evidence.t1 < _NORMAL_T1
    found = with_seeds(growth & (contrast > 0.5 * least), seeds, settings.seed_ml / volume.grid.voxel_ml)
    rim_lesion = evidence.rim_mm * np.float32(settings.rim_lesion_mm / max(settings.rim_mm, 1e-6))
    signs = Signs(
        volume.depth_mm,
        contrast,
        contrast > settings.cyst_water * water,
        seeds,
        rim_lesion,
        _unsuppressed(evidence, contrast, water, settings),
        np.zeros_like(contrast) if evidence.t1 is None else np.maximum(1 - evidence.t1, 0),
        volume.measured,
        np.isin(volume.bones, fatty),
        volume.bones,
    )
    kept, check = without_mimics(found, signs, least, volume.grid, settings)
    reach = ndimage.binary_dilation(kept, np.ones((1, 3, 3), dtype=bool), iterations=2)
    return _Detection(seeds & kept, growth & reach, check)


def _unsuppressed(
    evidence: _Evidence, contrast: Float32Array, water: float, settings: EdemaSettings
) -> Float32Array:
    """Say by how much the fluid signal exceeds what the loss of T1 allows; 0 where that cannot be told."""
    if evidence.t1 is None or not np.isfinite(water) or water <= 0:
        return np.zeros_like(contrast)
    share = contrast / np.float32(water)
    excess = share - settings.fat_slope * (1 - evidence.t1)
    return np.where(share < settings.fat_water, excess, np.minimum(excess, 0)).astype(np.float32)


def _unlike_edema(
    volume: MarrowVolume, evidence: _Evidence, water: float, settings: EdemaSettings, fatty: Sequence[int]
) -> BoolArray:
    """Tell red marrow and fat that was not suppressed by the fluid signal gained for each loss of T1.

    Red marrow's short T2 makes it darker on fluid. By the spin-echo and inversion-recovery equations,
    contrast as a share of water's over the loss of T1 is about 1.0 in red marrow and 1.6 in edema at
    usual times; mixing with fatty marrow changes neither. Both are averaged over some millimetres away
    from the cortex, which has no signal. Where much of the marrow is surely red, its own brightness
    bounds what is doubtful. Fat that escaped its suppression is somewhat bright without any loss; what
    is brighter counts as edema, since some T1 series show little loss.
    """
    if evidence.t1 is None or not np.isfinite(water) or water <= 0:
        return np.zeros(volume.bones.shape, dtype=bool)
    inner = (volume.bones > 0) & (volume.depth_mm >= np.minimum(_CORTEX_MM, 2 * evidence.rim_mm))
    contrast, t1 = evidence.fluid - evidence.base, evidence.t1
    share = smooth_inside(contrast, inner, settings.red_window_mm, volume.grid) / np.float32(water)
    loss = smooth_inside(np.maximum(1 - t1, 0), inner, settings.red_window_mm, volume.grid)
    doubt = np.where(np.isin(volume.bones, fatty), np.float32(_FATTY_DOUBT), np.float32(1))
    red = inner & (share < settings.red_water) & (share < doubt * settings.red_slope * loss)
    fat = inner & (share < settings.fat_water) & (share > settings.fat_slope * loss)
    sure = share[red & (evidence.z >= settings.grow_z) & (share > _LEAST_RED)]
    if sure.size < settings.red_share * np.count_nonzero(inner):
        return _to_the_rim(red | fat, inner, volume, settings.red_window_mm)
    level = _ABOVE_RED * float(np.percentile(sure, 90))
    red |= inner & (doubt == 1) & (share < level) & (share < settings.edema_slope * loss)
    return _to_the_rim(red | fat, inner, volume, settings.red_window_mm)


def _to_the_rim(red: BoolArray, inner: BoolArray, volume: MarrowVolume, window_mm: float) -> BoolArray:
    """Extend a judgement of the inner marrow to the rim beside it, by the majority nearby."""
    sigma = [0.0, window_mm / volume.grid.spacing_mm[1], window_mm / volume.grid.spacing_mm[2]]
    votes = ndimage.gaussian_filter(red.astype(np.float32), sigma, truncate=2.5)
    voters = ndimage.gaussian_filter(inner.astype(np.float32), sigma, truncate=2.5)
    return np.asarray(red | ((volume.bones > 0) & ~inner & (votes > 0.5 * voters)))


def _height(
    volume: MarrowVolume, evidence: _Evidence, detected: BoolArray, highest: float, settings: EdemaSettings
) -> tuple[Float32Array, Float32Array]:
    """Height of each voxel between normal marrow (0) and the lesion around it (1), and its scatter.

    The lesion's own level is the fluid signal weighted by itself over the detected voxels nearby:
    a mean that its brighter middle dominates, and at most ``highest``, so that a bright neighbour
    does not hide a weaker lesion.
    """
    if not detected.any():
        return np.zeros(detected.shape, np.float32), np.ones(detected.shape, np.float32)
    sigma = [settings.peak_window_mm / s for s in volume.grid.spacing_mm]
    above = np.where(detected, np.maximum(evidence.fluid - evidence.base, 0), np.float32(0)).astype(
        np.float32
    )
    weight = ndimage.gaussian_filter(above, sigma, truncate=2.5)
    squares = ndimage.gaussian_filter(above**2, sigma, truncate=2.5)
    peak = np.clip(squares / np.maximum(weight, 1e-6), 1e-3, highest).astype(np.float32)
    height = np.where(weight > 1e-4, (evidence.fluid - evidence.base) / peak, 0).astype(np.float32)
    scatter = np.sqrt((evidence.noise / peak) ** 2 + (settings.uncertain_share / 2) ** 2).astype(np.float32)
    return height, scatter


def _ratio(volume: MarrowVolume) -> Float32Array:
    """Fluid over T1 inside the bones, both normalised; fluid alone where there is no T1."""
    inside = volume.bones > 0
    if volume.t1 is None:
        return np.where(inside, volume.fluid, np.float32(0)).astype(np.float32)
    ratio = volume.fluid / np.maximum(volume.t1, np.float32(1e-3))
    return np.where(inside, np.clip(ratio, 0, _LARGEST_RATIO), 0).astype(np.float32)
