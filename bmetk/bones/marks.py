"""Landmarks of the region definitions, taken from the bones of a limb as it is posed or was fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bmetk.anatomy.landmarks import ADULT_CONDYLE_WIDTH_MM, HipLandmarks, KneeLandmarks, Landmarks
from bmetk.anatomy.names import Joint, Side
from bmetk.bones.bodies import mean_limb, sided
from bmetk.bones.fit import Fit
from bmetk.bones.shape_model import LimbLandmarks, load_limb_model
from bmetk.bones.surfaces import Surface

_NOTCH_SHARE = 2 / 3
"""How far the plane that splits a knee lies from the notch's roof towards the middle of the epicondyles."""


def joint_landmarks(joint: Joint, marks: LimbLandmarks) -> Landmarks:
    """Take the landmarks that divide the bones of a hip or a knee."""
    return hip_landmarks(marks) if joint is Joint.HIP else knee_landmarks(marks)


def hip_landmarks(marks: LimbLandmarks) -> HipLandmarks:
    """Take the femoral head's sphere and the direction down the thigh from a limb's landmarks."""
    return HipLandmarks(Side(marks.side), marks.head_center, marks.head_radius_mm, -marks.femur_up)


def knee_landmarks(marks: LimbLandmarks) -> KneeLandmarks:
    """Take the notch plane, both ends of the bones and the size of the knee from a limb's landmarks.

    The plane is sagittal to the femur of a person at rest: its normal is the axis of the condyles, made
    level. It lies between the middle of the notch's roof, which is highest on the lateral side, and
    that of the epicondyles (`_NOTCH_SHARE`). The size is the distance between the epicondyles relative to
    `ADULT_CONDYLE_WIDTH_MM`.
    """
    outward = 1.0 if marks.side == Side.LEFT else -1.0
    across = outward * (marks.knee_axis - (marks.knee_axis @ marks.femur_up) * marks.femur_up)
    middle = (marks.medial_epicondyle + marks.lateral_epicondyle) / 2
    width = float(np.linalg.norm(marks.medial_epicondyle - marks.lateral_epicondyle))
    return KneeLandmarks(
        side=Side(marks.side),
        notch_mm=marks.notch + _NOTCH_SHARE * (middle - marks.notch),
        lateral_direction=np.asarray(across / np.linalg.norm(across)),
        femur_up=marks.femur_up,
        femur_distal_mm=marks.femur_distal,
        tibia_up=marks.tibia_up,
        tibia_top_mm=marks.tibia_proximal,
        scale=width / ADULT_CONDYLE_WIDTH_MM,
    )


def fit_landmarks(fit: Fit, surfaces: Sequence[Surface]) -> tuple[Landmarks, ...]:
    """Take the landmarks of every joint of a fit; a femur out of view still tells of its socket."""
    if fit.template.joint is Joint.ANKLE:
        return ()
    model = load_limb_model()
    marks: list[Landmarks] = []
    for side in sided(fit.template.side):
        limb = model.landmarks(limb_surfaces(fit, surfaces, side), side.value)
        marks.append(joint_landmarks(fit.template.joint, limb))
    return tuple(marks)


def limb_surfaces(fit: Fit, surfaces: Sequence[Surface], side: Side) -> dict[str, Surface]:
    """Return the fitted bones of a side, and mean ones for those that the template lacks."""
    own = zip(fit.template.bodies, surfaces, strict=True)
    return {**mean_limb(side), **{b.name: s for b, s in own if b.side in (side, Side.BOTH)}}
