"""Landmarks of the region definitions, taken from the bones of a limb as it is posed or was fitted."""

from __future__ import annotations

import numpy as np

from bmetk.anatomy.landmarks import ADULT_CONDYLE_WIDTH_MM, HipLandmarks, KneeLandmarks, Landmarks
from bmetk.anatomy.names import Joint, Side
from bmetk.bones.shape_model import LimbLandmarks


def joint_landmarks(joint: Joint, marks: LimbLandmarks) -> Landmarks:
    """Take the landmarks that divide the bones of a hip or a knee."""
    return hip_landmarks(marks) if joint is Joint.HIP else knee_landmarks(marks)


def hip_landmarks(marks: LimbLandmarks) -> HipLandmarks:
    """Take the femoral head's sphere and the direction of the shaft from a limb's landmarks."""
    return HipLandmarks(Side(marks.side), marks.head_center, marks.head_radius_mm, -marks.femur_axis)


def knee_landmarks(marks: LimbLandmarks) -> KneeLandmarks:
    """Take the notch plane, both ends of the bones and the size of the knee from a limb's landmarks.

    The plane is sagittal to the femur: its normal is the axis of the condyles, made perpendicular to the
    shaft. The size is the distance between the epicondyles relative to `ADULT_CONDYLE_WIDTH_MM`.
    """
    outward = 1.0 if marks.side == Side.LEFT else -1.0
    across = outward * (marks.knee_axis - (marks.knee_axis @ marks.femur_axis) * marks.femur_axis)
    width = float(np.linalg.norm(marks.medial_epicondyle - marks.lateral_epicondyle))
    return KneeLandmarks(
        side=Side(marks.side),
        notch_mm=marks.notch,
        lateral_direction=np.asarray(across / np.linalg.norm(across)),
        femur_up=marks.femur_axis,
        femur_distal_mm=marks.femur_distal,
        tibia_up=marks.tibia_axis,
        tibia_top_mm=marks.tibia_proximal,
        scale=width / ADULT_CONDYLE_WIDTH_MM,
    )
