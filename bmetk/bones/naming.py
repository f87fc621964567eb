"""Which bones a mask without names shows, told by the bones that are found in the same picture."""

from __future__ import annotations

import numpy as np

from bmetk.anatomy import Bone, Joint, Label, Side
from bmetk.bones.provider import BoneSettings
from bmetk.bones.sources import provide_bones
from bmetk.errors import BonesNotFoundError
from bmetk.exam import Check, CheckStatus, Segmentation
from bmetk.image import LabelMap, RigidTransform, ScalarImage, crop_box, spread_numbers

_REACH_MM = 8.0
_LEAST_SHARE = 0.6
"""Least part of a mask that must be found again: what shows other bones, or parts of them, stays unnamed."""
_WHOLE_SHARE = 0.8
"""Part of a label from which on it is one bone; in less, each voxel is of the bone nearby."""
_REST, _REST_LABEL = 255, Label("rest", None, "rest")


def search_given(
    given: Segmentation,
    t1: ScalarImage,
    fluid: ScalarImage,
    transform: RigidTransform,
    *,
    joint: Joint | None,
    side: Side | None,
    settings: BoneSettings,
) -> tuple[tuple[Segmentation, Segmentation] | None, Check]:
    """Search the picture for bones that were given without names.

    They stand as they were given; where red marrow may be depends on which they are. One bone alone is told
    of a known joint only, and the pelvis alone never: there readers of sacroiliac joints draw.

    Parameters
    ----------
    given : labels without names, on the grid of ``fluid``
    t1, fluid : each on its own grid
    transform : from the world of ``fluid`` to that of ``t1``
    joint, side : as far as known

    Returns
    -------
    what `tell_names` tells, and a check that says so
    """
    try:
        found = provide_bones(t1, joint=joint, side=side, settings=settings, fluid=fluid)
    except BonesNotFoundError:
        told = None
    else:
        told = tell_names(given, *found.place(given.grid, transform))
    names = set() if told is None else {it.name for it in told[0].present().values()} - {_REST_LABEL.name}
    if told is None or (len(names) < 2 and (joint is None or Bone.PELVIS in names)):
        message = "the bones that were given could not be recognised: red marrow is told less well"
        return None, Check("bones_given", CheckStatus.WARN, None, message)
    listed = ", ".join(sorted(names))
    message = f"the bones that were given stand; for telling red marrow they were recognised as {listed}"
    return told, Check("bones_given", CheckStatus.OK, None, message)


def tell_names(
    given: Segmentation, found: Segmentation, regions: Segmentation
) -> tuple[Segmentation, Segmentation] | None:
    """Name what was given by the bones and regions that were found; all of it belongs to a bone and a region.

    Parameters
    ----------
    given : labels without names, one or several bones each
    found, regions : bones and their regions on the same grid

    Returns
    -------
    bones and regions; what lies apart from all that was found is "rest" in both. None where too little of it
    was found
    """
    mask = given.labels.array > 0
    if not mask.any() or (found.labels.array[mask] > 0).mean() < _LEAST_SHARE:
        return None
    box = crop_box(mask, given.grid, _REACH_MM)
    inside = mask[box]
    bones = spread_numbers(found.labels.array[box], given.grid.spacing_mm, _REACH_MM)
    for value in given.present():
        own = given.labels.array[box] == value
        votes = np.bincount(bones[own], minlength=256)
        if votes[1:].max() >= _WHOLE_SHARE * votes.sum():
            bones[own] = votes[1:].argmax() + 1
    parts = spread_numbers(regions.labels.array[box], given.grid.spacing_mm, _REACH_MM)
    named = []
    for values, meaning in ((bones, found.meaning), (parts, regions.meaning)):
        whole = np.zeros(given.grid.shape, np.uint8)
        whole[box] = np.where(inside, np.where(values > 0, values, _REST), 0)
        named.append(Segmentation(LabelMap(whole, given.grid), {**meaning, _REST: _REST_LABEL}))
    return named[0], named[1]
