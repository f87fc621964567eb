"""Attributes of MR Image Storage, module by module (DICOM PS3.3 A.4.3), as a scanner fills them.

Each function returns the attributes of one module; `bmetk.simulate.study` joins them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pydicom.valuerep import format_number_as_ds

from bmetk.anatomy import Joint, Side
from bmetk.exam import Contrast, Series
from bmetk.image import Grid
from bmetk.simulate.scanners import Scanner
from bmetk.simulate.spec import ExamSpec

_BODY_PARTS = {
    Joint.HIP: "HIP",
    Joint.KNEE: "KNEE",
    Joint.ANKLE: "ANKLE",
    Joint.FOOT: "FOOT",
    Joint.OTHER: "LEG",
}
_SIDES = {Side.RIGHT: "R", Side.LEFT: "L", Side.BOTH: ""}
_ECHO_TRAINS = {Contrast.T1: 3, Contrast.LOCALIZER: 1, Contrast.OTHER: 1}
_USUAL_ECHO_TRAIN = 9
_PROTON_MHZ_PER_TESLA = 42.577
_FAT_SATURATED = (Contrast.FS_T2, Contrast.FS_PD)
_GRADIENT_ECHO = (Contrast.LOCALIZER, Contrast.OTHER)
_NAMESPACE = uuid.UUID("6f0d3c1e-5f0b-4d5c-9c55-1c7a63e2b9d4")


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Who and what a study is; every name and ID in it is made up.

    ``seed`` draws what varies between sites (file names, order of slices, whose words describe a
    series); ``language`` is one of `bmetk.simulate.scanners.languages`.
    """

    patient_name: str
    patient_id: str
    study_uid: str
    study_id: str
    description: str
    language: str = "en"
    seed: int = 0


def make_uid(*parts: object) -> str:
    """Derive a UID below 2.25 from a name-based UUID: equal parts, equal UID (DICOM PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}"


def patient_attributes(identity: StudyIdentity, spec: ExamSpec) -> Dataset:
    """Fill the Patient and Patient Study modules (PS3.3 C.7.1.1, C.7.2.2)."""
    dataset = Dataset()
    dataset.PatientName = identity.patient_name
    dataset.PatientID = identity.patient_id
    dataset.PatientBirthDate = f"{spec.subject.birth_year:04d}0101"
    dataset.PatientSex = spec.subject.sex
    dataset.PatientAge = f"{spec.date.year - spec.subject.birth_year:03d}Y"
    dataset.PatientWeight = format_number_as_ds(round(78.0 * spec.subject.scale**3, 1))
    return dataset


def study_attributes(identity: StudyIdentity, day: date) -> Dataset:
    """Fill the General Study module (PS3.3 C.7.2.1)."""
    dataset = Dataset()
    dataset.StudyInstanceUID = identity.study_uid
    dataset.StudyDate = _da(day)
    dataset.StudyTime = "093000"
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = identity.study_id
    dataset.AccessionNumber = ""
    dataset.StudyDescription = identity.description
    return dataset


def series_attributes(
    identity: StudyIdentity, spec: ExamSpec, number: int, description: str, *, tells_side: bool
) -> Dataset:
    """Fill the General Series and Frame of Reference modules (PS3.3 C.7.3.1, C.7.4.1).

    Series of one exam share a frame of reference; another joint of the same study was positioned anew
    and has its own. ``tells_side`` False leaves Laterality empty, as many sites do.
    """
    dataset = Dataset()
    dataset.Modality = "MR"
    dataset.SeriesInstanceUID = make_uid(identity.study_uid, "series", number)
    dataset.SeriesNumber = number
    dataset.SeriesDescription = description
    dataset.ProtocolName = description
    dataset.SeriesDate = _da(spec.date)
    dataset.SeriesTime = _tm(number)
    dataset.BodyPartExamined = _BODY_PARTS[spec.joint]
    dataset.Laterality = _SIDES[spec.side] if tells_side else ""
    dataset.PatientPosition = "HFS" if spec.joint is Joint.HIP else "FFS"
    dataset.FrameOfReferenceUID = make_uid(identity.study_uid, "frame", spec.joint, spec.side)
    dataset.PositionReferenceIndicator = ""
    return dataset


def equipment_attributes(spec: ExamSpec, scanner: Scanner) -> Dataset:
    """Fill the General Equipment module (PS3.3 C.7.5.1)."""
    dataset = Dataset()
    dataset.Manufacturer = scanner.manufacturer
    dataset.ManufacturerModelName = scanner.model(spec.protocol.field_strength_t)
    dataset.InstitutionName = "SIMULATED"
    dataset.StationName = "SIM"
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = scanner.software.split("\\")
    return dataset


def sequence_attributes(series: Series, scanner: Scanner, spec: ExamSpec) -> Dataset:
    """Fill the MR Image module but its pixels (PS3.3 C.8.3.1)."""
    acquisition = series.acquisition
    inverted = acquisition.ti_ms is not None
    dataset = Dataset()
    dataset.ImageType = _image_type(series, scanner, inverted=inverted)
    dataset.ScanningSequence = _scanning_sequence(series, scanner, inverted=inverted)
    dataset.SequenceVariant = list(scanner.variant)
    dataset.ScanOptions = [*scanner.options, *(["FS"] if series.contrast in _FAT_SATURATED else [])]
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime = _ds(acquisition.tr_ms)
    dataset.EchoTime = _ds(acquisition.te_ms)
    if inverted:
        dataset.InversionTime = _ds(acquisition.ti_ms)
    dataset.NumberOfAverages = "1"
    field_strength_t = acquisition.field_strength_t or spec.protocol.field_strength_t
    dataset.ImagingFrequency = _ds(round(field_strength_t * _PROTON_MHZ_PER_TESLA, 4))
    dataset.ImagedNucleus = "1H"
    dataset.EchoNumbers = 1
    dataset.MagneticFieldStrength = _ds(field_strength_t)
    dataset.EchoTrainLength = _ECHO_TRAINS.get(series.contrast, _USUAL_ECHO_TRAIN)
    dataset.PixelBandwidth = "200"
    dataset.FlipAngle = _ds(acquisition.flip_deg if acquisition.flip_deg is not None else _flip_deg(series))
    return dataset


def _image_type(series: Series, scanner: Scanner, *, inverted: bool) -> list[str]:
    """Give Image Type (0008,0008), PS3.3 C.7.6.1.1.2; Philips names the pulse sequence in it."""
    if series.contrast is Contrast.DERIVED:
        return ["DERIVED", "SECONDARY", "OTHER"]
    own = {"M_SE": "M_IR", "SE": "IR"} if inverted else {}
    return [own.get(value, value) for value in scanner.image_type]


def _scanning_sequence(series: Series, scanner: Scanner, *, inverted: bool) -> list[str]:
    if series.contrast in _GRADIENT_ECHO:
        return ["GR"]
    return list(scanner.inversion_recovery) if inverted else ["SE"]


def _flip_deg(series: Series) -> float:
    return 25.0 if series.contrast in _GRADIENT_ECHO else 150.0


def slice_attributes(grid: Grid, index: int) -> Dataset:
    """Fill the Image Plane module for slice ``index``, but its thickness (PS3.3 C.7.6.2).

    Image Orientation holds the direction of increasing column, then of increasing row index.
    """
    position = grid.to_world((index, 0, 0))
    along_row, down_column = grid.axes[:, 2], grid.axes[:, 1]
    dataset = Dataset()
    dataset.ImagePositionPatient = [_ds(value) for value in position]
    dataset.ImageOrientationPatient = [_ds(value) for value in (*along_row, *down_column)]
    dataset.PixelSpacing = [_ds(grid.spacing_mm[1]), _ds(grid.spacing_mm[2])]
    dataset.SpacingBetweenSlices = _ds(grid.spacing_mm[0])
    dataset.SliceLocation = _ds(float(np.cross(along_row, down_column) @ position))
    return dataset


def image_attributes(series_uid: str, spec: ExamSpec, instance_number: int, index: int) -> Dataset:
    """Fill the General Image and SOP Common modules (PS3.3 C.7.6.1, C.12.1)."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = make_uid(series_uid, index)
    dataset.InstanceNumber = instance_number
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDate = dataset.ContentDate = _da(spec.date)
    dataset.AcquisitionTime = dataset.ContentTime = _tm(instance_number % 3600)
    return dataset


def _ds(value: float | None) -> str:
    """Spell a decimal string (VR DS): at most 16 characters, noise beyond 1e-9 dropped."""
    return "" if value is None else format_number_as_ds(round(float(value), 9) + 0.0)


def _da(day: date) -> str:
    return day.strftime("%Y%m%d")


def _tm(number: int) -> str:
    minutes, seconds = divmod(number % 3600, 60)
    return f"10{minutes:02d}{seconds:02d}"
