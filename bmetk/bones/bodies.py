"""Templates that are fitted to a picture: bones that move together, each with its rest shape and modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bmetk.anatomy import Bone, Joint, Region, Side
from bmetk.bones.articulate import PATELLA_SHARE, flex_ankle, pose_hip, turn
from bmetk.bones.links import Jointed, Link, find_links
from bmetk.bones.shape_model import ShapeModes, load_foot, load_limb_model
from bmetk.bones.surfaces import (
    Faces,
    Points,
    Surface,
    mirror_x,
    transform,
    vertex_normals,
    volume_ml,
    voxelize,
)
from bmetk.image import RigidTransform

Vector = NDArray[np.float64]
Modes = NDArray[np.float64]
Indices = NDArray[np.int64]

SAMPLE_SPACING_MM = {"large": 9.0, "middle": 5.0, "small": 3.5}
"""Distance between the vertices that look at the picture, by size of the bone."""
INNER_SPACING_MM = {"large": 6.0, "middle": 4.0, "small": 2.0}
"""Distance between the points that fill a bone, by its size."""
MODE_COUNT = 12
START_ANGLES_DEG: Mapping[Joint, tuple[float, ...]] = {
    Joint.HIP: (8.0,),
    Joint.KNEE: (0.0, 20.0, 45.0),
    Joint.ANKLE: (-30.0, -8.0, 12.0),
}
"""Flexion (hip, knee) or dorsiflexion that a search starts from."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One bone of a template, in its rest place about its own middle.

    Parameters
    ----------
    name : structure, as the shape model calls it
    coarse : class of `bmetk.bones.locate` that holds it
    rest : vertices about the bone's middle, shape (V, 3), mm
    modes : displacements at one standard deviation, shape (K, V, 3), mm; K may be 0
    sample : vertices that look at the picture
    inner : points that fill the rest shape evenly, shape (M, 3), mm
    inner_ml : what each of them stands for
    part : the region it is, where no rule divides the bone (single phalanges)
    freedom : how much further than other bones it may move against the whole template
    """

    name: str
    bone: Bone
    side: Side
    coarse: str
    rest: Points
    modes: Modes
    faces: Faces
    sample: Indices
    inner: Points
    inner_ml: float
    part: Region | None = None
    freedom: float = 1.0

    @property
    def key(self) -> str:
        """Name with side, unique within a template."""
        return f"{self.name}_{self.side.value}"


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a body is: world = ``rotation @ (stretch * rest) + middle``."""

    rotation: Points
    stretch: Vector
    middle: Vector

    def apply(self, rest: Points) -> Points:
        """Carry rest points (..., 3) to the world."""
        return np.asarray((rest * self.stretch) @ self.rotation.T + self.middle)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Bones of one joint and side, with the poses that a search starts from.

    Parameters
    ----------
    starts : one tuple of poses, in the order of ``bodies``, for each starting angle
    links : joints that hold the bodies together
    """

    joint: Joint
    side: Side
    bodies: tuple[Body, ...]
    starts: tuple[tuple[Pose, ...], ...]
    links: tuple[Link, ...] = ()

    @property
    def mode_count(self) -> int:
        """Number of shared modes; 0 for a foot."""
        return len(self.bodies[0].modes)


@cache
def load_template(joint: Joint, side: Side) -> Template:
    """Build the template of a hip (one side or both), a knee, or a foot with its ankle."""
    if joint is Joint.HIP:
        return _hip_template(side)
    return _knee_template(side) if joint is Joint.KNEE else _foot_template(side)


def sided(side: Side) -> tuple[Side, ...]:
    """List the single sides that a side stands for."""
    return (Side.LEFT, Side.RIGHT) if side is Side.BOTH else (side,)


@cache
def mean_limb(side: Side) -> dict[str, Surface]:
    """Return the mean limb of a side with the whole pelvis."""
    if side is Side.RIGHT:
        return {name: mirror_x(bone) for name, bone in mean_limb(Side.LEFT).items()}
    return load_limb_model().subject()


def _hip_template(side: Side) -> Template:
    model = load_limb_model()
    subjects = {s: mean_limb(s) for s in sided(side)}
    first = next(iter(subjects.values()))
    bodies, middles = [], []
    for name, s, surface in [
        ("pelvis", side, first["pelvis"]),
        *(("femur", s, bones["femur"]) for s, bones in subjects.items()),
    ]:
        modes = _pelvis_modes() if name == "pelvis" else _limb_modes(model.parts[name], s)
        bodies.append(_body(name, Bone(name), s, surface, modes))
        middles.append(surface.vertices.mean(0))
    starts = []
    for angle in START_ANGLES_DEG[Joint.HIP]:
        posed = {
            s: pose_hip(bones, model.landmarks(bones, s.value), flexion=angle)
            for s, bones in subjects.items()
        }
        surfaces = [first["pelvis"], *(bones["femur"] for bones in posed.values())]
        starts.append(_poses(bodies, surfaces))
    return Template(Joint.HIP, side, tuple(bodies), tuple(starts))


def _knee_template(side: Side) -> Template:
    model = load_limb_model()
    bones = mean_limb(side)
    marks = model.landmarks(bones, side.value)
    names = ("femur", "tibia", "fibula", "patella")
    bodies = [_body(n, Bone(n), side, bones[n], _limb_modes(model.parts[n], side)) for n in names]
    starts = []
    for angle in START_ANGLES_DEG[Joint.KNEE]:
        shares = {"femur": 0.0, "tibia": 1.0, "fibula": 1.0, "patella": PATELLA_SHARE}
        posed = [
            transform(bones[n], turn(marks.knee_center, marks.knee_axis, shares[n] * angle)) for n in names
        ]
        starts.append(_poses(bodies, posed))
    return Template(Joint.KNEE, side, tuple(bodies), tuple(starts))


def _foot_template(side: Side) -> Template:
    model = load_foot()
    bones, joints = model.bones(side.value), model.joints(side.value)
    none = np.zeros((0, 0, 3))
    bodies = [
        replace(_body(n, _foot_bone(n), side, s, none, _phalanx(n)), freedom=_freedom(n))
        for n, s in bones.items()
    ]
    starts = []
    for angle in START_ANGLES_DEG[Joint.ANKLE]:
        posed = flex_ankle(bones, joints, angle)
        starts.append(_poses(bodies, [posed[n] for n in bones]))
    jointed = [Jointed(b.name, bones[b.name].vertices, b.rest) for b in bodies]
    return Template(Joint.ANKLE, side, tuple(bodies), tuple(starts), find_links(jointed))


def _freedom(name: str) -> float:
    """Let the ankle and the toes bend."""
    return 2.5 if "phalanx" in name else 2.0 if name in ("tibia", "fibula") else 1.0


def _foot_bone(name: str) -> Bone:
    return Bone.PHALANGES if "phalanx" in name else Bone(name)


def _phalanx(name: str) -> Region | None:
    if name.startswith("proximal_phalanx"):
        return Region(name)
    return Region.DISTAL_PHALANGES if "phalanx" in name else None


def coarse_class(bone: Bone) -> str:
    """Name the class of the slice network that holds a bone."""
    for suffix, group in (("cuneiform", "cuneiforms"), ("metatarsal", "metatarsals")):
        if suffix in bone.value:
            return group
    return bone.value


def _limb_modes(part: ShapeModes, side: Side) -> Modes:
    mirror = np.array([-1.0 if side is Side.RIGHT else 1.0, 1.0, 1.0])
    return np.asarray(part.modes[:MODE_COUNT].astype(np.float64) * mirror)


def _pelvis_modes() -> Modes:
    """Join the modes as `LimbShapeModel.subject` joins the bones: left hip bone, its mirror image, sacrum."""
    parts = load_limb_model().parts
    hip = parts["hip_bone"].modes[:MODE_COUNT].astype(np.float64)
    sacrum = parts["sacrum"].modes[:MODE_COUNT].astype(np.float64)
    return np.concatenate([hip, hip * (-1.0, 1.0, 1.0), sacrum], axis=1)


def _body(
    name: str, bone: Bone, side: Side, surface: Surface, modes: Modes, part: Region | None = None
) -> Body:
    """Centre a bone; a mode's mean shift is left to the pose."""
    rest = surface.vertices - surface.vertices.mean(0)
    modes = modes - modes.mean(1, keepdims=True) if len(modes) else np.zeros((0, len(rest), 3))
    extent = float(np.ptp(rest, axis=0).max())
    size = "large" if extent > 100 else "middle" if extent > 60 else "small"
    sample = spread(rest, SAMPLE_SPACING_MM[size])
    rest_surface = Surface(rest, surface.faces)
    inner = _fill(rest_surface, INNER_SPACING_MM[size])
    inner_ml = volume_ml(rest_surface) / len(inner)
    coarse = coarse_class(bone)
    return Body(name, bone, side, coarse, rest, modes, surface.faces, sample, inner, inner_ml, part)


def _fill(surface: Surface, spacing_mm: float) -> Points:
    """Fill a surface with points on a cubic grid."""
    low, high = surface.vertices.min(0), surface.vertices.max(0)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low + spacing_mm / 4
    s, r, c = np.ceil((high - low) / spacing_mm).astype(int) + 1
    index = np.stack(np.nonzero(voxelize(surface, affine, (int(s), int(r), int(c)))), axis=1)
    return np.asarray(index * spacing_mm + affine[:3, 3])


def spread(points: Points, spacing_mm: float) -> Indices:
    """Pick about one point in each cube of an edge: indices, ascending."""
    cells = np.floor(points / spacing_mm).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.sort(first).astype(np.int64)


def _poses(bodies: Sequence[Body], surfaces: Sequence[Surface]) -> tuple[Pose, ...]:
    return tuple(rigid_pose(b.rest, s.vertices) for b, s in zip(bodies, surfaces, strict=True))


def rigid_pose(rest: Points, placed: Points) -> Pose:
    """Find the rigid pose that carries rest to placed."""
    moved = RigidTransform.between(rest, placed)
    return Pose(moved.rotation, np.ones(3), moved.translation_mm)


def rest_normals(body: Body) -> Points:
    """Return the outward normals of the rest shape at its sample, shape (N, 3)."""
    return vertex_normals(Surface(body.rest, body.faces))[body.sample]
