"""Pieces that may be lesions: divided where they are more than one thing, and measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bmetk.anatomy import opposite_value
from bmetk.edema.pieces import connect, connect_by_bone, convex_hull, disk, is_large, mean_of_each
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, boxes, smooth_inside
from bmetk.image import Box, Grid

_LEAST_LOSS = 0.03
_BRIGHT_QUANTILE = 0.9
_AROUND_MM, _AROUND_DEPTH_MM, _AROUND_ML = (2.0, 8.0), 1.5, 0.15
"""Where the marrow around a piece is looked at, how deep below the surface, and how much of it tells."""


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
class Piece:
    """A connected piece of one bone, and what its signals are in the mean.

    Parameters
    ----------
    box, inside : where it lies; bool in the box
    bone : its label
    volume_ml : mL
    contrast, likely, water, fat : see `Signals`
    lost : share of T1 signal lost
    deviations : contrast over the scatter of the bone's normal marrow
    yellow : share that lies where no red marrow is
    other_side : contrast of the brightest tenth of the same bone of the other side; infinite where that is
        not seen
    end : share of what one slice alone shows beyond which its bone ends; 0 if more slices show it; infinite
        in the first or last slice of the series, beyond which nothing is known
    step : T1 lost beyond that of the marrow around; infinite where it is not seen
    ring : whether all that is connected to it in its bone is a thin line about marrow
    """

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
    end: float
    step: float
    ring: bool

    @property
    def slices(self) -> int:
        """How many slices show it."""
        return int(np.count_nonzero(self.inside.any(axis=(1, 2))))

    @property
    def amid_brighter(self) -> bool:
        """Whether the marrow around is seen, and has lost less T1."""
        return bool(0 < self.step < np.inf)

    @property
    def slope(self) -> float:
        """Contrast for each share of T1 lost."""
        return self.contrast / max(self.lost, _LEAST_LOSS)

    @property
    def water_slope(self) -> float:
        """Share of water's signal for each share of T1 lost; 0 where no muscle tells it."""
        return self.water / max(self.lost, _LEAST_LOSS)


def measured_pieces(
    edema: BoolArray, signals: Signals, volume: MarrowVolume, settings: EdemaSettings
) -> Iterator[Piece]:
    """Measure the pieces of a mask; one that reaches into unsuppressed fat or far weaker marrow is two.

    Parameters
    ----------
    edema : bool, shape (S, R, C)
    signals : Signals of the same shape, with T1
    volume : MarrowVolume of the same shape
    settings : EdemaSettings
    """
    labels = connect_by_bone(edema, volume.bones)
    other_side = brightest_of_other_sides(signals, volume, settings)
    least = settings.belief.lesion_ml / volume.grid.voxel_ml
    for number, box in boxes(labels, pad=0):
        inside = labels[box] == number
        bone = int(volume.bones[box][inside][0])
        ring = _is_ring(inside, volume.bones[box] == bone, volume.grid, settings)
        for part in _divide(inside, signals.fat[box] > settings.fat.nearby[0], least):
            weak = _weak_part(part, box, signals, volume, other_side.get(bone, 0.0), settings)
            for one in _divide(part, _wide(weak, volume.grid, settings), least):
                yield _measure(one, bone, ring, box, signals, volume, other_side, edema)


def _weak_part(
    part: BoolArray,
    box: Box,
    signals: Signals,
    volume: MarrowVolume,
    other_side: float,
    settings: EdemaSettings,
) -> BoolArray:
    """Mark what is far weaker than the rest, and what is no brighter than the other side.

    Where no red marrow is, the other side tells only of what is weaker than the rest, too.
    """
    contrast, yellow = signals.contrast[box], volume.yellow[box]
    bright = float(np.quantile(contrast[part], _BRIGHT_QUANTILE))
    weak = contrast < settings.part.weak_share * bright
    if other_side > 0:
        smooth = smooth_inside(contrast, part, settings.part.smoothing_mm, volume.grid)
        share = np.where(yellow, settings.part.alike_share, 1.0)
        weak |= smooth < np.minimum(share * bright, other_side)
    return np.asarray(part & weak)


def _wide(mask: BoolArray, grid: Grid, settings: EdemaSettings) -> BoolArray:
    """Leave what is as wide as `PartRules.radius_mm` in its slice, with its borders."""
    wide = disk(settings.part.radius_mm / min(grid.spacing_mm[1:]))
    return np.asarray(mask & ndimage.binary_dilation(ndimage.binary_opening(mask, wide), wide))


def weaker_beyond_end(
    piece: Piece, signals: Signals, volume: MarrowVolume, settings: EdemaSettings
) -> BoolArray:
    """Mark what of a lesion in a bone's end lies beyond it, weaker, doubted and large: red marrow it touches.

    Parameters
    ----------
    piece : Piece
    signals : Signals, shape (S, R, C)
    volume : MarrowVolume of the same shape
    settings : EdemaSettings

    Returns
    -------
    bool, in the box of the piece
    """
    grid, contrast, yellow = volume.grid, signals.contrast[piece.box], volume.yellow[piece.box]
    end = piece.inside & yellow
    if not end.any() or np.count_nonzero(end) * grid.voxel_ml < settings.part.beyond_ml:
        return np.zeros_like(end)
    bright = float(np.quantile(contrast[end], _BRIGHT_QUANTILE))
    smooth = smooth_inside(contrast, piece.inside, settings.part.smoothing_mm, grid)
    weak = piece.inside & ~yellow & (smooth < settings.part.beyond_share * bright)
    labels = connect(_wide(weak, grid, settings))
    doubted = mean_of_each(labels, signals.likely[piece.box]) < settings.small.doubted_probability
    return np.asarray((is_large(labels, settings.part.beyond_ml, grid) & doubted)[labels])


def _divide(piece: BoolArray, at: BoolArray, least: float) -> tuple[BoolArray, ...]:
    """Divide a piece in two, if both parts have so many voxels."""
    parts = piece & at, piece & ~at
    return parts if min(map(np.count_nonzero, parts)) >= least else (piece,)


def brightest_of_other_sides(
    signals: Signals, volume: MarrowVolume, settings: EdemaSettings
) -> dict[int, float]:
    """Tell how bright the brightest tenth of each bone's other side is, where red marrow may be.

    Bones whose other side is not seen are left out.
    """
    bright = {}
    for value in volume.paired():
        marrow = (volume.bones == value) & volume.covered & (volume.depth_mm > settings.side.depth_mm)
        red = marrow & ~volume.yellow
        if np.count_nonzero(red) * volume.grid.voxel_ml >= settings.side.least_ml:
            marrow = red
        if np.count_nonzero(marrow) * volume.grid.voxel_ml >= settings.side.least_ml:
            bright[opposite_value(value)] = float(np.quantile(signals.contrast[marrow], _BRIGHT_QUANTILE))
    return bright


def _measure(
    inside: BoolArray,
    bone: int,
    ring: bool,
    box: Box,
    signals: Signals,
    volume: MarrowVolume,
    other_side: Mapping[int, float],
    edema: BoolArray,
) -> Piece:
    here = signals.crop(box)
    assert here.t1 is not None
    fat = float(here.fat[inside].mean())
    contrast = float(here.contrast[inside].mean())
    return Piece(
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
        _t1_step(inside, bone, box, signals, volume, edema),
        ring,
    )


def _is_ring(inside: BoolArray, own: BoolArray, grid: Grid, settings: EdemaSettings) -> bool:
    """Tell whether it is thin in its slices, and its convex hull holds much marrow besides."""
    size, rules = np.count_nonzero(inside), settings.small
    if size * grid.voxel_ml < rules.ring_ml:
        return False
    radius = rules.ring_mm / 2 / min(grid.spacing_mm[1:])
    if np.count_nonzero(ndimage.binary_opening(inside, disk(radius))) > rules.ring_wide_share * size:
        return False
    surrounded = 0
    for one, marrow in zip(inside, own, strict=True):
        surrounded += int(np.count_nonzero(convex_hull(one) & marrow & ~one))
    return bool(surrounded >= rules.ring_share * size)


def _share_at_end(inside: BoolArray, box: Box, volume: MarrowVolume) -> float:
    """Tell how much of what one slice alone shows has no bone in the slice before or after."""
    shown = np.flatnonzero(inside.any(axis=(1, 2)))
    if len(shown) > 1:
        return 0.0
    here, number = inside[shown[0]], box[0].start + int(shown[0])
    if number in (0, last := len(volume.bones) - 1):
        return np.inf if last else 0.0
    ends = [volume.bones[z][box[1:]][here] == 0 for z in (number - 1, number + 1)]
    return float(np.any(ends, axis=0).mean())


def _t1_step(
    inside: BoolArray, bone: int, box: Box, signals: Signals, volume: MarrowVolume, edema: BoolArray
) -> float:
    """Compare the T1 signal that a piece lost with that of the marrow around it, which shading dims alike."""
    assert signals.t1 is not None
    pad = [int(np.ceil(_AROUND_MM[1] / s)) for s in volume.grid.spacing_mm]
    wide = tuple(slice(max(0, s.start - n), s.stop + n) for s, n in zip(box, pad, strict=True))
    piece = np.zeros_like(edema[wide])
    piece[tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(box, wide, strict=True))] = inside
    marrow = (volume.bones[wide] == bone) & (volume.depth_mm[wide] > _AROUND_DEPTH_MM) & volume.covered[wide]
    away = ndimage.distance_transform_edt(~piece, sampling=volume.grid.spacing_mm)
    around = marrow & ~edema[wide] & (away > _AROUND_MM[0]) & (away < _AROUND_MM[1])
    if np.count_nonzero(around) * volume.grid.voxel_ml < _AROUND_ML:
        return np.inf
    return float(np.median(signals.t1[wide][around]) - np.median(signals.t1[box][inside]))
