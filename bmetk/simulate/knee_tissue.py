"""Muscles, tendons, vessels and nerves round the knee."""

from __future__ import annotations

import numpy as np

from bmetk.anatomy import Side
from bmetk.bones.shape_model import LimbLandmarks
from bmetk.image.grid import FloatArray
from bmetk.simulate.strands import Frame, SoftTissue, Strand, extreme, jittered, ribbon, strand
from bmetk.simulate.subject import PosedSubject
from bmetk.simulate.tissue import Tissue

_ACL = {Tissue.LIGAMENT: 0.7, Tissue.INNER_FAT: 0.12, Tissue.FLUID: 0.03}
_NERVE = {Tissue.NERVE: 0.85, Tissue.INNER_FAT: 0.15}


def knee_frames(side: Side, marks: LimbLandmarks) -> tuple[Frame, Frame]:
    """Return the frames of thigh and shank, both centred between the posterior condyles."""
    outward = (1.0 if side is Side.LEFT else -1.0) * marks.knee_axis
    scale = float(np.linalg.norm(marks.medial_epicondyle - marks.lateral_epicondyle)) / 82.0
    thigh = Frame.along(marks.knee_center, outward, marks.femur_axis, scale)
    return thigh, Frame.along(marks.knee_center, outward, marks.tibia_axis, scale)


def knee_soft_tissue(subject: PosedSubject, side: Side, rng: np.random.Generator) -> SoftTissue:
    """Lay out the soft tissue of a knee."""
    thigh, shank = knee_frames(side, subject.limbs[side])
    s = thigh.scale
    muscles = [*_thigh_muscles(thigh, shank, s), *_shank_muscles(thigh, shank, s)]
    tubes = [*_cruciates(thigh, shank, s), *_tendons(subject, side, thigh, shank), *_vessels(thigh, shank, s)]
    pads = [strand(Tissue.INNER_FAT, (thigh.point(2, 30, -18), 16 * s), (shank.point(3, 26, -30), 12 * s))]
    for side_of_it in (-1.0, 1.0):
        nodes = [
            (thigh.point(28 * side_of_it, 26, 60), 15 * s),
            (thigh.point(27 * side_of_it, 27, 10), 16 * s),
        ]
        nodes.append((shank.point(26 * side_of_it, 18, -35), 14 * s))
        pads.append(strand(Tissue.INNER_FAT, *nodes))
    pads.append(
        strand(Tissue.INNER_FAT, (thigh.point(0, -38, 120), 20 * s), (shank.point(0, -34, -30), 20 * s))
    )
    return SoftTissue(
        jittered(muscles, rng, 2.0, bulk=1.3),
        jittered(tubes, rng, 0.5),
        fat_mm=float(np.clip(rng.lognormal(2.15, 0.45), 4, 24)),
        closing_mm=24.0,
        core=tuple(pads),
    )


def _thigh_muscles(f: Frame, t: Frame, s: float) -> list[Strand]:
    p, q, m = f.point, t.point, Tissue.MUSCLE
    rows = [
        [
            (p(-26, 26, 220), 32),
            (p(-32, 26, 120), 29),
            (p(-38, 22, 65), 23),
            (p(-38, 24, 35), 13),
            (p(-30, 30, 20), 5),
        ],
        [(p(2, 44, 220), 26), (p(2, 42, 130), 19), (p(3, 41, 85), 9), (p(3, 41, 65), 3)],
        [(p(34, 24, 220), 32), (p(36, 22, 120), 25), (p(35, 24, 70), 16), (p(30, 30, 45), 6)],
        [
            (p(-52, -4, 220), 11),
            (p(-53, -12, 110), 12),
            (p(-51, -17, 40), 10),
            (q(-47, -15, -5), 7),
            (q(-42, -6, -40), 3),
        ],
        [(p(28, -30, 220), 22), (p(33, -29, 110), 18), (p(37, -25, 45), 12), (p(40, -17, 5), 5)],
        [
            (p(-16, -34, 220), 20),
            (p(-19, -34, 110), 20),
            (p(-24, -31, 45), 15),
            (p(-26, -27, 8), 8),
            (q(-28, -18, -20), 3),
        ],
        [(p(2, -50, 220), 16), (p(-9, -50, 110), 11), (p(-21, -48, 45), 4)],
        [(p(-46, -22, 220), 12), (p(-49, -28, 110), 7), (p(-46, -31, 45), 3)],
    ]
    return [strand(m, *nodes, scale=s) for nodes in rows]


def _shank_muscles(f: Frame, t: Frame, s: float) -> list[Strand]:
    p, q, m = f.point, t.point, Tissue.MUSCLE
    rows = [
        [
            (p(-22, -25, 30), 5),
            (p(-22, -34, 6), 12),
            (q(-23, -40, -40), 19),
            (q(-24, -44, -120), 26),
            (q(-22, -42, -200), 24),
        ],
        [
            (p(22, -23, 30), 5),
            (p(24, -33, 6), 11),
            (q(21, -38, -40), 16),
            (q(20, -42, -120), 22),
            (q(18, -40, -200), 20),
        ],
        [(q(26, -17, -22), 3), (q(6, -20, -38), 9), (q(-12, -18, -72), 10)],
        [(q(20, -22, -55), 7), (q(5, -28, -115), 20), (q(0, -30, -200), 28)],
        [(q(18, 9, -48), 7), (q(20, 8, -105), 15), (q(16, 10, -200), 16)],
        [(q(40, -2, -52), 6), (q(41, -6, -110), 13), (q(38, -8, -200), 16)],
        [(q(8, -12, -80), 7), (q(8, -13, -200), 12)],
    ]
    return [strand(m, *nodes, scale=s) for nodes in rows]


def _cruciates(f: Frame, t: Frame, s: float) -> list[Strand]:
    anterior = [(f.point(8, -7, -3), 4.0), (f.point(4, 1, -14), 4.2), (t.point(-2, 11, -27), 4.5)]
    posterior = [(f.point(-7, 8, -9), 4.8), (t.point(-3, -8, -13), 5.0), (t.point(0, -19, -32), 4.5)]
    return [strand(_ACL, *anterior, scale=s), strand(Tissue.LIGAMENT, *posterior, scale=s)]


def _tendons(subject: PosedSubject, side: Side, f: Frame, t: Frame) -> list[Strand]:
    head = extreme(subject.bone("fibula", side).surface, t.axes[2], 0.01)
    return [*_extensor(subject, side, f, t), *_collaterals(f, t, head), *_hamstring_tendons(f, t, head)]


def _extensor(subject: PosedSubject, side: Side, f: Frame, t: Frame) -> list[Strand]:
    """Patellar tendon, quadriceps tendon and the layer that joins them over the patella."""
    lateral, anterior, up = f.axes
    patella, s = subject.bone("patella", side).surface, f.scale
    top, apex = extreme(patella, up + 0.3 * anterior, 0.02), extreme(patella, -up + 0.1 * anterior, 0.02)
    front = patella.vertices.mean(0) + 9.5 * anterior
    tubercle = _tubercle(t, subject.bone("tibia", side).surface.vertices)
    below = [(apex, 2.4), ((apex + tubercle) / 2 + t.axes[1], 2.3), (tubercle, 2.6)]
    above = [(f.point(2, 48, 120), 1.6), (f.point(2, 46, 75), 2.5), (top, 3.0)]
    return [
        *ribbon(Tissue.LIGAMENT, below, lateral, 20 * s),
        *ribbon(Tissue.LIGAMENT, above, lateral, 24 * s),
        *ribbon(Tissue.LIGAMENT, [(top, 1.3), (front, 1.1), (apex, 1.3)], lateral, 18 * s),
    ]


def _collaterals(f: Frame, t: Frame, head: FloatArray) -> list[Strand]:
    """Medial and lateral collateral ligaments and the iliotibial band."""
    medial = [(f.point(-45, 2, 2), 1.2), (t.point(-42, 2, -25), 1.2), (t.point(-34, 4, -65), 1.0)]
    band = [(f.point(46, 18, 110), 0.9), (f.point(46, 20, 20), 1.3), (t.point(32, 24, -34), 1.5)]
    return [
        *ribbon(Tissue.LIGAMENT, medial, f.axes[1], 9),
        strand(Tissue.LIGAMENT, (f.point(42, -2, 2), 1.8), (head + 2 * f.axes[0], 2.0)),
        *ribbon(Tissue.LIGAMENT, band, f.axes[1], 10),
    ]


def _hamstring_tendons(f: Frame, t: Frame, head: FloatArray) -> list[Strand]:
    """Biceps, semitendinosus and gracilis."""
    p, q = f.point, t.point
    return [
        strand(Tissue.LIGAMENT, (p(38, -18, 20), 2.4), (head, 3.0)),
        strand(Tissue.LIGAMENT, (p(-21, -49, 60), 2.0), (q(-36, -20, -25), 2.0), (q(-18, 14, -60), 1.6)),
        strand(Tissue.LIGAMENT, (p(-46, -31, 60), 1.6), (q(-42, -14, -30), 1.6), (q(-20, 16, -58), 1.4)),
    ]


def _tubercle(t: Frame, tibia: np.ndarray) -> np.ndarray:
    """Find the tibial tuberosity: the foremost tibia 40 to 55 mm below the knee's axis."""
    height = t.coordinates(tibia)
    band = tibia[(height[:, 2] < -42) & (height[:, 2] > -60)]
    return np.asarray(band[np.argsort(t.coordinates(band)[:, 1])[-4:]].mean(0) + 1.5 * t.axes[1])


def _vessels(f: Frame, t: Frame, s: float) -> list[Strand]:
    p, q = f.point, t.point
    course = [p(-2, -22, 200), p(4, -24, 80), p(2, -27, 20), q(2, -26, -35), q(6, -23, -90), q(4, -22, -200)]
    back, out = -f.axes[1], f.axes[0]
    vein = [point + s * (5 * back + 2.5 * out) for point in course]
    nerve = [point + s * (15 * back + 6 * out) for point in course]
    peroneal = [nerve[1], p(34, -36, 30), q(42, -26, -30), q(44, -10, -60)]
    genicular = [[course[2], p(-34, -18, 22), p(-48, 10, 16)], [course[2], p(34, -18, 22), p(47, 10, 16)]]
    saphenous = [p(-58, -16, 200), p(-58, -24, 40), q(-56, -20, -60), q(-50, 0, -200)]
    return [
        *(strand(Tissue.ARTERY, *((x, 1.0) for x in path)) for path in genicular),
        strand(Tissue.ARTERY, *((x, 3.0) for x in course), scale=s),
        strand(Tissue.VEIN, *((x, 3.8) for x in vein), scale=s),
        strand(_NERVE, *((x, 3.4) for x in nerve), scale=s),
        strand(_NERVE, *((x, 2.0) for x in peroneal), scale=s),
        strand(Tissue.VEIN, *((x, 1.8) for x in saphenous), scale=s),
    ]
