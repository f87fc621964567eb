"""Align the series of one exam with each other, and each bone with itself in other exams."""

from bmetk.registration.bone import (
    BoneAlignment,
    BoneRegistrationSettings,
    BoneView,
    register_bone,
    view_bone,
)
from bmetk.registration.overlap import overlap_fraction, require_overlap
from bmetk.registration.rigid import Alignment, RegistrationSettings, register_rigid

__all__ = [
    "Alignment",
    "BoneAlignment",
    "BoneRegistrationSettings",
    "BoneView",
    "RegistrationSettings",
    "overlap_fraction",
    "register_bone",
    "register_rigid",
    "require_overlap",
    "view_bone",
]
