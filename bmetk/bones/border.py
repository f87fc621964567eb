"""Bring fitted bones to the borders that a network sees: where, along each normal, a bone's name ends.

First poses and modes follow; then each surface may leave the shape model by a smooth displacement of a
few millimetres. Searching along normals is the way of Cootes et al. (1995, doi:10.1006/cviu.1995.1004).
Every vertex listens to its neighbours, so that a gap in what the network sees does not dent the outline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from bmetk.bones.bodies import Body, spread
from bmetk.bones.fit import Fit, Observations, Stiffness, anchored, step
from bmetk.bones.surfaces import Points, Surface, vertex_normals
from bmetk.image import Grid, ScalarImage

FloatArray = NDArray[np.float32]
Vector = NDArray[np.float64]

SAMPLE_MM = {"large": 4.0, "middle": 3.0, "small": 2.0}
"""Distance between the vertices that look for the border, by size of the bone."""
REACH_MM = (9.0, 7.0, 5.0, 4.0)
"""How far from a vertex its border is looked for, one for each step of the fit."""
BEND_MM = {"large": (9.0, 6.0), "middle": (6.0, 4.0), "small": (4.0, 3.0)}
"""Width of the smooth displacement, one for each round."""
BEND_PRIOR = 0.15
"""Weight of staying on the shape model, against a clear border all around."""
BEND_LIMIT_MM = 4.0
BEND_REACH_MM = 4.0
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
    return Probe(body, spread(body.rest, SAMPLE_MM[size_of(body)]))


def settle_on_borders(fit: Fit, seen: SeenBones, stiffness: Stiffness) -> Fit:
    """Move poses and modes to the borders seen; a bone without any stays."""
    fit = anchored(fit)
    probes = [probe_of(body) for body in fit.template.bodies]
    for reach_mm in REACH_MM:
        observed = [_observe(fit, number, probe, seen, reach_mm) for number, probe in enumerate(probes)]
        fit = step(fit, observed, stiffness)
    return fit


def bend_to_border(fit: Fit, number: int, seen: SeenBones, other: Find) -> tuple[Points, float]:
    """Bend a surface to its border, and say how much of it in view then lies at one that is seen.

    Parameters
    ----------
    other : what else finds the border; it counts as much as what is seen
    """
    probe = probe_of(fit.template.bodies[number])
    find_seen = partial(find_border, probe=probe, seen=seen, reach_mm=BEND_REACH_MM)
    surface = bend(fit, number, probe, partial(_agreed, finders=(find_seen, other), count=len(probe.index)))
    count = int(np.count_nonzero(seen.grid.contains(surface.vertices[probe.index])))
    border = find_border(surface, probe, seen, LAST_REACH_MM)
    return surface.vertices, len(border.which) / count if count >= LEAST_VERTICES else float("nan")


def _agreed(surface: Surface, finders: Sequence[Find], count: int) -> Border:
    """Take the mean of what several find, each by its certainty."""
    total, offset = np.zeros(count), np.zeros(count)
    for find in finders:
        border = find(surface)
        total[border.which] += border.certainty
        offset[border.which] += border.certainty * border.offset
    which = np.flatnonzero(total > 0)
    return Border(which, offset[which] / total[which], total[which] / len(finders))


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
    place = along[:-1] + STEP_MM * (inner - 0.5) / np.maximum(inner - outer, 1e-6)
    ends = (inner >= 0.5) & (outer < 0.5) & (np.abs(place) <= reach_mm)
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


def bend(fit: Fit, number: int, probe: Probe, find: Find) -> Surface:
    """Displace a surface smoothly along its normals to where ``find`` sees its border."""
    surface = fit.surface(number)
    rest, start = probe.body.rest, surface.vertices
    total = np.zeros(len(start))
    tree = cKDTree(rest[probe.index])
    outward = vertex_normals(surface)
    for width_mm in BEND_MM[probe.size]:
        border = find(surface)
        if len(border.which) < LEAST_VERTICES:
            break
        total = np.clip(total + _smooth(rest, tree, border, width_mm), -BEND_LIMIT_MM, BEND_LIMIT_MM)
        surface = Surface(start + outward * total[:, None], surface.faces)
    return surface


def _smooth(rest: Points, tree: cKDTree, border: Border, width_mm: float) -> Vector:
    """Spread the displacement of the probe's vertices over all vertices by Gaussian weights."""
    gap, near = tree.query(rest, k=min(24, tree.n))
    offset, certainty = np.zeros(tree.n), np.zeros(tree.n)
    offset[border.which], certainty[border.which] = border.offset, border.certainty
    kernel = np.exp(-0.5 * (gap / width_mm) ** 2)
    weight = kernel * certainty[near]
    return np.asarray((weight * offset[near]).sum(1) / (weight.sum(1) + BEND_PRIOR * kernel.sum(1)))


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
