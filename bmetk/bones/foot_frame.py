"""Coordinates of a foot: where in a foot a point lies, whatever the side, size and pose.

The frame is that of the packaged right foot, millimetres about the middle of its tarsal and metatarsal bones,
which hardly move against each other; leg and toes have no part in it. A left foot is mirrored into it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bmetk.anatomy import Side
from bmetk.bones.shape_model import is_left, load_foot
from bmetk.bones.surfaces import Points

FOOT_CLASSES = (
    "background",
    "tibia",
    "fibula",
    "talus",
    "calcaneus",
    "navicular",
    "cuboid",
    "medial_cuneiform",
    "intermediate_cuneiform",
    "lateral_cuneiform",
    *(f"metatarsal_{ray}" for ray in range(1, 6)),
    *(f"proximal_phalanx_{ray}" for ray in range(1, 6)),
    "distal_phalanges",
)
"""What the foot network tells apart; the middle phalanges count to the distal ones."""
_ANCHORS = FOOT_CLASSES[3:15]


def foot_class(name: str) -> str:
    """Return the class that holds a bone of the packaged foot."""
    return name if name in FOOT_CLASSES else "distal_phalanges"


def foot_frame(middles: Mapping[str, NDArray[np.float64]], side: Side) -> Points:
    """Find the similarity that carries the world to the foot's coordinates.

    Parameters
    ----------
    middles : mean vertex of each tarsal and metatarsal bone, LPS, mm; others are not looked at
    side : of the foot

    Returns
    -------
    float64, shape (3, 4)
        Linear part and shift (Umeyama 1991, doi:10.1109/34.88573).
    """
    rest = load_foot().bones(side.value)
    here = np.array([middles[name] for name in _ANCHORS])
    there = np.array([rest[name].vertices.mean(0) for name in _ANCHORS])
    mirror = np.array([-1.0 if is_left(side.value) else 1.0, 1.0, 1.0])
    a, b = (here - here.mean(0)) * mirror, (there - there.mean(0)) * mirror
    u, spread, vt = np.linalg.svd(b.T @ a)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    linear = (u * flip) @ vt * float((spread * flip).sum() / (a**2).sum()) * mirror
    return np.concatenate([linear, -(linear @ here.mean(0))[:, None]], axis=1)
