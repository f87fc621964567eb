"""Images as NIfTI files: the one place where LPS turns into RAS and back.

A NIfTI array is indexed (column, row, slice) and its world is RAS+ (NIfTI-1.1 standard,
doi:10.5281/zenodo.3758163); ours is (slice, row, column) in LPS.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, TypeVar, overload

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from bmetk.errors import GeometryError, UnreadableFileError
from bmetk.image.grid import FloatArray, Grid
from bmetk.image.images import LabelMap, Mask, ScalarImage

ImageT = TypeVar("ImageT", ScalarImage, LabelMap, Mask)

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_REVERSED_AXES = np.eye(4)[[2, 1, 0, 3]]
_DAMAGE = (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError, WrapStructError)
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT
_GZIP_LEVEL = 1  # label maps shrink a hundredfold even so; higher levels cost seconds on float images


def affine_to_ras(grid: Grid) -> FloatArray:
    """Map NIfTI indices (column, row, slice, 1) to RAS mm, shape (4, 4)."""
    return np.asarray(_LPS_FROM_RAS @ grid.affine @ _REVERSED_AXES)


def grid_from_ras(shape: tuple[int, int, int], affine: npt.ArrayLike) -> Grid:
    """Build our grid from a NIfTI shape (columns, rows, slices) and its RAS affine."""
    lps = _LPS_FROM_RAS @ np.asarray(affine, dtype=np.float64) @ _REVERSED_AXES
    return Grid((shape[2], shape[1], shape[0]), lps)


def write_nifti(image: ScalarImage | LabelMap | Mask, path: Path) -> None:
    """Write an image as NIfTI-1 in mm, with equal qform and sform.

    Parameters
    ----------
    image : ScalarImage is stored as float32, LabelMap and Mask as uint8
    path : file ending in ``.nii`` or ``.nii.gz``; equal images give equal bytes
    """
    array = image.array.astype(np.uint8) if isinstance(image, Mask) else image.array
    affine = affine_to_ras(image.grid)
    nifti = nib.Nifti1Image(np.ascontiguousarray(array).T, affine)
    nifti.header.set_xyzt_units("mm")
    nifti.set_sform(affine, _SCANNER)
    nifti.set_qform(affine, _SCANNER)
    content = nifti.to_bytes()
    packed = gzip.compress(content, _GZIP_LEVEL, mtime=0) if path.suffix == ".gz" else content
    path.write_bytes(packed)


@overload
def read_nifti(path: Path) -> ScalarImage: ...
@overload
def read_nifti(path: Path, kind: type[ImageT]) -> ImageT: ...
def read_nifti(path: Path, kind: type[Any] = ScalarImage) -> Any:
    """Read a three-dimensional NIfTI file.

    Parameters
    ----------
    path : file ending in ``.nii`` or ``.nii.gz``
    kind : what the numbers mean; a `Mask` is True where they are not 0

    Raises
    ------
    UnreadableFileError
        If the file is missing, truncated or no NIfTI.
    GeometryError
        If it is not one volume.
    GridMismatchError
        If its axes are sheared, or a label map holds fractions.
    """
    array, affine = _read_array(path)
    if array.ndim != 3:
        raise GeometryError(
            f"{path.name} holds an array of shape {array.shape}, not one volume; split it first"
        )
    columns, rows, slices = array.shape
    return kind(np.ascontiguousarray(array.T), grid_from_ras((columns, rows, slices), affine))


def _read_array(path: Path) -> tuple[npt.NDArray[np.generic], FloatArray]:
    """Read the scaled values, with single trailing axes dropped, and the RAS affine."""
    try:
        nifti = nib.Nifti1Image.from_filename(path)
        array = np.asanyarray(nifti.dataobj)
    except _DAMAGE as error:
        raise UnreadableFileError(f"{path.name} cannot be read as NIfTI: write it again") from error
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return array, np.asarray(nifti.affine, dtype=np.float64)
