"""What lies between bones: cartilage, joint fluid, menisci, and recesses that an effusion fills."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bmetk.anatomy import Joint, Side
from bmetk.image import Grid
from bmetk.image.grid import FloatArray
from bmetk.simulate.bone_tissue import BoneField
from bmetk.simulate.fields import NoiseField, box_of, crop, smoothstep
from bmetk.simulate.foot_tissue import foot_frames
from bmetk.simulate.hip_tissue import hip_frames
from bmetk.simulate.knee_tissue import knee_frames
from bmetk.simulate.strands import Frame, Strand, strand
from bmetk.simulate.subject import PosedSubject
from bmetk.simulate.tissue import Tissue, TissuePainter

_CARTILAGE_MM = {"femur": 2.3, "tibia": 2.3, "patella": 3.0, "pelvis": 1.4, "fibula": 0.7, "talus": 1.1}
_THIN_CARTILAGE_MM = 0.8
_JOINT_GAP_MM = {
    Joint.HIP: (9.5, 7.0),
    Joint.KNEE: (14.0, 11.0),
    Joint.ANKLE: (11.0, 8.5),
    Joint.FOOT: (9.0, 7.0),
}
_JUICE = {Tissue.FLUID: 0.16, Tissue.CARTILAGE: 0.45, Tissue.LIGAMENT: 0.25, Tissue.INNER_FAT: 0.1}


def paint_cartilage(
    painter: TissuePainter, fields: Sequence[BoneField], joint: Joint, rng: np.random.Generator
) -> None:
    """Cover joint surfaces with cartilage of uneven thickness."""
    voxel = float(np.mean(sorted(painter.grid.spacing_mm)[:2]))
    worn = float(rng.uniform(0.75, 1.15))
    for field in fields:
        if field.coarse_articular.max() < 0.3:
            continue
        typical = _CARTILAGE_MM.get(field.bone.name, _THIN_CARTILAGE_MM)
        typical = typical if joint in (Joint.HIP, Joint.KNEE) else min(typical, 1.1)
        typical = 1.5 if joint is Joint.HIP else typical
        uneven = NoiseField.draw(rng, 12.0).at(field.body_mm)
        coarse = typical * worn * (1 + 0.2 * uneven) * smoothstep(field.coarse_articular, 0.25, 0.6)
        thickness = field.fine(coarse.astype(np.float32))
        alpha = np.clip((thickness + field.depth_mm) / voxel + 0.5, 0, 1) * smoothstep(thickness, 0.1, 0.5)
        painter.paint(alpha.astype(np.float32), {Tissue.CARTILAGE: 1.0}, field.box)


def paint_joint_space(painter: TissuePainter, fields: Sequence[BoneField], joint: Joint) -> None:
    """Fill what cartilage leaves free between two bones with fluid and synovium."""
    shape = painter.grid.shape
    first, second = np.full(shape, 30.0, np.float32), np.full(shape, 30.0, np.float32)
    facing = np.zeros(shape, np.float32)
    for field in fields:
        if field.coarse_articular.max() < 0.3:
            continue
        gap = np.maximum(-field.depth_mm, 0)
        nearest = first[field.box]
        second[field.box] = np.minimum(second[field.box], np.maximum(nearest, gap))
        first[field.box] = np.minimum(nearest, gap)
        facing[field.box] = np.maximum(facing[field.box], field.fine(field.coarse_articular))
    alpha = smoothstep(first + second, *_JOINT_GAP_MM[joint]) * smoothstep(facing, 0.3, 0.6)
    painter.paint(alpha, dict(_JUICE))


def paint_menisci(painter: TissuePainter, subject: PosedSubject, side: Side) -> None:
    """Draw two wedges of fibrocartilage round the edge of the tibial plateaus."""
    marks = subject.limbs[side]
    _, shank = knee_frames(side, marks)
    for plateau, inner, outer in ((marks.medial_plateau, 12.0, 24.0), (marks.lateral_plateau, 11.0, 22.0)):
        _paint_meniscus(painter, shank, plateau, inner, outer)


def _paint_meniscus(
    painter: TissuePainter, shank: Frame, plateau: FloatArray, inner: float, outer: float
) -> None:
    box = box_of(plateau[None], painter.grid, 32.0 * shank.scale)
    if box is None:
        return
    local = shank.coordinates(crop(painter.grid, box).world_coordinates()) - shank.coordinates(plateau)
    towards = -np.sign(shank.coordinates(plateau)[0])
    radius = np.hypot(local[..., 0] + towards * 1.0, 0.86 * local[..., 1])
    open_horn = smoothstep(towards * local[..., 0], 14.0, 8.0)
    height = smoothstep(np.abs(local[..., 2] - 4.0), 6.5, 5.0)
    wedge = smoothstep(radius, inner, inner + 1.5) * smoothstep(radius, outer + 1.5, outer)
    thin = smoothstep(np.abs(local[..., 2] - 3.0) - 0.33 * (radius - inner), 1.6, 0.6)
    alpha = wedge * thin * height * open_horn
    painter.paint(alpha.astype(np.float32), {Tissue.LIGAMENT: 0.9, Tissue.CARTILAGE: 0.08}, box)


def effusion_strands(
    subject: PosedSubject, side: Side, effusion: float, rng: np.random.Generator
) -> list[Strand]:
    """Lay out the joint's recesses, from a film (0) to tense (1)."""
    amount = float(np.clip(effusion, 0, 1)) * float(rng.uniform(0.85, 1.15))
    if subject.joint is Joint.HIP:
        return _hip_recess(subject, side, amount)
    if subject.joint is Joint.KNEE:
        return _knee_recess(subject, side, amount, rng)
    return _ankle_recess(subject, side, amount)


def _hip_recess(subject: PosedSubject, side: Side, amount: float) -> list[Strand]:
    """Ring the femoral neck; an effusion bulges to the front."""
    pelvis, shaft = hip_frames(subject, side)
    head, radius = pelvis.origin_mm, subject.limbs[side].head_radius_mm
    along = shaft.point(-6, 0, -14) - head
    along = along / np.linalg.norm(along)
    front = pelvis.axes[1] - (pelvis.axes[1] @ along) * along
    front = front / np.linalg.norm(front)
    over = np.cross(along, front)
    angles = np.linspace(0, 2 * np.pi, 17)
    rings = []
    for reach, share in (
        (0.75, 0.6),
        (0.86, 0.9),
        (0.97, 1.0),
        (1.08, 1.0),
        (1.19, 0.95),
        (1.3, 0.8),
        (1.4, 0.5),
    ):
        ring = 0.78 * radius + 2.4 * amount
        centre = head + reach * radius * along
        nodes = [
            (
                centre + ring * (np.cos(a) * front + np.sin(a) * over),
                1.0 + share * amount * (2.2 + 3.0 * max(float(np.cos(a)), -0.4)),
            )
            for a in angles
        ]
        rings.append(
            strand({Tissue.FLUID: min(1.0, 0.1 + 2.2 * amount * share), Tissue.LIGAMENT: 0.05}, *nodes)
        )
    return rings


def _knee_recess(subject: PosedSubject, side: Side, amount: float, rng: np.random.Generator) -> list[Strand]:
    """Fill the suprapatellar recess, the gutters beside the patella and the back of the joint."""
    f, _ = knee_frames(side, subject.limbs[side])
    s, top = f.scale, 45 + 35 * amount
    width, thick = 8 + 16 * amount, 0.6 + 5.5 * amount
    femur = f.coordinates(subject.bone("femur", side).surface.vertices)
    strands = []
    for offset in np.linspace(-width, width, 13):
        edge = thick * float(np.sqrt(max(0.15, 1 - (offset / (1.25 * width)) ** 2)))
        nodes = []
        for height, share in ((28.0, 0.6), (45.0, 1.0), (top, 0.5)):
            front = _front_of(femur, 2 + offset, height)
            nodes.append((f.point(2 + offset, front + 0.8 * share * edge, height), share * edge))
        strands.append(strand(Tissue.FLUID, *nodes, scale=s))
    for lateral in (-1.0, 1.0):
        nodes = [
            (f.point(38 * lateral, 10, 2), 0.5 + 2.2 * amount),
            (f.point(34 * lateral, 26, 18), 0.5 + 4.0 * amount),
            (f.point(26 * lateral, 34, 32), 0.5 + 3.5 * amount),
        ]
        strands.append(strand(Tissue.FLUID, *nodes, scale=s))
        strands.append(
            strand(
                Tissue.FLUID,
                (f.point(20 * lateral, -25, -10), 0.5 + 2.5 * amount),
                (f.point(8 * lateral, -20, -16), 0.5 + 2.0 * amount),
                scale=s,
            )
        )
    if rng.random() < 0.12 + 0.2 * amount:
        strands.append(
            strand(
                Tissue.FLUID,
                (f.point(-24, -46, 4), rng.uniform(3, 8)),
                (f.point(-26, -50, -22), rng.uniform(2, 9)),
                scale=s,
            )
        )
    return strands


def _front_of(femur: FloatArray, lateral: float, height: float) -> float:
    """Find the front of the femur in the knee's frame; where it is narrower, that of its middle."""
    level = femur[np.abs(femur[:, 2] - height) < 6]
    here = level[np.abs(level[:, 0] - lateral) < 5]
    if level.size == 0:
        return 34.0
    return float((here if here.size else level)[:, 1].max())


def _ankle_recess(subject: PosedSubject, side: Side, amount: float) -> list[Strand]:
    """Fill the recesses in front of and behind the ankle and below the talus."""
    leg, foot = foot_frames(subject, side)
    talus = subject.bone("talus", side).surface.vertices
    high = foot.coordinates(talus)
    front, back = float(np.quantile(high[:, 1], 0.72)), float(np.quantile(high[:, 1], 0.03))
    strands = []
    for lateral in np.linspace(-10, 10, 5):
        strands.append(
            strand(
                Tissue.FLUID,
                (leg.point(lateral, front - 2, 4), 0.6 + 3.0 * amount),
                (leg.point(lateral, front + 1, -4), 0.4 + 3.6 * amount),
            )
        )
        strands.append(
            strand(
                Tissue.FLUID,
                (leg.point(lateral, back, 2), 0.5 + 3.2 * amount),
                (leg.point(lateral, back - 1, -9), 0.4 + 2.6 * amount),
            )
        )
    return strands


def in_view(strands: Sequence[Strand], grid: Grid) -> list[Strand]:
    """Leave out strands whose box misses the grid."""
    return [s for s in strands if box_of(s.path_mm, grid, float(s.radius_mm.max()) + 2.0) is not None]
