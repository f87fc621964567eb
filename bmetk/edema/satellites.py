"""Pieces that are no lesions: red marrow, fat, vessels, muscle by their signals, specks by the lesion beside.

By the spin-echo and inversion-recovery equations the contrast as a share of water's over the loss of T1 is
about 1.0 in red marrow and 1.6 in edema at usual times, since red marrow's T2 is short; mixing with fatty
marrow changes neither. Fat that escaped its suppression is bright without any loss. Beside a lesion, the
lesion itself tells what edema is like in an exam.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bmetk.anatomy import opposite_value
from bmetk.edema.pieces import connect_by_bone, disk
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowKinds, MarrowVolume, boxes, smooth_inside
from bmetk.image import Box

_LEAST_LOSS = 0.03
_LEAST_YELLOW = 0.1
_BRIGHT_QUANTILE = 0.9
_AROUND_MM, _AROUND_DEPTH_MM, _AROUND_ML = (2.0, 8.0), 1.5, 0.15
"""Where the marrow around a piece is looked at, how deep below the surface, and how much of it tells."""
_FAT = "unsuppressed fat"
_DOUBTFUL = "doubtful"
_RED = "red marrow"
_SOFT = "muscle or tendon"
_VESSEL = "vessel"
_FAINT = "faint beside a lesion"
_END = "end of a bone"
_DRY = "little water"
_OPEN = frozenset({_DOUBTFUL, _RED, _FAINT, _DRY, _SOFT, _VESSEL})
"""Reasons that an earlier exam can overrule: what looks so may be what is left of a lesion. In a ray or a toe
that may look like a vessel or a tendon."""


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What is known of each voxel, float32, shape (S, R, C).

    Parameters
    ----------
    likely : the network's probability
    contrast : fluid signal above normal marrow, in its units
    water : share of edema water's signal; 0 where no muscle tells it
    t1 : in units of normal marrow; None where there is none
    noise : scatter of the bone's normal marrow, in its units
    fat : share of the fat nearby that escaped its suppression, 0 to 1
    """

    likely: Float32Array
    contrast: Float32Array
    water: Float32Array
    t1: Float32Array | None
    noise: Float32Array
    fat: Float32Array

    def crop(self, box: Box) -> Signals:
        """Cut a box out of everything."""
        t1 = None if self.t1 is None else self.t1[box]
        rest = self.noise[box], self.fat[box]
        return Signals(self.likely[box], self.contrast[box], self.water[box], t1, *rest)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    box: Box
    inside: BoolArray
    bone: int
    volume_ml: float
    contrast: float
    lost: float
    likely: float
    water: float
    deviations: float
    fat: float
    yellow: float
    other_side: float
    """Contrast of the brightest tenth of the same bone of the other side; infinite where that is not seen."""
    end: float
    """Share of what one slice alone shows beyond which its bone ends; 0 if more slices show it."""
    step: float
    """T1 lost beyond that of the marrow around; infinite where it is not seen or no fat nearby is bright."""

    @property
    def slope(self) -> float:
        """Contrast for each share of T1 lost."""
        return self.contrast / max(self.lost, _LEAST_LOSS)

    @property
    def water_slope(self) -> float:
        """Share of water's signal for each share of T1 lost; 0 where no muscle tells it."""
        return self.water / max(self.lost, _LEAST_LOSS)


def without_satellites(
    edema: BoolArray, signals: Signals, volume: MarrowVolume, kinds: MarrowKinds, settings: EdemaSettings
) -> tuple[BoolArray, BoolArray, dict[str, float]]:
    """Drop pieces that are no lesions.

    A piece that is red marrow by comparison with a lesion of its own bone must also have lost less T1, since
    the ends of a lesion may differ from its middle.

    Returns
    -------
    edema : bool, shape (S, R, C)
    doubtful : bool of the same shape, what was dropped and may be what is left of an earlier lesion
    dropped_ml : mL by what it is
    """
    dropped: dict[str, float] = defaultdict(float)
    doubtful = np.zeros_like(edema)
    if signals.t1 is None:
        return edema, doubtful, dropped
    pieces = list(_pieces(edema, signals, volume, settings))
    kept = edema.copy()
    for piece, reason in zip(pieces, _reasons(pieces, kinds, settings), strict=True):
        if reason:
            kept[piece.box] &= ~piece.inside
            dropped[reason] += piece.volume_ml
        if reason in _OPEN:
            doubtful[piece.box] |= piece.inside
    return kept, doubtful, dropped


def remnants(
    possible: BoolArray, signals: Signals, volume: MarrowVolume, kinds: MarrowKinds, settings: EdemaSettings
) -> BoolArray:
    """Keep the pieces that may be what is left of a lesion: neither fat nor, by their water, red marrow.

    Parameters
    ----------
    possible : bool, shape (S, R, C), what is too unlikely to be a lesion by itself
    """
    kept = np.zeros_like(possible)
    if signals.t1 is None:
        return kept
    for piece in _pieces(possible, signals, volume, settings):
        red = piece.bone not in kinds.not_red and piece.water_slope < settings.red_water_slope[0]
        if not red and not _is_fat(piece, settings):
            kept[piece.box] |= piece.inside
    return kept


def _pieces(
    edema: BoolArray, signals: Signals, volume: MarrowVolume, settings: EdemaSettings
) -> Iterator[_Piece]:
    """Measure the pieces; one that reaches into unsuppressed fat, or into far weaker marrow, is two."""
    labels = connect_by_bone(edema, volume.bones)
    other_side = _other_sides(signals, volume, settings)
    least = settings.lesion_ml / volume.grid.voxel_ml
    wide = disk(settings.weak_radius_mm / min(volume.grid.spacing_mm[1:]))
    for number, box in boxes(labels, pad=0):
        inside = labels[box] == number
        for part in _divide(inside, signals.fat[box] > settings.fat_nearby[0], least):
            bone = int(np.bincount(volume.bones[box][part]).argmax())
            weak = _weak_part(part, signals.contrast[box], volume, other_side.get(bone, 0.0), settings)
            weak &= ndimage.binary_dilation(ndimage.binary_opening(weak, wide), wide)
            for one in _divide(part, weak, least):
                yield _measure(one, box, signals, volume, other_side, edema, settings)


def _weak_part(
    part: BoolArray, contrast: Float32Array, volume: MarrowVolume, other_side: float, settings: EdemaSettings
) -> BoolArray:
    """Mark what is far weaker than the rest; less far, where the other side shows marrow as bright."""
    bright = float(np.quantile(contrast[part], _BRIGHT_QUANTILE))
    smooth = smooth_inside(contrast, part, settings.weak_smoothing_mm, volume.grid)
    alike = smooth < min(settings.weak_alike_share * bright, other_side)
    return part & (alike | (contrast < settings.weak_share * bright))


def _divide(piece: BoolArray, at: BoolArray, least: float) -> tuple[BoolArray, ...]:
    """Divide a piece in two, if both parts have so many voxels."""
    parts = piece & at, piece & ~at
    return parts if min(map(np.count_nonzero, parts)) >= least else (piece,)


def _other_sides(signals: Signals, volume: MarrowVolume, settings: EdemaSettings) -> dict[int, float]:
    """Tell for each bone how much contrast the same bone of the other side has at its brightest tenth."""
    bright = {}
    present = set(volume.values())
    for value in present & {opposite_value(other) for other in present}:
        marrow = (volume.bones == value) & volume.covered & (volume.depth_mm > settings.other_side_depth_mm)
        if np.count_nonzero(marrow) * volume.grid.voxel_ml >= settings.other_side_ml:
            bright[opposite_value(value)] = float(np.quantile(signals.contrast[marrow], _BRIGHT_QUANTILE))
    return bright


def _measure(
    inside: BoolArray,
    box: Box,
    signals: Signals,
    volume: MarrowVolume,
    other_side: Mapping[int, float],
    edema: BoolArray,
    settings: EdemaSettings,
) -> _Piece:
    here = signals.crop(box)
    assert here.t1 is not None
    fat = float(here.fat[inside].mean())
    bone = int(np.bincount(volume.bones[box][inside]).argmax())
    contrast = float(here.contrast[inside].mean())
    return _Piece(
        box,
        inside,
        bone,
        float(np.count_nonzero(inside)) * volume.grid.voxel_ml,
        contrast,
        float(np.maximum(1 - here.t1[inside], 0).mean()),
        float(here.likely[inside].mean()),
        float(here.water[inside].mean()),
        contrast / float(here.noise[inside].mean()),
        fat,
        float(volume.yellow[box][inside].mean()),
        other_side.get(bone, np.inf),
        _share_at_end(inside, box, volume),
        _t1_step(inside, bone, box, signals, volume, edema) if fat >= settings.sure_fat else np.inf,
    )


def _share_at_end(inside: BoolArray, box: Box, volume: MarrowVolume) -> float:
    """Tell how much of what one slice alone shows has no bone in the slice before or after."""
    shown = np.flatnonzero(inside.any(axis=(1, 2)))
    if len(shown) > 1:
        return 0.0
    here, number = inside[shown[0]], box[0].start + int(shown[0])
    beside = (z for z in (number - 1, number + 1) if 0 <= z < len(volume.bones))
    ends = [volume.bones[z][box[1:]][here] == 0 for z in beside]
    return float(np.any(ends, axis=0).mean()) if ends else 0.0


def _t1_step(
    inside: BoolArray, bone: int, box: Box, signals: Signals, volume: MarrowVolume, edema: BoolArray
) -> float:
    """Compare the T1 signal that a piece lost with that of the marrow around it, which shading dims alike."""
    assert signals.t1 is not None
    pad = [int(np.ceil(_AROUND_MM[1] / s)) for s in volume.grid.spacing_mm]
    wide = tuple(slice(max(0, s.start - n), s.stop + n) for s, n in zip(box, pad, strict=True))
    piece = np.zeros_like(edema)
    piece[box] = inside
    marrow = (volume.bones[wide] == bone) & (volume.depth_mm[wide] > _AROUND_DEPTH_MM) & volume.covered[wide]
    away = ndimage.distance_transform_edt(~piece[wide], sampling=volume.grid.spacing_mm)
    around = marrow & ~edema[wide] & (away > _AROUND_MM[0]) & (away < _AROUND_MM[1])
    if np.count_nonzero(around) * volume.grid.voxel_ml < _AROUND_ML:
        return np.inf
    return float(np.median(signals.t1[wide][around]) - np.median(signals.t1[piece]))


def _reasons(pieces: list[_Piece], kinds: MarrowKinds, settings: EdemaSettings) -> list[str]:
    """Say what speaks against each piece: beside all that is no fat, then beside what is believed."""
    reasons = [_FAT if _is_fat(piece, settings) else "" for piece in pieces]
    for _ in range(2):
        left = [piece for piece, reason in zip(pieces, reasons, strict=True) if not reason]
        reasons = [
            reason or _reason(piece, [p for p in left if p is not piece], kinds, settings)
            for piece, reason in zip(pieces, reasons, strict=True)
        ]
    return reasons


def _reason(piece: _Piece, others: list[_Piece], kinds: MarrowKinds, settings: EdemaSettings) -> str:
    """Say what speaks against a piece; empty if nothing does."""
    lesions = [
        p for p in others if p.volume_ml > settings.lesion_ml and p.likely >= settings.lonely_probability
    ]
    if lesions and (reason := _why_no_lesion_beside(piece, lesions, settings)):
        return reason
    known = piece.bone not in kinds.unknown  # in others the network's doubt says little
    if known and (reason := _why_no_lesion(piece, lesions, kinds, settings)):
        return reason
    if _is_soft(piece, settings):
        return _SOFT
    return "" if piece.bone in kinds.not_red else _why_red(piece, others, settings)


def _why_no_lesion(piece: _Piece, lesions: list[_Piece], kinds: MarrowKinds, settings: EdemaSettings) -> str:
    """Judge a piece of a bone that the network knows by itself."""
    if piece.end >= settings.end_share and piece.bone not in kinds.fatty:  # these are thin
        return _END
    if 0 < piece.water < settings.least_water:
        return _DRY
    if _is_doubtful(piece, lesions, settings):
        return _DOUBTFUL
    return _VESSEL if _is_vessel(piece, settings) else ""


def _is_fat(piece: _Piece, settings: EdemaSettings) -> bool:
    near = piece.fat >= settings.sure_fat
    unsure = piece.likely < settings.sure_probability and not _is_one_sided(piece, settings)
    if piece.lost < settings.fat_loss and (near or unsure):
        return True
    if piece.step < settings.fat_loss and unsure and piece.yellow >= settings.all_yellow_share:
        return True
    doubted = piece.likely < settings.large_probability and not _stands_clear(piece, settings)
    if piece.water_slope > settings.fat_slope and (near or doubted):
        return True
    if _is_darker_than_around(piece, settings):
        return False
    bounds = zip(settings.fat_nearby, settings.fat_nearby_loss, settings.fat_nearby_probability, strict=True)
    return any(
        piece.fat > nearby and piece.lost < loss and piece.likely < likely for nearby, loss, likely in bounds
    )


def _is_darker_than_around(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it lies in the end of a bone and has lost T1 signal that the marrow around it has."""
    return piece.yellow >= settings.all_yellow_share and settings.red_loss_alone < piece.step < np.inf


def _is_soft(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is small, and dark on T1 and little bright as muscle in a wrong outline is."""
    doubted = piece.volume_ml < settings.soft_doubted_ml and piece.likely < settings.soft_probability
    small = piece.volume_ml < settings.soft_ml or doubted
    return small and 0 < piece.water_slope < settings.soft_water_slope


def _is_vessel(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is small, and brighter than what it lost of T1 lets marrow be."""
    little = piece.lost < settings.vessel_loss or piece.water_slope > settings.vessel_water_slope
    return little and piece.volume_ml < settings.soft_ml and piece.likely < settings.sure_probability


def _is_clear(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it has much of water's signal for the T1 that it lost, and lost enough to tell."""
    return piece.water_slope >= settings.clear_water_slope and piece.lost >= settings.clear_loss


def _stands_clear(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is clear, and out of the bone's scatter by far."""
    return _is_clear(piece, settings) and piece.deviations >= settings.clear_deviations


def _is_one_sided(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is far brighter than the same bone of the other side, and no place of red marrow."""
    dimmest = max(settings.one_sided_contrast, settings.one_sided_share * piece.other_side)
    told = piece.yellow >= settings.yellow_share or piece.likely >= settings.one_sided_probability
    told &= not 0 < piece.water_slope < settings.red_water_slope[1]
    return told and piece.volume_ml >= settings.large_ml and piece.contrast >= dimmest


def _is_sure(piece: _Piece, settings: EdemaSettings) -> bool:
    stands_out = piece.deviations >= settings.red_deviations and piece.likely >= settings.red_probability
    wet = piece.water_slope >= settings.red_water_slope[1]
    return (stands_out and wet) or piece.likely >= settings.sure_probability


def _is_doubtful(piece: _Piece, lesions: list[_Piece], settings: EdemaSettings) -> bool:
    some, more = settings.lonely_ml
    if not lesions and piece.volume_ml < some:
        return True
    if any(told(piece, settings) for told in (_stands_clear, _is_one_sided, _is_darker_than_around)):
        return False
    if piece.volume_ml >= settings.large_ml and piece.likely < settings.large_probability:
        return True
    return not lesions and piece.volume_ml < more and piece.likely < settings.lonely_probability


def _why_no_lesion_beside(piece: _Piece, lesions: list[_Piece], settings: EdemaSettings) -> str:
    """Judge a piece by the lesions of the exam."""
    brightest = max(it.contrast for it in lesions)
    fainter = piece.contrast < settings.faint_share * brightest
    doubtful = piece.deviations < settings.faint_deviations and piece.likely < settings.faint_probability
    if fainter and piece.volume_ml < settings.faint_ml and doubtful:
        return _FAINT
    small = piece.volume_ml < settings.cyst_ml
    return "cyst" if small and piece.contrast > settings.cyst_contrast * brightest else ""


def _why_red(piece: _Piece, others: list[_Piece], settings: EdemaSettings) -> str:
    """Judge a piece of a bone that may hold red marrow; in its ends, only by what it lost of T1."""
    if _is_one_sided(piece, settings):
        return ""
    yellow = _is_yellow(piece, settings)
    little = piece.lost < settings.red_loss_alone and piece.likely < settings.red_probability
    little &= not (yellow and _fills_yellow(piece, settings))
    if little or _is_symmetrical(piece, settings):
        return _RED
    if yellow:
        return ""
    bounds = zip(settings.doubtful_probability, settings.red_water_slope, strict=True)
    if piece.water > 0:
        doubtful = any(piece.likely < likely and piece.water_slope < slope for likely, slope in bounds)
    else:  # no muscle tells the water
        doubtful = piece.likely < settings.red_probability
    faint = piece.deviations < settings.red_deviations and piece.likely < settings.red_probability
    if doubtful or (faint and not _is_clear(piece, settings)):
        return _RED
    if _is_sure(piece, settings):
        return ""
    return "red marrow beside a lesion" if any(_is_red(piece, it, settings) for it in others) else ""


def _is_symmetrical(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it lies where red marrow may be, has its water, and the other side is as bright."""
    red = piece.yellow < _LEAST_YELLOW and 0 < piece.water_slope < settings.red_water_slope[0]
    return (
        red
        and np.isfinite(piece.other_side)
        and piece.contrast < settings.red_other_side[0] * piece.other_side
    )


def _is_yellow(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is likely, lies where no red marrow is, and has at least the water of such marrow."""
    dry = 0 < piece.water_slope < settings.soft_water_slope and piece.likely < settings.sure_probability
    large = piece.volume_ml >= settings.large_ml and piece.yellow >= settings.yellow_share
    placed = large or _fills_yellow(piece, settings)
    return placed and piece.likely >= settings.yellow_probability and not dry


def _fills_yellow(piece: _Piece, settings: EdemaSettings) -> bool:
    """Tell whether so much of it lies where no red marrow is that the rest is none either."""
    return piece.yellow * piece.volume_ml >= settings.yellow_ml


def _is_red(piece: _Piece, lesion: _Piece, settings: EdemaSettings) -> bool:
    return (
        lesion.volume_ml > settings.red_ml
        and piece.contrast < settings.red_other_side[1] * piece.other_side
        and lesion.contrast > settings.red_contrast * piece.contrast
        and settings.red_slope * lesion.slope > piece.slope
        and (lesion.bone != piece.bone or settings.red_loss * lesion.lost > piece.lost)
    )
