"""Folders of the reader's own."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QStandardPaths


def spare_folder() -> Path:
    """Name the reader's own folder for drafts of results that lie in read-only folders."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(place) / "napari-bmetk" / "drafts"
