"""Find bones: packaged shapes, networks that say where they are, and a fit to the picture."""

from bmetk.bones.given import GivenBones, divide_given, names_bones
from bmetk.bones.naming import search_given, tell_names
from bmetk.bones.place import FoundBone, FoundBones
from bmetk.bones.provider import BoneSettings, find_bones
from bmetk.bones.settle import settle_on_fluid
from bmetk.bones.sources import BoneProvider, PlacedBones, provide_bones

__all__ = [
    "BoneProvider",
    "BoneSettings",
    "FoundBone",
    "FoundBones",
    "GivenBones",
    "PlacedBones",
    "divide_given",
    "find_bones",
    "names_bones",
    "provide_bones",
    "search_given",
    "settle_on_fluid",
    "tell_names",
]
