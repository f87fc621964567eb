"""DICOM in: scan folders, tell what each series is, load exams.

Names are imported when first used: `bmetk info` needs the scan alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmetk.dicom.exams import load_exam, load_exams, load_usable_exams
    from bmetk.dicom.identity import uid_hash
    from bmetk.dicom.inventory import Inventory, Volume
    from bmetk.dicom.listing import describe, describe_rows, rows
    from bmetk.dicom.load import IMAGE_SUFFIXES, load_image, load_labels, load_series
    from bmetk.dicom.scanner import scan

__all__ = [
    "IMAGE_SUFFIXES",
    "Inventory",
    "Volume",
    "describe",
    "describe_rows",
    "load_exam",
    "load_exams",
    "load_image",
    "load_labels",
    "load_series",
    "load_usable_exams",
    "rows",
    "scan",
    "uid_hash",
]

_HOME = {
    "IMAGE_SUFFIXES": "load",
    "Inventory": "inventory",
    "Volume": "inventory",
    "describe": "listing",
    "describe_rows": "listing",
    "load_exam": "exams",
    "load_exams": "exams",
    "load_image": "load",
    "load_labels": "load",
    "load_series": "load",
    "load_usable_exams": "exams",
    "rows": "listing",
    "scan": "scanner",
    "uid_hash": "identity",
}


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
