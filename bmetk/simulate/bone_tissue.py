"""Bone on the fine grid: cortex, yellow and red marrow, trabeculae, growth scar, lesions.

Thicknesses and the pattern of red marrow follow the usual adult anatomy: thin plates at the joint,
a thick shaft, yellow epiphyses, red marrow left in the proximal femur, metaphyses and pelvis
(Vogler and Murphy, Radiology 1988, doi:10.1148/radiology.168.3.3043546).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from bmetk.anatomy import Bone
from bmetk.image import Grid
from bmetk.image.grid import FloatArray
from bmetk.simulate.fields import (
    Box,
    NoiseField,
    Volume,
    box_of,
    coarse_grid,
    crop,
    depth_from_occupancy,
    occupancy,
    smoothstep,
    upsample,
)
from bmetk.simulate.spec import SubjectSpec
from bmetk.simulate.subject import PosedBone, subject_rng
from bmetk.simulate.tissue import Tissue, TissuePainter

COARSE_MM = 2.0
MARGIN_MM = 9.0
_EXACT_MM = 2.0
_SCAR_HEIGHT = (0.4, 1.3)
"""Of the usual height of a growth scar."""
_SCAR_MM = (0.5, 1.1)
_DARK_SCARS = 0.2
"""Share of growth scars that are an unbroken line as dark as cortical bone."""


@dataclass(frozen=True, slots=True)
class _Build:
    """How a bone is built, mm: plate at the ends, added thickness of the shaft, and where both hold.

    ``red`` is red marrow relative to the subject's amount; ``red_from`` where it starts above an
    end; ``scar`` the height of the growth scar above the distal and below the proximal end.
    """

    plate: float
    shaft: float = 0.0
    shaft_from: float = 1.0
    shaft_to: float = 2.0
    red: float = 0.15
    red_from: tuple[float, float] = (-2.0, -1.0)
    scars: tuple[float, float] = (0.0, 0.0)


_LONG = {
    "femur": _Build(0.9, 4.6, 38, 125, red=1.0, red_from=(34, 62), scars=(27, 0)),
    "tibia": _Build(0.9, 4.0, 30, 110, red=0.6, red_from=(28, 55), scars=(20, 18)),
    "fibula": _Build(0.7, 2.2, 20, 70, red=0.3, red_from=(20, 45), scars=(20, 14)),
}
_PATELLA = _Build(1.0, red=0.05)
_PELVIS = _Build(0.95, red=1.3)
_TARSAL = _Build(0.65, red=0.25)
_METATARSAL = _Build(0.6, 1.5, 10, 26, red=0.2)
_PHALANX = _Build(0.5, 0.9, 5, 13, red=0.1)


def _build_of(bone: PosedBone) -> _Build:
    if bone.bone is Bone.PELVIS:
        return _PELVIS
    if bone.bone is Bone.PATELLA:
        return _PATELLA
    if bone.bone is Bone.PHALANGES:
        return _PHALANX
    if bone.name.startswith("metatarsal"):
        return _METATARSAL
    return _LONG.get(bone.name, _TARSAL)


@dataclass(frozen=True, slots=True, eq=False)
class BoneField:
    """One bone where the fine grid sees it.

    Parameters
    ----------
    box : part of the fine grid; ``coarse`` covers the same part with larger voxels
    filled : float32, shape of the box, part of each voxel inside the bone
    depth_mm : float32, shape of the box, below the surface, negative outside
    coarse_depth_mm, coarse_articular : float32, shape of ``coarse``
    body_mm : array, shape of ``coarse`` + (3,), body-frame points, the same in every exam
    """

    bone: PosedBone
    box: Box
    coarse: Grid
    filled: Volume
    depth_mm: Volume
    coarse_depth_mm: Volume
    coarse_articular: Volume
    body_mm: FloatArray

    def fine(self, coarse: Volume) -> Volume:
        """Interpolate a coarse field on the fine grid's box."""
        return upsample(coarse, (self.filled.shape[0], self.filled.shape[1], self.filled.shape[2]))


def measure_bone(bone: PosedBone, grid: Grid) -> BoneField | None:
    """Measure a bone's fill and depth on the fine grid, or None where it is out of view."""
    box = box_of(bone.surface.vertices, grid, MARGIN_MM)
    if box is None:
        return None
    fine = crop(grid, box)
    coarse = coarse_grid(fine, COARSE_MM)
    filled = occupancy(bone.surface, fine, (2, 2, 2))
    if not filled.any():
        return None
    near = depth_from_occupancy(filled, fine.spacing_mm, 1.1)
    rough = _coarse_depth(bone, coarse)
    far = upsample(rough, fine.shape)
    share = smoothstep(np.abs(near), 0.6 * _EXACT_MM, _EXACT_MM)
    depth = near + share * (far - near)
    points = coarse.world_coordinates()
    articular = _coarse_articular(bone, points, rough)
    return BoneField(bone, box, coarse, filled, depth, rough, articular, bone.to_body.apply(points))


def _coarse_depth(bone: PosedBone, coarse: Grid) -> Volume:
    filled = occupancy(bone.surface, coarse, (2, 2, 2))
    inside = filled >= 0.5
    spacing = coarse.spacing_mm
    half = 0.5 * float(np.mean(spacing))
    if inside.all():
        return np.full(coarse.shape, 99.0, np.float32)
    if not inside.any():
        return np.full(coarse.shape, -99.0, np.float32)
    deep = ndimage.distance_transform_edt(inside, spacing) - half
    out = ndimage.distance_transform_edt(~inside, spacing) - half
    depth = np.where(inside, deep, -out).astype(np.float32)
    edge = (filled > 0.02) & (filled < 0.98)
    depth[edge] = (filled[edge] - 0.5) * float(np.mean(spacing))
    return np.asarray(ndimage.gaussian_filter(depth, 0.5))


def _coarse_articular(bone: PosedBone, points: FloatArray, depth: Volume) -> Volume:
    """Carry the joint surface's extent from the vertices to the voxels within 12 mm of the surface."""
    result = np.zeros(depth.shape, np.float32)
    near = (depth < 12.0) & (depth > -MARGIN_MM)
    if bone.articular.max() <= 0 or not near.any():
        return result
    tree = cKDTree(bone.surface.vertices)
    distance, index = tree.query(points[near], k=3)
    weight = 1.0 / (distance + 0.5)
    result[near] = (bone.articular[index] * weight).sum(1) / weight.sum(1)
    return result


def end_distances(bone: PosedBone, body_mm: FloatArray) -> tuple[Volume, Volume]:
    """Measure how far body-frame points lie from a bone's distal and proximal end along its axis, mm."""
    vertices = bone.to_body.apply(bone.surface.vertices)
    centred = vertices - vertices.mean(0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    proximal = np.array([0.0, 0.6, 0.8])
    axis = axis if axis @ proximal > 0 else -axis
    height = body_mm @ axis
    ends = vertices @ axis
    return (height - ends.min()).astype(np.float32), (ends.max() - height).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class MarrowField:
    """What fills a bone, each float32 with the shape of the bone's box.

    ``cortex`` is the share of compact bone in the filled part, ``red`` the share of red marrow in
    the marrow, ``mineral`` the share of trabeculae, growth scar and islands.
    """

    cortex: Volume
    red: Volume
    mineral: Volume


def fill_bone(field: BoneField, subject: SubjectSpec, noise: Volume) -> MarrowField:
    """Lay out cortex, red marrow and trabeculae of a bone; the same in every exam of the subject.

    Parameters
    ----------
    noise : float32, shape of the bone's box, fine texture of unit deviation
    """
    bone, build = field.bone, _build_of(field.bone)
    rng = subject_rng(subject, bone.key)
    distal, proximal = end_distances(bone, field.body_mm)
    if bone.name in ("tibia", "fibula") and len(bone.surface.vertices) > 3400:
        proximal = np.full_like(distal, 300.0)
    near_end = np.minimum(distal, proximal)
    uneven = NoiseField.draw(rng, 9.0).at(field.body_mm)
    thickness = build.plate + build.shaft * smoothstep(near_end, build.shaft_from, build.shaft_to)
    thickness = thickness * np.exp(0.13 * uneven) * float(np.exp(rng.normal(0, 0.12)))
    voxel = float(np.mean(sorted(field.coarse.spacing_mm))) * 0.45
    limit = field.fine(thickness.astype(np.float32))
    cortex = np.clip((limit - field.depth_mm) / voxel + 0.5, 0, 1)
    red = field.fine(_red_marrow(build, near_end, field.body_mm, subject, rng))
    mineral = _trabeculae(field, noise, rng) + _scars(field, build, distal, proximal, rng)
    return MarrowField(cortex, red, np.clip(mineral, 0, 0.85).astype(np.float32))


def _red_marrow(
    build: _Build, near_end: Volume, body_mm: FloatArray, subject: SubjectSpec, rng: np.random.Generator
) -> Volume:
    """Draw red marrow: patches and flames that start above the epiphysis."""
    where = smoothstep(near_end, *build.red_from)
    patches = 0.7 * NoiseField.draw(rng, 16.0).at(body_mm) + 0.5 * NoiseField.draw(rng, 6.0).at(body_mm)
    amount = np.clip(build.red * subject.red_marrow * (1.1 + 1.0 * patches), 0, 0.9)
    return np.asarray(0.02 + where * amount, np.float32)


def _trabeculae(field: BoneField, noise: Volume, rng: np.random.Generator) -> Volume:
    """Draw the bony lattice: denser below the joint surface, coarse enough to be seen as texture."""
    stress = smoothstep(field.coarse_depth_mm, 14.0, 2.0) * field.coarse_articular
    patches = NoiseField.draw(rng, 11.0).at(field.body_mm)
    level = field.fine((0.07 + 0.06 * stress + 0.022 * patches).astype(np.float32))
    return np.asarray(level * (1 + 0.55 * noise), np.float32)


def _scars(
    field: BoneField, build: _Build, distal: Volume, proximal: Volume, rng: np.random.Generator
) -> Volume | float:
    """Draw the closed growth plate as a thin, wavy, broken line, in some as dark as a plate of bone."""
    wave = NoiseField.draw(rng, 13.0).at(field.body_mm)
    strength = float(rng.uniform(0.0, 0.4))
    total: Volume | float = 0.0
    for height, scar in ((distal, build.scars[0]), (proximal, build.scars[1])):
        if scar and float(height.min()) < scar:
            broken = field.fine(smoothstep(NoiseField.draw(rng, 8.0).at(field.body_mm), -1.0, 0.6))
            own = scar * float(rng.uniform(*_SCAR_HEIGHT))
            width, bend = float(rng.uniform(*_SCAR_MM)), float(rng.uniform(0.5, 2.5))
            dark = rng.random() < _DARK_SCARS
            offset = field.fine((height - own - bend * wave).astype(np.float32))
            line = np.exp(-((offset / width) ** 2))
            total = total + (0.9 * line if dark else strength * broken * line)
    return total


def paint_bone(
    painter: TissuePainter, field: BoneField, marrow: MarrowField, water: Volume, marks: Volume, rim: Volume
) -> None:
    """Paint a bone: compact bone, then marrow as a mixture that interstitial water partly replaces.

    Parameters
    ----------
    water : float32, shape of the box, part of the marrow's fat that water replaces
    marks : float32, shape of the box, sclerosis (fracture line, necrotic rim)
    rim : float32, shape of the box, granulation tissue inside a necrotic rim
    """
    soft = (1 - marrow.cortex) * (1 - marrow.mineral) * (1 - marks) * (1 - rim)
    fat = soft * (1 - water)
    painter.paint(
        field.filled,
        {
            Tissue.YELLOW_MARROW: fat * (1 - marrow.red),
            Tissue.RED_MARROW: fat * marrow.red,
            Tissue.EDEMA_WATER: soft * water,
            Tissue.CORTEX: marrow.cortex,
            Tissue.SCLEROSIS: (1 - marrow.cortex) * marks,
            Tissue.GRANULATION: (1 - marrow.cortex) * (1 - marks) * rim,
        },
        field.box,
    )
