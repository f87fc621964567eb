"""Signal of a mixture of tissues in spin-echo, inversion-recovery and gradient-echo sequences.

Equations: Bernstein, King, Zhou, Handbook of MRI Pulse Sequences, 2004, chapters 14 and 16
(ISBN 978-0-12-092861-3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bmetk.exam import Contrast
from bmetk.simulate.fields import Volume
from bmetk.simulate.tissue import Relaxation, Tissue, TissueMap

_RESIDUAL_FAT = {
    Contrast.FS_T2: 0.10,
    Contrast.FS_PD: 0.10,
    Contrast.DIXON_WATER: 0.03,
}
"""Share of the fat signal that good suppression leaves."""
_SLAB = 8


@dataclass(frozen=True, slots=True)
class Sequence:
    """What of a pulse sequence makes its contrast: times in ms, flip angle for gradient echoes."""

    contrast: Contrast
    tr_ms: float
    te_ms: float
    ti_ms: float | None = None
    flip_deg: float | None = None


def spin_echo(tissue: Relaxation, tr_ms: float, te_ms: float) -> float:
    """Return PD (1 - exp(-TR/T1)) exp(-TE/T2)."""
    recovered = 1.0 - np.exp(-tr_ms / tissue.t1_ms)
    return float(tissue.density * recovered * np.exp(-te_ms / tissue.t2_ms))


def inversion_recovery(
    tissue: Relaxation, tr_ms: float, te_ms: float, ti_ms: float, efficiency: float = 1.0
) -> float:
    """Return the signed inversion-recovery signal; the image shows its magnitude.

    Null of a tissue with TR much longer than T1 at TI = T1 ln 2.
    """
    left = (1.0 + efficiency) * np.exp(-ti_ms / tissue.t1_ms)
    recovered = 1.0 - left + efficiency * np.exp(-tr_ms / tissue.t1_ms)
    return float(tissue.density * recovered * np.exp(-te_ms / tissue.t2_ms))


def gradient_echo(tissue: Relaxation, tr_ms: float, te_ms: float, flip_deg: float) -> float:
    """Return the spoiled gradient-echo signal, with T2* taken as a quarter of T2."""
    flip = np.radians(flip_deg)
    e1 = np.exp(-tr_ms / tissue.t1_ms)
    steady = np.sin(flip) * (1 - e1) / (1 - np.cos(flip) * e1)
    return float(tissue.density * steady * np.exp(-4 * te_ms / tissue.t2_ms))


def tissue_signal(tissue: Relaxation, sequence: Sequence) -> float:
    """Return the signed signal of a pure tissue, before any fat suppression by frequency."""
    if sequence.ti_ms is not None:
        return inversion_recovery(tissue, sequence.tr_ms, sequence.te_ms, sequence.ti_ms)
    if sequence.flip_deg is not None:
        return gradient_echo(tissue, sequence.tr_ms, sequence.te_ms, sequence.flip_deg)
    return spin_echo(tissue, sequence.tr_ms, sequence.te_ms)


def fat_survival(contrast: Contrast, failure: float, patches: Volume) -> Volume | float:
    """Return the share of the fat signal that is left, where ``patches`` (0 to 1) says suppression fails.

    Frequency-selective suppression fails with the field's homogeneity; STIR does not use it, so
    its fat survives by its own equation (1 everywhere).
    """
    residual = _RESIDUAL_FAT.get(contrast)
    if residual is None:
        return 1.0
    return np.asarray(residual + (1 - residual) * np.clip(failure, 0, 1) * patches, np.float32)


def fat_and_water(
    tissues: TissueMap, relaxation: Mapping[Tissue, Relaxation], sequence: Sequence
) -> tuple[Volume, Volume]:
    """Add up the signed signal of the fat and of the water in each voxel.

    Returns
    -------
    fat, water : float32, shape (S, R, C)
    """
    shape = tissues.grid.shape
    fat, water = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for tissue, part in tissues.parts.items():
        signal = tissue_signal(relaxation[tissue], sequence) / 250.0
        share = relaxation[tissue].fat
        for start in range(0, len(part), _SLAB):
            slab = part[start : start + _SLAB]
            if not slab.any():
                continue
            if share > 0:
                fat[start : start + _SLAB] += np.multiply(slab, np.float32(signal * share), dtype=np.float32)
            if share < 1:
                water[start : start + _SLAB] += np.multiply(
                    slab, np.float32(signal * (1 - share)), dtype=np.float32
                )
    return fat, water
