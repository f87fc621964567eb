"""How much of two fields of view is common."""

from __future__ import annotations

import numpy as np

from bmetk.errors import SeriesMismatchError
from bmetk.image import Grid, RigidTransform
from bmetk.image.resample import index_affine

_POINTS_AN_AXIS = 24


def overlap_fraction(fixed: Grid, moving: Grid, transform: RigidTransform | None = None) -> float:
    """Measure the common field of view as a share of the smaller of the two, 0 to 1.

    Parameters
    ----------
    fixed, moving : Grid
    transform : fixed world to moving world; None is the identity
    """
    matrix = index_affine(moving, fixed, transform)
    axes = [np.linspace(-0.5, size - 0.5, _POINTS_AN_AXIS) for size in fixed.shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    index = points @ matrix[:3, :3].T + matrix[:3, 3]
    inside = np.all((index >= -0.5) & (index <= np.asarray(moving.shape) - 0.5), axis=-1)
    fixed_ml = fixed.voxel_ml * float(np.prod(fixed.shape))
    moving_ml = moving.voxel_ml * float(np.prod(moving.shape))
    return float(min(1.0, inside.mean() * fixed_ml / min(fixed_ml, moving_ml)))


def require_overlap(fixed: Grid, moving: Grid, minimum: float = 0.1) -> float:
    """Make sure that two series show the same part of the body.

    Parameters
    ----------
    fixed, moving : Grid
    minimum : smallest common share of the smaller field of view, 0 to 1

    Returns
    -------
    float
        The common share, 0 to 1.

    Raises
    ------
    SeriesMismatchError
        If the fields of view miss each other.
    """
    share = overlap_fraction(fixed, moving)
    if share < minimum:
        apart = float(np.linalg.norm(fixed.centre_mm - moving.centre_mm))
        raise SeriesMismatchError(
            f"the fields of view of the two series share {share:.0%} of the smaller one (at least "
            f"{minimum:.0%} is needed) and their centres lie {apart:.0f} mm apart: "
            "they show different parts of the body; choose two series of the same joint and side"
        )
    return share
