"""Names of bones, regions, joints and sides: closed sets in the field's standard terms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Side of the body."""

    RIGHT = "right"
    LEFT = "left"
    BOTH = "both"

    @property
    def opposite(self) -> Side:
        """The other side; ``both`` is its own opposite."""
        return {Side.RIGHT: Side.LEFT, Side.LEFT: Side.RIGHT, Side.BOTH: Side.BOTH}[self]


class Joint(StrEnum):
    """Joint that an exam shows."""

    HIP = "hip"
    KNEE = "knee"
    ANKLE = "ankle"
    FOOT = "foot"
    OTHER = "other"


class Bone(StrEnum):
    """Bone of the lower limb."""

    FEMUR = "femur"
    TIBIA = "tibia"
    FIBULA = "fibula"
    PATELLA = "patella"
    PELVIS = "pelvis"
    TALUS = "talus"
    CALCANEUS = "calcaneus"
    NAVICULAR = "navicular"
    CUBOID = "cuboid"
    MEDIAL_CUNEIFORM = "medial_cuneiform"
    INTERMEDIATE_CUNEIFORM = "intermediate_cuneiform"
    LATERAL_CUNEIFORM = "lateral_cuneiform"
    METATARSAL_1 = "metatarsal_1"
    METATARSAL_2 = "metatarsal_2"
    METATARSAL_3 = "metatarsal_3"
    METATARSAL_4 = "metatarsal_4"
    METATARSAL_5 = "metatarsal_5"
    PHALANGES = "phalanges"


class Region(StrEnum):
    """Named part of a bone, by the definitions in `bmetk.anatomy.geometry`."""

    FEMORAL_HEAD = "femoral_head"
    FEMORAL_NECK = "femoral_neck"
    INTERTROCHANTERIC = "intertrochanteric"
    PROXIMAL_FEMORAL_SHAFT = "proximal_femoral_shaft"
    ACETABULUM = "acetabulum"
    MEDIAL_FEMORAL_CONDYLE = "medial_femoral_condyle"
    LATERAL_FEMORAL_CONDYLE = "lateral_femoral_condyle"
    DISTAL_FEMORAL_METAPHYSIS = "distal_femoral_metaphysis"
    MEDIAL_TIBIAL_PLATEAU = "medial_tibial_plateau"
    LATERAL_TIBIAL_PLATEAU = "lateral_tibial_plateau"
    PROXIMAL_TIBIAL_METAPHYSIS = "proximal_tibial_metaphysis"
    PATELLA = "patella"
    PROXIMAL_FIBULA = "proximal_fibula"
    DISTAL_TIBIA = "distal_tibia"
    DISTAL_FIBULA = "distal_fibula"
    TALUS = "talus"
    CALCANEUS = "calcaneus"
    NAVICULAR = "navicular"
    CUBOID = "cuboid"
    MEDIAL_CUNEIFORM = "medial_cuneiform"
    INTERMEDIATE_CUNEIFORM = "intermediate_cuneiform"
    LATERAL_CUNEIFORM = "lateral_cuneiform"
    METATARSAL_1 = "metatarsal_1"
    METATARSAL_2 = "metatarsal_2"
    METATARSAL_3 = "metatarsal_3"
    METATARSAL_4 = "metatarsal_4"
    METATARSAL_5 = "metatarsal_5"
    PROXIMAL_PHALANX_1 = "proximal_phalanx_1"
    PROXIMAL_PHALANX_2 = "proximal_phalanx_2"
    PROXIMAL_PHALANX_3 = "proximal_phalanx_3"
    PROXIMAL_PHALANX_4 = "proximal_phalanx_4"
    PROXIMAL_PHALANX_5 = "proximal_phalanx_5"
    DISTAL_PHALANGES = "distal_phalanges"


_R = Region
_HIP_FEMUR = (_R.FEMORAL_HEAD, _R.FEMORAL_NECK, _R.INTERTROCHANTERIC, _R.PROXIMAL_FEMORAL_SHAFT)
_KNEE_FEMUR = (_R.MEDIAL_FEMORAL_CONDYLE, _R.LATERAL_FEMORAL_CONDYLE, _R.DISTAL_FEMORAL_METAPHYSIS)
_KNEE_TIBIA = (_R.MEDIAL_TIBIAL_PLATEAU, _R.LATERAL_TIBIAL_PLATEAU, _R.PROXIMAL_TIBIAL_METAPHYSIS)
_PHALANGES = (
    _R.PROXIMAL_PHALANX_1,
    _R.PROXIMAL_PHALANX_2,
    _R.PROXIMAL_PHALANX_3,
    _R.PROXIMAL_PHALANX_4,
    _R.PROXIMAL_PHALANX_5,
    _R.DISTAL_PHALANGES,
)
_TARSUS = (_R.TALUS, _R.CALCANEUS, _R.NAVICULAR, _R.CUBOID)
_CUNEIFORMS = (_R.MEDIAL_CUNEIFORM, _R.INTERMEDIATE_CUNEIFORM, _R.LATERAL_CUNEIFORM)
_METATARSALS = (_R.METATARSAL_1, _R.METATARSAL_2, _R.METATARSAL_3, _R.METATARSAL_4, _R.METATARSAL_5)
_FOOT = (_R.DISTAL_TIBIA, _R.DISTAL_FIBULA, *_TARSUS, *_CUNEIFORMS, *_METATARSALS)

REGIONS_OF_JOINT: dict[Joint, tuple[Region, ...]] = {
    Joint.HIP: (*_HIP_FEMUR, _R.ACETABULUM),
    Joint.KNEE: (*_KNEE_FEMUR, *_KNEE_TIBIA, _R.PATELLA, _R.PROXIMAL_FIBULA),
    Joint.ANKLE: _FOOT,
    Joint.FOOT: (*_FOOT, *_PHALANGES),
    Joint.OTHER: (),
}
"""Regions that an exam of a joint is expected to show, proximal to distal."""

BONE_OF_REGION: dict[Region, Bone] = {
    **dict.fromkeys((*_HIP_FEMUR, *_KNEE_FEMUR), Bone.FEMUR),
    **dict.fromkeys((*_KNEE_TIBIA, _R.DISTAL_TIBIA), Bone.TIBIA),
    **dict.fromkeys((_R.PROXIMAL_FIBULA, _R.DISTAL_FIBULA), Bone.FIBULA),
    **dict.fromkeys(_PHALANGES, Bone.PHALANGES),
    _R.ACETABULUM: Bone.PELVIS,
    _R.PATELLA: Bone.PATELLA,
    **{region: Bone(region.value) for region in (*_TARSUS, *_CUNEIFORMS, *_METATARSALS)},
}
"""The bone that each region is part of."""

BONES_OF_JOINT: dict[Joint, tuple[Bone, ...]] = {
    joint: tuple(dict.fromkeys(BONE_OF_REGION[region] for region in regions))
    for joint, regions in REGIONS_OF_JOINT.items()
}
"""Bones that an exam of a joint is expected to show."""

YELLOW_REGIONS = frozenset(
    {
        _R.FEMORAL_HEAD,
        _R.MEDIAL_FEMORAL_CONDYLE,
        _R.LATERAL_FEMORAL_CONDYLE,
        _R.MEDIAL_TIBIAL_PLATEAU,
        _R.LATERAL_TIBIAL_PLATEAU,
        _R.DISTAL_TIBIA,
        _R.DISTAL_FIBULA,
    }
)
"""Regions whose marrow is yellow in an adult, of bones that may hold red marrow elsewhere: ends of long
bones, since marrow turns yellow from the feet up (Vogler and Murphy 1988,
doi:10.1148/radiology.168.3.3043546)."""

JOINT_OF_REGION: dict[Region, Joint] = {
    **dict.fromkeys(REGIONS_OF_JOINT[Joint.HIP], Joint.HIP),
    **dict.fromkeys(REGIONS_OF_JOINT[Joint.KNEE], Joint.KNEE),
    **dict.fromkeys(REGIONS_OF_JOINT[Joint.FOOT], Joint.FOOT),
    **dict.fromkeys((_R.DISTAL_TIBIA, _R.DISTAL_FIBULA, _R.TALUS, _R.CALCANEUS), Joint.ANKLE),
}
"""The joint that each region is counted to."""


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """What one value of a label map stands for.

    Parameters
    ----------
    name : a `Bone` or `Region` value, or ``label_<n>`` for a user's own mask
    side : None where a user's own mask tells no side
    bone : the `Bone` value it is part of; equals ``name`` for a whole bone or a user's mask
    """

    name: str
    side: Side | None
    bone: str


_LEFT_OFFSET = 100


def bone_value(bone: Bone, side: Side) -> int:
    """Give the number of a bone in a label map: 1 to 99 on the right, 101 to 199 on the left."""
    return list(Bone).index(bone) + 1 + (_LEFT_OFFSET if side is Side.LEFT else 0)


def opposite_value(value: int) -> int:
    """Give the number of the same bone or region on the other side."""
    return value - _LEFT_OFFSET if value > _LEFT_OFFSET else value + _LEFT_OFFSET


def region_value(region: Region, side: Side) -> int:
    """Give the number of a region in a label map: 1 to 99 on the right, 101 to 199 on the left."""
    return list(Region).index(region) + 1 + (_LEFT_OFFSET if side is Side.LEFT else 0)


BONE_LABELS: dict[int, Label] = {
    bone_value(bone, side): Label(bone.value, side, bone.value)
    for side in (Side.RIGHT, Side.LEFT)
    for bone in Bone
}
"""Every bone value with its meaning."""

REGION_LABELS: dict[int, Label] = {
    region_value(region, side): Label(region.value, side, BONE_OF_REGION[region].value)
    for side in (Side.RIGHT, Side.LEFT)
    for region in Region
}
"""Every region value with its meaning."""
