"""A small writer of MR DICOM files, as a scanner would write them, for the tests of `bmetk.dicom`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"

# Direction of a row (increasing column) and of a column (increasing row), LPS.
PLANES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}

PROTOCOLS = {
    "t1": {"ScanningSequence": "SE", "RepetitionTime": 520, "EchoTime": 12, "SeriesDescription": "T1 TSE"},
    "stir": {
        "ScanningSequence": ["SE", "IR"],
        "RepetitionTime": 4200,
        "EchoTime": 40,
        "InversionTime": 160,
        "SeriesDescription": "STIR",
    },
    "fs_pd": {
        "ScanningSequence": "SE",
        "ScanOptions": "FS",
        "RepetitionTime": 3000,
        "EchoTime": 30,
        "SeriesDescription": "PD FS",
    },
    "pd": {"ScanningSequence": "SE", "RepetitionTime": 3000, "EchoTime": 20, "SeriesDescription": "PD"},
    "localizer": {
        "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "ScanningSequence": "GR",
        "RepetitionTime": 8,
        "EchoTime": 4,
    },
}


@dataclass
class SeriesWriter:
    """Writes series of one study into a folder."""

    folder: Path
    patient_id: str = "ID4711"
    patient_name: str = "Doe^Jane"
    date: str = "20240105"
    study_uid: str = field(default_factory=generate_uid)
    frame_of_reference: str = field(default_factory=generate_uid)
    number: int = 0
    written: int = 0

    def series(
        self,
        protocol: str,
        tags: dict[str, Any] | None = None,
        *,
        plane: str = "coronal",
        slices: int = 6,
        step_mm: float = 4.0,
        centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
        size: tuple[int, int] = (10, 12),
        pixel_mm: float = 12.0,
        offsets_mm: list[float] | None = None,
        series_uid: str | None = None,
        suffix: str = ".dcm",
        order: list[int] | None = None,
        change: Callable[[Dataset, int], None] | None = None,
    ) -> str:
        """Write one series and return its UID; a voxel holds 1000 + 100 slice + 10 row + column."""
        tags = {**PROTOCOLS[protocol], **(tags or {})}
        self.number += 1
        uid = series_uid or generate_uid()
        places = offsets_mm if offsets_mm is not None else [step_mm * k for k in range(slices)]
        for k in order or range(len(places)):
            dataset = self.slice(tags, plane, places, k, centre_mm, size, pixel_mm)
            dataset.SeriesInstanceUID = uid
            if change is not None:
                change(dataset, k)
            self.save(dataset, suffix)
        return uid

    def slice(self, tags, plane, places, k, centre_mm, size, pixel_mm) -> Dataset:
        dataset = self.header(tags)
        along_row, along_column = (np.asarray(v, float) for v in PLANES[plane])
        normal = np.cross(along_row, along_column)
        middle = (places[0] + places[-1]) / 2
        corner = np.asarray(centre_mm) + (places[k] - middle) * normal
        corner = (
            corner - along_row * pixel_mm * (size[1] - 1) / 2 - along_column * pixel_mm * (size[0] - 1) / 2
        )
        dataset.ImagePositionPatient = [round(float(v), 5) for v in corner]
        dataset.ImageOrientationPatient = [float(v) for v in (*along_row, *along_column)]
        dataset.PixelSpacing = [pixel_mm, pixel_mm]
        dataset.InstanceNumber = k + 1
        dataset.Rows, dataset.Columns = size
        rows, columns = np.indices(size)
        dataset.PixelData = (1000 + 100 * k + 10 * rows + columns).astype(np.uint16).tobytes()
        return dataset

    def header(self, tags: dict[str, Any]) -> Dataset:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MR
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.Modality, dataset.Manufacturer = "MR", "SIEMENS"
        dataset.PatientID, dataset.PatientName = self.patient_id, self.patient_name
        dataset.PatientBirthDate, dataset.PatientSex = "19800105", "F"
        dataset.StudyDate, dataset.StudyInstanceUID = self.date, self.study_uid
        dataset.FrameOfReferenceUID = self.frame_of_reference
        dataset.SeriesNumber = self.number
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.MagneticFieldStrength, dataset.SliceThickness = 1.5, 3.5
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 0
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        return dataset

    def save(self, dataset: Dataset, suffix: str = ".dcm") -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{(self.written * 7919) % 1000:03d}_{self.written}{suffix}"  # shuffled names
        self.written += 1
        dataset.save_as(path, enforce_file_format=True)
        return path

    def enhanced(self, tags, *, echoes=(12.0,), slices=5, slopes=(1.0,), step_mm=3.0) -> Path:
        """Write an enhanced multi-frame object: slices in reverse order, echoes inside."""
        self.number += 1
        dataset = self.header(tags)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ENHANCED_MR
        dataset.SeriesInstanceUID = generate_uid()
        dataset.Rows, dataset.Columns = 8, 9
        for keyword in ("EchoTime", "RepetitionTime", "ImagePositionPatient"):
            if keyword in dataset:
                delattr(dataset, keyword)
        frames, pixels = [], []
        for place in reversed(range(slices)):
            for number, te in enumerate(echoes):
                frames.append(_frame_groups(place * step_mm, te, slopes[place % len(slopes)]))
                pixels.append(np.full((8, 9), 100 * number + place, np.uint16))
        dataset.NumberOfFrames = len(frames)
        dataset.SharedFunctionalGroupsSequence = Sequence([_shared_groups(tags.get("RepetitionTime", 500))])
        dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
        dataset.PixelData = np.stack(pixels).tobytes()
        return self.save(dataset)


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _frame_groups(z: float, te: float, slope: float) -> Dataset:
    return _item(
        PlanePositionSequence=Sequence([_item(ImagePositionPatient=[-40.0, -30.0, z])]),
        MREchoSequence=Sequence([_item(EffectiveEchoTime=te)]),
        PixelValueTransformationSequence=Sequence([_item(RescaleSlope=slope, RescaleIntercept=5.0)]),
        FrameAnatomySequence=Sequence([_item(FrameLaterality="L")]),
    )


def _shared_groups(tr: float) -> Dataset:
    return _item(
        PlaneOrientationSequence=Sequence([_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelMeasuresSequence=Sequence([_item(PixelSpacing=[10.0, 10.0], SliceThickness=3.0)]),
        MRTimingAndRelatedParametersSequence=Sequence([_item(RepetitionTime=tr, FlipAngle=90)]),
    )


@pytest.fixture
def study(tmp_path: Path) -> SeriesWriter:
    """A study to write series into."""
    return SeriesWriter(tmp_path / "study")


@pytest.fixture
def new_study(tmp_path: Path) -> Callable[..., SeriesWriter]:
    """Make further studies in the same tree."""
    made: list[SeriesWriter] = []

    def make(**values: Any) -> SeriesWriter:
        made.append(SeriesWriter(tmp_path / "study" / f"visit{len(made)}", **values))
        return made[-1]

    return make
