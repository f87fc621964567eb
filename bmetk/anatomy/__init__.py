"""Bones, regions, joints and sides of the lower limb."""

from bmetk.anatomy.names import (
    BONE_LABELS,
    BONE_OF_REGION,
    BONES_OF_JOINT,
    JOINT_OF_REGION,
    REGION_LABELS,
    REGIONS_OF_JOINT,
    YELLOW_REGIONS,
    Bone,
    Joint,
    Label,
    Region,
    Side,
    bone_value,
    opposite_value,
    region_value,
)

__all__ = [
    "BONES_OF_JOINT",
    "BONE_LABELS",
    "BONE_OF_REGION",
    "JOINT_OF_REGION",
    "REGIONS_OF_JOINT",
    "REGION_LABELS",
    "YELLOW_REGIONS",
    "Bone",
    "Joint",
    "Label",
    "Region",
    "Side",
    "bone_value",
    "opposite_value",
    "region_value",
]
