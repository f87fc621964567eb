"""Tissues, their relaxation times, and the map of how much of each fills a voxel.

Relaxation times at 1.5 and 3 T: Gold 2004 (doi:10.2214/ajr.183.2.1830343), de Bazelaire 2004
(doi:10.1148/radiol.2303021331), Pai 2008 (Magn Reson Imaging 26:1215), Stanisz 2005
(doi:10.1002/mrm.20605). No in-vivo value of the interstitial water of marrow edema was found:
it is an assumption (T1 0.9 to 1.6 s, T2 70 to 120 ms) and is swept like everything else. The T1 of
fat is taken some 10 % below those sources, since scanners null fat at TI of 140 to 180 ms at 1.5 T.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bmetk.image import Grid
from bmetk.simulate.fields import Box, Volume

_STEPS = 250
"""Fractions are kept in steps of 1/250 in one byte."""


class Tissue(IntEnum):
    """What a voxel is a mixture of; air and the void of bone mineral have no signal."""

    YELLOW_MARROW = 0
    RED_MARROW = 1
    EDEMA_WATER = 2
    CORTEX = 3
    CARTILAGE = 4
    FLUID = 5
    LIGAMENT = 6
    MUSCLE = 7
    SUBCUTANEOUS_FAT = 8
    INNER_FAT = 9
    VEIN = 10
    ARTERY = 11
    NERVE = 12
    SKIN = 13
    URINE = 14
    BOWEL = 15
    DISC = 16
    SCLEROSIS = 17
    GRANULATION = 18


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Proton density relative to water and relaxation times; ``fat`` is the fat part of the signal."""

    density: float
    t1_ms: float
    t2_ms: float
    fat: float = 0.0


_T = Tissue
_AT_1_5_T: dict[Tissue, Relaxation] = {
    _T.YELLOW_MARROW: Relaxation(0.92, 262, 110, fat=0.97),
    _T.RED_MARROW: Relaxation(0.82, 550, 55, fat=0.45),
    _T.EDEMA_WATER: Relaxation(0.95, 1150, 90),
    _T.CORTEX: Relaxation(0.06, 250, 4),
    _T.CARTILAGE: Relaxation(0.72, 1060, 42),
    _T.FLUID: Relaxation(1.0, 2850, 900),
    _T.LIGAMENT: Relaxation(0.20, 600, 10),
    _T.MUSCLE: Relaxation(0.79, 1130, 35),
    _T.SUBCUTANEOUS_FAT: Relaxation(0.97, 252, 120, fat=0.98),
    _T.INNER_FAT: Relaxation(0.93, 258, 105, fat=0.96),
    _T.VEIN: Relaxation(0.52, 1400, 110),
    _T.ARTERY: Relaxation(0.08, 1400, 120),
    _T.NERVE: Relaxation(0.68, 900, 65, fat=0.25),
    _T.SKIN: Relaxation(0.42, 800, 30),
    _T.URINE: Relaxation(1.0, 3000, 1000),
    _T.BOWEL: Relaxation(0.75, 900, 60, fat=0.05),
    _T.DISC: Relaxation(0.65, 950, 75),
    _T.SCLEROSIS: Relaxation(0.22, 500, 15),
    _T.GRANULATION: Relaxation(0.90, 1300, 95),
}
_AT_3_T: dict[Tissue, tuple[float, float]] = {
    _T.YELLOW_MARROW: (348, 95),
    _T.RED_MARROW: (640, 50),
    _T.EDEMA_WATER: (1400, 80),
    _T.CORTEX: (300, 4),
    _T.CARTILAGE: (1240, 37),
    _T.FLUID: (3620, 767),
    _T.LIGAMENT: (750, 9),
    _T.MUSCLE: (1400, 32),
    _T.SUBCUTANEOUS_FAT: (338, 95),
    _T.INNER_FAT: (342, 88),
    _T.VEIN: (1650, 75),
    _T.ARTERY: (1650, 80),
    _T.NERVE: (1050, 60),
    _T.SKIN: (1000, 28),
    _T.URINE: (3600, 800),
    _T.BOWEL: (1100, 50),
    _T.DISC: (1100, 65),
    _T.SCLEROSIS: (600, 13),
    _T.GRANULATION: (1550, 85),
}
_SHARED_SWEEP = 0.10
_OWN_SWEEP = 0.13
_FATS = (_T.YELLOW_MARROW, _T.SUBCUTANEOUS_FAT, _T.INNER_FAT)


def relaxation_at(field_strength_t: float) -> dict[Tissue, Relaxation]:
    """Return typical values at a field strength, interpolated in its logarithm between 1.5 and 3 T."""
    share = float(np.clip(np.log2(field_strength_t / 1.5), -0.6, 1.2))
    result = {}
    for tissue, low in _AT_1_5_T.items():
        t1, t2 = _AT_3_T[tissue]
        result[tissue] = Relaxation(
            low.density, low.t1_ms * (t1 / low.t1_ms) ** share, low.t2_ms * (t2 / low.t2_ms) ** share, low.fat
        )
    return result


def draw_relaxation(field_strength_t: float, rng: np.random.Generator) -> dict[Tissue, Relaxation]:
    """Draw one person's values: all times within about 25 % of the typical ones.

    The three fats share most of their deviation, since they are the same substance.
    """
    shared, fat = rng.uniform(-_SHARED_SWEEP, _SHARED_SWEEP, 2), rng.uniform(-_OWN_SWEEP, _OWN_SWEEP, 2)
    result = {}
    for tissue, typical in relaxation_at(field_strength_t).items():
        own = rng.uniform(-_OWN_SWEEP, _OWN_SWEEP, 2)
        if tissue in _FATS:
            own = fat + 0.15 * own
        factor = np.exp(shared + own)
        density = typical.density * float(np.exp(0.3 * rng.uniform(-_OWN_SWEEP, _OWN_SWEEP)))
        result[tissue] = Relaxation(
            density, typical.t1_ms * float(factor[0]), typical.t2_ms * float(factor[1]), typical.fat
        )
    return result


@dataclass(frozen=True, slots=True, eq=False)
class TissueMap:
    """Fractions of the tissues in each voxel; what is missing to 1 has no signal.

    Parameters
    ----------
    grid : Grid
    parts : for each tissue uint8, shape of the grid, in steps of 1/250
    """

    grid: Grid
    parts: Mapping[Tissue, npt.NDArray[np.uint8]]

    def fraction(self, tissue: Tissue) -> Volume:
        """Return one tissue's fraction, 0 to 1, shape (S, R, C)."""
        part = self.parts.get(tissue)
        if part is None:
            return np.zeros(self.grid.shape, np.float32)
        return part.astype(np.float32) / np.float32(_STEPS)


@dataclass(slots=True, eq=False)
class TissuePainter:
    """Builds a `TissueMap` from the top layer down: each layer takes of what is still free.

    It keeps state because a hundred layers over millions of voxels must not be copied.
    """

    grid: Grid
    free: Volume = field(init=False)
    _parts: dict[Tissue, npt.NDArray[np.uint8]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.free = np.ones(self.grid.shape, np.float32)

    def paint(self, alpha: Volume, mixture: Mapping[Tissue, Volume | float], box: Box | None = None) -> None:
        """Cover ``alpha`` (0 to 1) of the free part of a box with a mixture of tissues.

        Parameters
        ----------
        alpha : float32, shape of the box
        mixture : share of each tissue, numbers or arrays of the box's shape; may sum to less than 1
        box : part of the grid; None is all of it
        """
        where = box or (slice(None), slice(None), slice(None))
        covered = self.free[where] * alpha
        self.free[where] -= covered
        for tissue, share in mixture.items():
            self._part(tissue)[where] += (covered * (share * np.float32(_STEPS)) + 0.5).astype(np.uint8)

    def volume_ml(self, tissue: Tissue) -> float:
        """Tell how much of a tissue is painted so far, mL."""
        return float(self._part(tissue).sum(dtype=np.int64)) / _STEPS * self.grid.voxel_ml

    def _part(self, tissue: Tissue) -> npt.NDArray[np.uint8]:
        if tissue not in self._parts:
            self._parts[tissue] = np.zeros(self.grid.shape, np.uint8)
        return self._parts[tissue]

    def finish(self) -> TissueMap:
        """Return the map."""
        return TissueMap(self.grid, MappingProxyType(self._parts))
