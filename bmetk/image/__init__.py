"""Images in space: what every other layer speaks."""

from bmetk.image.crop import Box, crop_box, crop_grid
from bmetk.image.grid import Grid
from bmetk.image.images import LabelMap, Mask, ScalarImage
from bmetk.image.resample import (
    field_of_view,
    isotropic_grid,
    resample_labels,
    resample_mask,
    resample_scalar,
    shrink_in_plane,
    spread_numbers,
    stretch_in_plane,
)
from bmetk.image.transform import RigidTransform

__all__ = [
    "Box",
    "Grid",
    "LabelMap",
    "Mask",
    "RigidTransform",
    "ScalarImage",
    "crop_box",
    "crop_grid",
    "field_of_view",
    "isotropic_grid",
    "resample_labels",
    "resample_mask",
    "resample_scalar",
    "shrink_in_plane",
    "spread_numbers",
    "stretch_in_plane",
]
