"""Muscles, vessels, nerves and pelvic organs round the hips."""

from __future__ import annotations

import numpy as np

from bmetk.anatomy import Side
from bmetk.image.grid import FloatArray
from bmetk.simulate.strands import Frame, SoftTissue, Strand, extreme, jittered, strand
from bmetk.simulate.subject import PosedSubject
from bmetk.simulate.tissue import Tissue

_NERVE = {Tissue.NERVE: 0.8, Tissue.INNER_FAT: 0.2}
_GAS: dict[Tissue, float] = {}
_VERTEBRA = {Tissue.RED_MARROW: 0.45, Tissue.YELLOW_MARROW: 0.45}
_ADULT_HEAD_MM = 24.0


def hip_frames(subject: PosedSubject, side: Side) -> tuple[Frame, Frame]:
    """Return the frames of the pelvis and of the shaft, both at the level of the head's centre."""
    marks = subject.limbs[side]
    outward = 1.0 if side is Side.LEFT else -1.0
    across, up = (subject.to_body.rotation.T @ np.array(v) for v in ((outward, 0.0, 0.0), (0.0, 0.0, 1.0)))
    scale = 0.5 + 0.5 * marks.head_radius_mm / _ADULT_HEAD_MM
    pelvis = Frame.along(marks.head_center, across, up, scale)
    drop = (marks.head_center - marks.femur_axis_point) @ marks.femur_axis
    return pelvis, Frame.along(
        marks.femur_axis_point + drop * marks.femur_axis, across, marks.femur_axis, scale
    )


def hip_soft_tissue(subject: PosedSubject, rng: np.random.Generator) -> SoftTissue:
    """Lay out the soft tissue of both hips and the pelvis between them."""
    muscles: list[Strand] = []
    tubes: list[Strand] = []
    for side in (Side.RIGHT, Side.LEFT):
        pelvis, shaft = hip_frames(subject, side)
        muscles += jittered(_muscles(pelvis, shaft), rng, 2.5, bulk=1.45, swell_mm=3.0)
        tubes += jittered([*_tendons(pelvis, shaft), *_vessels(pelvis)], rng, 0.8)
    tubes += _organs(subject, rng)
    core = [strand(Tissue.INNER_FAT, *nodes) for nodes in _trunk(subject)]
    fat = float(np.clip(rng.lognormal(2.95, 0.45), 8, 50))
    return SoftTissue(tuple(muscles), tuple(tubes), fat_mm=fat, closing_mm=26.0, core=tuple(core))


def _muscles(h: Frame, f: Frame) -> list[Strand]:
    p, q, s = h.point, f.point, h.scale
    rows = [
        [(p(-52, -80, 70), 18), (p(0, -72, 15), 27), (p(38, -52, -50), 22), (p(48, -30, -105), 10)],
        [(p(22, -28, 105), 15), (p(46, -10, 62), 19), (p(58, -8, 22), 12), (p(60, -8, -6), 4)],
        [
            (p(-40, 18, 140), 20),
            (p(-20, 30, 75), 19),
            (p(0, 33, 15), 14),
            (p(6, 22, -22), 11),
            (p(14, -4, -54), 5),
        ],
        [(p(18, 30, 32), 4), (p(25, 39, -10), 11), (p(28, 42, -85), 17), (q(0, 42, -190), 19)],
        [(p(12, -55, 75), 18), (p(32, -52, 20), 26), (p(46, -40, -45), 22), (p(50, -24, -105), 10)],
        [(p(28, 12, 78), 9), (p(41, 16, 34), 10), (p(54, 6, 2), 4)],
        [(p(6, 2, 115), 13), (p(2, 20, 62), 14)],
        [(p(46, 44, 75), 5), (p(30, 53, 10), 8), (p(8, 52, -60), 9), (q(-45, 40, -190), 10)],
        [(p(48, 42, 62), 7), (p(61, 40, 10), 13), (p(66, 26, -70), 7)],
        [(p(-40, 26, -18), 6), (p(-18, 20, -32), 11), (p(8, 4, -62), 7)],
        [(p(-45, -2, -32), 10), (p(-20, -8, -28), 9), (p(14, -20, -20), 3)],
        [(p(-42, -12, -8), 9), (p(-34, -32, 10), 8), (p(-6, -44, 2), 5)],
        [(p(-56, 18, -36), 8), (p(-32, 16, -80), 16), (q(-38, 6, -150), 16)],
        [(p(-45, -70, 48), 10), (p(-6, -50, 22), 9), (p(40, -22, 8), 3)],
        [(p(-16, -34, -42), 8), (p(24, -28, -42), 8)],
        [(p(-56, -14, -58), 12), (p(-34, -12, -100), 22), (q(-42, -16, -190), 26)],
        [(p(-24, -44, -62), 7), (p(-6, -42, -112), 17), (q(-8, -40, -190), 24)],
        [(q(20, 8, -42), 6), (q(24, 4, -95), 19), (q(25, 4, -190), 24)],
        [(p(-66, 5, -52), 6), (p(-58, 0, -110), 10), (q(-72, -8, -190), 11)],
        [(q(2, 20, -70), 8), (q(-4, 22, -120), 14), (q(-14, 18, -190), 19)],
        [(p(-68, 62, 150), 9), (p(-78, 56, 60), 8), (p(-80, 42, 5), 5)],
        [(p(-58, -84, 150), 21), (p(-60, -90, 70), 14)],
        [(p(40, 30, 150), 9), (p(38, 12, 112), 6)],
    ]
    return [strand(Tissue.MUSCLE, *nodes, scale=s) for nodes in rows]


def _tendons(h: Frame, f: Frame) -> list[Strand]:
    p, q = h.point, f.point
    return [
        strand(Tissue.LIGAMENT, (p(18, 28, 36), 2.5), (p(23, 36, 0), 2.0)),
        strand(Tissue.LIGAMENT, (p(8, 12, -28), 3.0), (p(15, -6, -54), 3.0)),
        strand(Tissue.LIGAMENT, (p(-24, -40, -52), 4.0), (p(-18, -44, -78), 3.0)),
        strand(Tissue.LIGAMENT, (p(58, 0, 18), 1.8), (p(60, -6, -4), 2.6)),
        strand(Tissue.LIGAMENT, (p(70, 8, 0), 1.0), (q(30, 8, -60), 1.2), (q(34, 6, -190), 1.2)),
        strand(Tissue.LIGAMENT, (p(-3, -8, -6), 1.6), (p(-20, -10, -18), 1.8)),
    ]


def _vessels(h: Frame) -> list[Strand]:
    p, s = h.point, h.scale
    course = [
        p(-48, 18, 130),
        p(-36, 32, 70),
        p(-14, 44, 22),
        p(-8, 45, -15),
        p(-2, 38, -70),
        p(-4, 26, -190),
    ]
    vein = [x + s * (-8.0 * h.axes[0] - 3.0 * h.axes[1]) for x in course]
    deep = [course[3], p(4, 34, -55), p(12, 20, -120)]
    circumflex = [course[3], p(15, 32, -28), p(45, 25, -38)]
    inner = [p(-58, -35, 80), p(-48, -50, 30), p(-30, -56, 10), p(0, -58, -10)]
    nerve = [p(-38, -58, 40), p(-10, -50, 8), p(2, -45, -35), p(4, -30, -110), p(4, -24, -190)]
    return [
        strand(Tissue.ARTERY, *((x, 4.2) for x in course), scale=s),
        strand(Tissue.VEIN, *((x, 5.2) for x in vein), scale=s),
        strand(Tissue.ARTERY, *((x, 2.4) for x in deep), scale=s),
        strand(Tissue.VEIN, *((x, 1.5) for x in circumflex), scale=s),
        strand(Tissue.VEIN, *((x, 2.2) for x in inner), scale=s),
        strand(_NERVE, *((x, 5.0) for x in nerve), scale=s),
        strand({Tissue.SKIN: 0.6, Tissue.MUSCLE: 0.3}, (p(-20, 55, -22), 4.0), (p(-14, 57, -26), 3.5)),
        strand({Tissue.SKIN: 0.5, Tissue.MUSCLE: 0.4}, (p(-4, 58, -42), 3.0)),
    ]


def _midline(subject: PosedSubject) -> tuple[FloatArray, Frame]:
    right, left = (subject.limbs[s].head_center for s in (Side.RIGHT, Side.LEFT))
    up = subject.to_body.rotation.T @ np.array([0.0, 0.0, 1.0])
    middle = (right + left) / 2
    return middle, Frame.along(middle, left - right, up, float(np.linalg.norm(left - right)) / 172.0)


def _organs(subject: PosedSubject, rng: np.random.Generator) -> list[Strand]:
    """Draw bladder, rectum, uterus or prostate, bowel loops and the lumbar spine."""
    _, m = _midline(subject)
    p = m.point
    full = rng.uniform(0.5, 1.2)
    lift = rng.uniform(0, 12)
    bladder = [
        (p(x * full, 28 + 3 * abs(x) / 24, 22 + lift + 0.12 * abs(x)), r * full)
        for x, r in ((-26, 13), (-12, 23), (0, 26), (12, 23), (26, 13))
    ]
    wall = [(point, radius + 3.0) for point, radius in bladder]
    rectum = [(p(0, -42, -30), 9.0), (p(4, -58, 10), 14.0), (p(-3, -60, 50), 13.0), (p(-24, -40, 80), 12.0)]
    middle = [(p(0, -12, 12), 15.0), (p(2, -10, 45), 17.0 * rng.uniform(0.5, 1.4))]
    return [
        strand(Tissue.URINE, *bladder),
        strand({Tissue.MUSCLE: 0.9}, *wall),
        strand({Tissue.MUSCLE: 0.75, Tissue.DISC: 0.25}, *middle),
        strand(
            {Tissue.BOWEL: 0.55, Tissue.INNER_FAT: 0.1} if rng.random() < 0.6 else _GAS,
            *((x, 0.75 * r) for x, r in rectum),
        ),
        strand({Tissue.MUSCLE: 0.8}, *rectum),
        strand(Tissue.MUSCLE, (p(0, -22, -32), 15.0), (p(0, -5, -14), 13.0)),
        *_bowel(m, rng),
        *_spine(subject, m),
    ]


def _bowel(m: Frame, rng: np.random.Generator) -> list[Strand]:
    loops: list[Strand] = []
    for _ in range(int(rng.integers(7, 13))):
        start = np.array([rng.uniform(-60, 60), rng.uniform(-15, 55), rng.uniform(62, 165)])
        path = start + np.cumsum(rng.normal(0, 16, (5, 3)), axis=0)
        inside = np.column_stack(
            [np.clip(path[:, 0], -66, 66), np.clip(path[:, 1], -20, 55), np.maximum(path[:, 2], 58)]
        )
        radius = rng.uniform(8, 13)
        content = (
            {Tissue.BOWEL: 0.9}
            if rng.random() < 0.7
            else ({Tissue.FLUID: 0.8} if rng.random() < 0.5 else _GAS)
        )
        nodes = [m.point(float(a), float(b), float(c)) for a, b, c in inside]
        loops.append(strand(content, *((x, radius - 2.2) for x in nodes)))
        loops.append(strand({Tissue.MUSCLE: 0.85}, *((x, radius) for x in nodes)))
    return loops


def _spine(subject: PosedSubject, m: Frame) -> list[Strand]:
    sacrum = subject.bone("sacrum", Side.LEFT).surface
    top = extreme(sacrum, 0.8 * m.axes[2] + 0.6 * m.axes[1], 0.01)
    up = m.axes[2] + 0.12 * m.axes[1]
    parts: list[Strand] = []
    base = top + 4.0 * m.axes[2] - 12.0 * m.axes[1]
    for level in range(3):
        foot = base + level * 39.0 * up
        parts.append(strand(Tissue.DISC, (foot, 15.0), (foot + 3 * up, 15.0)))
        body = [(foot + 13 * up, 19.0), (foot + 27 * up, 19.0)]
        parts.append(strand(_VERTEBRA, *body))
        parts.append(strand({Tissue.CORTEX: 1.0}, *((x, r + 1.4) for x, r in body)))
    canal = [base - 30 * m.axes[1] + h * up for h in (-20.0, 120.0)]
    parts.append(strand(Tissue.FLUID, *((x, 7.0) for x in canal)))
    return parts


def _trunk(subject: PosedSubject) -> list[list[tuple[FloatArray, float]]]:
    """Fill the pelvic cavity and the belly with fat, so that the skin runs outside of them."""
    _, m = _midline(subject)
    p = m.point
    return [
        [(p(0, 10, 30), 52.0), (p(0, 15, 190), 66.0)],
        [(p(-50, 5, 70), 52.0), (p(-58, 5, 190), 62.0)],
        [(p(50, 5, 70), 52.0), (p(58, 5, 190), 62.0)],
    ]
