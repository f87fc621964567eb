"""Find bones: packaged shapes, a network that says where they are, and a fit to the picture."""

from bmetk.bones.place import FoundBone, FoundBones
from bmetk.bones.provider import BoneSettings, find_bones

__all__ = ["BoneSettings", "FoundBone", "FoundBones", "find_bones"]
