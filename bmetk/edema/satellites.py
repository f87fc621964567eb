"""Red marrow beside a lesion: fainter, and with less fluid signal for the T1 signal that it lost.

By the spin-echo and inversion-recovery equations the contrast as a share of water's over the loss of T1 is
about 1.0 in red marrow and 1.6 in edema at usual times, since red marrow's T2 is short; mixing with fatty
marrow changes neither. The lesion itself tells what edema is like in an exam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmetk.edema.pieces import connect_by_bone
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, boxes
from bmetk.image import Box

_LEAST_LOSS = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    box: Box
    inside: BoolArray
    bone: int
    volume_ml: float
    contrast: float
    lost: float

    @property
    def slope(self) -> float:
        """Contrast for each share of T1 lost."""
        return self.contrast / max(self.lost, _LEAST_LOSS)


def without_satellites(
    edema: BoolArray,
    contrast: Float32Array,
    t1: Float32Array | None,
    volume: MarrowVolume,
    fatty: list[int],
    settings: EdemaSettings,
) -> tuple[BoolArray, float]:
    """Drop pieces that are red marrow by comparison with a lesion of the same exam.

    In the lesion's own bone it must also have lost less T1, since the ends of a lesion may differ from its
    middle.

    Returns
    -------
    edema : bool, shape (S, R, C)
    dropped_ml : mL
    """
    if t1 is None:
        return edema, 0.0
    labels = connect_by_bone(edema, volume.bones)
    pieces = [_measure(labels[box] == n, box, contrast, t1, volume) for n, box in boxes(labels, pad=0)]
    kept, dropped_ml = edema.copy(), 0.0
    for piece in pieces:
        if piece.bone not in fatty and any(_is_red(piece, lesion, settings) for lesion in pieces):
            kept[piece.box] &= ~piece.inside
            dropped_ml += piece.volume_ml
    return kept, dropped_ml


def _measure(
    inside: BoolArray, box: Box, contrast: Float32Array, t1: Float32Array, volume: MarrowVolume
) -> _Piece:
    return _Piece(
        box,
        inside,
        int(np.bincount(volume.bones[box][inside]).argmax()),
        float(np.count_nonzero(inside)) * volume.grid.voxel_ml,
        float(contrast[box][inside].mean()),
        float(np.maximum(1 - t1[box][inside], 0).mean()),
    )


def _is_red(piece: _Piece, lesion: _Piece, settings: EdemaSettings) -> bool:
    return (
        lesion.volume_ml > settings.red_ml
        and lesion.contrast > settings.red_contrast * piece.contrast
        and settings.red_slope * lesion.slope > piece.slope
        and (lesion.bone != piece.bone or settings.red_loss * lesion.lost > piece.lost)
    )
