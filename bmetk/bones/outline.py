"""Pull a template onto the coarse bones: distances between the bones' surfaces, both ways.

What lies outside of the field of view says nothing, and a bone that the view cuts has no surface there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from bmetk.bones.bodies import rest_normals
from bmetk.bones.fit import Fit, Observations, Stiffness, step
from bmetk.bones.locate import CoarseBones
from bmetk.bones.surfaces import Points, voxelize
from bmetk.image import crop_box

Vector = NDArray[np.float64]

LEVEL = 0.5
BORDER_MM = 4.0
"""Surface of a coarse class this near to the edge of the view is a cut, not an outline."""
_AROUND = 4
"""Voxels around a class that its surface and its normals depend on."""
FACING = 0.3
"""Least cosine between the normals of two surfaces that belong together."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Surface of one coarse class: points and outward normals, shape (N, 3), in a search tree."""

    points: Points
    normals: Points
    tree: cKDTree


@dataclass(frozen=True, slots=True, eq=False)
class CoarseEvidence:
    """Outlines of the coarse classes, and where the view was."""

    coarse: CoarseBones
    outlines: dict[str, Outline]
    inside_mm: NDArray[np.float32]
    """Distance of each voxel to the edge of the view, negative outside."""

    def depth_in_view(self, points: Points) -> Vector:
        """Measure how far points (N, 3) lie inside of the view, mm; negative outside."""
        index = self.coarse.grid.to_index(points).T
        return np.asarray(map_coordinates(self.inside_mm, index, order=1, mode="nearest"), np.float64)


def depth_in_view(coarse: CoarseBones) -> NDArray[np.float32]:
    """Measure the distance of each voxel to the edge of the view, mm, negative outside."""
    spacing = coarse.grid.spacing_mm
    padded = np.pad(coarse.covered, 1)
    depth = distance_transform_edt(padded, spacing) - distance_transform_edt(~padded, spacing)
    return np.asarray(depth[1:-1, 1:-1, 1:-1], np.float32)


def gather(coarse: CoarseBones, inside: NDArray[np.float32]) -> CoarseEvidence:
    """Extract the outline of every class that is there; ``inside`` is what `depth_in_view` gives."""
    outlines = {}
    for number, name in enumerate(coarse.classes):
        if name == "background":
            continue
        found = _outline(coarse.probabilities[number], coarse, inside)
        if found is not None:
            outlines[name] = found
    return CoarseEvidence(coarse, outlines, inside)


def _outline(share: NDArray[np.float32], coarse: CoarseBones, inside: NDArray[np.float32]) -> Outline | None:
    marked = share > LEVEL
    if np.count_nonzero(marked) < 6:
        return None
    box = crop_box(marked, coarse.grid, _AROUND * coarse.grid.spacing_mm[0])
    low = [part.start for part in box]
    padded = np.pad(share[box], 1)
    vertices = _isosurface(padded)
    index = vertices.astype(np.float64) - 1 + low
    gradient = np.stack(
        [map_coordinates(g, vertices.T, order=1) for g in np.gradient(gaussian_filter(padded, 0.7))], axis=-1
    )
    points = coarse.grid.to_world(index)
    normals = -(gradient / np.asarray(coarse.grid.spacing_mm)) @ coarse.grid.axes.T
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    depth = map_coordinates(inside, index.T, order=1, mode="nearest")
    kept = depth > BORDER_MM
    if np.count_nonzero(kept) < 6:
        return None
    return Outline(points[kept], normals[kept], cKDTree(points[kept]))


def _isosurface(padded: NDArray[np.float32]) -> Points:
    """Find the points where a class crosses its level (Lorensen and Cline, 1987, doi:10.1145/37402.37422)."""
    found = marching_cubes(padded, LEVEL)  # type: ignore[no-untyped-call]
    return np.asarray(found[0], np.float64)


def settle(
    fit: Fit, evidence: CoarseEvidence, stiffness: Sequence[Stiffness], reach_mm: Sequence[float]
) -> Fit:
    """Iterate to the outlines; each entry of ``stiffness`` and ``reach_mm`` is one step."""
    normals = [rest_normals(body) for body in fit.template.bodies]
    for stiff, reach in zip(stiffness, reach_mm, strict=True):
        fit = step(fit, observe(fit, evidence, normals, reach), stiff)
    return fit


def observe(
    fit: Fit, evidence: CoarseEvidence, rest: Sequence[Points], reach_mm: float
) -> list[Observations | None]:
    """Measure the distances between the template's bones and the outlines of their classes, both ways."""
    bodies = fit.template.bodies
    placed = [fit.poses[n].apply(fit.shape(n)[b.sample]) for n, b in enumerate(bodies)]
    turned = [_turn_normals(rest[n], fit, n) for n in range(len(bodies))]
    seen: list[list[Observations]] = [[] for _ in bodies]
    for name, outline in evidence.outlines.items():
        members = [n for n, b in enumerate(bodies) if b.coarse == name]
        if not members:
            continue
        for n in members:
            seen[n].append(_to_outline(placed[n], turned[n], bodies[n].sample, outline, evidence, reach_mm))
        for n, part in _from_outline(members, placed, turned, outline, reach_mm).items():
            seen[n].append(Observations(bodies[n].sample[part.index], part.normal, part.offset, part.weight))
    return [_join(parts) for parts in seen]


def _turn_normals(rest: Points, fit: Fit, number: int) -> Points:
    pose = fit.poses[number]
    normals = (rest / pose.stretch) @ pose.rotation.T
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def _to_outline(
    points: Points,
    normals: Points,
    sample: NDArray[np.int64],
    outline: Outline,
    evidence: CoarseEvidence,
    reach_mm: float,
) -> Observations:
    """Ask each vertex of a bone for the nearest outline that faces the same way."""
    visible = np.flatnonzero(evidence.depth_in_view(points) > 0)
    gap, near = outline.tree.query(points[visible], distance_upper_bound=reach_mm)
    hit = np.flatnonzero(np.isfinite(gap))
    own, there = visible[hit], near[hit]
    facing = (normals[own] * outline.normals[there]).sum(1) > FACING
    own, there = own[facing], there[facing]
    offset = ((outline.points[there] - points[own]) * outline.normals[there]).sum(1)
    return Observations(sample[own], outline.normals[there], offset, _robust(offset, reach_mm))


def _from_outline(
    members: Sequence[int],
    placed: Sequence[Points],
    normals: Sequence[Points],
    outline: Outline,
    reach_mm: float,
) -> dict[int, Observations]:
    """Ask each point of an outline for the nearest bone of its class; index counts within the sample."""
    owner = np.concatenate([np.full(len(placed[n]), n) for n in members])
    inner = np.concatenate([np.arange(len(placed[n])) for n in members])
    points = np.concatenate([placed[n] for n in members])
    facing_all = np.concatenate([normals[n] for n in members])
    gap, near = cKDTree(points).query(outline.points, distance_upper_bound=2 * reach_mm)
    hit = np.flatnonzero(np.isfinite(gap))
    hit = hit[(facing_all[near[hit]] * outline.normals[hit]).sum(1) > FACING]
    offset = ((outline.points[hit] - points[near[hit]]) * outline.normals[hit]).sum(1)
    weight = _robust(offset, 2 * reach_mm)
    found = {}
    for n in members:
        mine = owner[near[hit]] == n
        found[n] = Observations(
            inner[near[hit][mine]], outline.normals[hit[mine]], offset[mine], weight[mine]
        )
    return found


def _join(parts: Sequence[Observations]) -> Observations | None:
    kept = [p for p in parts if len(p.index)]
    if not kept:
        return None
    return Observations(
        np.concatenate([p.index for p in kept]),
        np.concatenate([p.normal for p in kept]),
        np.concatenate([p.offset for p in kept]),
        np.concatenate([p.weight for p in kept]),
    )


def _robust(offset: Vector, reach_mm: float) -> Vector:
    """Return Tukey's biweights: none beyond the reach."""
    return np.asarray(np.maximum(1 - (offset / reach_mm) ** 2, 0.0) ** 2)


def overlap(fit: Fit, coarse: CoarseBones) -> tuple[float, dict[str, float]]:
    """Compare the template with the coarse bones: Dice over all classes, and of each class.

    All classes count, also those that the template does not explain.
    """
    grid, labels = coarse.grid, coarse.labels()
    claimed = np.zeros_like(labels)
    for number, body in enumerate(fit.template.bodies):
        filled = voxelize(fit.surface(number), grid.affine, grid.shape) & coarse.covered
        claimed[filled] = coarse.classes.index(body.coarse)
    count = len(coarse.classes)
    shared = np.bincount(labels[labels == claimed], minlength=count)[1:]
    total = (np.bincount(labels.ravel(), minlength=count) + np.bincount(claimed.ravel(), minlength=count))[1:]
    each = {n: float(2 * a / max(b, 1)) for n, a, b in zip(coarse.classes[1:], shared, total, strict=True)}
    return float(2 * shared.sum() / max(total.sum(), 1)), each
