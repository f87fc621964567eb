"""Muscles, tendons, vessels and nerves of the ankle and foot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bmetk.anatomy import Side
from bmetk.image.grid import FloatArray
from bmetk.simulate.strands import Frame, Node, SoftTissue, Strand, extreme, jittered, ribbon, strand
from bmetk.simulate.subject import PosedSubject
from bmetk.simulate.tissue import Tissue

_NERVE = {Tissue.NERVE: 0.8, Tissue.INNER_FAT: 0.2}
_KAGER = ((-24, 2, 14.0), (-30, 25, 18.0), (-32, 60, 21.0), (-30, 110, 24.0))
"""The fat pad before the Achilles tendon: anterior, up, radius, mm."""
Find = Callable[[str, float, float, float], FloatArray]


def foot_frames(subject: PosedSubject, side: Side) -> tuple[Frame, Frame]:
    """Return the frames of leg and foot at the ankle; the foot's axis runs heel to second metatarsal."""
    outward = 1.0 if side is Side.LEFT else -1.0
    body = subject.to_body.rotation.T
    across, up = body @ np.array([outward, 0, 0]), body @ np.array([0, 0, 1.0])
    ankle = subject.feet[side].ankle_point
    leg = Frame.along(ankle, across, up)
    heel = subject.bone("calcaneus", side).surface.vertices.mean(0)
    forward = subject.bone("metatarsal_2", side).surface.vertices.mean(0) - heel
    sole_up = up - (up @ forward) / (forward @ forward) * forward
    return leg, Frame.along(ankle, across, sole_up)


def foot_soft_tissue(subject: PosedSubject, side: Side, rng: np.random.Generator) -> SoftTissue:
    """Lay out the soft tissue of a leg's end and its foot."""
    leg, foot = foot_frames(subject, side)

    def find(name: str, lateral: float, anterior: float, up: float) -> FloatArray:
        direction = np.array([lateral, anterior, up]) @ foot.axes
        return extreme(subject.bone(name, side).surface, direction, 0.02)

    muscles = [*_leg_muscles(leg), *_plantar_muscles(find, foot), *_interossei(find, foot)]
    tubes = [*_achilles(find, leg), *_tendons(find, leg, foot), *_plantar_fascia(find, foot)]
    tubes += [*_ligaments(find), *_vessels(find, leg, foot)]
    return SoftTissue(
        jittered(muscles, rng, 1.0, bulk=1.12),
        jittered(tubes, rng, 0.3),
        fat_mm=float(np.clip(rng.lognormal(1.2, 0.35), 2.0, 8)),
        closing_mm=15.0,
        sole_fat_mm=float(rng.uniform(6, 12)),
        core=(strand(Tissue.INNER_FAT, *((leg.point(0, a, u), r) for a, u, r in _KAGER)),),
        fibres=(0.0, 1.0, 0.0),
    )


def _leg_muscles(leg: Frame) -> list[Strand]:
    p = leg.point
    rows: list[list[Node]] = [
        [(p(0, -38, 190), 30), (p(0, -36, 115), 19), (p(0, -36, 72), 9), (p(0, -37, 48), 2)],
        [(p(12, 15, 190), 16), (p(10, 15, 105), 11), (p(6, 16, 60), 5), (p(5, 19, 35), 2)],
        [(p(8, -20, 190), 15), (p(4, -21, 95), 12), (p(0, -22, 42), 7), (p(-4, -21, 18), 3)],
        [(p(34, -14, 190), 13), (p(30, -19, 95), 10), (p(28, -22, 40), 5), (p(27, -22, 22), 2)],
        [(p(-16, -16, 190), 11), (p(-18, -18, 85), 7), (p(-21, -17, 36), 2.5)],
    ]
    return [strand(Tissue.MUSCLE, *nodes) for nodes in rows]


def _plantar_muscles(find: Find, foot: Frame) -> list[Strand]:
    rows = [*_sole_edges(find, foot), *_sole_middle(find, foot)]
    return [strand(Tissue.MUSCLE, *nodes) for nodes in rows]


def _sole_edges(find: Find, foot: Frame) -> list[list[Node]]:
    """Abductor of the hallux, short flexor of the toes, abductor of the fifth toe."""
    lateral, anterior, up = foot.axes
    heel, inner = find("calcaneus", 0, -0.5, -1), find("calcaneus", -1, -0.2, -0.6)
    outer = find("calcaneus", 0.8, -0.3, -1)
    base1, head1 = find("metatarsal_1", -0.4, -1, -0.4), find("metatarsal_1", -0.3, 1, -0.8)
    base5, head5 = find("metatarsal_5", 0.5, -1, -0.6), find("metatarsal_5", 0.3, 1, -0.8)
    head3 = find("metatarsal_3", 0, 1, -1)
    middle, front = (heel + head3) / 2 - 4 * up, 0.3 * heel + 0.7 * head3 - 4 * up
    instep = 0.6 * inner + 0.4 * base1 - 6 * lateral - 5 * up
    border, ray = 0.5 * (outer + base5) + 3 * lateral, 0.5 * (base5 + head5) - 5 * up
    return [
        [(inner + 4 * anterior, 5), (instep, 9), (base1 - 7 * up, 7), (head1, 2.5)],
        [(heel + 14 * anterior, 5), (middle, 9), (front, 6), (head3 - 3 * up, 2)],
        [(outer + 6 * anterior, 5), (border, 8), (ray, 5), (head5, 2)],
    ]


def _sole_middle(find: Find, foot: Frame) -> list[list[Node]]:
    """Square muscle of the sole, short flexor and adductor of the hallux, short extensors on the back."""
    lateral, anterior, up = foot.axes
    heel, cuboid = find("calcaneus", 0, -0.5, -1), find("cuboid", 0, 0, -1)
    base1, head1 = find("metatarsal_1", -0.4, -1, -0.4), find("metatarsal_1", -0.3, 1, -0.8)
    head3 = find("metatarsal_3", 0, 1, -1)
    middle = (heel + head3) / 2 + 2 * up + 20 * anterior
    arch = 0.5 * (find("navicular", 0, 0, -1) + cuboid) - 6 * up
    between = 0.5 * (head1 + head3) - 14 * anterior - 3 * up
    back = find("cuboid", 0.2, 0.5, 1) + 4 * up, find("metatarsal_3", 0, -1, 1) + 4 * up
    return [
        [(heel + 20 * anterior + 10 * up, 7), (arch, 7), (middle, 4)],
        [(0.5 * (base1 + head1) - 8 * up, 8), (head1 + 3 * lateral, 3)],
        [(cuboid + 10 * anterior - 5 * up, 6), (between, 8), (head1 + 8 * lateral, 3)],
        [(find("calcaneus", 0.6, 1, 0.8), 4), (back[0], 7), (back[1], 4)],
    ]


def _interossei(find: Find, foot: Frame) -> list[Strand]:
    up = foot.axes[2]
    rows = []
    for k in range(1, 5):
        near = (find(f"metatarsal_{k}", 0, -1, 0) + find(f"metatarsal_{k + 1}", 0, -1, 0)) / 2
        far = (find(f"metatarsal_{k}", 0, 1, 0) + find(f"metatarsal_{k + 1}", 0, 1, 0)) / 2
        at = [near + t * (far - near) for t in (0.2, 0.5, 0.8, 0.95)]
        rows.append([(at[0], 2.5), (at[1], 5.5), (at[2] - up, 5.0), (at[3] - up, 2.0)])
        rows.append([(at[0] - 7 * up, 4.0), (at[1] - 8 * up, 5.5), (at[2] - 7 * up, 4.0)])
    return [strand(Tissue.MUSCLE, *nodes) for nodes in rows]


def _achilles(find: Find, leg: Frame) -> list[Strand]:
    tuber = find("calcaneus", 0, -1, 0.25)
    back = leg.coordinates(tuber)[1]
    nodes = [
        (tuber - leg.axes[1], 2.6),
        (leg.point(0, back * 0.93 - 1, 25), 2.6),
        (leg.point(0, back * 0.95, 70), 2.2),
        (leg.point(0, back * 0.95 - 6, 130), 1.5),
    ]
    return ribbon(Tissue.LIGAMENT, nodes, leg.axes[0], 11.0)


def _tendons(find: Find, leg: Frame, foot: Frame) -> list[Strand]:
    rows = [
        *_toe_tendons(find, leg, foot),
        *_front_tendons(find, leg, foot),
        *_peroneal_tendons(find, leg, foot),
        *_tunnel_tendons(find, leg, foot),
    ]
    return [strand(Tissue.LIGAMENT, *nodes) for nodes in rows]


def _toe_tendons(find: Find, leg: Frame, foot: Frame) -> list[list[Node]]:
    """Extensor and flexor of each of the four lateral toes."""
    up, rows = foot.axes[2], []
    origin = find("navicular", 0, 0, -1) - 12 * up
    for k in range(2, 6):
        ray = f"metatarsal_{k}"
        over, under = find(ray, 0, 1, 1) + 2.5 * up, find(ray, 0, 1, -1) - 4 * up
        toe = find(f"proximal_phalanx_{k}", 0, 1, -1) - 2 * up
        rows.append([(leg.point(12, 25, 8), 1.5), (find(ray, 0, -1, 1) + 5 * up, 1.3), (over, 1.2)])
        rows.append([(origin, 1.8), (under, 1.6), (toe, 1.3)])
    return rows


def _front_tendons(find: Find, leg: Frame, foot: Frame) -> list[list[Node]]:
    """Anterior tibial, long extensors of the hallux and of the toes."""
    p, up = leg.point, foot.axes[2]
    ray, toe = find("metatarsal_1", 0.2, 0, 1) + 4 * up, find("distal_phalanx_1", 0, -1, 1) + 2 * up
    return [
        [(p(6, 18, 60), 2.4), (p(-10, 24, 12), 2.6), (find("medial_cuneiform", -1, 0.3, 0.5), 2.4)],
        [(p(6, 19, 45), 2.0), (p(0, 26, 5), 2.0), (ray, 1.8), (toe, 1.5)],
        [(p(11, 18, 50), 2.6), (p(11, 25, 8), 2.6)],
    ]


def _peroneal_tendons(find: Find, leg: Frame, foot: Frame) -> list[list[Node]]:
    """Short peroneal to the fifth ray, long one below the cuboid to the first."""
    outward, up = foot.axes[0], foot.axes[2]
    behind = find("fibula", 0.3, -0.6, -1) - 3 * leg.scale * leg.axes[1]
    beside = find("calcaneus", 1, 0.6, 0) + 2 * outward
    below = find("calcaneus", 1, 0.6, -0.3) + 2 * outward
    base = find("metatarsal_1", 0, -1, -1) - 2 * up
    return [
        [(leg.point(28, -23, 60), 2.2), (behind, 2.6), (beside, 2.2), (find("metatarsal_5", 1, -1, 0), 2.0)],
        [(below, 2.2), (find("cuboid", 0.6, 0, -1), 2.2), (base, 2.0)],
    ]


def _tunnel_tendons(find: Find, leg: Frame, foot: Frame) -> list[list[Node]]:
    """Posterior tibial and the two long flexors behind the inner ankle."""
    p, anterior, up = leg.point, foot.axes[1], foot.axes[2]
    inner, shelf = find("tibia", -1, -0.3, -0.8), find("calcaneus", -1, 0.6, 0.6)
    arch = find("navicular", 0, 0, -1) - 12 * up
    groove, sole = find("talus", -0.2, -1, -0.2), find("metatarsal_1", 0.3, 1, -1) - 4 * up
    toe = find("distal_phalanx_1", 0, 0, -1)
    return [
        [(p(-21, -16, 50), 2.8), (inner - 5 * anterior, 3.0), (find("navicular", -1, 0, -0.4), 3.2)],
        [(p(-19, -20, 50), 2.0), (inner - 9 * anterior, 2.1), (shelf, 2.0), (arch, 2.0)],
        [(p(-3, -23, 40), 2.4), (groove, 2.4), (shelf - 9 * up, 2.2), (sole, 2.0), (toe, 1.8)],
    ]


def _plantar_fascia(find: Find, foot: Frame) -> list[Strand]:
    up = foot.axes[2]
    start = find("calcaneus", -0.2, -0.4, -1)
    ends = [find(f"metatarsal_{k}", 0, 0.8, -1) - 5 * up for k in range(1, 6)]
    return [
        strand(Tissue.LIGAMENT, (start, 1.8), (0.6 * start + 0.4 * end - 5 * up, 1.3), (end, 0.8))
        for end in ends
    ]


def _ligaments(find: Find) -> list[Strand]:
    mix = {Tissue.LIGAMENT: 0.75, Tissue.INNER_FAT: 0.2}
    tip, inner = find("fibula", 0, 0, -1), find("tibia", -1, 0, -1)
    pairs = [
        (tip, find("talus", 1, 0.6, 0)),
        (tip, find("calcaneus", 1, 0, 0.4)),
        (tip, find("talus", 0.5, -1, 0)),
        (inner, find("talus", -1, 0, 0)),
        (inner, find("calcaneus", -1, 0.6, 0.6)),
        (find("calcaneus", 0, 0.8, -0.6), find("cuboid", 0, -0.3, -1)),
        (find("calcaneus", -1, 0.6, 0.4), find("navicular", -0.6, -0.3, -1)),
        (find("talus", 0.2, 0, -1), find("calcaneus", 0.2, 0.3, 1)),
    ]
    return [strand(mix, (a, 1.8), (b, 1.8)) for a, b in pairs]


def _vessels(find: Find, leg: Frame, foot: Frame) -> list[Strand]:
    p, up = leg.point, foot.axes[2]
    tunnel = find("calcaneus", -1, 0.3, 0.3) - 4 * foot.axes[0]
    plantar = (find("cuboid", 0, 0, -1) + find("navicular", 0, 0, -1)) / 2 - 10 * up
    back = [
        p(-6, -18, 190),
        p(-15, -21, 70),
        p(-19, -21, 15),
        tunnel,
        plantar,
        find("metatarsal_2", 0, 0.3, -1) - 5 * up,
    ]
    dorsal = [
        p(6, 12, 120),
        p(5, 20, 30),
        p(3, 30, -5),
        find("intermediate_cuneiform", 0, 0, 1) + 4 * up,
        find("metatarsal_2", -0.5, -0.3, 1) + 3 * up,
    ]
    arch = [find(f"metatarsal_{k}", 0, -0.2, 1) + 7 * up for k in range(1, 6)]
    beside = 3.5 * foot.axes[0]
    return [
        strand(Tissue.ARTERY, *((x, 1.6) for x in back)),
        strand(Tissue.VEIN, *((x + beside, 1.7) for x in back)),
        strand(Tissue.VEIN, *((x - beside, 1.5) for x in back)),
        strand(_NERVE, *((x - 1.6 * beside - 2 * foot.axes[1], 2.4) for x in back[:4])),
        strand(Tissue.ARTERY, *((x, 1.3) for x in dorsal)),
        strand(Tissue.VEIN, *((x + 0.8 * beside, 1.2) for x in dorsal)),
        strand(Tissue.VEIN, *((x, 1.2) for x in arch)),
        strand(Tissue.VEIN, (p(-30, 8, 120), 1.6), (p(-32, 12, 20), 1.6), (arch[0], 1.3)),
    ]
