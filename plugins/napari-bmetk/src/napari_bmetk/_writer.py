"""Write labels that were edited, on the exam's own grid, as NIfTI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bmetk.errors import OutputError
from bmetk.image import LabelMap, resample_labels
from bmetk.image.nifti import write_nifti


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one labels layer as NIfTI (npe2 writer contribution); empty for a layer that is not bmetk's.

    Raises
    ------
    bmetk.errors.OutputError
        If it cannot be written.
    """
    frame = attributes.get("metadata", {}).get("bmetk_frame")
    if frame is None:
        return []
    shown = np.asarray(data).astype(np.uint8)
    if frame.is_resampled:
        labels = resample_labels(LabelMap(shown, frame.grid), frame.native)
    else:
        labels = LabelMap(frame.take_back(shown, shown, shown), frame.native)
    try:
        write_nifti(labels, Path(path))
    except OSError as error:
        raise OutputError(
            f"{Path(path).name} cannot be written: {error.strerror or error}; choose another folder"
        ) from error
    return [path]
