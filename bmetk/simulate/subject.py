"""One person's bones in the pose of an exam, and the landmarks that divide them.

Shapes come from `bmetk.bones.shape_model`; a smooth random deformation on top keeps them from being
exactly what a shape model of the same data would expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from bmetk.anatomy import Bone, Joint, Region, Side, bone_value
from bmetk.anatomy.landmarks import WEIGHT_BEARING, Landmarks
from bmetk.bones.articulate import flex_ankle, flex_knee, flex_toes, invert_foot, pose_hip, rotate_knee
from bmetk.bones.marks import joint_landmarks
from bmetk.bones.shape_model import FootJoints, LimbLandmarks, load_foot, load_limb_model
from bmetk.bones.surfaces import Surface, transform, vertex_normals
from bmetk.image import RigidTransform
from bmetk.image.grid import FloatArray
from bmetk.simulate.fields import Volume, WarpField, smoothstep
from bmetk.simulate.spec import ExamSpec, PoseSpec, SubjectSpec

_MODES = 12
_LEG_EXTENSION_MM = 90.0
_ARTICULAR_REACH_MM = {Joint.HIP: 7.5, Joint.KNEE: 8.0, Joint.ANKLE: 4.5, Joint.FOOT: 4.5}
_WIDE_REACH_MM = 8.5
"""For the ankle, whose joint space is wide in the packaged foot."""
_GLIDES_DEG = (0.0, 30.0, 60.0, 100.0)
"""Knee flexions whose contacts together are the joint surface of femur and patella."""


@dataclass(frozen=True, slots=True, eq=False)
class PosedBone:
    """A bone where it lies in the scanner.

    Parameters
    ----------
    name : that of the shape model; the sacrum counts to the pelvis, its sides split at the midplane
    part : the region it is, where no rule divides the bone (single phalanges)
    to_body : from scanner LPS to the body frame, in which it is the same in every exam
    articular : joint surface, 0 to 1, for each vertex
    """

    name: str
    bone: Bone
    side: Side
    surface: Surface
    to_body: RigidTransform
    articular: Volume
    part: Region | None = None

    @property
    def value(self) -> int:
        """Number of the bone in a label map."""
        return bone_value(self.bone, self.side)

    @property
    def key(self) -> str:
        """Name with side, to seed what is drawn for this bone."""
        return f"{self.name}_{self.side.value}"


@dataclass(frozen=True, slots=True, eq=False)
class PosedSubject:
    """All bones of an exam with their landmarks.

    Parameters
    ----------
    limbs : limb landmarks by side (hip and knee)
    feet : foot joints by side (ankle and foot)
    to_body : scanner LPS to the body frame, for what moves with the trunk
    """

    joint: Joint
    bones: tuple[PosedBone, ...]
    landmarks: tuple[Landmarks, ...]
    limbs: Mapping[Side, LimbLandmarks]
    feet: Mapping[Side, FootJoints]
    centre_mm: FloatArray
    to_body: RigidTransform

    def bone(self, name: str, side: Side) -> PosedBone:
        """Return one bone by name and side."""
        return next(b for b in self.bones if b.name == name and b.side is side)


def pose_subject(spec: ExamSpec) -> PosedSubject:
    """Draw the subject of an exam and lay it into the scanner."""
    if spec.joint in (Joint.HIP, Joint.KNEE):
        return _pose_limb(spec)
    return _pose_foot(spec)


def subject_rng(subject: SubjectSpec, topic: str) -> np.random.Generator:
    """Return the generator of one topic of a subject, independent of all other topics."""
    return np.random.default_rng([subject.seed, *topic.encode()])


def draw_limb(subject: SubjectSpec, side: Side) -> dict[str, Surface]:
    """Draw pelvis and one limb in the body frame: shape weights, scale and smooth deformation."""
    rng = subject_rng(subject, "shape")
    weights = np.clip(rng.standard_normal(_MODES) * rng.uniform(0.7, 1.15), -2.0, 2.0)
    stretch = subject.scale * np.exp(rng.normal(0, 0.02, 3) * (1, 1, 0.6))
    broad, fine = WarpField.draw(rng, 70.0, 1.6), WarpField.draw(rng, 28.0, 0.5)
    bones = load_limb_model().subject(weights, side.value)
    return {n: Surface(fine.moved(broad.moved(s.vertices * stretch)), s.faces) for n, s in bones.items()}


def draw_foot(subject: SubjectSpec, side: Side) -> tuple[dict[str, Surface], FootJoints]:
    """Draw one foot in the body frame: each bone gets its own affine, all a smooth deformation."""
    rng = subject_rng(subject, "foot")
    model = load_foot()
    joints = model.joints(side.value)
    stretch = subject.scale * np.exp(rng.normal(0, (0.05, 0.05, 0.06)))
    broad, fine = WarpField.draw(rng, 45.0, 1.3), WarpField.draw(rng, 16.0, 0.35)
    bones = {}
    for name, bone in model.bones(side.value).items():
        points = _own_affine(bone.vertices, rng)
        points = fine.moved(broad.moved(joints.ankle_point + (points - joints.ankle_point) * stretch))
        bones[name] = Surface(points if name not in ("tibia", "fibula") else _lengthen(points), bone.faces)
    heads = joints.ankle_point + (joints.metatarsal_heads - joints.ankle_point) * stretch
    subtalar = joints.ankle_point + (joints.subtalar_point - joints.ankle_point) * stretch
    return bones, replace(joints, metatarsal_heads=heads, subtalar_point=subtalar)


def _own_affine(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    centre = points.mean(0)
    matrix = Rotation.from_rotvec(np.radians(rng.normal(0, 1.2, 3))).as_matrix() * np.exp(
        rng.normal(0, 0.02, 3)
    )
    return np.asarray(centre + (points - centre) @ matrix.T)


def _lengthen(points: FloatArray) -> FloatArray:
    """Draw out the cut end of the leg, so that no field of view shows where the model stops."""
    height = points[:, 2] - points[:, 2].min()
    step = np.zeros_like(points)
    step[:, 2] = _LEG_EXTENSION_MM * smoothstep(height, 0.72 * height.max(), 0.97 * height.max())
    return np.asarray(points + step)


def _pose_limb(spec: ExamSpec) -> PosedSubject:
    """Pose both sides for a hip, one for a knee; the pelvis is split at the midplane."""
    model = load_limb_model()
    sides = (Side.RIGHT, Side.LEFT) if spec.joint is Joint.HIP else (spec.side,)
    body = {side: draw_limb(spec.subject, side) for side in sides}
    posed = {side: _bend_limb(body[side], side, spec) for side in sides}
    marks = {side: model.landmarks(posed[side], side.value) for side in sides}
    centre = _limb_centre(spec, marks)
    place = _placement(spec.pose, centre, _body_x(spec.side))
    moved = {s: {n: _move(b, place) for n, b in bones.items()} for s, bones in posed.items()}
    landmarks = {s: model.landmarks(bones, s.value) for s, bones in moved.items()}
    sunk = spec.signs.osteonecrosis
    if spec.joint is Joint.HIP and sunk in moved and spec.signs.collapse_mm > 0:
        moved[sunk]["femur"] = _collapsed(moved[sunk]["femur"], landmarks[sunk], spec.signs.collapse_mm)
    bones = [bone for side in sides for bone in _limb_bones(spec.joint, side, body[side], moved[side])]
    return PosedSubject(
        spec.joint,
        tuple(bones),
        tuple(joint_landmarks(spec.joint, landmarks[side]) for side in sides),
        landmarks,
        {},
        place.apply(centre),
        place.inverse(),
    )


def _collapsed(femur: Surface, marks: LimbLandmarks, depth_mm: float) -> Surface:
    """Flatten the top of the femoral head, as a collapsed one is."""
    up = np.array(WEIGHT_BEARING)
    height = (femur.vertices - marks.head_center) @ up
    near = np.linalg.norm(femur.vertices - marks.head_center, axis=1) < 1.15 * marks.head_radius_mm
    sinking = np.where(near, np.maximum(height - (marks.head_radius_mm - depth_mm), 0), 0)
    return Surface(femur.vertices - sinking[:, None] * up, femur.faces)


def _bend_limb(bones: dict[str, Surface], side: Side, spec: ExamSpec) -> dict[str, Surface]:
    pose, model = spec.pose, load_limb_model()
    marks = model.landmarks(bones, side.value)
    if spec.joint is Joint.HIP:
        return pose_hip(
            bones,
            marks,
            flexion=pose.flexion_deg,
            abduction=pose.abduction_deg,
            internal_rotation=pose.rotation_deg,
        )
    bent = flex_knee(bones, marks, pose.flexion_deg)
    return rotate_knee(bent, model.landmarks(bent, side.value), float(np.clip(pose.rotation_deg, -8, 8)))


def _limb_centre(spec: ExamSpec, marks: Mapping[Side, LimbLandmarks]) -> FloatArray:
    if spec.joint is Joint.KNEE:
        return np.asarray(marks[spec.side].knee_center + 12.0 * np.array([0, -1.0, -1.0]))
    if spec.side is Side.BOTH:
        middle = np.mean([m.head_center for m in marks.values()], axis=0)
        return np.asarray(middle + [0, 6.0, -6.0])
    side = 1.0 if spec.side is Side.LEFT else -1.0
    return np.asarray(marks[spec.side].head_center + [8.0 * side, 4.0, -18.0])


def _body_x(side: Side) -> float:
    """Say how far from the midplane a joint lies in the scanner, mm."""
    return {Side.LEFT: 92.0, Side.RIGHT: -92.0, Side.BOTH: 0.0}[side]


def _placement(pose: PoseSpec, centre: FloatArray, body_x: float) -> RigidTransform:
    """Bring the joint to the isocentre's height, its side to its side, then tilt and shift it."""
    tilt = Rotation.from_euler("xyz", pose.tilt_deg, degrees=True).as_matrix()
    target = np.array([body_x, 0.0, 0.0]) + pose.shift_mm
    return RigidTransform(tilt, target - tilt @ centre)


def _move(surface: Surface, place: RigidTransform) -> Surface:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = place.rotation, place.translation_mm
    return transform(surface, matrix)


def _limb_bones(
    joint: Joint, side: Side, body: Mapping[str, Surface], posed: Mapping[str, Surface]
) -> list[PosedBone]:
    if joint is Joint.HIP:
        inner, outer = _hip_parts(body), _hip_parts(posed)
        shapes = [{n: inner[n] for n in ("pelvis", "femur")}]
    else:
        inner, outer = dict(body), dict(posed)
        marks = load_limb_model().landmarks(body, side.value)
        shapes = [flex_knee(body, marks, angle) for angle in _GLIDES_DEG]
        shapes = [{n: s for n, s in shape.items() if n != "pelvis"} for shape in shapes]
    articular = _articular(shapes, _ARTICULAR_REACH_MM[joint])
    bones = [
        PosedBone(n, Bone(n), side, outer[n], _back(outer[n], inner[n]), articular[n]) for n in shapes[0]
    ]
    if joint is Joint.HIP and side is Side.LEFT:
        whole = outer["sacrum"]
        smooth = np.zeros(len(whole.vertices), np.float32)
        bones.append(PosedBone("sacrum", Bone.PELVIS, side, whole, _back(whole, inner["sacrum"]), smooth))
    return bones


def _hip_parts(bones: Mapping[str, Surface]) -> dict[str, Surface]:
    """Take the pelvis of the shape model apart: hip bone of the limb's side, the other one, sacrum."""
    parts, whole = load_limb_model().parts, bones["pelvis"]
    hip, hip_faces = len(parts["hip_bone"].mean), len(parts["hip_bone"].faces)
    own = Surface(whole.vertices[:hip], whole.faces[:hip_faces])
    sacrum = Surface(whole.vertices[2 * hip :], whole.faces[2 * hip_faces :] - np.int32(2 * hip))
    return {"pelvis": own, "sacrum": sacrum, "femur": bones["femur"]}


def _back(posed: Surface, body: Surface) -> RigidTransform:
    """Find the rigid movement from posed to body vertices."""
    return RigidTransform.between(posed.vertices, body.vertices)


def _articular(poses: list[dict[str, Surface]], reach_mm: float) -> dict[str, Volume]:
    """Mark the vertices that face another bone in any of the poses, 0 to 1."""
    result = {n: np.zeros(len(s.vertices), np.float32) for n, s in poses[0].items()}
    for pose in poses:
        trees = {n: cKDTree(s.vertices) for n, s in pose.items()}
        normals = {n: vertex_normals(s) for n, s in pose.items()}
        for name, surface in pose.items():
            for other, tree in trees.items():
                if other == name or {name, other} == {"patella", "tibia"}:
                    continue
                reach = _WIDE_REACH_MM if {name, other} == {"tibia", "talus"} else reach_mm
                gap, index = tree.query(surface.vertices, distance_upper_bound=2 * reach)
                facing = np.zeros(len(gap))
                hit = np.isfinite(gap)
                facing[hit] = -np.einsum("ij,ij->i", normals[name][hit], normals[other][index[hit]])
                near = smoothstep(np.where(hit, gap, 99.0), 1.25 * reach, 0.75 * reach)
                result[name] = np.maximum(result[name], near * smoothstep(facing, 0.0, 0.5))
    return result


def _pose_foot(spec: ExamSpec) -> PosedSubject:
    body, joints = draw_foot(spec.subject, spec.side)
    pose = spec.pose
    bent = flex_toes(body, joints, 0.4 * pose.abduction_deg)
    bent = invert_foot(bent, joints, float(np.clip(pose.rotation_deg, -9, 9)))
    bent = flex_ankle(bent, joints, pose.flexion_deg)
    centre = _foot_centre(spec, bent, joints)
    place = _placement(pose, centre, _body_x(spec.side))
    articular = _articular([body], _ARTICULAR_REACH_MM[spec.joint])
    moved = {n: _move(s, place) for n, s in bent.items()}
    bones = [
        PosedBone(n, _foot_bone(n), spec.side, s, _back(s, body[n]), articular[n], _phalanx(n))
        for n, s in moved.items()
    ]
    placed = replace(
        joints,
        ankle_point=place.apply(joints.ankle_point),
        ankle_axis=place.rotation @ joints.ankle_axis,
        metatarsal_heads=np.array([moved[f"metatarsal_{k}"].vertices.mean(0) for k in range(1, 6)]),
    )
    return PosedSubject(
        spec.joint, tuple(bones), (), {}, {spec.side: placed}, place.apply(centre), place.inverse()
    )


def _foot_centre(spec: ExamSpec, bones: Mapping[str, Surface], joints: FootJoints) -> FloatArray:
    if spec.joint is Joint.ANKLE:
        return np.asarray(joints.ankle_point + [0.0, -4.0, -14.0])
    points = np.concatenate([s.vertices for n, s in bones.items() if "phalanx" in n or "metatarsal" in n])
    low, high = points.min(0), points.max(0)
    return np.asarray((low + high) / 2 + [0, 12.0, 4.0])


def _foot_bone(name: str) -> Bone:
    return Bone.PHALANGES if "phalanx" in name else Bone(name)


def _phalanx(name: str) -> Region | None:
    if name.startswith("proximal_phalanx"):
        return Region(name)
    return Region.DISTAL_PHALANGES if "phalanx" in name else None
