"""The bridge to SimpleITK: the only place where axis order is reversed.

SimpleITK indexes (column, row, slice) and its world is LPS too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from bmetk.errors import UnreadableFileError
from bmetk.image.grid import Grid
from bmetk.image.images import LabelMap, ScalarImage
from bmetk.image.transform import RigidTransform


def to_sitk(array: npt.NDArray[np.generic], grid: Grid) -> sitk.Image:
    """Convert an array (slice, row, column) on its grid to a SimpleITK image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(tuple(reversed(grid.spacing_mm)))
    image.SetOrigin(tuple(float(v) for v in grid.origin_mm))
    image.SetDirection(tuple(float(v) for v in grid.axes[:, ::-1].ravel()))
    return image


def grid_from_sitk(image: sitk.Image) -> Grid:
    """Read the grid of a three-dimensional SimpleITK image."""
    columns, rows, slices = image.GetSize()
    axes = np.asarray(image.GetDirection(), dtype=np.float64).reshape(3, 3)[:, ::-1]
    c, r, s = image.GetSpacing()
    return Grid.from_axes((slices, rows, columns), (s, r, c), axes, image.GetOrigin())


def scalar_from_sitk(image: sitk.Image) -> ScalarImage:
    """Convert a SimpleITK image to intensities."""
    return ScalarImage(sitk.GetArrayFromImage(image).astype(np.float32), grid_from_sitk(image))


def labels_from_sitk(image: sitk.Image) -> LabelMap:
    """Convert a SimpleITK image of whole numbers to a label map."""
    return LabelMap(sitk.GetArrayFromImage(image), grid_from_sitk(image))


def transform_to_sitk(transform: RigidTransform) -> sitk.AffineTransform:
    """Convert a rigid transform (fixed to moving world, as SimpleITK's own)."""
    result = sitk.AffineTransform(3)
    result.SetMatrix(tuple(float(v) for v in transform.rotation.ravel()))
    result.SetTranslation(tuple(float(v) for v in transform.translation_mm))
    return result


def read_image(path: str) -> ScalarImage:
    """Read intensities from a NIfTI, NRRD, MetaImage or other file that SimpleITK knows.

    Raises
    ------
    UnreadableFileError
        If the file is missing, damaged, of an unknown kind, not three-dimensional, or in colour.
    """
    return scalar_from_sitk(_read_volume(path))


def read_labels(path: str) -> LabelMap:
    """Read a label map or mask, whole numbers from 0 to 255, from a file; errors as `read_image`."""
    return labels_from_sitk(_read_volume(path))


def _read_volume(path: str) -> sitk.Image:
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK writes to stderr on its own
    try:
        image: sitk.Image = reader.Execute()
    except RuntimeError as error:
        raise UnreadableFileError(
            f"{name!r} cannot be read as an image: it is missing, damaged, oblique beyond repair or of an "
            "unknown kind; give a NIfTI, NRRD or MHA file"
        ) from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise UnreadableFileError(
            f"{name!r} has {image.GetDimension()} dimensions, 3 are needed: give one volume"
        )
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise UnreadableFileError(f"{name!r} holds colours or vectors, one value a voxel is needed")
    return image
