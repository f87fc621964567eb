"""Which regions are neighbours: the ways that edema can go, drawn once for each side."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import cache
from itertools import pairwise

from bmetk.anatomy import Region, Side

Node = tuple[Side, Region]

_R = Region
_TARSUS_TO_TOE = (
    (_R.MEDIAL_CUNEIFORM, _R.METATARSAL_1, _R.PROXIMAL_PHALANX_1),
    (_R.INTERMEDIATE_CUNEIFORM, _R.METATARSAL_2, _R.PROXIMAL_PHALANX_2),
    (_R.LATERAL_CUNEIFORM, _R.METATARSAL_3, _R.PROXIMAL_PHALANX_3),
    (_R.CUBOID, _R.METATARSAL_4, _R.PROXIMAL_PHALANX_4),
    (_R.CUBOID, _R.METATARSAL_5, _R.PROXIMAL_PHALANX_5),
)
_WAYS: tuple[tuple[Region, ...], ...] = (
    # along the bones
    (_R.FEMORAL_HEAD, _R.FEMORAL_NECK, _R.INTERTROCHANTERIC, _R.PROXIMAL_FEMORAL_SHAFT),
    (_R.PROXIMAL_FEMORAL_SHAFT, _R.DISTAL_FEMORAL_METAPHYSIS, _R.MEDIAL_FEMORAL_CONDYLE),
    (_R.DISTAL_FEMORAL_METAPHYSIS, _R.LATERAL_FEMORAL_CONDYLE, _R.MEDIAL_FEMORAL_CONDYLE),
    (_R.MEDIAL_TIBIAL_PLATEAU, _R.LATERAL_TIBIAL_PLATEAU, _R.PROXIMAL_TIBIAL_METAPHYSIS, _R.DISTAL_TIBIA),
    (_R.MEDIAL_TIBIAL_PLATEAU, _R.PROXIMAL_TIBIAL_METAPHYSIS),
    (_R.PROXIMAL_FIBULA, _R.DISTAL_FIBULA),
    # across the joints
    (_R.ACETABULUM, _R.FEMORAL_HEAD),
    (_R.MEDIAL_FEMORAL_CONDYLE, _R.MEDIAL_TIBIAL_PLATEAU),
    (_R.LATERAL_FEMORAL_CONDYLE, _R.LATERAL_TIBIAL_PLATEAU, _R.PROXIMAL_FIBULA),
    (_R.MEDIAL_FEMORAL_CONDYLE, _R.PATELLA, _R.LATERAL_FEMORAL_CONDYLE),
    (_R.DISTAL_TIBIA, _R.DISTAL_FIBULA, _R.TALUS, _R.DISTAL_TIBIA),
    (_R.TALUS, _R.CALCANEUS, _R.CUBOID, _R.NAVICULAR, _R.TALUS),
    (_R.NAVICULAR, _R.MEDIAL_CUNEIFORM, _R.INTERMEDIATE_CUNEIFORM, _R.LATERAL_CUNEIFORM, _R.CUBOID),
    (_R.INTERMEDIATE_CUNEIFORM, _R.NAVICULAR, _R.LATERAL_CUNEIFORM),
    *_TARSUS_TO_TOE,
    *((toe, _R.DISTAL_PHALANGES) for *_, toe in _TARSUS_TO_TOE),
)


@cache
def neighbours() -> dict[Node, tuple[Node, ...]]:
    """List the neighbours of every region: along its bone, across its joint, and its mirror image."""
    found: defaultdict[Node, list[Node]] = defaultdict(list)
    for side in (Side.RIGHT, Side.LEFT):
        for way in _WAYS:
            for one, other in pairwise(way):
                found[side, one].append((side, other))
                found[side, other].append((side, one))
        for region in Region:
            found[side, region].append((side.opposite, region))
    return {node: tuple(dict.fromkeys(near)) for node, near in found.items()}


def shortest_path(origin: Node, target: Node) -> tuple[Node, ...]:
    """Find the way over the fewest regions, both ends included."""
    came: dict[Node, Node | None] = {origin: None}
    waiting = deque([origin])
    while waiting and target not in came:
        here = waiting.popleft()
        for near in neighbours()[here]:
            if near not in came:
                came[near] = here
                waiting.append(near)
    path: list[Node] = []
    step: Node | None = target
    while step is not None:
        path.append(step)
        step = came[step]
    return tuple(reversed(path))


def named_path(origin: tuple[str, Side | None], target: tuple[str, Side | None]) -> tuple[str, ...]:
    """Name the regions on the shortest way; nothing where one of them is not in the atlas."""
    nodes = [_node(*place) for place in (origin, target)]
    if None in nodes:
        return ()
    start, end = (node for node in nodes if node is not None)
    return tuple(f"{side.value} {region.value}" for side, region in shortest_path(start, end))


def _node(region: str, side: Side | None) -> Node | None:
    return (side, Region(region)) if side in (Side.RIGHT, Side.LEFT) and region in set(Region) else None
