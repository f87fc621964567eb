"""Paint a whole view: bones with their lesions, joints, soft tissue, fat and skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import Joint, Side
from bmetk.bones.surfaces import voxelize
from bmetk.image import Grid
from bmetk.image.grid import FloatArray
from bmetk.simulate.bone_tissue import BoneField, fill_bone, measure_bone, paint_bone
from bmetk.simulate.fields import NoiseField, Volume, WarpField, coarse_grid, smoothstep, texture, upsample
from bmetk.simulate.foot_tissue import foot_frames, foot_soft_tissue
from bmetk.simulate.hip_tissue import hip_soft_tissue
from bmetk.simulate.joint_tissue import (
    effusion_strands,
    in_view,
    paint_cartilage,
    paint_joint_space,
    paint_menisci,
)
from bmetk.simulate.knee_tissue import knee_soft_tissue
from bmetk.simulate.lesion import draw_lesion, fracture_line, lesion_on, necrosis_rim, water_of
from bmetk.simulate.spec import ExamSpec
from bmetk.simulate.strands import FAR_MM, SoftTissue, paint_tubes, spread_distance, strand
from bmetk.simulate.subject import PosedSubject, subject_rng
from bmetk.simulate.tissue import Tissue, TissueMap, TissuePainter

_SOFT_MM = 2.4
_GROUPS = 4
_SKIN_MM = 1.6


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The tissues of a view with what is known about them.

    Parameters
    ----------
    membership : float32, shape of the grid, lesion membership times the part of the voxel that is marrow
    marrow : uint8, shape of the grid, the part of the voxel that is marrow, in steps of 1/250
    skin_depth_mm : float32, below the skin, shape of the grid, for the coil and fat suppression
    recess_ml : fluid in the recesses of the joint, of one side, mL
    """

    tissues: TissueMap
    membership: Volume
    marrow: npt.NDArray[np.uint8]
    skin_depth_mm: Volume
    recess_ml: float


def build_body(spec: ExamSpec, subject: PosedSubject, grid: Grid) -> Body:
    """Fill a fine grid with the tissues of an exam."""
    rng = np.random.default_rng([spec.subject.seed, *b"soft"])
    soft = _soft_tissue(spec, subject, rng)
    fields = [f for f in (measure_bone(bone, grid) for bone in subject.bones) if f is not None]
    painter = TissuePainter(grid)
    muscle_gaps, skin = _measure_soft(soft, subject, grid, rng)
    _paint_skin(painter, skin)
    membership, marrow = _paint_bones(painter, fields, spec, subject)
    paint_cartilage(painter, fields, subject.joint, rng)
    if subject.joint is Joint.KNEE:
        paint_menisci(painter, subject, spec.side)
    paint_joint_space(painter, fields, subject.joint)
    paint_tubes(painter, in_view(soft.tubes, grid))
    recess_ml = _paint_recesses(painter, spec, subject, rng)
    _paint_muscles(painter, muscle_gaps, soft.fibres, rng)
    _paint_fat(painter, skin, soft.fat_mm, rng)
    return Body(painter.finish(), membership, marrow, skin, recess_ml)


def _paint_recesses(
    painter: TissuePainter, spec: ExamSpec, subject: PosedSubject, rng: np.random.Generator
) -> float:
    """Fill the recesses of every side; return the fluid of one, mL."""
    other_ml = painter.volume_ml(Tissue.FLUID)
    sides = _sides(spec)
    recesses = [s for side in sides for s in effusion_strands(subject, side, spec.signs.effusion, rng)]
    paint_tubes(painter, in_view(recesses, painter.grid))
    return (painter.volume_ml(Tissue.FLUID) - other_ml) / len(sides)


def _sides(spec: ExamSpec) -> tuple[Side, ...]:
    return (Side.RIGHT, Side.LEFT) if spec.side is Side.BOTH else (spec.side,)


def _soft_tissue(spec: ExamSpec, subject: PosedSubject, rng: np.random.Generator) -> SoftTissue:
    if subject.joint is Joint.HIP:
        return hip_soft_tissue(subject, rng)
    if subject.joint is Joint.KNEE:
        return knee_soft_tissue(subject, spec.side, rng)
    return foot_soft_tissue(subject, spec.side, rng)


def _paint_bones(
    painter: TissuePainter, fields: list[BoneField], spec: ExamSpec, subject: PosedSubject
) -> tuple[Volume, npt.NDArray[np.uint8]]:
    """Paint every bone with its lesions; return membership and the marrow's share (steps of 1/250)."""
    grain = texture(
        painter.grid.shape, (0.45, 0.75, 0.75), np.random.default_rng([spec.subject.seed, *b"bone"])
    )
    membership = np.zeros(painter.grid.shape, np.float32)
    marrow = np.zeros(painter.grid.shape, np.uint8)
    for field in fields:
        content = fill_bone(field, spec.subject, grain[field.box])
        member, water, marks = _lesions(field, spec, subject)
        rim = np.zeros_like(marks)
        if spec.signs.osteonecrosis is field.bone.side and field.bone.name in ("femur", "talus"):
            dark, rim = necrosis_rim(field, subject, spec.subject)
            marks = np.maximum(marks, dark)
        _paint_cysts(painter, field, spec)
        paint_bone(painter, field, content, water, marks, rim)
        soft = field.filled * (1 - content.cortex)
        membership[field.box] = np.maximum(membership[field.box], member * soft)
        marrow[field.box] = np.maximum(marrow[field.box], (250 * soft).astype(np.uint8))
    return membership, marrow


def _lesions(field: BoneField, spec: ExamSpec, subject: PosedSubject) -> tuple[Volume, Volume, Volume]:
    """Return membership, water fraction and fracture lines on the bone's box."""
    member, water = np.zeros(field.coarse.shape, np.float32), np.zeros(field.coarse.shape, np.float32)
    lines = np.zeros(field.filled.shape, np.float32)
    for lesion in spec.lesions:
        shape = draw_lesion(lesion, subject, spec.subject, field.bone)
        if shape is None:
            continue
        one = lesion_on(field, shape, subject)
        member = np.maximum(member, one)
        water = np.maximum(water, water_of(field, shape, one, spec.subject))
        if lesion.subchondral_fracture:
            lines = np.maximum(lines, fracture_line(field, one, shape, spec.subject))
    if not member.any():
        return lines, lines, lines
    return field.fine(member), field.fine(water), lines


def _paint_cysts(painter: TissuePainter, field: BoneField, spec: ExamSpec) -> None:
    """Draw small subchondral cysts with a thin sclerotic wall, spread over the bones of the view."""
    surface = field.bone.surface.vertices[field.bone.articular > 0.7]
    rng = subject_rng(spec.subject, f"cyst_{field.bone.key}")
    share = spec.signs.cysts / 2.0
    if not len(surface) or field.bone.side not in _sides(spec):
        return
    for _ in range(int(share) + int(rng.random() < share % 1.0)):
        inward = field.bone.surface.vertices.mean(0)
        spot = surface[rng.integers(len(surface))]
        radius = float(rng.uniform(1.5, 3.2))
        step = (inward - spot) / max(float(np.linalg.norm(inward - spot)), 1e-6)
        centre = spot + (radius + 2.0) * step
        paint_tubes(
            painter,
            [
                strand({Tissue.FLUID: 0.85, Tissue.GRANULATION: 0.1}, (centre, radius)),
                strand({Tissue.SCLEROSIS: 0.8, Tissue.YELLOW_MARROW: 0.1}, (centre, radius + 0.8)),
            ],
        )


def _measure_soft(
    soft: SoftTissue, subject: PosedSubject, grid: Grid, rng: np.random.Generator
) -> tuple[list[Volume], Volume]:
    """Measure distances to four groups of muscles, and the depth below the skin, on the fine grid."""
    coarse = coarse_grid(grid, _SOFT_MM)
    points = coarse.world_coordinates()
    warped = WarpField.draw(rng, 26.0, 1.6).moved(points)
    groups = [np.full(coarse.shape, FAR_MM, np.float32) for _ in range(_GROUPS)]
    for number, item in enumerate(soft.muscles):
        spread_distance(item, coarse, warped, 9.0, groups[number % _GROUPS])
    inside = np.minimum.reduce(groups)
    for item in (*soft.core, *soft.tubes):
        spread_distance(item, coarse, points, 1.0, inside)
    filled = (inside <= 0) | _bone_mask(subject, coarse)
    skin = _skin_depth(filled, soft, subject, coarse, points, rng)
    return [upsample(group, grid.shape) for group in groups], upsample(skin, grid.shape)


def _bone_mask(subject: PosedSubject, coarse: Grid) -> npt.NDArray[np.bool_]:
    mask = np.zeros(coarse.shape, bool)
    for bone in subject.bones:
        mask |= voxelize(bone.surface, coarse.affine, coarse.shape)
    return mask


def _skin_depth(
    filled: npt.NDArray[np.bool_],
    soft: SoftTissue,
    subject: PosedSubject,
    coarse: Grid,
    points: FloatArray,
    rng: np.random.Generator,
) -> Volume:
    """Measure the depth below the skin: furrows are bridged, then fat of varying thickness lies on top."""
    spacing = coarse.spacing_mm
    if not filled.any():
        return np.full(coarse.shape, -30.0, np.float32)
    near = ndimage.distance_transform_edt(~filled, spacing)
    if (near <= soft.closing_mm).all():
        bridged = np.full(coarse.shape, 60.0)
    else:
        bridged = ndimage.distance_transform_edt(near <= soft.closing_mm, spacing) - soft.closing_mm
    uneven = NoiseField.draw(rng, 45.0).at(points)
    fat = soft.fat_mm * np.exp(0.25 * uneven)
    if soft.sole_fat_mm:
        fat = fat + soft.sole_fat_mm * _below_heel(subject, points)
    body = bridged > 0
    out = ndimage.distance_transform_edt(~body, spacing) if not body.all() else np.zeros(coarse.shape)
    depth = np.where(body, fat + bridged, fat - out)
    return np.asarray(ndimage.gaussian_filter(depth.astype(np.float32), 1.6))


def _below_heel(subject: PosedSubject, points: FloatArray) -> Volume:
    _, foot = foot_frames(subject, next(iter(subject.feet)))
    local = foot.coordinates(points)
    return smoothstep(local[..., 2], -38.0, -62.0) * (0.5 + 0.5 * smoothstep(local[..., 1], 10.0, -25.0))


def _paint_skin(painter: TissuePainter, depth: Volume) -> None:
    """Take the air outside away, and lay the skin on."""
    voxel = float(np.mean(sorted(painter.grid.spacing_mm)[:2]))
    painter.paint(np.clip(0.5 - depth / voxel, 0, 1), {})
    shell = np.clip((_SKIN_MM - depth) / voxel + 0.5, 0, 1)
    painter.paint(shell.astype(np.float32), {Tissue.SKIN: 0.9})


def _paint_muscles(
    painter: TissuePainter, groups: list[Volume], fibres: tuple[float, float, float], rng: np.random.Generator
) -> None:
    """Paint muscles with fat between and streaks of fat inside them."""
    grid = painter.grid
    voxel = float(np.mean(sorted(grid.spacing_mm)[:2]))
    first, second = groups[0].copy(), np.full(grid.shape, FAR_MM, np.float32)
    for group in groups[1:]:
        np.minimum(second, np.maximum(first, group), out=second)
        np.minimum(first, group, out=first)
    second -= first
    septum = float(rng.uniform(0.7, 1.8))
    alpha = np.clip(0.5 - first / voxel, 0, 1) * np.clip((second - septum) / voxel + 0.5, 0, 1)
    up = int(np.argmax(np.abs(fibres @ grid.axes)))
    sigma = [1.0, 1.0, 1.0]
    sigma[up] = 7.0 / grid.spacing_mm[up]
    streak = texture(grid.shape, (sigma[0], sigma[1], sigma[2]), rng)
    level = float(rng.uniform(0.02, 0.07))
    fat = np.clip(level + 0.5 * smoothstep(streak, 1.5, 2.6) + 0.012 * streak, 0, 0.7)
    tendon = 0.35 * smoothstep(-streak, 2.0, 2.8)
    painter.paint(
        alpha.astype(np.float32),
        {Tissue.MUSCLE: (1 - fat) * (1 - tendon), Tissue.INNER_FAT: fat, Tissue.LIGAMENT: tendon},
    )


def _paint_fat(painter: TissuePainter, depth: Volume, fat_mm: float, rng: np.random.Generator) -> None:
    """Fill the rest with fat, crossed by thin fibrous septa and small vessels."""
    grid = painter.grid
    shape = grid.shape
    broad = [3.2 / d for d in grid.spacing_mm]
    strands = texture(shape, (broad[0], broad[1], broad[2]), rng)
    fibre = (
        0.45 * np.exp(-((strands / 0.10) ** 2)) * smoothstep(texture(shape, (2.5, 5.0, 5.0), rng), -0.3, 0.8)
    )
    vein = 0.8 * smoothstep(texture(shape, (2.0, 1.6, 1.6), rng), 3.0, 3.5)
    under_skin = smoothstep(depth, fat_mm * 1.15, fat_mm * 0.85)
    rest = (1 - fibre) * (1 - vein)
    painter.paint(
        np.ones(shape, np.float32),
        {
            Tissue.SUBCUTANEOUS_FAT: rest * under_skin,
            Tissue.INNER_FAT: rest * (1 - under_skin),
            Tissue.LIGAMENT: fibre,
            Tissue.VEIN: (1 - fibre) * vein,
        },
    )
