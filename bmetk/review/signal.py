"""What the images tell of edema that the reader alone drew: its contrast and its share of water.

The program frees both series of the coil's shading before it measures a lesion. Here the normal marrow of the
same bone nearby stands for the level of 1, so that the shading, which changes slowly, falls out. What pure
water would be is taken from the program's own lesions: contrast over share is the same for all of an exam.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bmetk.image import Box, crop_box
from bmetk.review.draft import Draft

NEAR_MM = 30.0
"""How far around a lesion its normal marrow is looked for."""

_NORMAL_PROBABILITY = 0.2
_LEAST_ML = 0.5
_FULL = 0.95  # a share above it may have been cut off at 1, and tells no level


def drawn_contrast(draft: Draft, box: Box, mask: npt.NDArray[np.bool_]) -> float | None:
    """Measure the fluid signal above normal marrow nearby, in units of that marrow.

    Parameters
    ----------
    draft : Draft
    box : place of the lesion
    mask : bool, shape of the box

    Returns
    -------
    float or None
        None where the fluid-sensitive series is not at hand, or less than 0.5 mL of normal marrow lies near.
    """
    fluid, grid = draft.base.exam.fluid, draft.marks.grid
    if fluid is None or not fluid.image.grid.matches(grid):
        return None
    whole = np.zeros(grid.shape, dtype=bool)
    whole[box] = mask
    around = crop_box(whole, grid, NEAR_MM)
    bones, own = draft.bones.labels.array[around], whole[around]
    inside = np.bincount(bones[own], minlength=2)
    inside[0] = 0
    normal = (bones == inside.argmax()) & (bones > 0) & (draft.marks.array[around] == 0)
    if draft.base.probability is not None:
        normal &= draft.base.probability.array[around] < _NORMAL_PROBABILITY
    if np.count_nonzero(normal) * grid.voxel_ml < _LEAST_ML:
        return None
    signal = fluid.image.array[around]
    level = float(np.median(signal[normal]))
    return float(signal[own].mean()) / level - 1 if level > 0 else None


def drawn_water(draft: Draft, contrast: float | None) -> float | None:
    """Turn a contrast into a share of water, 0 to 1; None where no lesion of the program tells the level."""
    levels = [
        it.contrast / it.water_fraction
        for it in draft.base.lesions
        if it.contrast is not None and it.water_fraction is not None and 0 < it.water_fraction < _FULL
    ]
    if contrast is None or not levels:
        return None
    return float(np.clip(contrast / np.median(levels), 0, 1))
