"""What a folder holds: patients, studies and volumes, as plain values without pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from bmetk.dicom.contrast import ContrastVerdict
from bmetk.dicom.files import UnreadableFile
from bmetk.dicom.geometry import Fault, Stack
from bmetk.dicom.header import Frame, Tags
from bmetk.dicom.site import Site
from bmetk.exam import Acquisition, Contrast, Patient, Plane
from bmetk.image import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One volume of a series.

    Parameters
    ----------
    number : Series Number; None where not told
    part : what sets the volume apart within its series; empty if the series is one volume
    description : Series Description without the patient's name and ID
    stack : its frames in order, its grid and the faults of its geometry
    faults : everything that keeps it from being used, geometry first
    frame_of_reference : Frame of Reference UID, empty where not told; never shown
    """

    number: int | None
    part: str
    description: str
    contrast: ContrastVerdict
    plane: Plane | None
    site: Site
    acquisition: Acquisition
    stack: Stack
    faults: tuple[Fault, ...]
    series_uid_hash: str
    frame_of_reference: str

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Frames in order along the normal."""
        return self.stack.frames

    @property
    def tags(self) -> Tags:
        """Attributes of the first frame."""
        return self.stack.frames[0].tags

    @property
    def grid(self) -> Grid | None:
        """Grid that the slices lie on."""
        return self.stack.grid

    @property
    def where(self) -> str:
        """Name the volume in a sentence: ``series 4, echo 2 of 3``."""
        return name_series(self.number, self.part)

    def is_readable(self, *, allow_gaps: bool = False) -> bool:
        """Tell whether the volume can be loaded as an image."""
        return not [fault for fault in self.faults if not (allow_gaps and fault.kind.is_gap)]

    @property
    def refusal(self) -> str | None:
        """Say why `analyze` cannot use the volume; None where it can."""
        if self.faults:
            return "; ".join(fault.message for fault in self.faults)
        if self.contrast.contrast in (Contrast.LOCALIZER, Contrast.DERIVED, Contrast.OTHER):
            return self.contrast.reason
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One visit: volumes of one Study Instance UID, in order of series number."""

    date: date | None
    description: str
    uid_hash: str
    volumes: tuple[Volume, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PatientRecord:
    """A patient with studies in order of date."""

    patient: Patient
    studies: tuple[Study, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """Everything found below a path.

    Parameters
    ----------
    patients : in order of pseudonym
    files : how many files were looked at, archive members included
    other_files : how many of them are not DICOM
    other_objects : how many DICOM objects hold no image (reports, directories, presentation states)
    doubled_files : how many files repeat an image that was already there
    unreadable : damaged files with the reason
    """

    patients: tuple[PatientRecord, ...]
    files: int
    other_files: int
    other_objects: int
    doubled_files: int
    unreadable: tuple[UnreadableFile, ...]

    def volumes(self) -> Iterator[Volume]:
        """Yield every volume of every patient."""
        for record in self.patients:
            for study in record.studies:
                yield from study.volumes

    @property
    def damage(self) -> str:
        """Say how many files are damaged; empty where none is."""
        count = len(self.unreadable)
        files = "file is" if count == 1 else "files are"
        return f"{count} {files} damaged and left out; 'bmetk info' says which and why" if count else ""

    def pseudonyms(self) -> tuple[str, ...]:
        """List the patients."""
        return tuple(record.patient.pseudonym for record in self.patients)

    def of_patient(self, pseudonym: str) -> Inventory:
        """Keep one patient alone."""
        kept = tuple(record for record in self.patients if record.patient.pseudonym == pseudonym)
        return replace(self, patients=kept)


def name_series(number: int | None, part: str = "") -> str:
    """Name a series in a sentence."""
    series = "the series without number" if number is None else f"series {number}"
    return f"{series}, {part}" if part else series
