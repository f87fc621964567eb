"""Candidate lesions and the rules that tell them from what only looks like edema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, boxes
from bmetk.exam import Check, CheckStatus
from bmetk.image import Box, Grid

IntArray = npt.NDArray[np.int32]
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)
_CYST_SHARE = 0.4
_CERTAIN_SHARE = 0.2
_LEAST_LOSS = 0.03
_SURE_LOSS = 0.15
_LIKE_CONTRAST = 0.7
_BRIGHT_SHARE = 0.5
_EDGE_MM = 6.0
"""The fuzzy edge of a lesion is no wider."""
_MEASURED_SHARE = 0.2
_OUTLINE_ERROR_MM = 0.8
_BLUR_MM = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """What tells a lesion from a mimic; arrays of shape (S, R, C).

    Parameters
    ----------
    depth_mm : below the surface of the bone
    contrast : fluid signal above normal marrow, in units of normal marrow
    fluid_like : brighter than edema's water can be
    certain : edema by every rule for single voxels
    rim_lesion_mm : depth that a lesion must reach in this bone
    unsuppressed : positive where the T1 signal lost is too little for the fluid signal gained
    lost : share of normal marrow's T1 signal that is gone; 0 without T1
    measured : inside a region that is measured
    fatty : in a bone that holds no red marrow
    bones : label of the bone
    """

    depth_mm: Float32Array
    contrast: Float32Array
    fluid_like: BoolArray
    certain: BoolArray
    rim_lesion_mm: Float32Array
    unsuppressed: Float32Array
    lost: Float32Array
    measured: BoolArray
    fatty: BoolArray
    bones: npt.NDArray[np.uint8]

    def within(self, box: Box) -> Signs:
        """Crop all of them."""
        return Signs(
            self.depth_mm[box],
            self.contrast[box],
            self.fluid_like[box],
            self.certain[box],
            self.rim_lesion_mm[box],
            self.unsuppressed[box],
            self.lost[box],
            self.measured[box],
            self.fatty[box],
            self.bones[box],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One connected thing, cropped, with its signs."""

    inside: BoolArray
    signs: Signs
    grid: Grid

    @property
    def volume_ml(self) -> float:
        """Volume, mL."""
        return int(np.count_nonzero(self.inside)) * self.grid.voxel_ml

    @property
    def mean_contrast(self) -> float:
        """Mean contrast, in units of normal marrow."""
        return float(self.signs.contrast[self.inside].mean())

    @property
    def slope(self) -> float:
        """Contrast for each share of T1 lost: lower in red marrow than in edema, however either is mixed."""
        return self.mean_contrast / max(self.mean_loss, _LEAST_LOSS)

    @property
    def mean_loss(self) -> float:
        """Mean share of normal marrow's T1 signal that is gone."""
        return float(self.signs.lost[self.inside].mean())

    @property
    def bone(self) -> int:
        """Label of the bone that holds most of it."""
        return int(np.bincount(self.signs.bones[self.inside]).argmax())

    def lengths_mm(self) -> npt.NDArray[np.float64]:
        """Full lengths along the three principal axes, mm, longest first."""
        index = np.argwhere(self.inside).astype(np.float64) * np.asarray(self.grid.spacing_mm)
        voxel = np.diag(np.asarray(self.grid.spacing_mm) ** 2 / 12)
        covariance = np.cov(index.T) + voxel if len(index) > 1 else voxel
        variances = np.maximum(np.linalg.eigvalsh(covariance), 0.0)
        return np.asarray(np.sqrt(12 * variances[::-1]))


def connect(mask: BoolArray) -> IntArray:
    """Label the connected pieces of a mask from 1, corners included."""
    labels, _ = ndimage.label(mask, structure=_NEIGHBOURS)
    return np.asarray(labels, dtype=np.int32)


def with_seeds(mask: BoolArray, seeds: BoolArray, least_voxels: float) -> BoolArray:
    """Keep the pieces of a mask that hold at least ``least_voxels`` seeds: hysteresis."""
    labels = connect(mask)
    counts = np.bincount(labels[seeds & mask], minlength=int(labels.max()) + 1)
    kept = counts >= max(1.0, least_voxels)
    kept[0] = False
    return np.asarray(kept[labels])


def without_mimics(
    mask: BoolArray, signs: Signs, least_contrast: float, grid: Grid, settings: EdemaSettings
) -> tuple[BoolArray, Check]:
    """Drop the pieces that are too small, too faint, along the rim, filled with fluid or like a vessel.

    So goes what is bright because its fat escaped suppression, what lies mostly outside the regions that
    are measured (sacrum, ilium), and fainter spots beside a lesion of the same bone that are much smaller
    or lose more T1 for their fluid signal: red marrow, as a rule.

    Returns
    -------
    kept : bool, shape (S, R, C)
    check : Check that counts what each rule removed, mL
    """
    labels = _apart(_connect_by_bone(mask, signs.bones), signs.contrast, grid)
    kept = mask.copy()
    removed: Counter[str] = Counter()
    things = [
        (box, Candidate(labels[box] == value, signs.within(box), grid)) for value, box in boxes(labels, pad=0)
    ]
    reasons = [_mimic(thing, least_contrast, settings) for _, thing in things]
    lesions = [thing for (_, thing), reason in zip(things, reasons, strict=True) if not reason]
    for (box, thing), rule in zip(things, reasons, strict=True):
        reason = rule or ("beside a lesion" if _is_satellite(thing, lesions, settings) else "")
        if reason:
            removed[reason] += round(thing.volume_ml * 1000)
            kept[box] &= ~thing.inside
    return kept, _removed_check(removed)


def _connect_by_bone(mask: BoolArray, bones: npt.NDArray[np.uint8]) -> IntArray:
    """Label the connected pieces of each bone: one that reaches the next bone is two things to judge."""
    labels = np.zeros(mask.shape, np.int32)
    for value in np.unique(bones[mask]):
        own = connect(mask & (bones == value))
        labels += np.where(own > 0, own + labels.max(), 0)
    return labels


def _apart(labels: IntArray, contrast: Float32Array, grid: Grid) -> IntArray:
    """Give the faint ends of bright pieces labels of their own: marrow that a lesion merely touches."""
    parted = labels.copy()
    for value, box in boxes(labels, pad=0):
        inside = labels[box] == value
        bright = inside & (contrast[box] > _BRIGHT_SHARE * float(np.percentile(contrast[box][inside], 90)))
        away = inside & (ndimage.distance_transform_edt(~bright, sampling=grid.spacing_mm) > _EDGE_MM)
        ends = connect(away)
        parted[box][away] = ends[away] + parted.max()
    return parted


def _is_satellite(thing: Candidate, lesions: Sequence[Candidate], settings: EdemaSettings) -> bool:
    """Tell whether a lesion makes it likely that a thing is other marrow: red as a rule, or unsuppressed."""
    return any(
        _is_dwarfed(thing, lesion, settings)
        or _is_red_beside(thing, lesion, settings)
        or _is_fat_beside(thing, lesion, settings)
        for lesion in lesions
    )


def _is_fat_beside(thing: Candidate, lesion: Candidate, settings: EdemaSettings) -> bool:
    """Tell marrow that lost next to no T1 for a fluid signal that costs the lesion much."""
    return (
        lesion.volume_ml > settings.pattern_ml
        and lesion.mean_loss > _SURE_LOSS
        and lesion.mean_contrast > _LIKE_CONTRAST * thing.mean_contrast
        and thing.slope > settings.pattern_fat * lesion.slope
    )


def _is_dwarfed(thing: Candidate, lesion: Candidate, settings: EdemaSettings) -> bool:
    return (
        lesion.bone == thing.bone
        and lesion.volume_ml > settings.satellite_volumes * thing.volume_ml
        and lesion.mean_contrast > settings.satellite_contrast * thing.mean_contrast
    )


def _is_red_beside(thing: Candidate, lesion: Candidate, settings: EdemaSettings) -> bool:
    """Tell marrow that gained less fluid signal for its loss of T1 than the lesion did.

    In the lesion's own bone it must also have lost less T1, as red marrow has, since the ends of a lesion
    may differ from its middle.
    """
    return (
        not thing.signs.fatty[thing.inside].any()
        and lesion.volume_ml > settings.pattern_ml
        and lesion.mean_contrast > settings.pattern_contrast * thing.mean_contrast
        and settings.pattern_slope * lesion.slope > thing.slope
        and (lesion.bone != thing.bone or settings.pattern_loss * lesion.mean_loss > thing.mean_loss)
    )


def _mimic(thing: Candidate, least_contrast: float, settings: EdemaSettings) -> str:
    """Name the rule that speaks against a candidate; empty if none does."""
    inside, signs = thing.inside, thing.signs
    if thing.volume_ml < settings.minimal_ml:
        return "small"
    rules = {
        "faint": float(np.percentile(signs.contrast[inside], 80)) < least_contrast,
        "rim": float(np.percentile(signs.depth_mm[inside], 90))
        < float(np.median(signs.rim_lesion_mm[inside])),
        "cyst": float(signs.fluid_like[inside].mean()) > _CYST_SHARE,
        "outside the regions": float(signs.measured[inside].mean()) < _MEASURED_SHARE,
        "unsuppressed fat": float(signs.unsuppressed[inside].mean()) > 0,
        "red marrow": float(signs.certain[inside].mean()) < _CERTAIN_SHARE,
        "vessel": thing.volume_ml < settings.tube_ml and _is_tube(thing, settings.tube_ratio),
    }
    return next((reason for reason, applies in rules.items() if applies), "")


def _is_tube(thing: Candidate, ratio: float) -> bool:
    longest, middle, _ = thing.lengths_mm()
    return bool(longest > ratio * max(middle, 1e-3))


def _removed_check(removed: Counter[str]) -> Check:
    total_ml = sum(removed.values()) / 1000
    parts = ", ".join(f"{reason} {removed[reason] / 1000:.2f} mL" for reason in sorted(removed))
    return Check("mimics_removed", CheckStatus.OK, total_ml, f"not counted as edema: {parts or 'nothing'}")


def bleeding(volume: MarrowVolume, base: Float32Array, reach_mm: float) -> Float32Array:
    """Estimate how much of each voxel's contrast bright fluid beside the bone can explain.

    Within the slice the share falls with depth over the blur and the error of the outline, about a
    millimetre each; across slices a voxel at the end of its bone holds up to half of what lies beyond.

    Returns
    -------
    float32, shape (S, R, C), in units of normal marrow
    """
    outside = np.where(volume.bones == 0, volume.fluid, np.float32(0))
    nearest = outside
    for axis in (1, 2):
        size = 2 * max(1, round(reach_mm / volume.grid.spacing_mm[axis])) + 1
        nearest = ndimage.maximum_filter1d(nearest, size, axis=axis)
    share = special.ndtr((_OUTLINE_ERROR_MM - volume.depth_mm) / _BLUR_MM).astype(np.float32)
    explained = share * np.maximum(nearest - base, 0)
    beyond = np.zeros_like(outside)
    beyond[:-1] = outside[1:]
    beyond[1:] = np.maximum(beyond[1:], outside[:-1])
    return np.where(volume.bones > 0, np.maximum(explained, 0.5 * (beyond - base)), 0).astype(np.float32)


def placed(part: npt.NDArray[np.generic], box: Box, shape: tuple[int, int, int]) -> npt.NDArray[np.generic]:
    """Put a cropped array back into a volume of zeros."""
    whole = np.zeros(shape, dtype=part.dtype)
    whole[box] = part
    return whole
