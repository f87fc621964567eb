"""Bring fitted bones to the borders that a network sees: where, along each normal, a bone's name ends.

First poses and modes follow; then each surface leaves the shape model by smooth displacements, wide ones
first. Searching along normals is the way of Cootes et al. (1995, doi:10.1006/cviu.1995.1004). Every vertex
listens to its neighbours, so that a gap in what the network sees does not dent the outline, and the flanks of
a thin plate follow its rim, which a displacement along their own normals could not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from bmetk.bones.bodies import Body, spread
from bmetk.bones.fit import Fit, Observations, Stiffness, anchored, step
from bmetk.bones.surfaces import Points, Surface, thickness_mm, vertex_normals
from bmetk.image import Grid, ScalarImage

FloatArray = NDArray[np.float32]
Vector = NDArray[np.float64]

SAMPLE_MM = {"large": 4.0, "middle": 3.0, "small": 2.0}
"""Distance between the vertices that look for the border, by size of the bone."""
REACH_MM = (9.0, 7.0, 5.0, 4.0)
"""How far from a vertex its border is looked for, one for each step of the fit."""
BEND_MM = {
    "large": ((40.0, 15.0), (25.0, 12.0), (16.0, 9.0), (10.0, 7.0), (7.0, 5.0)),
    "middle": ((20.0, 7.0), (12.0, 5.0), (8.0, 4.0)),
    "small": ((12.0, 5.0), (8.0, 4.0), (5.0, 3.0)),
}
"""Width of the smooth displacement, and how far the border is looked for, for each round."""
FINISH_MM = {"large": (9.0, 6.0), "middle": (6.0, 4.0), "small": (4.0, 3.0)}
"""Width in the last rounds, which listen to the cortex too."""
FINISH_REACH_MM = 4.0
BEND_PRIOR = 0.15
"""Weight of staying, against a clear border all around."""
CONTROL_SHARE = 0.6
"""Distance between the points that carry a displacement, by its width."""
FAR_WIDTHS = 2.5
"""Farther away, by the width, nothing is listened to."""
CARRIERS = 10
"""Points whose displacements a vertex takes the mean of."""
THIN_MM = 12.0
LEVEL, THIN_LEVEL = 0.5, 0.4
"""Share at which a bone ends; across a thinner one than that, slices dim it."""
LAST_REACH_MM = 1.5
"""A border no further from the bent surface supports it."""
LEAST_VERTICES = 5
"""Fewer vertices in view say nothing."""
VOTES = 150.0
"""Independent observations that all vertices of one bone are worth."""
STEP_MM = 0.5
CLEAR_MM = 2.0
"""On both sides of a border, how far its bone is looked at."""
THICK_MM = 3.0
"""Spacing along a normal at which a border's place counts half."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenBones:
    """What a closer network sees: the share of each bone at every pixel, and of marrow where it tells it.

    Parameters
    ----------
    shares : by the name of each bone, float32, shape (S, R, C); bones that do not touch may share one
    """

    shares: Mapping[str, FloatArray]
    grid: Grid
    marrow: ScalarImage | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """Bones at the borders seen.

    Parameters
    ----------
    vertices : of each body, LPS mm
    support : of each body, share of its surface in view that lies at a border seen, 0 to 1;
        nan where nothing is in view
    """

    fit: Fit
    vertices: tuple[Points, ...]
    support: tuple[float, ...]

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """Surface of each body, LPS mm."""
        bodies = self.fit.template.bodies
        return tuple(Surface(v, b.faces) for v, b in zip(self.vertices, bodies, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """The vertices of one body that look for its border."""

    body: Body
    index: NDArray[np.int64]
    level: float
    """Share at which the bone ends."""

    @property
    def size(self) -> str:
        """Size of the body: large, middle or small."""
        return size_of(self.body)


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """Where the border lies from each probe vertex that sees one: mm along its normal, certainty 0 to 1."""

    which: NDArray[np.int64]
    offset: Vector
    certainty: Vector


Find = Callable[[Surface], Border]
"""Finds the border of a body, wherever its surface lies."""


def size_of(body: Body) -> str:
    """Sort bones by their longest extent."""
    extent = float(np.ptp(body.rest, axis=0).max())
    return "large" if extent > 100 else "middle" if extent > 40 else "small"


@lru_cache(maxsize=128)
def probe_of(body: Body) -> Probe:
    """Spread the vertices of a body that look for the border."""
    thin = thickness_mm(Surface(body.rest, body.faces)) < THIN_MM
    return Probe(body, spread(body.rest, SAMPLE_MM[size_of(body)]), THIN_LEVEL if thin else LEVEL)


def settle_on_borders(fit: Fit, seen: SeenBones, stiffness: Stiffness) -> Fit:
    """Move poses and modes to the borders seen; a bone without any stays."""
    fit = anchored(fit)
    probes = [probe_of(body) for body in fit.template.bodies]
    for reach_mm in REACH_MM:
        observed = [_observe(fit, number, probe, seen, reach_mm) for number, probe in enumerate(probes)]
        fit = step(fit, observed, stiffness)
    return fit


def bend_to_border(fit: Fit, number: int, seen: Sequence[SeenBones], cortex: Find) -> tuple[Points, float]:
    """Bend a surface to its border, and say how much of it in view then lies at one that is seen.

    Parameters
    ----------
    seen : by each network that names the bone; they count the same, the first one tells the support
    cortex : finds the cortical border; in the last rounds it counts as much as a network
    """
    probe = probe_of(fit.template.bodies[number])
    surface = fit.surface(number)
    for width_mm, reach_mm in BEND_MM[probe.size]:
        found = [find_border(surface, probe, one, reach_mm) for one in seen]
        surface = bend(surface, probe, _agreed(found, len(probe.index)), width_mm)
    for width_mm in FINISH_MM[probe.size]:
        found = [*(find_border(surface, probe, one, FINISH_REACH_MM) for one in seen), cortex(surface)]
        surface = bend(surface, probe, _agreed(found, len(probe.index)), width_mm)
    count = int(np.count_nonzero(seen[0].grid.contains(surface.vertices[probe.index])))
    border = find_border(surface, probe, seen[0], LAST_REACH_MM)
    return surface.vertices, len(border.which) / count if count >= LEAST_VERTICES else float("nan")


def _agreed(found: Sequence[Border], count: int) -> Border:
    """Take the mean of what several found, each by its certainty."""
    total, offset = np.zeros(count), np.zeros(count)
    for border in found:
        total[border.which] += border.certainty
        offset[border.which] += border.certainty * border.offset
    which = np.flatnonzero(total > 0)
    return Border(which, offset[which] / total[which], total[which] / len(found))


def unrefined(fit: Fit) -> Refined:
    """Leave a fit as it is."""
    count = len(fit.poses)
    return Refined(fit, tuple(fit.vertices(n) for n in range(count)), (float("nan"),) * count)


def find_border(surface: Surface, probe: Probe, seen: SeenBones, reach_mm: float) -> Border:
    """Find where the probe's bone ends along the normals, next to each vertex in view."""
    points, normals = surface.vertices[probe.index], vertex_normals(surface)[probe.index]
    visible = np.flatnonzero(seen.grid.contains(points))
    along = np.arange(-reach_mm - CLEAR_MM, reach_mm + CLEAR_MM + STEP_MM / 2, STEP_MM)
    lines = points[visible, None] + along[:, None] * normals[visible, None]
    index = np.moveaxis(seen.grid.to_index(lines), -1, 0)
    share = map_coordinates(seen.shares[probe.body.name], index, order=1, mode="nearest")
    inner, outer = share[:, :-1], share[:, 1:]
    level = probe.level
    place = along[:-1] + STEP_MM * (inner - level) / np.maximum(inner - outer, 1e-6)
    ends = (inner >= level) & (outer < level) & (np.abs(place) <= reach_mm)
    nearest = np.where(ends, np.abs(place), np.inf).argmin(1)
    row = np.flatnonzero(ends.any(1))
    nearest = nearest[row]
    width = round(CLEAR_MM / STEP_MM)
    before, after = np.maximum(nearest - width + 1, 0), np.minimum(nearest + width, len(along) - 1)
    clear = np.clip(share[row, before] - share[row, after], 0, 1)
    thick = np.sqrt((((normals[visible[row]] @ seen.grid.axes) * seen.grid.spacing_mm) ** 2).sum(1))
    certainty = clear / (1 + (thick / THICK_MM) ** 2)
    return Border(visible[row], place[row, nearest].astype(np.float64), certainty.astype(np.float64))


def _observe(fit: Fit, number: int, probe: Probe, seen: SeenBones, reach_mm: float) -> Observations | None:
    surface = fit.surface(number)
    border = find_border(surface, probe, seen, reach_mm)
    if len(border.which) < LEAST_VERTICES:
        return None
    normals = vertex_normals(surface)[probe.index[border.which]]
    weight = border.certainty * min(1.0, VOTES / len(border.which))
    return Observations(probe.index[border.which], normals, border.offset, weight)


def bend(surface: Surface, probe: Probe, border: Border, width_mm: float) -> Surface:
    """Displace a surface smoothly, so that its vertices come to the borders that they see.

    About each control point the displacement is the one that best explains the offsets along all normals
    near it, by least squares; vertices take the mean of those about them.
    """
    if len(border.which) < LEAST_VERTICES:
        return surface
    web = _web(probe.body, width_mm)
    normals = vertex_normals(surface)[probe.index[border.which]]
    pairs = (normals[:, :, None] * normals[:, None, :]).reshape(-1, 9)
    columns = np.zeros((len(probe.index), 13))
    columns[:, 12] = BEND_PRIOR / 3
    columns[border.which, :9] = border.certainty[:, None] * pairs
    columns[border.which, 9:12] = (border.certainty * border.offset)[:, None] * normals
    sums = web.listen @ columns
    matrix = sums[:, :9].reshape(-1, 3, 3) + sums[:, 12, None, None] * np.eye(3)
    moved = np.linalg.solve(matrix, sums[:, 9:12, None])[..., 0]
    return Surface(surface.vertices + web.carry @ moved, surface.faces)


@dataclass(frozen=True, slots=True, eq=False)
class _Web:
    """Who listens to whom: control points to probes, (C, P), and vertices to control points, (V, C)."""

    listen: csr_array
    carry: csr_array


@lru_cache(maxsize=512)
def _web(body: Body, width_mm: float) -> _Web:
    """Weigh the neighbours of the control points and of all vertices by Gaussians."""
    rest, looking = body.rest, body.rest[probe_of(body).index]
    control = rest[spread(rest, CONTROL_SHARE * width_mm)]
    tree = cKDTree(control)
    near = tree.sparse_distance_matrix(cKDTree(looking), FAR_WIDTHS * width_mm, output_type="coo_matrix")
    listen = np.exp(-0.5 * (near.data / width_mm) ** 2)
    gap, which = tree.query(rest, k=min(CARRIERS, len(control)))
    gap, which = gap.reshape(len(rest), -1), which.reshape(len(rest), -1)
    share = np.exp(-0.5 * (gap / (CONTROL_SHARE * width_mm)) ** 2)
    share /= share.sum(1, keepdims=True)
    row = np.repeat(np.arange(len(rest)), which.shape[1])
    return _Web(
        csr_array((listen, (near.row, near.col)), shape=near.shape),
        csr_array((share.ravel(), (row, which.ravel())), shape=(len(rest), len(control))),
    )


def moved_mm(first: Fit, now: Fit, seen: SeenBones) -> float:
    """Measure how far the vertices in view have moved from one fit to another, on average."""
    gaps = []
    for number, body in enumerate(now.template.bodies):
        index = probe_of(body).index
        points = now.vertices(number)[index]
        gaps.append(
            np.linalg.norm(points - first.vertices(number)[index], axis=1)[seen.grid.contains(points)]
        )
    every = np.concatenate(gaps)
    return float(every.mean()) if len(every) else 0.0
