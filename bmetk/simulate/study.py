"""Write simulated exams as DICOM studies: what leaves the scanner, not what is convenient.

File names mean nothing, instance numbers do not follow the geometry, and a localizer and a further
series lie among the two that matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, MRImageStorage, RLELossless
from pydicom.valuerep import format_number_as_ds

from bmetk.exam import Contrast, Series
from bmetk.image import ScalarImage
from bmetk.simulate import headers
from bmetk.simulate.headers import StudyIdentity
from bmetk.simulate.scanners import Language, Scanner, describe_series, describe_study, languages, scanner_of
from bmetk.simulate.spec import ExamSpec, PatientSpec, SimulatedExam

_EXTENSIONS = ("", "", ".dcm", ".IMA", ".MR")
_IMPLEMENTATION = "BMETK_SIMULATE"
_SHARE_WITHOUT_SIDE = 0.15
_SHARE_VENDOR_WORDS = 0.5
_LOCALIZER_MM = 7.0


class Compression(StrEnum):
    """Transfer syntax of the pixels; each is lossless (DICOM PS3.5 A.4)."""

    NONE = "none"
    RLE = "rle"
    JPEG_2000 = "jpeg2000"


_SYNTAXES = {Compression.RLE: RLELossless, Compression.JPEG_2000: JPEG2000Lossless}


@dataclass(frozen=True, slots=True, eq=False)
class StoredPixels:
    """Whole numbers as a scanner stores them; ``step`` times the number is the intensity.

    ``array`` has shape (S, R, C).
    """

    array: npt.NDArray[np.uint16] | npt.NDArray[np.int16]
    step: float


def identify_study(patient: PatientSpec, exams: Sequence[ExamSpec], number: int = 1) -> StudyIdentity:
    """Make up the identity of the study that holds ``exams``, the ``number``-th of its day."""
    seed = exams[0].seed
    study_uid = headers.make_uid(patient.name, exams[0].subject.seed, exams[0].date, number)
    return StudyIdentity(
        patient_name=f"SIM^{patient.name}"[:64],
        patient_id=f"SIM-{exams[0].subject.seed:010d}",
        study_uid=study_uid,
        study_id=f"S{number}",
        description=describe_study(tuple(exams), languages()[patient.language]),
        language=patient.language,
        seed=seed,
    )


def write_study(
    exam: SimulatedExam,
    folder: Path,
    identity: StudyIdentity | None = None,
    *,
    first_number: int = 1,
    compression: Compression = Compression.NONE,
) -> tuple[Path, ...]:
    """Write every series of an exam as MR Image Storage (DICOM PS3.3 A.4).

    Parameters
    ----------
    exam : what was simulated
    folder : made if absent; a second exam of the same study goes to the same folder
    identity : made-up identity of the study; None to make one for this exam alone
    first_number : number of the first series, counted from 1; 1 + what the study holds already
    compression : of the pixels, always lossless

    Returns
    -------
    tuple of Path
        The files, in no order.
    """
    identity = identity or identify_study(PatientSpec("exam", (exam.spec,)), (exam.spec,))
    rng = np.random.default_rng([identity.seed, first_number])
    site = _draw_site(rng, exam.spec.protocol.manufacturer, identity.language)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for n, series in enumerate(_acquisition_order(exam, rng), start=first_number):
        shared = _shared_attributes(exam, series, site, identity, n)
        slices = _slices(series, shared, exam.spec, site.scanner, rng)
        files.extend(_save(dataset, folder, site.extension, compression) for dataset in slices)
    return tuple(files)


@dataclass(frozen=True, slots=True)
class _Site:
    """Habits of the department: what differs between studies of the same content."""

    scanner: Scanner
    words: Language
    vendor_words: bool
    tells_side: bool
    extension: str


def _draw_site(rng: np.random.Generator, manufacturer: str, language: str) -> _Site:
    return _Site(
        scanner=scanner_of(manufacturer),
        words=languages()[language],
        vendor_words=bool(rng.random() < _SHARE_VENDOR_WORDS),
        tells_side=bool(rng.random() >= _SHARE_WITHOUT_SIDE),
        extension=str(rng.choice(_EXTENSIONS)),
    )


def _shared_attributes(
    exam: SimulatedExam, series: Series, site: _Site, identity: StudyIdentity, n: int
) -> Dataset:
    """Join the attributes that all slices of the ``n``-th series share."""
    scanner, spec = site.scanner, exam.spec
    number = n * scanner.series_step + (1 if scanner.series_step > 1 else 0)
    description = describe_series(series, scanner, site.words, vendor_words=site.vendor_words)
    shared = headers.series_attributes(identity, spec, number, description, tells_side=site.tells_side)
    shared.update(headers.patient_attributes(identity, spec))
    shared.update(headers.study_attributes(identity, spec.date))
    shared.update(headers.equipment_attributes(spec, scanner))
    shared.update(headers.sequence_attributes(series, scanner, spec))
    shared.SliceThickness = format_number_as_ds(_thickness_mm(exam, series))
    return shared


def _acquisition_order(exam: SimulatedExam, rng: np.random.Generator) -> list[Series]:
    """Put the localizer first and the others in any order."""
    first, *others = exam.extras or (exam.t1,)
    rest = [series for series in (exam.t1, exam.fluid, *others) if series is not first]
    return [first, *(rest[k] for k in rng.permutation(len(rest)))]


def _thickness_mm(exam: SimulatedExam, series: Series) -> float:
    """Give the slice thickness; a localizer leaves wide gaps between its slices."""
    protocol, spacing_mm = exam.spec.protocol, series.image.grid.spacing_mm[0]
    if series.contrast is Contrast.LOCALIZER:
        return min(_LOCALIZER_MM, spacing_mm)
    asked = protocol.fluid if series is exam.fluid else protocol.t1
    return min(asked.thickness_mm, spacing_mm)


def store_pixels(image: ScalarImage, scanner: Scanner, level: float) -> StoredPixels:
    """Store grey values that are whole and in range as they are; scale others.

    ``level`` is the share of the range, 0 to 1, that the brightest voxel of a scaled image reaches.
    """
    largest = 2 ** (scanner.bits_stored - (1 if scanner.signed else 0)) - 1
    brightest = max(float(image.array.max()), 1e-6)
    kind = np.int16 if scanner.signed else np.uint16
    whole = brightest <= largest and np.array_equal(image.array, np.rint(image.array))
    step = 1.0 if whole else brightest / (level * largest)
    numbers = np.clip(np.rint(image.array / np.float32(step)), 0, largest).astype(kind)
    return StoredPixels(numbers, step)


def _slices(
    series: Series, shared: Dataset, spec: ExamSpec, scanner: Scanner, rng: np.random.Generator
) -> list[Dataset]:
    """Make the datasets of a series; instance numbers come in random order."""
    stored = store_pixels(series.image, scanner, float(rng.uniform(0.3, 0.9)))
    count = stored.array.shape[0]
    instance_numbers = rng.permutation(count) + 1
    slope = stored.step * float(rng.uniform(0.5, 6.0))
    datasets = []
    for index in range(count):
        dataset = Dataset()
        dataset.update(shared)
        number = int(instance_numbers[index])
        dataset.update(headers.image_attributes(shared.SeriesInstanceUID, spec, number, index))
        dataset.update(headers.slice_attributes(series.image.grid, index))
        dataset.update(_pixel_attributes(stored.array[index], scanner))
        if scanner.rescale:
            dataset.RescaleIntercept, dataset.RescaleSlope = "0", f"{slope:.10g}"
            dataset.RescaleType = "US"
        datasets.append(dataset)
    return datasets


def _pixel_attributes(plane: npt.NDArray[np.generic], scanner: Scanner) -> Dataset:
    """Fill the Image Pixel and VOI LUT modules (PS3.3 C.7.6.3, C.11.2)."""
    dataset = Dataset()
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = plane.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored = scanner.bits_stored
    dataset.HighBit = scanner.bits_stored - 1
    dataset.PixelRepresentation = int(scanner.signed)
    brightest = max(int(plane.max()), 1)
    dataset.WindowCenter, dataset.WindowWidth = str(brightest // 2), str(brightest)
    little_endian = plane.astype(plane.dtype.newbyteorder("<"))
    dataset.add_new("PixelData", "OW", little_endian.tobytes())
    return dataset


def _save(dataset: Dataset, folder: Path, extension: str, compression: Compression) -> Path:
    """Write one Part 10 file under a name without meaning (DICOM PS3.10)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(headers.make_uid(_IMPLEMENTATION))
    meta.ImplementationVersionName = _IMPLEMENTATION
    dataset.file_meta = meta
    if compression is not Compression.NONE:
        dataset.compress(_SYNTAXES[compression], generate_instance_uid=False)
    name = headers.make_uid("file", dataset.SOPInstanceUID)[5:15]
    path = folder / f"{name}{extension}"
    dataset.save_as(path, enforce_file_format=True)
    return path
