"""Bring the fitted bones to the cortical border in the T1 series, at its own resolution.

First poses and modes follow what the profiles across each surface say; then each surface may leave the
shape model by a smooth displacement of a few millimetres. Every vertex listens to its neighbours, so
that a lesion that hides a stretch of the border does not dent the outline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from bmetk.anatomy import Joint
from bmetk.bones.bodies import Body, spread
from bmetk.bones.fit import Fit, Observations, Stiffness, step
from bmetk.bones.profile import PLACES_MM, features, load_network, resolution_mm, sample_profiles
from bmetk.bones.surfaces import Points, Surface, vertex_normals
from bmetk.image import ScalarImage

Vector = NDArray[np.float64]

SAMPLE_MM = {"large": 4.0, "middle": 3.0, "small": 2.0}
NEIGHBOURS = 8
OWN_SHARE = 0.3
"""Weight of a vertex's own profile against the mean of its neighbours'."""
SEARCH_MM = (5.0, 4.0, 3.5, 3.0, 2.5)
"""Standard deviation of the border's distance before the picture is asked, one for each step."""
VOTES = 150.0
"""Independent observations that all vertices of one bone are worth."""
SETTLED_MM = 1.2
"""Standard deviation of the border's place at which a profile counts half."""
MARROW_QUANTILE = 0.65
FREE = {
    Joint.HIP: Stiffness(shift_mm=8.0, turn_deg=12.0, data_mm=1.5),
    Joint.KNEE: Stiffness(shift_mm=6.0, turn_deg=10.0, data_mm=1.5),
    Joint.ANKLE: Stiffness(shift_mm=3.0, turn_deg=6.0, stretch=0.03, data_mm=1.5),
}
BEND_MM = {"large": (9.0, 6.0), "middle": (6.0, 4.0), "small": (4.0, 3.0)}
"""Width of the smooth displacement, one for each round."""
BEND_PRIOR = 0.15
"""Weight of staying on the shape model, against a clear border all around."""
BEND_LIMIT_MM = 4.0
LEAST_VERTICES = 5
"""Fewer vertices in view say nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """Bones at the cortical border.

    Parameters
    ----------
    vertices : of each body, LPS mm
    support : of each body, share of its surface in view that lies at a recognised border, 0 to 1;
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
    """The vertices of one body that look for the border, with their neighbours."""

    index: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    size: str


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """Where the border lies from each probe vertex in view: distance along the normal, certainty 0 to 1."""

    which: NDArray[np.int64]
    offset: Vector
    certainty: Vector


def refine(fit: Fit, image: ScalarImage) -> Refined:
    """Move poses, modes and surfaces to the cortical border."""
    probes = [probe_of(body) for body in fit.template.bodies]
    for search_mm in SEARCH_MM:
        seen: list[Observations | None] = []
        for number, probe in enumerate(probes):
            seen.append(_observe(fit, number, probe, image, search_mm))
        fit = step(fit, seen, FREE[fit.template.joint])
    bent = [bend_to_border(fit, n, probe, image, SEARCH_MM[-1]) for n, probe in enumerate(probes)]
    return Refined(fit, tuple(v for v, _ in bent), tuple(s for _, s in bent))


def unrefined(fit: Fit) -> Refined:
    """Leave a fit as it is."""
    count = len(fit.poses)
    return Refined(fit, tuple(fit.vertices(n) for n in range(count)), (float("nan"),) * count)


def size_of(body: Body) -> str:
    """Sort bones by their longest extent."""
    extent = float(np.ptp(body.rest, axis=0).max())
    return "large" if extent > 100 else "middle" if extent > 40 else "small"


def probe_of(body: Body) -> Probe:
    """Spread the vertices of a body that look for the border, with their neighbours."""
    size = size_of(body)
    index = spread(body.rest, SAMPLE_MM[size])
    count = min(NEIGHBOURS + 1, len(index))
    _, neighbours = cKDTree(body.rest[index]).query(body.rest[index], k=count)
    return Probe(index, np.asarray(neighbours, np.int64), size)


def _observe(
    fit: Fit, number: int, probe: Probe, image: ScalarImage, search_mm: float
) -> Observations | None:
    surface = fit.surface(number)
    normals = vertex_normals(surface)[probe.index]
    marrow = _marrow_level(fit, number, image)
    border = _find_border(surface.vertices[probe.index], normals, probe, image, marrow, search_mm)
    if len(border.which) < LEAST_VERTICES:
        return None
    weight = border.certainty * min(1.0, VOTES / len(border.which))
    return Observations(probe.index[border.which], normals[border.which], border.offset, weight)


def _marrow_level(fit: Fit, number: int, image: ScalarImage) -> float:
    """Estimate the marrow's intensity in a body, above what edema darkens."""
    body = fit.template.bodies[number]
    index = image.grid.to_index(fit.poses[number].apply(body.inner * 0.9))
    inside = np.all((index > -0.5) & (index < np.asarray(image.grid.shape) - 0.5), axis=1)
    if not inside.any():
        return 1.0
    values = map_coordinates(image.array, index[inside].T, order=1, mode="nearest")
    return float(np.quantile(values, MARROW_QUANTILE))


def _find_border(
    points: Points, normals: Points, probe: Probe, image: ScalarImage, marrow: float, search_mm: float
) -> Border:
    """Ask the profile network at each vertex, then its neighbours, then the prior."""
    profiles, seen = sample_profiles(image, points, normals)
    level = np.full(len(points), marrow, np.float32)
    told = load_network().log_likelihood(features(profiles, level, resolution_mm(image, normals)))
    told[~seen] = 0.0
    around = told[probe.neighbours[:, 1:]].mean(1)
    belief = OWN_SHARE * told + (1 - OWN_SHARE) * around
    which = np.flatnonzero(seen)
    belief = 2.0 * belief[which] - 0.5 * (PLACES_MM / search_mm) ** 2
    weight = np.exp(belief - belief.max(1, keepdims=True)).astype(np.float64)
    weight /= weight.sum(1, keepdims=True)
    offset = weight @ PLACES_MM
    variance = np.maximum(weight @ PLACES_MM**2 - offset**2, 0.0)
    return Border(which, offset, 1 / (1 + variance / SETTLED_MM**2))


def bend_to_border(
    fit: Fit, number: int, probe: Probe, image: ScalarImage, search_mm: float
) -> tuple[Points, float]:
    """Bend a body to the cortical border, and say how much of its surface then lies at one."""
    marrow = _marrow_level(fit, number, image)

    def find(surface: Surface) -> Border:
        normals = vertex_normals(surface)[probe.index]
        return _find_border(surface.vertices[probe.index], normals, probe, image, marrow, search_mm)

    surface = bend(fit, number, probe, find)
    border = find(surface)
    if len(border.which) < LEAST_VERTICES:
        return surface.vertices, float("nan")
    return surface.vertices, float((border.certainty * (np.abs(border.offset) < 1.5)).mean())


def bend(fit: Fit, number: int, probe: Probe, find: Callable[[Surface], Border]) -> Surface:
    """Displace a surface smoothly along its normals to where ``find`` sees its border."""
    surface = fit.surface(number)
    rest, start = fit.template.bodies[number].rest, surface.vertices
    total = np.zeros(len(start))
    tree = cKDTree(rest[probe.index])
    outward = vertex_normals(surface)
    for width_mm in BEND_MM[probe.size]:
        border = find(surface)
        if len(border.which) < LEAST_VERTICES:
            break
        total = total + _smooth(rest, tree, border, width_mm)
        total = np.clip(total, -BEND_LIMIT_MM, BEND_LIMIT_MM)
        surface = Surface(start + outward * total[:, None], surface.faces)
    return surface


def _smooth(rest: Points, tree: cKDTree, border: Border, width_mm: float) -> Vector:
    """Spread the displacement of the probe's vertices over all vertices by Gaussian weights."""
    count = min(24, tree.n)
    gap, near = tree.query(rest, k=count)
    offset, certainty = np.zeros(tree.n), np.zeros(tree.n)
    offset[border.which], certainty[border.which] = border.offset, border.certainty
    kernel = np.exp(-0.5 * (gap / width_mm) ** 2)
    weight = kernel * certainty[near]
    scale = kernel.sum(1)
    return np.asarray((weight * offset[near]).sum(1) / (weight.sum(1) + BEND_PRIOR * scale))
