"""Read the pixels of a volume into an image on its grid."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bmetk.dicom.files import FileRef, read_contents
from bmetk.dicom.geometry import plane_of
from bmetk.dicom.header import Frame, Tags
from bmetk.dicom.inventory import Volume
from bmetk.dicom.scanner import scan
from bmetk.dicom.selection import best_first, is_candidate
from bmetk.errors import GeometryError, GridMismatchError, UnreadableFileError
from bmetk.exam import Contrast, Series
from bmetk.image import LabelMap, ScalarImage

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DECODE_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    RuntimeError,
)
IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")
"""Image files that are not DICOM."""


def load_series(volume: Volume, *, allow_gaps: bool = False) -> Series:
    """Read one volume of a scan.

    Parameters
    ----------
    volume : from an `Inventory`
    allow_gaps : whether to interpolate where slices are missing, doubled or unevenly spaced

    Returns
    -------
    Series
        With intensities after the modality rescale (DICOM PS3.3 C.11.1), slices in order along the normal.

    Raises
    ------
    GeometryError
        If the slices are no regular volume; the message names the fault.
    UnreadableFileError
        If pixel data is truncated, damaged or in an unknown transfer syntax.
    """
    grid = volume.grid
    if grid is None or not volume.is_readable(allow_gaps=allow_gaps):
        geometric = [fault for fault in volume.faults if not (allow_gaps and fault.kind.is_gap)]
        sentence = "; ".join(fault.message for fault in geometric) or f"{volume.where} has no geometry"
        raise GeometryError(sentence)
    slices = _read_slices(volume)
    if len(volume.frames) != grid.shape[0]:
        slices = _fill_gaps(slices, volume)
    return Series(
        image=ScalarImage(slices, grid),
        contrast=volume.contrast.contrast,
        plane=volume.plane or plane_of(grid.axes[:, 0]),
        acquisition=volume.acquisition,
        description=volume.description,
        number=volume.number,
        uid_hash=volume.series_uid_hash,
    )


def _read_slices(volume: Volume) -> npt.NDArray[np.float32]:
    """Read every frame in order, shape (frames, rows, columns)."""
    places: dict[FileRef, list[int]] = {}
    for place, frame in enumerate(volume.frames):
        places.setdefault(frame.file, []).append(place)
    slices = np.empty((len(volume.frames), *volume.frames[0].size), dtype=np.float32)
    for ref, content in read_contents(places):
        pixels = _decode(content, ref, volume.where)
        for place in places[ref]:
            slices[place] = _to_intensity(pixels, volume.frames[place], volume.where)
    return slices


def _decode(content: bytes, ref: FileRef, where: str) -> npt.NDArray[np.generic]:
    """Decode the pixels of one file, shape (frames, rows, columns)."""
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # padding bytes and the like; what matters raises
            dataset = dcmread(BytesIO(content), force=True)
            _complete_meta(dataset)
            pixels = np.asarray(dataset.pixel_array)
    except _DECODE_ERRORS as error:
        raise UnreadableFileError(
            f"the pixel data of {ref.shown_name} ({where}) cannot be read: it is truncated, damaged or in a "
            f"transfer syntax without decoder ({type(error).__name__}); transfer the series again"
        ) from error
    return pixels if pixels.ndim == 3 else pixels[np.newaxis]


def _complete_meta(dataset: Dataset) -> None:
    """Fill in the transfer syntax of a file without Part 10 header (PS3.5 10.1)."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" in getattr(dataset, "file_meta", {}):
        return
    implicit = dataset.original_encoding[0]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta = meta


def _to_intensity(pixels: npt.NDArray[np.generic], frame: Frame, where: str) -> npt.NDArray[np.float32]:
    if frame.index >= len(pixels) or pixels[frame.index].shape != frame.size:
        raise UnreadableFileError(
            f"{frame.file.shown_name} ({where}) holds {len(pixels)} frames of {pixels.shape[1:]} pixels, "
            "not what its header tells: transfer the series again"
        )
    values = pixels[frame.index].astype(np.float32)
    if frame.tags.text("PhotometricInterpretation").upper() == "MONOCHROME1":
        values = _inverted(values, frame.tags)
    slope, intercept = _rescale(frame.tags)
    return np.asarray(values * np.float32(slope) + np.float32(intercept), dtype=np.float32)


def _inverted(values: npt.NDArray[np.float32], tags: Tags) -> npt.NDArray[np.float32]:
    """Turn MONOCHROME1, where the lowest value is white (PS3.3 C.7.6.3.1.2), the right way round."""
    bits = int(tags.number("BitsStored", "BitsAllocated") or 16)
    signed = bool(tags.number("PixelRepresentation"))
    return np.asarray((-1.0 if signed else 2.0**bits - 1) - values, dtype=np.float32)


def _rescale(tags: Tags) -> tuple[float, float]:
    """Return slope and intercept (PS3.3 C.7.6.16.2.9), else of the real-world map (.11)."""
    slope, intercept = tags.number("RescaleSlope"), tags.number("RescaleIntercept")
    if slope is None:
        slope, intercept = tags.number("RealWorldValueSlope"), tags.number("RealWorldValueIntercept")
    return (slope if slope else 1.0), (intercept if slope and intercept is not None else 0.0)


def _fill_gaps(slices: npt.NDArray[np.float32], volume: Volume) -> npt.NDArray[np.float32]:
    """Interpolate linearly along the normal at the places of the regular grid; first of doubled slices."""
    assert volume.grid is not None
    offsets, first = np.unique(np.round(volume.stack.offsets_mm, 2), return_index=True)
    kept = slices[first]
    targets = np.arange(volume.grid.shape[0]) * volume.grid.spacing_mm[0]
    position = np.interp(targets, offsets, np.arange(len(offsets)))
    below = np.minimum(np.floor(position).astype(int), len(offsets) - 1)
    above = np.minimum(below + 1, len(offsets) - 1)
    weight = (position - below).astype(np.float32)[:, None, None]
    return np.asarray(kept[below] * (1 - weight) + kept[above] * weight, dtype=np.float32)


def load_image(path: Path | str, *, allow_gaps: bool = False) -> Series:
    """Read one image: a NIfTI, NRRD or MHA file, or DICOM (folder, file, archive) that is one volume.

    A file tells nothing of contrast: it is `Contrast.OTHER` unless it is DICOM. Of one DICOM series that
    holds several volumes, such as echoes, the one that suits bone best is read.

    Raises
    ------
    UnreadableFileError
        If the file is damaged, of an unknown kind, not three-dimensional, or no image is in the folder.
    GeometryError
        If a DICOM folder holds several volumes, or slices that form none.
    """
    path = Path(path)
    if path.name.lower().endswith(IMAGE_SUFFIXES) and path.is_file():
        return _load_file(path)
    inventory = scan(path)
    volumes = list(inventory.volumes())
    if not volumes:
        raise UnreadableFileError(
            f"{path.name!r} holds no image: give a NIfTI, NRRD or MHA file, or one DICOM series"
        )
    readable = [volume for volume in volumes if volume.is_readable(allow_gaps=allow_gaps)]
    if len(volumes) == 1 or len(readable) == 1:
        return load_series((readable or volumes)[0], allow_gaps=allow_gaps)
    candidates = [volume for volume in readable if is_candidate(volume, allow_gaps=allow_gaps)]
    if candidates and len({volume.series_uid_hash for volume in volumes}) == 1:  # echoes, Dixon images
        return load_series(min(candidates, key=best_first), allow_gaps=allow_gaps)
    listed = ", ".join(volume.where for volume in volumes[:6])
    raise GeometryError(
        f"{path.name!r} holds {len(volumes)} volumes ({listed}{', ...' if len(volumes) > 6 else ''}) "
        "where one is needed: give a folder with one series"
    )


def load_labels(path: Path | str) -> LabelMap:
    """Read a mask or label map from a NIfTI, NRRD or MHA file, whole numbers from 0 to 255.

    Raises
    ------
    UnreadableFileError
        If the file is damaged, of an unknown kind, not three-dimensional, or holds other numbers.
    """
    from bmetk.image.itk import read_labels

    name = Path(path).name
    try:
        return read_labels(str(path))
    except GridMismatchError as error:
        raise UnreadableFileError(f"{name!r} is no label map: {error}") from error


def _load_file(path: Path) -> Series:
    from bmetk.image.itk import read_image

    try:
        image = read_image(str(path))
    except GridMismatchError as error:
        raise UnreadableFileError(f"{path.name!r} is no regular volume: {error}") from error
    if image.grid.shape[0] < 2 or min(image.grid.shape) < 2:
        raise UnreadableFileError(
            f"{path.name!r} holds a single slice ({image.grid.describe()}): give a volume"
        )
    # A file may keep its thick axis anywhere: the plane is that of the coarsest one.
    thick = int(np.argmax(image.grid.spacing_mm))
    return Series(image=image, contrast=Contrast.OTHER, plane=plane_of(image.grid.axes[:, thick]))
