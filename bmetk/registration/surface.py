"""Lay one bone's surface on another's: symmetric, robust, from several starts.

Iterated closest points with the distance along both normals (Rusinkiewicz 2019,
doi:10.1145/3306346.3323037), pairs weighted by Tukey's biweight. Pairs are sought from either side,
so that neither surface is the master.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from bmetk.image import RigidTransform
from bmetk.image.grid import FloatArray
from bmetk.registration.outline import Outline

_COARSE_POINTS, _COARSE_STEPS = 250, 10
_TURN_DEG = 18.0
_FACING = 0.4
_NOISE_MM = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Points of the first surface, moved, and their partners on the second, in the second's world.

    ``normals`` are the means of both normals, ``distance_mm`` is signed along them, shape (N,);
    ``seen`` is the share of points whose place the other exam shows and that found a partner, 0 to 1.
    """

    points_mm: FloatArray
    normals: FloatArray
    distance_mm: FloatArray
    seen: float


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """Normal equations of a small rotation (radians, about ``centre_mm``) and shift (mm)."""

    matrix: FloatArray
    vector: FloatArray
    centre_mm: FloatArray

    def step(self, damping: float = 0.0) -> RigidTransform:
        """Solve them."""
        lever = np.diag(self.matrix)
        found = np.asarray(
            np.linalg.solve(self.matrix + damping * np.diag(lever + 1e-9), self.vector), np.float64
        )
        return small_move(found, self.centre_mm)


def small_move(parameters: FloatArray, centre_mm: FloatArray) -> RigidTransform:
    """Turn three angles (radians) and three shifts (mm) into a movement about a centre."""
    turn = Rotation.from_rotvec(parameters[:3]).as_matrix()
    return RigidTransform.about(centre_mm, turn, parameters[3:])


def fit_surfaces(
    fixed: Outline, moving: Outline, starts: Sequence[RigidTransform], steps: int
) -> RigidTransform:
    """Find the movement from ``fixed`` to ``moving`` that lays their surfaces on each other.

    Parameters
    ----------
    fixed, moving : Outline, none of them empty
    starts : movements to begin from, at least one
    steps : of the last, fine fit, at most
    """
    few = fixed.thinned(_COARSE_POINTS), moving.thinned(_COARSE_POINTS)
    coarse = [_iterate(*few, start, _COARSE_STEPS, 15.0) for start in starts]
    best = min(coarse, key=lambda found: misfit_mm(*few, found))
    return _iterate(fixed, moving, best, steps, 4.0)


def turned_starts(fixed: Outline, centres: Sequence[RigidTransform]) -> list[RigidTransform]:
    """Add turns about each axis to starts that only shift; joints flex and feet point."""
    turns = [np.zeros(3)] + [sign * np.deg2rad(_TURN_DEG) * axis for axis in np.eye(3) for sign in (1, -1)]
    return [
        shift.after(RigidTransform.about(fixed.centre_mm, Rotation.from_rotvec(turn).as_matrix()))
        for number, shift in enumerate(centres)
        for turn in (turns if number == 0 else turns[:1])
    ]


def _iterate(
    fixed: Outline, moving: Outline, start: RigidTransform, steps: int, reach_mm: float
) -> RigidTransform:
    found = start
    for _ in range(steps):
        pairs = pair_surfaces(fixed, moving, found)
        if len(pairs.distance_mm) < 12:
            return found
        move = surface_equations(pairs, reach_mm).step(1e-6)
        found = move.after(found)
        if move.displacement_mm(pairs.points_mm[::20]).max() < 0.01:
            break
    return found


def pair_surfaces(fixed: Outline, moving: Outline, transform: RigidTransform) -> Pairs:
    """Pair every point of either surface with the nearest of the other that faces the same way."""
    there = transform.apply(fixed.points_mm)
    facing = fixed.normals @ transform.rotation.T
    back = transform.inverse().apply(moving.points_mm)
    forth = moving.tree.query(there)[1]
    home = fixed.tree.query(back)[1]
    points = np.concatenate([there, there[home]])
    partners = np.concatenate([moving.points_mm[forth], moving.points_mm])
    normals = np.concatenate([facing + moving.normals[forth], facing[home] + moving.normals])
    length = np.linalg.norm(normals, axis=1)
    seen = np.concatenate([moving.view.contains(there), fixed.view.contains(back)])
    kept = seen & (length > 2 * np.sqrt((1 + _FACING) / 2))
    normals = normals[kept] / length[kept, None]
    points, partners = points[kept], partners[kept]
    distance = ((partners - points) * normals).sum(axis=1)
    return Pairs(points, normals, distance, float(kept.sum() / len(kept)))


def surface_equations(pairs: Pairs, reach_mm: float) -> Equations:
    """Set up the normal equations of one step, in units of the surfaces' own scatter."""
    weights, scale = _biweights(pairs.distance_mm, reach_mm)
    centre = pairs.points_mm.mean(axis=0)
    rows = np.concatenate([np.cross(pairs.points_mm - centre, pairs.normals), pairs.normals], axis=1)
    weighted = rows * (weights / scale**2)[:, None]
    return Equations(weighted.T @ rows, weighted.T @ pairs.distance_mm, centre)


def _biweights(distance: FloatArray, reach_mm: float) -> tuple[FloatArray, float]:
    """Tukey's biweights, 0 beyond 4.7 times the scatter, which is kept below ``reach_mm``."""
    scale = float(np.clip(1.48 * np.median(np.abs(distance)), _NOISE_MM, reach_mm))
    share = np.clip(np.abs(distance) / (4.7 * scale), 0, 1)
    return (1 - share**2) ** 2, scale


def misfit_mm(fixed: Outline, moving: Outline, transform: RigidTransform) -> float:
    """Median distance of the two surfaces, mm, larger where few points found a partner."""
    pairs = pair_surfaces(fixed, moving, transform)
    if len(pairs.distance_mm) < 12:
        return float("inf")
    return float(np.median(np.abs(pairs.distance_mm))) / max(pairs.seen, 0.05)


def unsure_mm(pairs: Pairs, reach_mm: float) -> float:
    """Estimate the standard error of the least certain movement, mm at the surface.

    A round or straight piece of bone can turn or slide in itself: then this is large. Points are
    taken as a twelfth as many as they are, for neighbours err alike.
    """
    equations = surface_equations(pairs, reach_mm)
    arm = np.sqrt(((pairs.points_mm - equations.centre_mm) ** 2).sum(axis=1).mean())
    size = np.array([1 / arm] * 3 + [1.0] * 3)
    least = float(np.linalg.eigvalsh(equations.matrix * np.outer(size, size) / 12)[0])
    return float(1 / np.sqrt(max(least, 1e-9)))
