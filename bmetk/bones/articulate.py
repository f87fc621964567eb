"""Bend the joints of a limb or a foot: poses are rigid turns of whole bones about anatomical axes.

Angles are degrees, positive in the named direction on either side; zero leaves the bones as they are.
Bend the distal joint first, or take the landmarks anew after every step: a function trusts those given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from bmetk.bones.shape_model import KNEE_GAP_MM, PATELLA_GAP_MM, FootJoints, LimbLandmarks, is_left, shift
from bmetk.bones.surfaces import Points, Surface, clearance, transform

Bones = Mapping[str, Surface]

PATELLA_SHARE = 0.65
"""Turn of the patella about the condyles for each degree of knee flexion."""
PATELLA_LIMITS_MM = (-6.0, 15.0)
"""How far the patella may be moved to keep its gap to the trochlea."""
KNEE_LIMITS_MM = (-8.0, 8.0)
"""How far the shank may be moved along the tibia to keep the knee's joint space."""
ANKLE_FIXED = ("tibia", "fibula")
SUBTALAR_FIXED = ("tibia", "fibula", "talus")


def turn(point: ArrayLike, axis: ArrayLike, degrees: float) -> Points:
    """Return the 4x4 LPS matrix of a right-handed turn about an axis through a point (mm)."""
    direction, origin = np.asarray(axis, np.float64), np.asarray(point, np.float64)
    matrix = np.eye(4)
    unit = direction / np.linalg.norm(direction)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * unit).as_matrix()
    matrix[:3, 3] = origin - matrix[:3, :3] @ origin
    return matrix


def flex_knee(bones: Bones, landmarks: LimbLandmarks, degrees: float) -> dict[str, Surface]:
    """Flex the knee about the axis through the condyles' centres; the patella glides along the trochlea.

    Modest flexion (0 to 60 degrees) keeps the joint spaces open.
    """
    shank = turn(landmarks.knee_center, landmarks.knee_axis, degrees)
    posed = _move(bones, shank, fixed=("pelvis", "femur", "patella"))
    if degrees == 0:
        return posed
    down = -shank[:3, :3] @ landmarks.tibia_axis
    gap = clearance(posed["tibia"], posed["femur"], down)
    below = [n for n in bones if n not in ("pelvis", "femur", "patella")]
    posed = shift(posed, down * np.clip(KNEE_GAP_MM - gap, *KNEE_LIMITS_MM), below)
    if "patella" not in bones:
        return posed
    glide = turn(landmarks.knee_center, landmarks.knee_axis, PATELLA_SHARE * degrees)
    posed["patella"] = transform(bones["patella"], glide)
    front = glide[:3, :3] @ np.cross(landmarks.knee_axis, landmarks.femur_axis)
    front /= np.linalg.norm(front)
    gap = clearance(posed["patella"], posed["femur"], front)
    return shift(posed, front * np.clip(PATELLA_GAP_MM - gap, *PATELLA_LIMITS_MM), ("patella",))


def rotate_knee(bones: Bones, landmarks: LimbLandmarks, internal_degrees: float) -> dict[str, Surface]:
    """Turn the shank about the tibia's axis through the middle of the plateau; internal is positive."""
    middle = (landmarks.medial_plateau + landmarks.lateral_plateau) / 2
    sign = -1.0 if is_left(landmarks.side) else 1.0
    matrix = turn(middle, landmarks.tibia_axis, sign * internal_degrees)
    return _move(bones, matrix, fixed=("pelvis", "femur", "patella"))


def pose_hip(
    bones: Bones,
    landmarks: LimbLandmarks,
    *,
    flexion: float = 0.0,
    abduction: float = 0.0,
    internal_rotation: float = 0.0,
) -> dict[str, Surface]:
    """Turn the femur and all below about the head's centre: first rotation, then abduction, then flexion.

    Flexion turns about x and abduction about y of the body; rotation about the line from head to knee.
    """
    left = is_left(landmarks.side)
    head = landmarks.head_center
    matrix = (
        turn(head, (1, 0, 0), -flexion)
        @ turn(head, (0, 1, 0), -abduction if left else abduction)
        @ turn(head, head - landmarks.knee_center, -internal_rotation if left else internal_rotation)
    )
    return _move(bones, matrix, fixed=("pelvis",))


def flex_ankle(bones: Bones, joints: FootJoints, dorsiflexion: float) -> dict[str, Surface]:
    """Turn the foot about the talocrural axis; plantarflexion is negative."""
    return _move(bones, turn(joints.ankle_point, joints.ankle_axis, dorsiflexion), fixed=ANKLE_FIXED)


def invert_foot(bones: Bones, joints: FootJoints, inversion: float) -> dict[str, Surface]:
    """Turn the foot below the talus about the subtalar axis; keep to 10 degrees either way."""
    return _move(bones, turn(joints.subtalar_point, joints.subtalar_axis, inversion), fixed=SUBTALAR_FIXED)


def flex_toes(bones: Bones, joints: FootJoints, flexion: float) -> dict[str, Surface]:
    """Turn each toe about its metatarsal head, across the foot; extension is negative."""
    posed = dict(bones)
    across = joints.metatarsal_heads[0] - joints.metatarsal_heads[4]
    across *= np.sign(across[0])
    for toe, head in enumerate(joints.metatarsal_heads, start=1):
        matrix = turn(head, across, flexion)
        names = [n for n in bones if n.endswith(f"phalanx_{toe}")]
        posed.update({n: transform(bones[n], matrix) for n in names})
    return posed


def _move(bones: Bones, matrix: Points, fixed: Collection[str]) -> dict[str, Surface]:
    """Move all bones but the fixed ones."""
    return {n: b if n in fixed else transform(b, matrix) for n, b in bones.items()}
