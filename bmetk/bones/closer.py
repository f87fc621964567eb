"""Look at bones again, closely, once a first fit says where they are.

The first fit tells how deep in which bone each pixel lies. With that the closer network of
`bmetk.bones.slices` names every pixel once more, finer, and tells marrow from cortical bone. It knows three
colours in place of names: bones that touch each other have different ones, so that one network serves every
joint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates

from bmetk.anatomy import Joint
from bmetk.bones.border import (
    Refined,
    SeenBones,
    bend_to_border,
    moved_mm,
    settle_on_borders,
    size_of,
)
from bmetk.bones.cortex import CortexSearch
from bmetk.bones.fit import Fit, Stiffness
from bmetk.bones.locate import coarse_grid
from bmetk.bones.slices import Closeup, close_up, softmax
from bmetk.bones.surfaces import voxelize
from bmetk.image import Grid, ScalarImage

FloatArray = NDArray[np.float32]

COLOURS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("femur", "talus", "cuboid", "intermediate_cuneiform"), 0),
        **dict.fromkeys(("metatarsal_1", "metatarsal_3"), 0),
        **dict.fromkeys(("proximal_phalanx_2", "proximal_phalanx_4", "proximal_phalanx_5"), 0),
        **dict.fromkeys(("pelvis", "tibia", "navicular", "metatarsal_2", "metatarsal_4"), 1),
        **dict.fromkeys(("patella", "fibula", "calcaneus", "medial_cuneiform", "lateral_cuneiform"), 2),
        **dict.fromkeys(("metatarsal_5", "proximal_phalanx_1", "proximal_phalanx_3"), 2),
    }
)
OTHER_COLOUR = 1
"""That of the middle and distal phalanges."""
COLOUR_COUNT = 3
DEPTH_LIMIT_MM = 15.0
PIXEL_MM = {Joint.HIP: 1.6, Joint.KNEE: 1.3, Joint.ANKLE: 1.2}
DEPTH_SPACING_MM = {Joint.HIP: 3.2, Joint.KNEE: 2.4, Joint.ANKLE: 2.2}
MARGIN_MM = 12.0
"""How far around the first fit is looked."""
FREE = {
    Joint.HIP: Stiffness(shift_mm=8.0, turn_deg=12.0, data_mm=1.5),
    Joint.KNEE: Stiffness(shift_mm=6.0, turn_deg=10.0, data_mm=1.5),
    Joint.ANKLE: Stiffness(shift_mm=3.0, turn_deg=6.0, stretch=0.03, data_mm=1.5),
}
CORTEX_MM = {"large": 2.5, "middle": 1.5, "small": 0.8}
"""Standard deviation of the cortical border's distance from the bent surface, by size of the bone."""
FAR_MM = 2.5
"""Mean distance that the fit moves by from which on the network is asked again."""


def colour_of(name: str) -> int:
    """Return the colour of a bone, as the shape model names it."""
    return COLOURS.get(name, OTHER_COLOUR)


def refine_closely(
    fit: Fit, image: ScalarImage, *, named: Sequence[SeenBones] = (), threads: int = 1
) -> tuple[Refined, SeenBones]:
    """Look closer, then move poses and modes to the borders seen, and surfaces to these and the cortex.

    Parameters
    ----------
    named : what other networks see; surfaces listen to them too
    """
    seen = look_closer(fit, image, threads=threads)
    free = FREE[fit.template.joint]
    settled = settle_on_borders(fit, seen, free)
    if moved_mm(fit, settled, seen) > FAR_MM:
        seen = look_closer(settled, image, threads=threads)
        settled = settle_on_borders(settled, seen, free)
    bent = []
    for number, body in enumerate(settled.template.bodies):
        cortex = CortexSearch.of(settled, number, image, CORTEX_MM[size_of(body)])
        bent.append(bend_to_border(settled, number, (seen, *named), cortex.find))
    return Refined(settled, tuple(v for v, _ in bent), tuple(s for _, s in bent)), seen


def look_closer(fit: Fit, image: ScalarImage, *, threads: int = 1) -> SeenBones:
    """Name every pixel about bones that have been fitted roughly."""
    joint = fit.template.joint
    vertices = np.concatenate([fit.vertices(n) for n in range(len(fit.poses))])
    about = np.stack([vertices.min(0) - MARGIN_MM, vertices.max(0) + MARGIN_MM])
    grid = coarse_grid(image.grid, DEPTH_SPACING_MM[joint], about)
    view = close_up(image, grid.world_coordinates().reshape(-1, 3), PIXEL_MM[joint])
    logits = view.name_pixels("closer.onnx", _depths(fit, grid, view), threads=threads)
    shares = softmax(logits[: 1 + COLOUR_COUNT])
    marrow = ScalarImage(1 / (1 + np.exp(-logits[1 + COLOUR_COUNT])), view.image.grid)
    names = [body.name for body in fit.template.bodies]
    return SeenBones({name: shares[1 + colour_of(name)] for name in names}, view.image.grid, marrow)


def _depths(fit: Fit, grid: Grid, view: Closeup) -> FloatArray:
    """Measure how deep each pixel lies in the bones of each colour, limit 1, shape (3, S, R, C)."""
    inside = np.zeros((COLOUR_COUNT, *grid.shape), bool)
    for number, body in enumerate(fit.template.bodies):
        inside[colour_of(body.name)] |= voxelize(fit.surface(number), grid.affine, grid.shape)
    index = grid.to_index(view.points()).reshape(-1, 3).T
    told = np.full((COLOUR_COUNT, *view.image.grid.shape), -1.0, np.float32)
    for colour, mask in enumerate(inside):
        if mask.any():
            depth = depth_mm(mask, grid.spacing_mm[0]) / DEPTH_LIMIT_MM
            told[colour] = map_coordinates(depth, index, order=1, mode="nearest").reshape(told.shape[1:])
    return np.clip(told, -1, 1)


def depth_mm(inside: NDArray[np.bool_], spacing_mm: float) -> FloatArray:
    """Measure distances to the border of a mask on an isotropic grid, positive inside, mm."""
    within, outside = distance_transform_edt(inside), distance_transform_edt(~inside)
    cells = np.where(inside, within - 0.5, 0.5 - outside)
    return np.asarray(cells * spacing_mm, np.float32)
