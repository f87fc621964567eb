"""Choose the T1 and the fluid-sensitive series of an exam among its volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bmetk.dicom.inventory import Volume
from bmetk.errors import SeriesMismatchError
from bmetk.exam import Contrast
from bmetk.image import Grid

FLUID_PREFERENCE = (Contrast.STIR, Contrast.FS_T2, Contrast.FS_PD, Contrast.DIXON_WATER)
"""Fluid-sensitive contrasts, the best first: STIR suppresses fat wherever the field is uneven."""

T1_CONTRASTS = (Contrast.T1, Contrast.PD, Contrast.DIXON_FAT, Contrast.T2)
"""Contrasts that show bone by its fat, the best first; all but the first stand in with a warning."""

_LITTLE_OVERLAP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The series of an exam; either may be absent."""

    t1: Volume | None
    fluid: Volume | None


def is_candidate(volume: Volume, *, allow_gaps: bool) -> bool:
    """Tell whether an exam could take the volume: readable, and neither localizer, derived nor other."""
    useful = volume.contrast.contrast in (*FLUID_PREFERENCE, *T1_CONTRASTS)
    return useful and volume.is_readable(allow_gaps=allow_gaps)


def choose_pair(volumes: Sequence[Volume]) -> Pair:
    """Choose the best pair of volumes.

    In order: the field of view of the T1 holds most of the fluid-sensitive one's; original before
    derived; contrast; no contrast agent; same plane; overlap; resolution; number of slices.

    Raises
    ------
    SeriesMismatchError
        If in one frame of reference no T1 meets any fluid-sensitive field of view.
    """
    t1s = [volume for volume in volumes if volume.contrast.contrast in T1_CONTRASTS]
    fluids = [volume for volume in volumes if volume.contrast.contrast in FLUID_PREFERENCE]
    if not t1s or not fluids:
        best = [min(found, key=best_first) if found else None for found in (t1s, fluids)]
        return Pair(t1=best[0], fluid=best[1])
    t1, fluid = min(((a, b) for a in t1s for b in fluids), key=lambda pair: _rank(*pair))
    _require_overlap(t1, fluid)
    return Pair(t1=t1, fluid=fluid)


def best_first(volume: Volume) -> tuple[float, ...]:
    """Return the key that sorts candidates of one role, the best first."""
    contrast = volume.contrast
    order = [*T1_CONTRASTS, *FLUID_PREFERENCE]
    te = volume.acquisition.te_ms or 0.0  # of several echoes the shortest shows marrow brightest
    return (
        not contrast.original,
        order.index(contrast.contrast),
        contrast.agent,
        _is_gradient(volume),
        te,
        _voxel(volume),
    )


def _rank(t1: Volume, fluid: Volume) -> tuple[float, ...]:
    """Rank a pair; the smaller the better."""
    shared = 0.0 if t1.grid is None or fluid.grid is None else overlap(fluid.grid, t1.grid)
    same_frame = t1.frame_of_reference == fluid.frame_of_reference
    return (
        same_frame and shared < 0.5,
        not t1.contrast.original or not fluid.contrast.original,
        T1_CONTRASTS.index(t1.contrast.contrast),
        FLUID_PREFERENCE.index(fluid.contrast.contrast),
        t1.contrast.agent or fluid.contrast.agent,
        _is_gradient(t1),
        t1.plane is not fluid.plane,
        -round(shared, 1) if same_frame else 0.0,
        round(np.log(_voxel(t1) * _voxel(fluid)), 1),
        -len(t1.frames) - len(fluid.frames),
        t1.acquisition.te_ms or 0.0,
    )


def _is_gradient(volume: Volume) -> bool:
    return volume.contrast.reason.startswith("gradient echo")


def _voxel(volume: Volume) -> float:
    return volume.grid.voxel_ml if volume.grid else 1.0


def _require_overlap(t1: Volume, fluid: Volume) -> None:
    if t1.grid is None or fluid.grid is None or t1.frame_of_reference != fluid.frame_of_reference:
        return
    shared = overlap(fluid.grid, t1.grid)
    if shared < _LITTLE_OVERLAP:
        raise SeriesMismatchError(
            f"the fields of view of the T1 ({t1.where}) and the fluid-sensitive series ({fluid.where}) share "
            f"{100 * shared:.0f} % of the smaller: they show different places; give two series of one joint"
        )


def overlap(of: Grid, within: Grid) -> float:
    """Return the part of the smaller field of view that two grids share, 0 to 1.

    Counted on points spread evenly through each, so that any obliquity is allowed for.
    """
    return max(_part_inside(of, within), _part_inside(within, of))


def _part_inside(grid: Grid, other: Grid) -> float:
    steps = [np.linspace(-0.5, size - 0.5, 9) for size in grid.shape]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    index = other.to_index(grid.to_world(points))
    inside = np.all((index >= -0.5) & (index <= np.asarray(other.shape) - 0.5), axis=1)
    return float(inside.mean())
