"""Closed triangle surfaces of bones, and how they fill a voxel grid.

The world is LPS in mm: x to the patient's left, y to the back, z to the head. A grid is given by its shape
(slices, rows, columns) and a 4x4 affine from (slice, row, column) to LPS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

Points = NDArray[np.float64]
Faces = NDArray[np.int32]
Ints = NDArray[np.int64]

SAMPLE_SPACING_MM = 2.5
"""Largest distance between the surface samples that find the nearest triangles."""
SAMPLE_REACH_MM = 0.7 * SAMPLE_SPACING_MM
"""Largest distance from a point of the surface to a sample: two thirds of an edge, and some."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A closed surface of triangles, oriented outwards.

    Attributes
    ----------
    vertices : shape (V, 3)
        LPS, mm.
    faces : shape (F, 3)
        Rows of vertex indices, counter-clockwise seen from outside.
    """

    vertices: Points
    faces: Faces

    def __post_init__(self) -> None:
        for name, array in (("vertices", self.vertices), ("faces", self.faces)):
            if array.ndim != 2 or array.shape[1] != 3:
                raise ValueError(f"{name} have shape {array.shape}: give (n, 3)")
        object.__setattr__(self, "vertices", np.asarray(self.vertices, np.float64))
        object.__setattr__(self, "faces", np.asarray(self.faces, np.int32))


@dataclass(frozen=True, slots=True)
class SurfaceIndex:
    """Samples of a surface in a search tree, for many distance queries to the same bone."""

    corners: Points
    """Corners of the triangles, shape (F, 3, 3), mm."""
    tree: cKDTree
    """Over the samples."""
    owner: Ints
    """The triangle each sample lies on."""


def transform(surface: Surface, matrix: ArrayLike) -> Surface:
    """Move a surface by a 4x4 LPS-to-LPS affine (mm); a reflection keeps the faces outward."""
    m = np.asarray(matrix, np.float64)
    faces = surface.faces if np.linalg.det(m[:3, :3]) > 0 else surface.faces[:, ::-1].copy()
    return Surface(surface.vertices @ m[:3, :3].T + m[:3, 3], faces)


def mirror_x(surface: Surface, x0: float = 0.0) -> Surface:
    """Mirror a surface at the sagittal plane x = ``x0`` (mm); vertices keep their order."""
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0])
    matrix[0, 3] = 2.0 * x0
    return transform(surface, matrix)


def volume_ml(surface: Surface) -> float:
    """Return the enclosed volume by the divergence theorem, positive when the faces look outwards."""
    a, b, c = np.moveaxis(surface.vertices[surface.faces] - surface.vertices.mean(0), 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6000.0)


def thickness_mm(surface: Surface) -> float:
    """Return four times volume over area: the width of a long bone, mm."""
    corners = surface.vertices[surface.faces]
    area = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    return 4000.0 * volume_ml(surface) / float(area.sum())


def merge(surfaces: Iterable[Surface]) -> Surface:
    """Join surfaces into one; they should not overlap."""
    parts = list(surfaces)
    if not parts:
        raise ValueError("no surface to merge: give at least one")
    first = np.cumsum([0] + [len(p.vertices) for p in parts[:-1]])
    faces = [p.faces + np.int32(n) for p, n in zip(parts, first, strict=True)]
    return Surface(np.concatenate([p.vertices for p in parts]), np.concatenate(faces))


def vertex_normals(surface: Surface) -> Points:
    """Return the outward unit normal at each vertex, shape (V, 3), faces weighted by area."""
    a, b, c = np.moveaxis(surface.vertices[surface.faces], 1, 0)
    weighted = np.cross(b - a, c - a)
    normals = np.zeros_like(surface.vertices)
    for axis in range(3):
        normals[:, axis] = np.bincount(
            surface.faces.ravel(), np.repeat(weighted[:, axis], 3), minlength=len(normals)
        )
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def voxelize(surface: Surface, affine: ArrayLike, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Mark the voxels whose centre lies inside a closed surface.

    Every slice cuts the triangles into segments, every row cuts the segments into crossings, and between an
    odd and an even crossing lies bone. Neighbouring triangles share their cuts to the last bit, so a closed
    surface never leaks.

    Parameters
    ----------
    affine : shape (4, 4)
        From (slice, row, column) to LPS, mm; may be oblique.
    shape : (S, R, C)

    Returns
    -------
    NDArray[np.bool_], shape (S, R, C)
    """
    index = _to_index(surface.vertices, affine)
    inside = np.zeros(shape, bool)
    low, high = _box(index, shape)
    if np.any(high <= low):
        return inside
    s0, r0, c0 = (int(n) for n in low)
    s1, r1, c1 = (int(n) for n in high)
    slices, segments = _cut_slices(index, surface.faces, s0, s1)
    which, rows = _spans(segments[:, :, 0], r0, r1)
    columns = _cross(segments[which], rows)
    size = (s1 - s0, r1 - r0, c1 - c0)
    first = np.ceil(columns).astype(np.int64) - c0
    kept = first < size[2]
    flat = ((slices[which] - s0) * size[1] + rows - r0) * size[2] + np.maximum(first, 0)
    flips = np.bincount(flat[kept], minlength=size[0] * size[1] * size[2]).astype(np.uint8) & np.uint8(1)
    parity = np.bitwise_xor.accumulate(flips.reshape(size), axis=2)
    inside[s0:s1, r0:r1, c0:c1] = parity.astype(bool)
    return inside


def index_surface(surface: Surface) -> SurfaceIndex:
    """Prepare a surface for `distance`."""
    corners = surface.vertices[surface.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    steps = np.clip(np.ceil(longest / SAMPLE_SPACING_MM).astype(np.int64), 1, 64)
    points, owners = [], []
    for n in np.unique(steps):
        faces = np.flatnonzero(steps == n)
        i, j = np.divmod(np.arange(n * n), n)
        up = i + j < n
        weights = np.stack([i[up] + 1 / 3, j[up] + 1 / 3, n - i[up] - j[up] - 2 / 3], 1) / n
        points.append(np.einsum("kc,fcx->fkx", weights, corners[faces]).reshape(-1, 3))
        owners.append(np.repeat(faces, len(weights)))
    return SurfaceIndex(corners, cKDTree(np.concatenate(points)), np.concatenate(owners))


def distance(
    index: SurfaceIndex, points: Points, limit_mm: float = np.inf, candidates: int = 3
) -> NDArray[np.float64]:
    """Measure the unsigned distance of points to a surface.

    The samples find the nearest triangles; the distance to these is exact (C. Ericson, Real-Time Collision
    Detection, 2005, section 5.1.5). A larger ``candidates`` is safer between long triangles, and slower.

    Returns
    -------
    NDArray[np.float64], shape (N,)
        mm; infinite beyond ``limit_mm``.
    """
    found, samples = index.tree.query(
        points, k=list(range(1, candidates + 1)), distance_upper_bound=limit_mm + SAMPLE_REACH_MM
    )
    result = np.full(len(points), np.inf)
    for k in range(candidates):
        hit = np.flatnonzero(np.isfinite(found[:, k]))
        if k:
            hit = hit[index.owner[samples[hit, k]] != index.owner[samples[hit, 0]]]
        corners = index.corners[index.owner[samples[hit, k]]]
        result[hit] = np.minimum(result[hit], _triangle_distance(points[hit], corners))
    result[result > limit_mm] = np.inf
    return result


def signed_distance(
    surface: Surface, affine: ArrayLike, shape: tuple[int, int, int], band_mm: float = 5.0
) -> NDArray[np.float32]:
    """Measure the distance of voxel centres to a surface, negative inside.

    Exact within the band (see `distance`), clipped to plus or minus ``band_mm`` beyond it.

    Parameters
    ----------
    affine : shape (4, 4)
        From (slice, row, column) to LPS, mm; may be oblique.
    shape : (S, R, C)

    Returns
    -------
    NDArray[np.float32], shape (S, R, C)
        mm.
    """
    matrix = np.asarray(affine, np.float64)
    result = np.full(shape, band_mm, np.float32)
    index = index_surface(surface)
    near = _near_samples(_to_index(np.asarray(index.tree.data), matrix), matrix, shape, band_mm)
    voxels = np.stack(np.nonzero(near), axis=1)
    if len(voxels):
        found = distance(index, voxels @ matrix[:3, :3].T + matrix[:3, 3], band_mm)
        result[near] = np.minimum(found, band_mm)
    inside = voxelize(surface, matrix, shape)
    np.negative(result, out=result, where=inside)
    return result


def clearance(moving: Surface, fixed: Surface, direction: ArrayLike, reach_mm: float = 2.0) -> float:
    """Measure the least gap between facing parts of two surfaces along a direction, negative if they overlap.

    Parameters
    ----------
    direction : shape (3,)
        Unit vector from ``fixed`` to ``moving``.
    reach_mm : float
        How far apart, seen along the direction, two points still oppose each other.

    Returns
    -------
    float
        mm, the hundredth of the narrowest; infinite when nothing opposes.
    """
    axis = np.asarray(direction, np.float64)
    plane = np.linalg.svd(axis[None])[2][1:]
    sides = []
    for surface, sign in ((fixed, 1.0), (moving, -1.0)):
        index = index_surface(surface)
        a, b, c = np.moveaxis(index.corners, 1, 0)
        normals = np.cross(b - a, c - a)
        facing = sign * (normals @ axis) > 0.3 * np.linalg.norm(normals, axis=1)
        sides.append(np.asarray(index.tree.data)[facing[index.owner]])
    below, above = sides
    if not len(below) or not len(above):
        return float("inf")
    away, near = cKDTree(below @ plane.T).query(above @ plane.T, distance_upper_bound=reach_mm)
    hit = np.isfinite(away)
    return float(np.quantile((above[hit] - below[near[hit]]) @ axis, 0.01)) if hit.any() else float("inf")


def _to_index(points: Points, affine: ArrayLike) -> Points:
    """Return (slice, row, column) coordinates of LPS points, shape (N, 3)."""
    inverse = np.linalg.inv(np.asarray(affine, np.float64))
    return np.asarray(points @ inverse[:3, :3].T + inverse[:3, 3])


def _box(index: Points, shape: tuple[int, int, int]) -> tuple[Ints, Ints]:
    """Return the first and one past the last voxel that a surface can fill, clipped to the grid."""
    low = np.clip(np.ceil(index.min(0)), 0, shape).astype(np.int64)
    high = np.clip(np.floor(index.max(0)) + 1, 0, shape).astype(np.int64)
    return low, high


def _spans(ends: Points, first: int, stop: int) -> tuple[Ints, Ints]:
    """List the integer levels that each interval crosses.

    Parameters
    ----------
    ends : shape (N, K)
        Coordinates; an interval runs from the least (excluded) to the greatest (included).
    first, stop : int
        Levels outside of this range are left out.

    Returns
    -------
    which, levels : shape (M,)
        The interval, and the level it crosses.
    """
    low = np.clip(np.floor(ends.min(1)).astype(np.int64) + 1, first, stop)
    high = np.clip(np.floor(ends.max(1)).astype(np.int64) + 1, first, stop)
    count = np.maximum(high - low, 0)
    which = np.repeat(np.arange(len(ends)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    return which, low[which] + step


def _cut_slices(index: Points, faces: Faces, first: int, stop: int) -> tuple[Ints, Points]:
    """Cut triangles at the slices: slice numbers (M,) and segments (M, 2 ends, (row, column))."""
    ordered = np.sort(faces, axis=1)  # one order of the ends of an edge in both its triangles: equal cuts
    which, levels = _spans(index[ordered][:, :, 0], first, stop)
    corners = index[ordered[which]]
    above = corners[:, :, 0] >= levels[:, None]
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    crossed = above[:, pairs[:, 0]] != above[:, pairs[:, 1]]
    item, edge = np.nonzero(crossed)  # exactly two a triangle
    a = corners[item, pairs[edge, 0]]
    b = corners[item, pairs[edge, 1]]
    part = (levels[item] - a[:, 0]) / (b[:, 0] - a[:, 0])
    cuts = a[:, 1:] + part[:, None] * (b[:, 1:] - a[:, 1:])
    return levels, cuts.reshape(-1, 2, 2)


def _cross(segments: Points, rows: Ints) -> NDArray[np.float64]:
    """Return the column at which each (row, column) segment crosses its row, shape (M,)."""
    a, b = segments[:, 0], segments[:, 1]
    part = (rows - a[:, 0]) / (b[:, 0] - a[:, 0])
    return np.asarray(a[:, 1] + part * (b[:, 1] - a[:, 1]))


def _near_samples(
    index: Points, affine: Points, shape: tuple[int, int, int], band_mm: float
) -> NDArray[np.bool_]:
    """Mark the blocks of voxels within ``band_mm`` of any sample (generous), shape (S, R, C)."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    block = np.maximum(np.round(1.5 / spacing), 1).astype(np.int64)
    pad = np.ceil((band_mm + SAMPLE_REACH_MM) / (block * spacing)).astype(np.int64)
    size = -(-np.asarray(shape) // block) + 2 * pad
    cell = np.floor((index + 0.5) / block).astype(np.int64) + pad
    cell = cell[np.all((cell >= 0) & (cell < size), axis=1)]
    far = np.ones(size, bool)
    far[tuple(cell.T)] = False
    if far.all():
        return np.zeros(shape, bool)
    reach = band_mm + SAMPLE_REACH_MM + float(np.linalg.norm(block * spacing))
    near = distance_transform_edt(far, sampling=block * spacing) <= reach
    near = near[tuple(slice(n, s - n) for n, s in zip(pad, size, strict=True))]
    for axis in range(3):
        near = np.repeat(near, block[axis], axis)
    return np.asarray(near[: shape[0], : shape[1], : shape[2]])


def _triangle_distance(points: Points, corners: Points) -> NDArray[np.float64]:
    """Measure each point's distance to its own triangle, (N, 3) and (N, 3, 3) to (N,), mm."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    square = np.maximum(np.einsum("ij,ij->i", normal, normal), 1e-24)
    height = np.einsum("ij,ij->i", points - a, normal)
    outside = np.full(len(points), np.inf)
    over = np.ones(len(points), bool)
    for start, end in ((a, b), (b, c), (c, a)):
        edge, offset = end - start, points - start
        over &= np.einsum("ij,ij->i", np.cross(edge, offset), normal) >= 0
        length = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-24)
        part = np.clip(np.einsum("ij,ij->i", offset, edge) / length, 0, 1)
        rest = offset - part[:, None] * edge
        outside = np.minimum(outside, np.einsum("ij,ij->i", rest, rest))
    return np.asarray(np.sqrt(np.where(over, height**2 / square, outside)))
