"""Align the series of one exam with each other."""

from bmetk.registration.overlap import overlap_fraction, require_overlap
from bmetk.registration.rigid import Alignment, RegistrationSettings, register_rigid

__all__ = ["Alignment", "RegistrationSettings", "overlap_fraction", "register_rigid", "require_overlap"]
