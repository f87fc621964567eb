"""Look at a foot again, closely: its bones are too small and too many for the first look.

The first fit says where in the foot each pixel lies. With that the foot network of `bmetk.bones.slices` names
every bone by itself, each toe too, and the template settles once more on what it names. As long as it moves,
the network is asked again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from bmetk.bones.assign import settle_sharing
from bmetk.bones.bodies import Template
from bmetk.bones.border import SeenBones
from bmetk.bones.fit import Fit, Stiffness
from bmetk.bones.foot_frame import FOOT_CLASSES, foot_class, foot_frame
from bmetk.bones.locate import CoarseBones, coarse_grid, gather_slices
from bmetk.bones.outline import CoarseEvidence, depth_in_view
from bmetk.bones.slices import close_up, softmax
from bmetk.bones.surfaces import Points
from bmetk.image import ScalarImage

PIXEL_MM = 1.2
"""In-plane spacing that the foot network was trained about."""
UNIT_MM = 60.0
"""Coordinates in a foot are told in this unit."""
SPACING_MM = 2.0
MARGIN_MM = 14.0
"""How far around the first fit is looked."""
REACH_MM = ((14.0, 10.0), (8.0, 6.0), (5.0, 4.0))
SHARE_MM = 14.0
"""How far from a bone of the first fit its own bone may lie."""
CLOSER = Stiffness(shift_mm=4.0, turn_deg=8.0, stretch=0.04, data_mm=8.0)
ROUNDS = 4
"""How often the network is asked at most."""
SETTLED_MM = 1.0
"""Mean distance that bones move by in a round, below which it was the last one."""


def look_at_foot(fit: Fit, image: ScalarImage, *, threads: int = 1) -> tuple[Fit, CoarseEvidence, SeenBones]:
    """Name each bone of a foot that has been found roughly, and settle its template on them."""
    fit = replace(fit, template=_told_apart(fit.template))
    for _ in range(ROUNDS):
        before = _middles(fit)
        bones, seen = _name_bones(fit, image, threads)
        fit, evidence = settle_sharing(bones, fit, depth_in_view(bones), CLOSER, REACH_MM, SHARE_MM)
        if np.linalg.norm(_middles(fit) - before, axis=1).mean() < SETTLED_MM:
            break
    return fit, evidence, seen


@lru_cache
def _told_apart(template: Template) -> Template:
    """Give every bone its own class; once for a template, since what is cached hangs on its bodies."""
    return replace(template, bodies=tuple(replace(b, coarse=foot_class(b.name)) for b in template.bodies))


def _middles(fit: Fit) -> Points:
    return np.stack([pose.middle for pose in fit.poses])


def _name_bones(fit: Fit, image: ScalarImage, threads: int) -> tuple[CoarseBones, SeenBones]:
    names = [body.name for body in fit.template.bodies]
    frame = foot_frame(dict(zip(names, _middles(fit), strict=True)), fit.template.side)
    vertices = np.concatenate([fit.vertices(n) for n in range(len(fit.poses))])
    about = np.stack([vertices.min(0) - MARGIN_MM, vertices.max(0) + MARGIN_MM])
    grid = coarse_grid(image.grid, SPACING_MM, about)
    view = close_up(image, grid.world_coordinates().reshape(-1, 3), PIXEL_MM)
    told = np.moveaxis((view.points() @ frame[:, :3].T + frame[:, 3]) / UNIT_MM, -1, 0).astype(np.float32)
    fine = softmax(view.name_pixels("foot.onnx", told, threads=threads))
    shares = {name: fine[FOOT_CLASSES.index(foot_class(name))] for name in names}
    bones = gather_slices(fine, view.image.grid, grid, image.grid, FOOT_CLASSES)
    return bones, SeenBones(shares, view.image.grid)
