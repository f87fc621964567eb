"""Edema from both signals: from two series and the bones to an outline and a probability.

Both series are expressed in the patient's own normal fatty marrow (`normalize.py`); a network that is told
these signals, the share of water that they stand for and where a pixel lies (`describe.py`, `membership.py`)
says where lesions are, and the signal itself where they end (`outline.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bmetk.anatomy import YELLOW_REGIONS, Bone, Region
from bmetk.anatomy.geometry import CONDYLE_MM
from bmetk.edema.contrast import contrast_of, water_to_muscle
from bmetk.edema.describe import PIXEL_MM, RED_BONES, describe
from bmetk.edema.doubted import smoothed, wetter_than_red
from bmetk.edema.evidence import bright_clefts, fill_forefoot, standing_out
from bmetk.edema.membership import edema_probability
from bmetk.edema.mimics import count_mimics
from bmetk.edema.muscle import LEAST_MUSCLE
from bmetk.edema.normalize import NormalisedMarrow, normalise
from bmetk.edema.outline import Outline, outline_lesions
from bmetk.edema.pixels import at_pixels, nearest
from bmetk.edema.recall import recall_known
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.shading import Shading
from bmetk.edema.sides import unlike_other_side
from bmetk.edema.suppression import check_fat_suppression, unsuppressed_nearby, without_escaped_fat
from bmetk.edema.volume import (
    BoolArray,
    Float32Array,
    MarrowKinds,
    MarrowVolume,
    depth_below_surface,
    smooth_inside,
    widened,
)
from bmetk.errors import BonesNotFoundError
from bmetk.exam import Check, CheckStatus, Contrast, Protocol, Segmentation
from bmetk.image import Box, Grid, Mask, ScalarImage, crop_box, crop_grid, stretch_in_plane

_BONE_NAMES = frozenset(bone.value for bone in Bone)
_THIN_BONES = {Bone.PHALANGES.value: 0.25} | {b.value: 0.4 for b in Bone if b.value.startswith("metatarsal")}
"""Bones too thin for the network, with the share of water from which on they count as wet."""
_METAPHYSIS_MM = CONDYLE_MM - 28.0
"""How far the regions of the condyles reach beyond the epiphysis: red marrow stops at the growth scar."""
_TIBIAL_END_MM = 50.0
"""How far the yellow end of the distal tibia reaches up from the tip of its malleolus."""
_LARGEST_RATIO = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class EdemaMap:
    """Where edema is, on the grid of the fluid-sensitive series.

    Parameters
    ----------
    edema : Mask
    probability : ScalarImage, 0 to 1
    ratio : ScalarImage, fluid over T1, each in units of normal fatty marrow; 0 outside the bones
    water : ScalarImage, share of the signal of pure interstitial water, 0 to 1; 0 outside the bones, and
        everywhere where no muscle tells it; None where that is not kept
    contrast : ScalarImage, fluid signal above normal marrow, in units of normal marrow; 0 outside the bones;
        None where that is not kept
    checks : what was uncertain
    shading : Shading of both series; None where that is not kept
    """

    edema: Mask
    probability: ScalarImage
    ratio: ScalarImage
    water: ScalarImage | None = None
    contrast: ScalarImage | None = None
    checks: tuple[Check, ...] = ()
    shading: Shading | None = None


def segment_edema(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bones: Segmentation,
    covered: Mask,
    *,
    regions: Segmentation | None = None,
    settings: EdemaSettings | None = None,
    protocol: Protocol | None = None,
    known: Mask | None = None,
) -> EdemaMap:
    """Find bone marrow edema.

    Parameters
    ----------
    t1 : ScalarImage, registered and resampled on the grid of ``fluid``; None if there is none
    fluid : ScalarImage, STIR or fat-suppressed
    bones : Segmentation on the grid of ``fluid``
    covered : Mask, where both series were acquired
    regions : Segmentation, the regions that are measured; None for the whole of the bones
    settings : EdemaSettings
    protocol : Protocol of ``fluid``; a STIR if it is not known
    known : Mask on the grid of ``fluid``, edema of other exams of the patient; what by itself is too
        faint, or too much like a vessel, red marrow or fat, counts there

    Raises
    ------
    GridMismatchError
        If the images do not share a grid.
    BonesNotFoundError
        If no bone lies where both series were acquired.
    """
    chosen = settings or EdemaSettings()
    contrast, acquisition = contrast_of(protocol)
    _require_one_grid(t1, fluid, bones, covered, regions, known)
    box = _box(bones, covered, chosen)
    volume = _cropped(t1, fluid, bones, covered, regions, box)
    volume, normal, fat, checks = _fat_suppressed(volume, contrast, chosen)
    to_muscle = water_to_muscle(contrast, acquisition)
    kinds = _marrow_kinds(bones, volume)
    water_level = _water_level(normal, to_muscle)
    told = describe(normal, to_muscle, kinds.fatty, kinds.unknown)
    likely = _likely(told, fat, water_level, normal.volume, kinds, chosen)
    ready = _ready(volume, normal, water_level, fat, kinds, chosen)
    likely = ready.at_voxels(likely, {value: bones.meaning[value].name for value in kinds.thin})
    clefts = bright_clefts(ready.smooth, ready.strange, volume)
    outline = ready.outline(likely).with_more(clefts)
    if known:
        recalled = recall_known(outline, likely, known.array[box], ready.outline)
        outline, checks = outline.with_more(recalled), (*checks, *_recalled_check(recalled, volume.grid))
    seen = nearest(outline.edema, normal.volume.fluid.shape)
    mimics = count_mimics(told, seen, outline.dropped_ml, normal.volume, chosen)
    probability, ratio, water, contrast_map = (
        _placed(part, box, fluid) for part in (outline.probability, *ready.maps)
    )
    edema = _placed_mask(outline.edema, box, fluid)
    checks = (*checks, mimics, *_missing_t1(t1))
    return EdemaMap(edema, probability, ratio, water, contrast_map, checks, normal.scale.shading)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """The signals of each voxel in units of normal marrow, ready to be outlined.

    ``maps`` are ratio, share of water and contrast; ``fat`` is the share of the fat nearby that escaped its
    suppression, ``strange`` the bones that the network does not know.
    """

    volume: MarrowVolume
    kinds: MarrowKinds
    settings: EdemaSettings
    t1: Float32Array | None
    fluid: Float32Array
    smooth: Float32Array
    maps: tuple[Float32Array, Float32Array, Float32Array]
    fat: Float32Array
    strange: BoolArray

    def at_voxels(self, likely: Float32Array, thin: Mapping[int, str]) -> Float32Array:
        """Bring the network's probability to the voxels, and add what it does not see; ``thin`` are rays."""
        volume = self.volume
        likely = stretch_in_plane(likely, *volume.grid.shape[1:])
        likely = np.where(volume.bones > 0, likely, np.float32(0))
        if self.strange.any():
            likely = np.where(
                self.strange, standing_out(self.smooth, self.t1, likely, volume, self.settings), likely
            )
        least_share = {value: _THIN_BONES[name] for value, name in thin.items()}
        return fill_forefoot(likely, self.smooth, self.maps[1], volume, least_share)

    def outline(self, likely: Float32Array) -> Outline:
        """Outline what is likely."""
        found = outline_lesions(
            likely, self.smooth, self.t1, self.maps[1], self.fat, self.volume, self.kinds, self.settings
        )
        return found.with_fringe(self.fluid, self.volume.bones)


def _ready(
    volume: MarrowVolume,
    normal: NormalisedMarrow,
    water_level: float,
    fat: Float32Array,
    kinds: MarrowKinds,
    settings: EdemaSettings,
) -> _Ready:
    t1, fluid = normal.scale.apply(volume)
    inside = volume.bones > 0
    smooth = smooth_inside(fluid, inside, settings.smoothing_mm, volume.grid)
    maps = _signal_maps(t1, fluid, water_level, inside)
    wide = stretch_in_plane(fat, *volume.grid.shape[1:])
    strange = np.isin(volume.bones, () if settings.familiar else kinds.unknown)
    return _Ready(volume, kinds, settings, t1, fluid, smooth, maps, wide, strange)


def _fat_suppressed(
    volume: MarrowVolume, contrast: Contrast, settings: EdemaSettings
) -> tuple[MarrowVolume, NormalisedMarrow, Float32Array, tuple[Check, ...]]:
    """Express both signals in normal marrow, without what fat has in spite of its suppression.

    With them go the share of the fat nearby that escaped, which says where the rest is doubted, and checks.
    """
    normal = normalise(at_pixels(volume, PIXEL_MM), settings)
    nearby = unsuppressed_nearby(normal.volume, contrast)
    check = check_fat_suppression(normal.volume, contrast, settings)
    cleaned = without_escaped_fat(volume, normal, nearby, check)
    if cleaned is not volume:
        normal = normalise(at_pixels(cleaned, PIXEL_MM), settings)
    return cleaned, normal, nearby, (*normal.checks, *((check,) if check else ()))


def _likely(
    told: Float32Array,
    fat: Float32Array,
    water_level: float,
    volume: MarrowVolume,
    kinds: MarrowKinds,
    settings: EdemaSettings,
) -> Float32Array:
    """Ask the network, and overrule its doubt where the signals alone tell edema."""
    wanted = (volume.bones > 0) & widened(
        volume.measured, [round(settings.beyond_mm / s) for s in volume.grid.spacing_mm]
    )
    likely = edema_probability(told, wanted, threads=settings.threads)
    smooth = smoothed(volume)
    likely = unlike_other_side(likely, fat, smooth, settings)
    return wetter_than_red(likely, fat, water_level, smooth, kinds, settings)


def _require_one_grid(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bones: Segmentation,
    covered: Mask,
    regions: Segmentation | None,
    known: Mask | None,
) -> None:
    fluid.grid.require_match(bones.grid, "fluid series and bones")
    fluid.grid.require_match(covered.grid, "fluid series and coverage")
    if t1 is not None:
        fluid.grid.require_match(t1.grid, "fluid series and T1")
    if regions is not None:
        fluid.grid.require_match(regions.grid, "fluid series and regions")
    if known is not None:
        fluid.grid.require_match(known.grid, "edema of this and of another exam")


def _box(bones: Segmentation, covered: Mask, settings: EdemaSettings) -> Box:
    marrow = (bones.labels.array > 0) & covered.array
    if not marrow.any():
        raise BonesNotFoundError("no bone lies where both series were acquired: edema cannot be measured")
    return crop_box(marrow, bones.grid, settings.shading_margin_mm)


def _recalled_check(recalled: BoolArray, grid: Grid) -> tuple[Check, ...]:
    if not recalled.any():
        return ()
    ml = float(np.count_nonzero(recalled)) * grid.voxel_ml
    message = f"{ml:.1f} mL is in doubt by itself, and counts since another exam shows edema there"
    return (Check("known_edema", CheckStatus.OK, ml, message),)


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
    regions: Segmentation | None,
    box: Box,
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
    area, yellow = inside, np.zeros_like(inside)
    if regions is not None:
        named = regions.labels.array[box]
        area, yellow = named > 0, yellow_marrow(named, regions, grid)
    return MarrowVolume(grid, t1_part, fluid_part, labels, depth * inside, known, area, yellow)


def yellow_marrow(named: npt.NDArray[np.uint8], regions: Segmentation, grid: Grid) -> BoolArray:
    """Mark where marrow is yellow: of the femoral condyles and the distal tibia, their ends alone."""
    yellow, beyond, tibia, talus = (
        np.isin(named, [value for value, label in regions.meaning.items() if label.name in names])
        for names in (
            YELLOW_REGIONS,
            (Region.DISTAL_FEMORAL_METAPHYSIS,),
            (Region.DISTAL_TIBIA,),
            (Region.TALUS,),
        )
    )
    reach = [round(_METAPHYSIS_MM / spacing) for spacing in grid.spacing_mm]
    return np.asarray(yellow & ~widened(beyond, reach) & ~_shaft(tibia, talus, grid))


def _shaft(tibia: BoolArray, talus: BoolArray, grid: Grid) -> BoolArray:
    """Mark what lies beyond the distal end of the tibia, which the talus tells from the other."""
    shaft = np.zeros_like(tibia)
    if tibia.any() and talus.any():
        points = np.argwhere(tibia) * grid.spacing_mm
        towards = (np.argwhere(talus) * grid.spacing_mm).mean(axis=0) - points.mean(axis=0)
        along = points @ (towards / np.linalg.norm(towards))
        shaft[tibia] = along < along.max() - _TIBIAL_END_MM
    return shaft


def _marrow_kinds(bones: Segmentation, volume: MarrowVolume) -> MarrowKinds:
    """Sort bones by the marrow that they may hold."""
    names = {value: label.name for value, label in bones.meaning.items()}
    return MarrowKinds(
        fatty=tuple(value for value, name in names.items() if name in _BONE_NAMES - RED_BONES),
        unknown=tuple(value for value, name in names.items() if name not in _BONE_NAMES),
        thin=tuple(value for value, name in names.items() if name in _THIN_BONES),
        red=tuple(value for value, name in names.items() if name == Bone.PELVIS),
        ended=tuple(np.unique(volume.bones[volume.yellow]).tolist()),
    )


def _water_level(normal: NormalisedMarrow, to_muscle: float) -> float:
    """Give the fluid signal of edema's water above normal marrow; infinite where muscle does not tell it."""
    bright = normal.muscle is not None and normal.muscle >= LEAST_MUSCLE
    return normal.water_level(to_muscle) if bright else float("inf")


def _signal_maps(
    t1: Float32Array | None, fluid: Float32Array, water_level: float, inside: BoolArray
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Give ratio, share of water and contrast in the bones."""
    ratio = fluid if t1 is None else np.clip(fluid / np.maximum(t1, np.float32(1e-3)), 0, _LARGEST_RATIO)
    contrast = fluid - 1
    water = np.clip(contrast / water_level, 0, 1)  # 0 where the level is infinite: nothing tells it
    ratio, water, contrast = (np.where(inside, m, 0).astype(np.float32) for m in (ratio, water, contrast))
    return ratio, water, contrast


def _placed(part: Float32Array, box: Box, like: ScalarImage) -> ScalarImage:
    """Put a cropped array back into a volume of zeros."""
    whole = np.zeros(like.grid.shape, np.float32)
    whole[box] = part
    return like.with_array(whole)


def _placed_mask(part: BoolArray, box: Box, like: ScalarImage) -> Mask:
    """Put a cropped mask back into an empty one."""
    whole = np.zeros(like.grid.shape, bool)
    whole[box] = part
    return Mask(whole, like.grid)
