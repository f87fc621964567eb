"""Divide bones into named regions by the definitions that the results rest on.

Sizes hold for an adult and scale with the bone (see `bmetk.anatomy.landmarks`); heights are those of a person
at rest, not along a shaft:

- ``femoral_head``: femur within 1.06 radii of the centre of the sphere fitted to the head;
  ``femoral_neck``: from there to 24 mm outside the sphere; ``intertrochanteric``: from there down
  to 85 mm below the head's centre; ``proximal_femoral_shaft``: below that.
- ``acetabulum``: pelvis within 20 mm of the head's sphere.
- ``medial_femoral_condyle``, ``lateral_femoral_condyle``: the distal 42 mm of the femur, split by
  the sagittal plane through the notch; ``distal_femoral_metaphysis``: above.
- ``medial_tibial_plateau``, ``lateral_tibial_plateau``: the proximal 25 mm of the tibia, split by
  the same plane; ``proximal_tibial_metaphysis``: below.
- every other region is a whole bone, as far as it is imaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bmetk.anatomy.landmarks import HipLandmarks, KneeLandmarks, Landmarks
from bmetk.anatomy.names import (
    BONE_LABELS,
    Bone,
    Joint,
    Region,
    Side,
    region_value,
)
from bmetk.image import LabelMap
from bmetk.image.grid import FloatArray

HEAD_RADII = 1.06
NECK_MM = 24.0
INTERTROCHANTERIC_MM = 85.0
ACETABULUM_MM = 20.0
CONDYLE_MM = 42.0
PLATEAU_MM = 25.0

_IntArray = npt.NDArray[np.uint8]
_Rule = Callable[[FloatArray], _IntArray]


def divide_regions(
    bones: LabelMap, landmarks: Sequence[Landmarks], *, joint: Joint, parts: LabelMap | None = None
) -> LabelMap:
    """Divide bones into regions.

    Parameters
    ----------
    bones : LabelMap, shape (S, R, C), values of `bone_value`
    landmarks : one for each joint that the bones belong to
    joint : tells which end of tibia and fibula is in view
    parts : LabelMap, shape (S, R, C), values of `region_value`, for what no rule can divide
        (single phalanges); takes precedence where it is not 0

    Returns
    -------
    LabelMap, shape (S, R, C), values of `region_value`

    Raises
    ------
    GridMismatchError
        If ``bones`` and ``parts`` do not share a grid.
    """
    regions = np.zeros(bones.grid.shape, dtype=np.uint8)
    for value in bones.values():
        label = BONE_LABELS[value]
        index = np.nonzero(bones.array == value)
        assert label.side is not None
        rule = _rule(Bone(label.name), label.side, landmarks, joint)
        regions[index] = rule(bones.grid.to_world(np.stack(index, axis=-1)))
    if parts is not None:
        bones.grid.require_match(parts.grid, "bones and parts")
        regions = np.where((parts.array > 0) & (bones.array > 0), parts.array, regions)
    return LabelMap(regions, bones.grid)


def _rule(bone: Bone, side: Side, landmarks: Sequence[Landmarks], joint: Joint) -> _Rule:
    hip = next((m for m in landmarks if isinstance(m, HipLandmarks) and m.side is side), None)
    knee = next((m for m in landmarks if isinstance(m, KneeLandmarks) and m.side is side), None)
    if bone is Bone.FEMUR and (hip or knee):
        return _femur_rule(hip, knee)
    if bone is Bone.PELVIS:
        return _pelvis_rule(hip, side)
    if bone is Bone.TIBIA and knee is not None:
        return lambda points: _tibia_by_knee(points, knee)
    whole = _WHOLE_BONE.get((bone, joint)) or _WHOLE_BONE.get((bone, Joint.OTHER))
    value = region_value(whole, side) if whole else 0
    return lambda points: np.full(len(points), value, dtype=np.uint8)


_WHOLE_BONE: dict[tuple[Bone, Joint], Region] = {
    (Bone.TIBIA, Joint.ANKLE): Region.DISTAL_TIBIA,
    (Bone.TIBIA, Joint.FOOT): Region.DISTAL_TIBIA,
    (Bone.FIBULA, Joint.ANKLE): Region.DISTAL_FIBULA,
    (Bone.FIBULA, Joint.FOOT): Region.DISTAL_FIBULA,
    (Bone.FIBULA, Joint.KNEE): Region.PROXIMAL_FIBULA,
    (Bone.PHALANGES, Joint.OTHER): Region.DISTAL_PHALANGES,
    **{(Bone(r.value), Joint.OTHER): r for r in Region if r.value in set(Bone)},
}


def _femur_rule(hip: HipLandmarks | None, knee: KneeLandmarks | None) -> _Rule:
    if hip is None:
        assert knee is not None
        return lambda points: _femur_by_knee(points, knee)
    if knee is None:
        return lambda points: _femur_by_hip(points, hip)
    return lambda points: _whole_femur(points, hip, knee)


def _whole_femur(points: FloatArray, hip: HipLandmarks, knee: KneeLandmarks) -> _IntArray:
    nearer_hip = np.linalg.norm(points - hip.head_centre_mm, axis=1) < np.linalg.norm(
        points - knee.notch_mm, axis=1
    )
    return np.where(nearer_hip, _femur_by_hip(points, hip), _femur_by_knee(points, knee))


def _femur_by_hip(points: FloatArray, hip: HipLandmarks) -> _IntArray:
    distance = np.linalg.norm(points - hip.head_centre_mm, axis=1)
    below = (points - hip.head_centre_mm) @ hip.down
    region = np.full(len(points), region_value(Region.PROXIMAL_FEMORAL_SHAFT, hip.side), dtype=np.uint8)
    region[below <= INTERTROCHANTERIC_MM * hip.scale] = region_value(Region.INTERTROCHANTERIC, hip.side)
    region[distance <= hip.head_radius_mm + NECK_MM * hip.scale] = region_value(Region.FEMORAL_NECK, hip.side)
    region[distance <= HEAD_RADII * hip.head_radius_mm] = region_value(Region.FEMORAL_HEAD, hip.side)
    return region


def _femur_by_knee(points: FloatArray, knee: KneeLandmarks) -> _IntArray:
    height = (points - knee.femur_distal_mm) @ knee.femur_up
    return _split_at_notch(
        points,
        knee,
        height <= CONDYLE_MM * knee.scale,
        (Region.MEDIAL_FEMORAL_CONDYLE, Region.LATERAL_FEMORAL_CONDYLE, Region.DISTAL_FEMORAL_METAPHYSIS),
    )


def _tibia_by_knee(points: FloatArray, knee: KneeLandmarks) -> _IntArray:
    depth = (knee.tibia_top_mm - points) @ knee.tibia_up
    return _split_at_notch(
        points,
        knee,
        depth <= PLATEAU_MM * knee.scale,
        (Region.MEDIAL_TIBIAL_PLATEAU, Region.LATERAL_TIBIAL_PLATEAU, Region.PROXIMAL_TIBIAL_METAPHYSIS),
    )


def _split_at_notch(
    points: FloatArray,
    knee: KneeLandmarks,
    near_joint: npt.NDArray[np.bool_],
    names: tuple[Region, Region, Region],
) -> _IntArray:
    medial, lateral, away = (region_value(name, knee.side) for name in names)
    is_lateral = (points - knee.notch_mm) @ knee.lateral_direction > 0
    return np.where(near_joint, np.where(is_lateral, lateral, medial), away).astype(np.uint8)


def _pelvis_rule(hip: HipLandmarks | None, side: Side) -> _Rule:
    def acetabulum(points: FloatArray) -> _IntArray:
        if hip is None:
            return np.zeros(len(points), dtype=np.uint8)
        reach = hip.head_radius_mm + ACETABULUM_MM * hip.scale
        near = np.linalg.norm(points - hip.head_centre_mm, axis=1) <= reach
        return np.where(near, region_value(Region.ACETABULUM, side), 0).astype(np.uint8)

    return acetabulum
