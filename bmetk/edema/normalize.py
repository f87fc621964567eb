"""Both series in units of the patient's own normal fatty marrow: 1.0 is normal.

Normal fatty marrow is the bright-T1, dark-fluid mass of all bones together, so that a bone that is
mostly diseased is judged by its neighbours. It is a mode, not a mean: a lesion, however large,
is another mode, and where its mode is that of all, a bone that is far dimmer tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.edema.muscle import muscle_level
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.shading import Shading, estimate_shading, no_shading
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume
from bmetk.exam import Check, CheckStatus

_SAMPLE = 12000
_BINS = 160
_FATTY_SHARE = 0.6
_LEAST_PEAK = 0.3
_LEAST_SHARE = 0.08
_LEAST_WATER = 0.5
_FAR_DIMMER, _AS_FATTY, _BONE_ML = 0.7, 0.9, 5.0
"""Where so much marrow of one bone is as fatty as all and so much dimmer, the mode of all is a lesion's."""


@dataclass(frozen=True, slots=True)
class Level:
    """A tissue's usual intensity with the spread below it (which no lesion widens)."""

    value: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """From intensities as acquired to units of normal fatty marrow, on any grid."""

    shading: Shading
    t1: float
    fluid: float

    def apply(self, volume: MarrowVolume) -> tuple[Float32Array | None, Float32Array]:
        """Return T1 and fluid of a volume, normalised, shape (S, R, C) each."""
        gain_t1, gain_fluid = self.shading.gains(volume.grid)
        t1 = None if volume.t1 is None else volume.t1 / (gain_t1 * np.float32(self.t1))
        return t1, volume.fluid / (gain_fluid * np.float32(self.fluid))


@dataclass(frozen=True, slots=True, eq=False)
class NormalisedMarrow:
    """Both series freed of shading, in units of normal fatty marrow.

    Parameters
    ----------
    volume : MarrowVolume whose ``t1`` and ``fluid`` are normalised
    muscle : fluid signal of muscle in the same units; None where none was found
    scale : Scale that was applied
    checks : what was doubtful
    """

    volume: MarrowVolume
    muscle: float | None
    scale: Scale
    checks: tuple[Check, ...]

    def water_level(self, water_to_muscle: float) -> float:
        """Fluid signal of edema's water above normal marrow, in its units; infinite without muscle."""
        if self.muscle is None:
            return float("inf")
        return max(self.muscle * water_to_muscle - 1, _LEAST_WATER)


def normalise(volume: MarrowVolume, settings: EdemaSettings) -> NormalisedMarrow:
    """Remove the coil's shading and express both series in normal fatty marrow.

    Parameters
    ----------
    volume : MarrowVolume as acquired
    settings : EdemaSettings
    """
    near = surroundings(volume, settings.shading_margin_mm)
    shading = _shading_of(volume, near, settings)
    t1, fluid = Scale(shading, 1.0, 1.0).apply(volume)
    flat = replace(volume, t1=t1, fluid=fluid)
    core = (flat.depth_mm >= _core_depth(flat)) & flat.covered
    reference_t1, reference, share = _normal_marrow(flat, core)
    scaled = replace(
        flat,
        t1=None if t1 is None else t1 / np.float32(reference_t1),
        fluid=fluid / np.float32(reference.value),
    )
    soft = near & (scaled.bones == 0)
    muscle = None if scaled.t1 is None else muscle_level(scaled.t1, scaled.fluid, soft)
    checks = (_shading_check(shading), _marrow_check(scaled, near, share))
    return NormalisedMarrow(scaled, muscle, Scale(shading, reference_t1, reference.value), checks)


def usual_level(values: npt.NDArray[np.floating]) -> Level:
    """Find the lowest substantial mode of a sample and the spread on its lower side.

    Parameters
    ----------
    values : shape (N,), any unit; an empty sample gives a level of 0 with spread 1
    """
    if values.size == 0:
        return Level(0.0, 1.0)
    top = float(np.percentile(values, 99.5))
    bottom = float(values.min())
    if top - bottom <= 1e-6 * max(abs(top), 1e-6):
        return Level(top, max(1e-3 * abs(top), 1e-6))
    counts, edges = np.histogram(values, bins=_BINS, range=(bottom, top))
    width = max(2.0, 0.25 * _inner_spread(values) / float(edges[1] - edges[0]))
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), width, mode="constant")
    padded = np.concatenate([[-1.0], smooth, [-1.0]])
    peaks = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
    first = int(peaks[smooth[peaks] >= _LEAST_PEAK * smooth.max()][0])
    mode = float((edges[first] + edges[first + 1]) / 2)
    return Level(mode, _spread_below(values, mode))


def _spread_below(values: npt.NDArray[np.floating], level: float) -> float:
    """Spread of what lies below a level, which no lesion widens."""
    below = level - values[values < level]
    spread = 1.4826 * float(np.median(below)) if below.size else 0.0
    return max(spread, 1e-3 * abs(level), 1e-6)


def _inner_spread(values: npt.NDArray[np.floating]) -> float:
    """Spread of the lower half, which a bright lesion hardly touches."""
    low, middle = np.percentile(values, (10, 40))
    return float(middle - low)


def _core_depth(volume: MarrowVolume) -> float:
    """Depth below which marrow is free of cortex, mm, reached by enough voxels of small bones too."""
    inside = volume.depth_mm[volume.bones > 0]
    return min(3.0, float(np.percentile(inside, 50))) if inside.size else 0.0


def surroundings(volume: MarrowVolume, margin_mm: float) -> BoolArray:
    """Soft tissue within ``margin_mm`` in the slices around the bones, bones included."""
    radius = [0] + [max(1, int(margin_mm / s)) for s in volume.grid.spacing_mm[1:]]
    marked = (volume.bones > 0) & volume.covered
    for axis in (1, 2):
        marked = ndimage.maximum_filter1d(marked.astype(np.uint8), 2 * radius[axis] + 1, axis=axis) > 0
    return np.asarray(marked & volume.covered)


def _shading_of(volume: MarrowVolume, near: BoolArray, settings: EdemaSettings) -> Shading:
    """Estimate the shading of both series; without T1 it cannot be told from tissue."""
    if not settings.correct_shading or volume.t1 is None:
        return no_shading()
    signal = near & (volume.t1 > 0.1 * np.median(volume.t1[volume.bones > 0])) & (volume.fluid > 0)
    index = np.flatnonzero(signal)
    if index.size < 500:
        return no_shading()
    chosen = index[:: max(1, index.size // _SAMPLE)]
    points = volume.grid.to_world(np.column_stack(np.unravel_index(chosen, volume.grid.shape)))
    return estimate_shading(points, volume.t1.ravel()[chosen], volume.fluid.ravel()[chosen])


def _normal_marrow(volume: MarrowVolume, core: BoolArray) -> tuple[float, Level, float]:
    """Find T1 and fluid of normal fatty marrow, and its share of the marrow, 0 to 1."""
    fluid = volume.fluid[core]
    if fluid.size == 0:
        return 1.0, Level(1.0, 1.0), 0.0
    if volume.t1 is None:
        level = usual_level(fluid)
        return 1.0, level, _share_near(fluid, level)
    t1 = volume.t1[core]
    fatty = t1 > _FATTY_SHARE * np.percentile(t1, 95)
    level = usual_level(fluid[fatty])
    normal = fatty & (np.abs(fluid - level.value) < 2 * level.spread)
    reference_t1 = float(np.median(t1[normal if normal.any() else fatty]))
    bones = volume.bones[core]
    for value in volume.values():
        own = fatty & (bones == value)
        if not _tells_normal(own, bones == value, volume.grid.voxel_ml):
            continue
        middle, own_t1 = float(np.median(fluid[own])), float(np.median(t1[own]))
        if middle < _FAR_DIMMER * level.value and own_t1 > _AS_FATTY * reference_t1:
            level, normal, reference_t1 = Level(middle, _spread_below(fluid[own], middle)), own, own_t1
    return max(reference_t1, 1e-6), Level(max(level.value, 1e-6), level.spread), float(normal.mean())


def _tells_normal(fatty: BoolArray, bone: BoolArray, voxel_ml: float) -> bool:
    """Tell whether a bone's fatty marrow, two masks of voxels, is enough, and most of the bone."""
    count = np.count_nonzero(fatty)
    return bool(count * voxel_ml >= _BONE_ML and count >= 0.5 * np.count_nonzero(bone))


def _share_near(values: Float32Array, level: Level) -> float:
    return float((np.abs(values - level.value) < 2 * level.spread).mean())


def _shading_check(shading: Shading) -> Check:
    strength = shading.strength
    status = CheckStatus.WARN if strength > 4 else CheckStatus.OK
    return Check(
        "coil_shading", status, strength, f"signal varies {strength:.2f}-fold over the bones, corrected"
    )


def _marrow_check(volume: MarrowVolume, near: BoolArray, share: float) -> Check:
    """Doubt the reference where too little marrow is normal, or it is darker than fat should be."""
    name = "normal_marrow"
    if share < _LEAST_SHARE:
        message = f"only {share:.0%} of the marrow looks like normal fatty marrow: the ratio is unreliable"
        return Check(name, CheckStatus.WARN, share, message)
    if volume.t1 is not None:
        around = volume.t1[near & (volume.bones == 0)]
        fat = float(np.percentile(around, 95)) if around.size > 1000 else 1.0
        if fat > 2.5:
            message = (
                f"the brightest marrow on T1 has {1 / fat:.0%} of fat's signal (50 % or more is usual): "
                "no normal fatty marrow is shown and the ratio is unreliable"
            )
            return Check(name, CheckStatus.WARN, share, message)
    return Check(name, CheckStatus.OK, share, f"{share:.0%} of the marrow serves as normal fatty marrow")
