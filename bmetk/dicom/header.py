"""Read DICOM headers, without pixels, into frames: one image of one slice each.

A frame of an enhanced multi-frame object (DICOM PS3.3 C.7.6.16) and a classic single-frame file look
the same from here on.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bmetk.dicom.files import FileRef, UnreadableFile
from bmetk.errors import UnreadableFileError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

HEADER_TAGS = [
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate"),
    *("AcquisitionDate", "AcquisitionTime", "Modality", "Manufacturer", "ManufacturerModelName"),
    *("StudyDescription", "SeriesDescription", "DerivationDescription", "AcquisitionContrast"),
    *("AnatomicRegionSequence", "PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDs"),
    *("PatientBirthDate", "PatientSex", "PatientAge", "BodyPartExamined", "ScanningSequence"),
    *("SequenceVariant", "ScanOptions", "MRAcquisitionType", "SequenceName", "PulseSequenceName"),
    *("SliceThickness", "RepetitionTime", "EchoTime", "InversionTime", "EchoNumbers", "EchoTrainLength"),
    *("MagneticFieldStrength", "FlipAngle", "ContrastBolusAgent", "ProtocolName", "TriggerTime"),
    *("ReceiveCoilName", "DiffusionBValue", "EchoPulseSequence", "SpectrallySelectedSuppression"),
    *("SpectrallySelectedExcitation", "InversionRecovery", "InversionTimes", "ComplexImageComponent"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "AcquisitionNumber", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "Laterality"),
    *("ImageLaterality", "TemporalPositionIdentifier", "StackID", "SamplesPerPixel", "Rows", "Columns"),
    *(
        "PhotometricInterpretation",
        "NumberOfFrames",
        "PixelSpacing",
        "BitsAllocated",
        "BitsStored",
        "PixelRepresentation",
    ),
    *("RescaleSlope", "RescaleIntercept", "RealWorldValueMappingSequence"),
    *("RequestedProcedureDescription", "PerformedProcedureStepDescription"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]
"""Attributes that a scan reads; everything else is skipped, unparsed."""

_HUGE = 1e7  # some makers write 1.7e38 for "not known"
_DAMAGE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Tags:
    """The attributes of one frame: its own functional groups first, then those of its file."""

    dataset: Dataset
    groups: dict[str, Any]

    def value(self, keyword: str) -> Any:
        """Return the raw value of an attribute; None where it is absent, empty or malformed."""
        if keyword in self.groups:
            return self.groups[keyword]
        tag = _tag(keyword)
        try:
            return self.dataset[tag].value if tag in self.dataset else None
        except _DAMAGE:
            return None

    def text(self, keyword: str) -> str:
        """Return an attribute as text; empty where it is absent."""
        return " ".join(self.texts(keyword))

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values of a multi-valued attribute as text."""
        value = self.value(keyword)
        if isinstance(value, str):
            return (text,) if (text := value.strip()) else ()
        if value is None:
            return ()
        values = value if isinstance(value, list | tuple) or _is_multi(value) else (value,)
        return tuple(str(item).strip() for item in values if str(item).strip())

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Return exactly ``count`` numbers, or None."""
        value = self.value(keyword)
        if value is None or not (isinstance(value, list | tuple) or _is_multi(value)) or len(value) != count:
            return None
        try:
            numbers = tuple(float(item) for item in value)
        except (TypeError, ValueError):
            return None
        return numbers if all(abs(number) < _HUGE for number in numbers) else None

    def number(self, *keywords: str) -> float | None:
        """Return the first of several attributes that holds a number."""
        for keyword in keywords:
            value = self.value(keyword)
            first = value[0] if _is_multi(value) and len(value) else value
            try:
                number = float(first)
            except (TypeError, ValueError):
                continue
            if abs(number) < _HUGE:
                return number
        return None


@cache
def _tag(keyword: str) -> BaseTag:
    from pydicom.tag import Tag

    return Tag(keyword)


@cache
def _header_tags() -> list[BaseTag]:
    return [_tag(keyword) for keyword in HEADER_TAGS]


def _is_multi(value: object) -> bool:
    return type(value).__name__ in ("MultiValue", "Sequence")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of one slice.

    Parameters
    ----------
    file, index : where its pixels are; ``index`` counts the frames of the file from 0
    position_mm, orientation : Image Position and Orientation (Patient), DICOM PS3.3 C.7.6.2
    pixel_spacing_mm : distance of rows, distance of columns
    size : rows, columns
    truncated : whether the file is too short for its pixels
    tags : everything else
    """

    file: FileRef
    index: int
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    size: tuple[int, int]
    truncated: bool
    tags: Tags


def looks_like_dicom(start: bytes) -> bool:
    """Tell from the first 132 bytes whether a file may be DICOM, with the Part 10 preamble or without.

    Without a preamble (as old archives write) it starts with an attribute of group 0002 or 0008.
    """
    if start[128:132] == b"DICM":
        return True
    return len(start) >= 132 and start[:2] in (b"\x08\x00", b"\x02\x00", b"\x00\x08")


def read_frames(ref: FileRef, content: bytes | None, on_failure: list[UnreadableFile]) -> list[Frame] | None:
    """Read the frames of one file.

    Parameters
    ----------
    ref : where the file is
    content : its bytes, where it is a member of an archive; None to read from disk
    on_failure : list that receives the file and a reason if it is DICOM but damaged

    Returns
    -------
    list of Frame, empty for a DICOM object that is no image, or None for a file that is not DICOM
    """
    try:
        start, size = _start_and_size(ref, content)
        if not looks_like_dicom(start):
            return None
        dataset = _read_dataset(ref.path if content is None else BytesIO(content))
    except UnreadableFileError:
        if start[128:132] == b"DICM":
            on_failure.append(UnreadableFile(ref.shown_name, "its DICOM header is damaged"))
        return None
    except OSError as error:
        on_failure.append(UnreadableFile(ref.shown_name, error.strerror or "cannot be read"))
        return None
    if "SOPClassUID" not in dataset:
        if start[128:132] == b"DICM":
            on_failure.append(UnreadableFile(ref.shown_name, "its DICOM header is damaged or incomplete"))
        return None
    return _frames_of(ref, dataset, size)


def _start_and_size(ref: FileRef, content: bytes | None) -> tuple[bytes, int]:
    if content is not None:
        return content[:132], len(content)
    with ref.path.open("rb") as stream:
        return stream.read(132), ref.path.stat().st_size


def _read_dataset(source: Path | BytesIO) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import BytesLengthException, InvalidDicomError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values are judged below, where they matter
            return dcmread(source, stop_before_pixels=True, force=True, specific_tags=_header_tags())
    except OSError as error:
        if error.errno is not None:
            raise
        raise UnreadableFileError("damaged header") from error
    except (
        *_DAMAGE,
        InvalidDicomError,
        BytesLengthException,
        RecursionError,
        OverflowError,
        MemoryError,
    ) as error:
        raise UnreadableFileError("damaged header") from error


def _frames_of(ref: FileRef, dataset: Dataset, size: int) -> list[Frame]:
    root = Tags(dataset, {})
    rows, columns = root.number("Rows"), root.number("Columns")
    if not rows or not columns:
        return []
    per_frame = _items(root, "PerFrameFunctionalGroupsSequence")
    shared = (
        _flatten(item) if (item := next(iter(_items(root, "SharedFunctionalGroupsSequence")), None)) else {}
    )
    count = int(root.number("NumberOfFrames") or 1)
    truncated = _is_truncated(dataset, root, int(rows) * int(columns) * count, size)
    frames = []
    for index in range(count):
        groups = {**shared, **_flatten(per_frame[index])} if index < len(per_frame) else shared
        tags = Tags(dataset, groups)
        frames.append(
            Frame(
                file=ref,
                index=index,
                position_mm=tags.numbers("ImagePositionPatient", 3),
                orientation=tags.numbers("ImageOrientationPatient", 6),
                pixel_spacing_mm=tags.numbers("PixelSpacing", 2),
                size=(int(rows), int(columns)),
                truncated=truncated,
                tags=tags,
            )
        )
    return frames


def _items(tags: Tags, keyword: str) -> list[Dataset]:
    value = tags.value(keyword)
    return list(value) if value is not None and _is_multi(value) else []


def _flatten(groups: Dataset) -> dict[str, Any]:
    """Lay the attributes of one item of functional groups side by side, keyed by keyword."""
    flat: dict[str, Any] = {}
    for element in groups:
        if element.VR == "SQ" and not element.tag.is_private:
            flat |= _flatten_item(list(element.value))
    return flat


def _flatten_item(items: list[Dataset]) -> dict[str, Any]:
    """Take the attributes of the first item of a sequence."""
    return {
        inner.keyword: inner.value
        for inner in (items[0] if items else ())
        if inner.keyword and (inner.VR != "SQ" or inner.keyword == "AnatomicRegionSequence")
    }


def _is_truncated(dataset: Dataset, root: Tags, pixels: int, size: int) -> bool:
    """Tell whether an uncompressed file is shorter than its pixels alone must be."""
    meta = getattr(dataset, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    if syntax is not None and (syntax.is_compressed or syntax.is_deflated):
        return False
    bits = (root.number("BitsAllocated") or 16) * (root.number("SamplesPerPixel") or 1)
    return size < pixels * bits / 8
