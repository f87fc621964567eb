"""What is bright in marrow and yet no edema: named by what gives it away, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bmetk.edema.describe import DEPTH_MM, Told
from bmetk.edema.pieces import connect_by_bone, principal_lengths_mm
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, Float32Array, MarrowVolume, boxes
from bmetk.exam import Check, CheckStatus
from bmetk.image import Grid

_BRIGHT_Z = 4.5
_BRIGHT_CONTRAST = 0.35
_RIM_MM = 2.5
_CYST_WATER = 1.5
_CYST_SHARE = 0.4
_RED_SLOPE = 1.2
"""Share of water's signal for each share of T1 lost: 1.0 in red marrow, 1.6 in edema by the spin-echo and
inversion-recovery equations at usual times; mixing with fatty marrow changes neither."""
_FAT_LOSS = 0.06
_TUBE_RATIO = 4.0
_TUBE_ML = 0.4
_EDGE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class BrightThing:
    """One connected bright piece that was not counted as edema; one value for each of its voxels.

    Parameters
    ----------
    index : shape (N, 3)
    depth_mm : below the surface of the bone
    water : share of edema's water signal; 0 where nothing tells it
    lost : share of normal marrow's T1 signal that is gone
    measured : inside a region that is measured
    """

    index: npt.NDArray[np.intp]
    depth_mm: Float32Array
    water: Float32Array
    lost: Float32Array
    measured: BoolArray
    grid: Grid

    @property
    def volume_ml(self) -> float:
        """Volume, mL."""
        return len(self.index) * self.grid.voxel_ml


def count_mimics(
    told: Float32Array,
    edema: BoolArray,
    dropped_ml: Mapping[str, float],
    volume: MarrowVolume,
    settings: EdemaSettings,
) -> Check:
    """Count what stands out of normal marrow and was not taken for edema, by what speaks against it, mL.

    Parameters
    ----------
    told : float32, shape (S, CHANNELS, R, C), see `describe`
    edema : bool, shape (S, R, C)
    dropped_ml : what is known to be none already, mL by what it is
    volume : MarrowVolume, normalised, of the same shape
    settings : EdemaSettings
    """
    deviations, contrast = told[:, Told.DEVIATIONS] * 15, volume.fluid - 1
    bright = (volume.bones > 0) & ~edema & (deviations > _BRIGHT_Z) & (contrast > _BRIGHT_CONTRAST)
    labels = connect_by_bone(bright, volume.bones)
    beside = connect_by_bone(bright | edema, volume.bones)
    edges = np.unique(beside[edema])
    found = Counter({name: round(1000 * ml) for name, ml in dropped_ml.items()})
    for value, box in boxes(labels, pad=0):
        index = np.argwhere(labels[box] == value) + [b.start for b in box]
        place = tuple(index.T)
        lost = np.zeros(len(index), np.float32) if volume.t1 is None else 1 - volume.t1[place]
        depth = told[:, Told.DEPTH][place] * DEPTH_MM
        thing = BrightThing(
            index, depth, told[:, Told.WATER][place], lost, volume.measured[place], volume.grid
        )
        touching = np.isin(beside[place], edges).mean() > _EDGE
        found["edge of a lesion" if touching else name_mimic(thing, settings)] += round(
            thing.volume_ml * 1000
        )
    total_ml = sum(found.values()) / 1000
    parts = ", ".join(f"{name} {found[name] / 1000:.2f} mL" for name in sorted(found) if found[name])
    return Check("mimics_removed", CheckStatus.OK, total_ml, f"not counted as edema: {parts or 'nothing'}")


def name_mimic(thing: BrightThing, settings: EdemaSettings) -> str:
    """Name what speaks most against a bright thing."""
    water, lost = float(thing.water.mean()), float(np.maximum(thing.lost, 0).mean())
    longest, middle, _ = principal_lengths_mm(thing.index, thing.grid)
    rules = {
        "small": thing.volume_ml < settings.minimal_ml,
        "outside the regions": float(thing.measured.mean()) < settings.measured_share,
        "rim": float(np.percentile(thing.depth_mm, 90)) < _RIM_MM,
        "cyst": float((thing.water > _CYST_WATER).mean()) > _CYST_SHARE,
        "vessel": thing.volume_ml < _TUBE_ML and longest > _TUBE_RATIO * max(middle, 1e-3),
        "unsuppressed fat": lost < _FAT_LOSS,
        "red marrow": water < _RED_SLOPE * lost,
    }
    return next((name for name, applies in rules.items() if applies), "unlike edema")
