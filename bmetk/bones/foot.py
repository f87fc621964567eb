"""Look at a foot again, closely: its bones are too small and too many for the first look.

The first fit says where in the foot each pixel lies. With that the foot network of `bmetk.bones.slices` names
every bone by itself, each toe too, and the template settles once more on what it names. As long as it moves,
the network is asked again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bmetk.bones.assign import settle_sharing
from bmetk.bones.bodies import Template
from bmetk.bones.border import Border, Refined, SeenBones, bend, bend_to_border, probe_of
from bmetk.bones.cortex import CortexSearch
from bmetk.bones.fit import Fit, Stiffness
from bmetk.bones.foot_frame import FOOT_CLASSES, foot_class, foot_frame
from bmetk.bones.locate import CoarseBones, coarse_grid, gather_slices
from bmetk.bones.outline import CoarseEvidence, Outline, depth_in_view, to_outline
from bmetk.bones.slices import close_up, softmax
from bmetk.bones.surfaces import Points, Surface, thickness_mm, vertex_normals
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
THICK_MM = 11.0
"""In thinner bones a profile across one border meets the next one: the foot network's outlines serve them."""
SEARCH_MM = 1.5
"""Standard deviation of the border's distance from what the network outlines."""
OUTLINE_REACH_MM = 4.0
OUTLINE_CERTAINTY = 0.4
"""Weight of an outline on the 2 mm grid against a clear cortical border."""


def look_at_foot(fit: Fit, image: ScalarImage, *, threads: int = 1) -> tuple[Fit, CoarseEvidence]:
    """Name each bone of a foot that has been found roughly, and settle its template on them."""
    fit = replace(fit, template=_told_apart(fit.template))
    for _ in range(ROUNDS):
        before = _middles(fit)
        fit, evidence = _settle(fit, image, threads)
        if np.linalg.norm(_middles(fit) - before, axis=1).mean() < SETTLED_MM:
            break
    return fit, evidence


def refine_foot(fit: Fit, evidence: CoarseEvidence, seen: SeenBones, image: ScalarImage) -> Refined:
    """Bend thick bones to the borders that the closer network sees and to the cortex, thin ones to outlines.

    Parameters
    ----------
    evidence : what the foot network names, from `look_at_foot`
    seen : what the closer network sees
    """
    bent: list[tuple[Points, float]] = []
    for number, body in enumerate(fit.template.bodies):
        outline = evidence.outlines.get(body.coarse)
        if thickness_mm(fit.surface(number)) > THICK_MM:
            cortex = CortexSearch.of(fit, number, image, SEARCH_MM)
            bent.append(bend_to_border(fit, number, seen, cortex.find))
        elif outline is not None:
            bent.append((_bend_to_outline(fit, number, outline, evidence), float("nan")))
        else:
            bent.append((fit.vertices(number), float("nan")))
    return Refined(fit, tuple(v for v, _ in bent), tuple(s for _, s in bent))


def _bend_to_outline(fit: Fit, number: int, outline: Outline, evidence: CoarseEvidence) -> Points:
    probe = probe_of(fit.template.bodies[number])
    every = np.arange(len(probe.index))

    def find(surface: Surface) -> Border:
        points, normals = surface.vertices[probe.index], vertex_normals(surface)[probe.index]
        seen = to_outline(points, normals, every, outline, evidence, OUTLINE_REACH_MM)
        along = seen.offset * (seen.normal * normals[seen.index]).sum(1)
        return Border(seen.index, along, OUTLINE_CERTAINTY * seen.weight)

    return bend(fit, number, probe, find).vertices


def _told_apart(template: Template) -> Template:
    """Give every bone its own class."""
    return replace(template, bodies=tuple(replace(b, coarse=foot_class(b.name)) for b in template.bodies))


def _middles(fit: Fit) -> Points:
    return np.stack([pose.middle for pose in fit.poses])


def _settle(fit: Fit, image: ScalarImage, threads: int) -> tuple[Fit, CoarseEvidence]:
    bones = _name_bones(fit, image, threads)
    return settle_sharing(bones, fit, depth_in_view(bones), CLOSER, REACH_MM, SHARE_MM)


def _name_bones(fit: Fit, image: ScalarImage, threads: int) -> CoarseBones:
    names = [body.name for body in fit.template.bodies]
    frame = foot_frame(dict(zip(names, _middles(fit), strict=True)), fit.template.side)
    vertices = np.concatenate([fit.vertices(n) for n in range(len(fit.poses))])
    about = np.stack([vertices.min(0) - MARGIN_MM, vertices.max(0) + MARGIN_MM])
    grid = coarse_grid(image.grid, SPACING_MM, about)
    view = close_up(image, grid.world_coordinates().reshape(-1, 3), PIXEL_MM)
    told = np.moveaxis((view.points() @ frame[:, :3].T + frame[:, 3]) / UNIT_MM, -1, 0).astype(np.float32)
    fine = softmax(view.name_pixels("foot.onnx", told, threads=threads))
    return gather_slices(fine, view.image.grid, grid, image.grid, FOOT_CLASSES)
