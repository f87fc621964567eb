"""SNOMED CT codes of bones, regions, joints and sides, for what is exchanged with an archive.

Every code here is in the dictionary of DICOM PS3.16 (as shipped with pydicom 3). A structure that
has no code there has none here either: `None`, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

from bmetk.anatomy.names import BONE_OF_REGION, Bone, Joint, Region, Side


@dataclass(frozen=True, slots=True)
class Code:
    """A concept of SNOMED CT (coding scheme designator SCT, DICOM PS3.16 clause 8)."""

    value: str
    meaning: str
    scheme: str = "SCT"


BONE_MARROW = Code("14016003", "Bone marrow")
"""The tissue that is measured."""

EDEMA = Code("79654002", "Edema")
"""What is measured in it."""

SIDE_CODES: dict[Side, Code] = {
    Side.RIGHT: Code("24028007", "Right"),
    Side.LEFT: Code("7771000", "Left"),
    Side.BOTH: Code("51440002", "Right and left"),
}
"""Laterality (DICOM PS3.16 CID 244)."""

JOINT_CODES: dict[Joint, Code | None] = {
    Joint.HIP: Code("24136001", "Hip joint"),
    Joint.KNEE: Code("49076000", "Knee joint"),
    Joint.ANKLE: Code("70258002", "Ankle joint"),
    Joint.FOOT: Code("56459004", "Foot"),
    Joint.OTHER: None,
}
"""Anatomic region that an exam shows (DICOM PS3.16 CID 4)."""

BONE_CODES: dict[Bone, Code | None] = {
    **dict.fromkeys(Bone),
    Bone.FEMUR: Code("71341001", "Femur"),
    Bone.TIBIA: Code("12611008", "Tibia"),
    Bone.FIBULA: Code("87342007", "Fibula"),
    Bone.PATELLA: Code("64234005", "Patella"),
    Bone.PELVIS: Code("118645006", "Pelvis"),
    Bone.TALUS: Code("67453005", "Talus"),
    Bone.CALCANEUS: Code("80144004", "Calcaneus"),
    Bone.NAVICULAR: Code("75772009", "Bone structure of navicular"),
}
"""Bone; None where the dictionary has no code for the single bone."""

_WHOLE_BONES = {
    region: BONE_CODES[bone] for region, bone in BONE_OF_REGION.items() if region.value == bone.value
}

REGION_CODES: dict[Region, Code | None] = {
    **dict.fromkeys(Region),
    **_WHOLE_BONES,
    Region.FEMORAL_HEAD: Code("2812003", "Head of femur"),
    Region.ACETABULUM: Code("37783008", "Acetabulum"),
    Region.DISTAL_TIBIA: Code("64605006", "Distal tibia"),
}
"""Region; None where the dictionary has no code that means exactly this part."""

JOINT_OF_CODE: dict[str, Joint] = {
    "24136001": Joint.HIP,
    "29836001": Joint.HIP,
    "12921003": Joint.HIP,
    "816092008": Joint.HIP,
    "49076000": Joint.KNEE,
    "72696002": Joint.KNEE,
    "64234005": Joint.KNEE,
    "70258002": Joint.ANKLE,
    "67453005": Joint.ANKLE,
    "80144004": Joint.ANKLE,
    "416804009": Joint.ANKLE,
    "56459004": Joint.FOOT,
    "419176008": Joint.FOOT,
    "280711000": Joint.FOOT,
    "29707007": Joint.FOOT,
}
"""Joint that a coded Anatomic Region Sequence item (DICOM PS3.16 CID 4) speaks of."""


def display_name(structure: Bone | Region | Joint | Side) -> str:
    """Write a structure as a reader would: ``medial femoral condyle``."""
    return structure.value.replace("_", " ")
