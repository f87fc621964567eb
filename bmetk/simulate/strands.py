"""Soft tissue as strands: muscles, tendons, vessels and nerves along curves with a radius.

Muscles are wide strands that share the space between bones and skin: each point belongs to the
muscle whose surface is nearest, and where two are equally near lies a septum of fat. Tendons,
ligaments, vessels and nerves are drawn as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bmetk.bones.surfaces import Surface
from bmetk.image import Grid
from bmetk.image.grid import FloatArray
from bmetk.simulate.fields import Volume, box_of, crop
from bmetk.simulate.tissue import Tissue, TissuePainter

Node = tuple[FloatArray, float]
FAR_MM = 60.0
"""Stands for anything far away."""
_WARP_MM = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """A curve with a radius and what it is made of.

    Parameters
    ----------
    path_mm : array, shape (N, 3), LPS
    radius_mm : array, shape (N,)
    mixture : share of each tissue
    """

    path_mm: FloatArray
    radius_mm: FloatArray
    mixture: Mapping[Tissue, float]


@dataclass(frozen=True, slots=True, eq=False)
class SoftTissue:
    """The soft tissue of a view.

    Parameters
    ----------
    muscles : strands that share the space; neighbours should be apart by less than four in the list
    tubes : strands drawn as they are, the first on top
    fat_mm : thickness of the subcutaneous fat
    sole_fat_mm : extra fat below the foot
    closing_mm : how wide a furrow the skin bridges
    core : further strands inside the skin that hold fat (the abdomen, the fat pads)
    fibres : LPS direction in which most muscle fibres run
    """

    muscles: tuple[Strand, ...]
    tubes: tuple[Strand, ...]
    fat_mm: float
    closing_mm: float
    sole_fat_mm: float = 0.0
    core: tuple[Strand, ...] = ()
    fibres: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A bone's own directions, the same on both sides.

    Parameters
    ----------
    axes : array, shape (3, 3)
        Rows are unit LPS vectors to lateral, anterior and up.
    """

    origin_mm: FloatArray
    axes: FloatArray
    scale: float = 1.0

    @classmethod
    def along(cls, origin_mm: FloatArray, lateral: FloatArray, up: FloatArray, scale: float = 1.0) -> Frame:
        """Build from an exact up and an approximate lateral; anterior completes it on either side."""
        up = up / np.linalg.norm(up)
        lateral = lateral - (lateral @ up) * up
        lateral = lateral / np.linalg.norm(lateral)
        anterior = np.cross(up, lateral)
        anterior = anterior if anterior[1] < 0 else -anterior
        return cls(np.asarray(origin_mm), np.array([lateral, anterior, up]), scale)

    def point(self, lateral: float, anterior: float, up: float) -> FloatArray:
        """Return the LPS point at these mm of an average adult."""
        return np.asarray(self.origin_mm + self.scale * (np.array([lateral, anterior, up]) @ self.axes))

    def coordinates(self, points_mm: FloatArray) -> FloatArray:
        """Return (lateral, anterior, up) of LPS points in mm of an average adult, shape (..., 3)."""
        return np.asarray((points_mm - self.origin_mm) @ self.axes.T / self.scale)


def strand(mixture: Tissue | Mapping[Tissue, float], *nodes: Node, scale: float = 1.0) -> Strand:
    """Build a strand from points with radii."""
    parts = {mixture: 1.0} if isinstance(mixture, Tissue) else mixture
    path = np.array([point for point, _ in nodes])
    return Strand(path, np.array([radius * scale for _, radius in nodes]), parts)


def ribbon(
    mixture: Tissue | Mapping[Tissue, float], nodes: Sequence[Node], across: FloatArray, width_mm: float
) -> list[Strand]:
    """Build a flat tendon from parallel strands, close enough to leave no gap between them."""
    thin = min(radius for _, radius in nodes)
    offsets = np.linspace(-width_mm / 2, width_mm / 2, max(2, round(width_mm / (1.2 * thin)) + 1))
    return [strand(mixture, *((point + o * across, radius) for point, radius in nodes)) for o in offsets]


def extreme(surface: Surface, direction: npt.ArrayLike, share: float = 0.004) -> FloatArray:
    """Return the point of a bone farthest in a direction: the mean of its outermost vertices."""
    height = surface.vertices @ np.asarray(direction, np.float64)
    count = max(3, int(share * len(height)))
    return np.asarray(surface.vertices[np.argpartition(height, -count)[-count:]].mean(0))


def jittered(
    strands: Iterable[Strand],
    rng: np.random.Generator,
    shift_mm: float,
    bulk: float = 1.0,
    swell_mm: float = 0.0,
) -> tuple[Strand, ...]:
    """Vary strands from person to person: nodes move, radii swell or shrink, all about ``bulk`` times.

    ``swell_mm`` is added to bellies, so that thin muscles fill their compartment, and not to tendons.
    """
    bulk = bulk * float(np.exp(rng.normal(0, 0.10)))
    return tuple(
        Strand(
            s.path_mm + rng.normal(0, shift_mm, s.path_mm.shape),
            s.radius_mm * bulk * np.exp(rng.normal(0, 0.08))
            + swell_mm * np.clip(s.radius_mm / 8.0 - 0.3, 0, 1),
            s.mixture,
        )
        for s in strands
    )


def spread_distance(item: Strand, grid: Grid, points_mm: FloatArray, reach_mm: float, into: Volume) -> None:
    """Lower ``into`` to the distance outside of a strand's surface (negative inside), in place.

    Only the surroundings of each segment are visited: views hold dozens of strands.

    Parameters
    ----------
    points_mm : array, shape of the grid + (3,), its points, moved by `_WARP_MM` at most
    reach_mm : beyond this ``into`` may stay as it was
    """
    for (a, b), (ra, rb) in zip(_pairs(item.path_mm), _pairs(item.radius_mm), strict=True):
        box = box_of(np.array([a, b]), grid, max(float(ra), float(rb)) + reach_mm + _WARP_MM)
        if box is None:
            continue
        part = points_mm[box]
        gap = _segment_distance(part.reshape(-1, 3).astype(np.float32), a, b, float(ra), float(rb))
        np.minimum(into[box], gap.reshape(part.shape[:-1]), out=into[box])


def _pairs(values: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    if len(values) == 1:
        return [(values[0], values[0])]
    return list(pairwise(values))


def _segment_distance(points: Volume, a: FloatArray, b: FloatArray, ra: float, rb: float) -> Volume:
    step = (b - a).astype(np.float32)
    offset = points - a.astype(np.float32)
    along = np.clip(offset @ step / max(float(step @ step), 1e-6), 0, 1).astype(np.float32)
    offset -= along[:, None] * step
    distance = np.sqrt(np.einsum("ij,ij->i", offset, offset))
    return np.asarray(distance - (np.float32(ra) + along * np.float32(rb - ra)))


def paint_tubes(painter: TissuePainter, tubes: Sequence[Strand]) -> None:
    """Draw strands at full resolution, segment by segment so that only their surroundings are touched."""
    for tube in tubes:
        for (a, b), (ra, rb) in zip(_pairs(tube.path_mm), _pairs(tube.radius_mm), strict=True):
            _paint_segment(painter, tube.mixture, np.array([a, b]), np.array([ra, rb]))


def _paint_segment(
    painter: TissuePainter, mixture: Mapping[Tissue, float], ends: FloatArray, radii: FloatArray
) -> None:
    grid: Grid = painter.grid
    voxel = float(np.mean(sorted(grid.spacing_mm)[:2]))
    box = box_of(ends, grid, float(radii.max()) + 1.5 * voxel)
    if box is None:
        return
    points = crop(grid, box).world_coordinates()
    shape = points.shape[:-1]
    flat = points.reshape(-1, 3).astype(np.float32)
    gap = _segment_distance(flat, ends[0], ends[1], float(radii[0]), float(radii[1])).reshape(shape)
    alpha = np.clip(0.5 - gap / voxel, 0, 1).astype(np.float32)
    painter.paint(alpha, dict(mixture), box)
