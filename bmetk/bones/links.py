"""Joints between the bones of a foot: points where two bones meet, which a fit holds together.

Each bone of a foot lies freely enough to slip by one ray if only the whole foot holds it; its joints do
not let it. Hinges that turn widely, the ankle's, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Vector = NDArray[np.float64]
Points = NDArray[np.float64]

CONTACT_MM = 7.0
"""Bones nearer than this meet in a joint."""
HEAD_REACH_MM = 14.0
"""Heads of neighbouring metatarsals are held by ligaments as far apart as this."""
LEG, HINDFOOT = frozenset({"tibia", "fibula"}), frozenset({"talus", "calcaneus"})
_DISTAL = 0.25
"""Share of a metatarsal that is its head."""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A point that two bodies share, in the rest coordinates of each."""

    first: int
    second: int
    first_rest: Vector
    second_rest: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Jointed:
    """A bone as its joints see it: name, vertices in the world, and the same vertices at rest."""

    name: str
    placed: Points
    rest: Points


def find_links(bones: Sequence[Jointed]) -> tuple[Link, ...]:
    """Find where bones meet, and the heads of neighbouring metatarsals."""
    return tuple(_links(bones))


def _links(bones: Sequence[Jointed]) -> Iterator[Link]:
    for (i, a), (j, b) in combinations(enumerate(bones), 2):
        if _moves_freely(a.name, b.name):
            continue
        every_a, every_b = np.arange(len(a.placed)), np.arange(len(b.placed))
        yield from _closest(i, a, every_a, j, b, every_b, CONTACT_MM)
        if a.name.startswith("metatarsal") and b.name.startswith("metatarsal"):
            yield from _closest(i, a, _head(a), j, b, _head(b), HEAD_REACH_MM)


def _moves_freely(first: str, second: str) -> bool:
    """Tell the ankle's hinge, and toes that only lie beside each other."""
    hinge = {first, second} & LEG and {first, second} & HINDFOOT
    rays = {name[-1] for name in (first, second) if name[-1].isdigit()}
    return bool(hinge) or (len(rays) == 2 and "phalanx" in first + second)


def _head(bone: Jointed) -> NDArray[np.int64]:
    """Pick the vertices of the front end, forward being -y in LPS."""
    y = bone.placed[:, 1]
    return np.flatnonzero(y < y.min() + _DISTAL * np.ptp(y))


def _closest(
    i: int, a: Jointed, of_a: NDArray[np.int64], j: int, b: Jointed, of_b: NDArray[np.int64], reach: float
) -> Iterator[Link]:
    """Link two bones at the middle of their contact: the mean of what is nearly as close as the closest."""
    here, there = a.placed[of_a], b.placed[of_b]
    apart = np.maximum(here.min(0) - there.max(0), there.min(0) - here.max(0))
    if apart.max() > reach:  # so are their boxes
        return
    gap, near = cKDTree(there).query(here)
    if gap.min() > reach:
        return
    close = gap < gap.min() + 1.5
    yield Link(i, j, a.rest[of_a[close]].mean(0), b.rest[of_b[near[close]]].mean(0))
