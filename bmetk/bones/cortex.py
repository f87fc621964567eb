"""Where the profile network sees the cortical border of a bone, at the resolution of the T1 series.

Every vertex listens to its neighbours, so that a lesion that hides a stretch of the border does not dent the
outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from bmetk.bones.border import Border, Probe, probe_of
from bmetk.bones.fit import Fit
from bmetk.bones.profile import PLACES_MM, features, load_network, resolution_mm, sample_profiles
from bmetk.bones.surfaces import Surface, vertex_normals
from bmetk.image import ScalarImage

NEIGHBOURS = 8
OWN_SHARE = 0.3
"""Weight of a vertex's own profile against the mean of its neighbours'."""
SETTLED_MM = 1.2
"""Standard deviation of the border's place at which a profile counts half."""
MARROW_QUANTILE = 0.65


@dataclass(frozen=True, slots=True, eq=False)
class CortexSearch:
    """Looks for the cortical border of one body, wherever its surface lies.

    Parameters
    ----------
    neighbours : of each probe vertex, shape (N, K)
    marrow : intensity of the body's marrow
    search_mm : standard deviation of the border's distance before the picture is asked
    """

    probe: Probe
    neighbours: NDArray[np.int64]
    image: ScalarImage
    marrow: float
    search_mm: float

    @classmethod
    def of(cls, fit: Fit, number: int, image: ScalarImage, search_mm: float) -> CortexSearch:
        """Prepare the search for a body of a fit."""
        probe = probe_of(fit.template.bodies[number])
        rest = probe.body.rest[probe.index]
        _, near = cKDTree(rest).query(rest, k=min(NEIGHBOURS + 1, len(rest)))
        neighbours = np.asarray(near, np.int64)[:, 1:]
        return cls(probe, neighbours, image, _marrow_level(fit, number, image), search_mm)

    def find(self, surface: Surface) -> Border:
        """Ask the profile network at each vertex in view, then its neighbours, then the prior."""
        points, normals = surface.vertices[self.probe.index], vertex_normals(surface)[self.probe.index]
        profiles, seen = sample_profiles(self.image, points, normals)
        level = np.full(len(points), self.marrow, np.float32)
        inputs = features(profiles, level, resolution_mm(self.image, normals))
        told = load_network().log_likelihood(inputs)
        told[~seen] = 0.0
        belief = OWN_SHARE * told + (1 - OWN_SHARE) * told[self.neighbours].mean(1)
        which = np.flatnonzero(seen)
        belief = 2.0 * belief[which] - 0.5 * (PLACES_MM / self.search_mm) ** 2
        weight = np.exp(belief - belief.max(1, keepdims=True)).astype(np.float64)
        weight /= weight.sum(1, keepdims=True)
        offset = weight @ PLACES_MM
        variance = np.maximum(weight @ PLACES_MM**2 - offset**2, 0.0)
        return Border(which, offset, 1 / (1 + variance / SETTLED_MM**2))


def _marrow_level(fit: Fit, number: int, image: ScalarImage) -> float:
    """Estimate the marrow's intensity in a body, above what edema darkens."""
    body = fit.template.bodies[number]
    points = fit.poses[number].apply(body.inner * 0.9)
    points = points[image.grid.contains(points)]
    if not len(points):
        return 1.0
    values = map_coordinates(image.array, image.grid.to_index(points).T, order=1, mode="nearest")
    return float(np.quantile(values, MARROW_QUANTILE))
