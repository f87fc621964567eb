"""Landmarks that the region definitions rest on, in LPS mm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bmetk.anatomy.names import Side
from bmetk.image import RigidTransform
from bmetk.image.grid import FloatArray

ADULT_HEAD_RADIUS_MM = 22.8
"""Femoral head radius at which the region definitions' millimetres hold: the shape model's mean."""

ADULT_CONDYLE_WIDTH_MM = 78.7
"""Distance between the epicondyles at which the region definitions' millimetres hold: the mean's too."""


WEIGHT_BEARING = (0.0, -0.33, 0.944)
"""Where a standing person's weight rests on the femoral head, seen from its centre, LPS."""


@dataclass(frozen=True, slots=True, eq=False)
class HipLandmarks:
    """Sphere of the femoral head and direction down the thigh.

    Parameters
    ----------
    side : right or left
    head_centre_mm : array, shape (3,)
    head_radius_mm : mm
    down : unit array, shape (3,), from the head of a person at rest to the feet
    """

    side: Side
    head_centre_mm: FloatArray
    head_radius_mm: float
    down: FloatArray

    @property
    def scale(self) -> float:
        """Size of this bone relative to the adult of the region definitions."""
        return self.head_radius_mm / ADULT_HEAD_RADIUS_MM

    def moved(self, transform: RigidTransform) -> HipLandmarks:
        """Carry the landmarks along with a rigid movement."""
        return replace(
            self,
            head_centre_mm=transform.apply(self.head_centre_mm),
            down=np.asarray(transform.rotation @ self.down),
        )


@dataclass(frozen=True, slots=True, eq=False)
class KneeLandmarks:
    """Notch plane and ends of femur and tibia at the knee.

    Parameters
    ----------
    side : right or left
    notch_mm : array, shape (3,), a point of the sagittal plane through the intercondylar notch
    lateral_direction : unit array, shape (3,), the normal of that plane, to the lateral side
    femur_up, tibia_up : unit arrays, shape (3,), towards the head of a person at rest, for each bone
    femur_distal_mm : array, shape (3,), a point at the level of the most distal femur
    tibia_top_mm : array, shape (3,), a point at the level of the plateaus
    scale : size relative to the adult of the region definitions
    """

    side: Side
    notch_mm: FloatArray
    lateral_direction: FloatArray
    femur_up: FloatArray
    femur_distal_mm: FloatArray
    tibia_up: FloatArray
    tibia_top_mm: FloatArray
    scale: float = 1.0

    def moved(self, transform: RigidTransform) -> KneeLandmarks:
        """Carry the landmarks along with a rigid movement."""
        turn = transform.rotation
        return replace(
            self,
            notch_mm=transform.apply(self.notch_mm),
            lateral_direction=np.asarray(turn @ self.lateral_direction),
            femur_up=np.asarray(turn @ self.femur_up),
            femur_distal_mm=transform.apply(self.femur_distal_mm),
            tibia_up=np.asarray(turn @ self.tibia_up),
            tibia_top_mm=transform.apply(self.tibia_top_mm),
        )


Landmarks = HipLandmarks | KneeLandmarks
