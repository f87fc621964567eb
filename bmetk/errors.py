"""The errors of bmetk: one tree, so that a caller can catch all of them at once.

Every message says what failed, the value found with its unit, and what to do. No message carries
a patient's name, ID, birth date or a DICOM UID.
"""

from __future__ import annotations


class BmetkError(Exception):
    """Base of every error that bmetk raises on purpose."""


class InputError(BmetkError):
    """The input cannot be used (exit status 3 on the command line)."""


class UnreadableFileError(InputError):
    """A file is damaged, truncated or of an unknown kind."""


class GeometryError(InputError):
    """Slices do not form a regular volume: missing, doubled, uneven, tilted or mixed."""


class MissingSeriesError(InputError):
    """A series that the task needs (T1, or a fluid-sensitive one) is not there."""


class SeriesMismatchError(InputError):
    """Two series do not belong together: other patient, other side, or no common field of view."""


class GridMismatchError(InputError):
    """Two images that must share a grid do not."""


class BonesNotFoundError(InputError):
    """No bone was found in the image."""


class UnknownNameError(InputError):
    """A bone, region, joint, side or case name is not known."""


class OutputError(InputError):
    """The output folder cannot be written, or holds something else."""


class SettingsError(BmetkError):
    """A setting is unknown or out of range (exit status 2 on the command line)."""


class RegistrationError(BmetkError):
    """Two images could not be aligned."""
