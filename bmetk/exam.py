"""An exam and what was found in it. No input or output here: see `bmetk.dicom` and `bmetk.export`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bmetk.anatomy import Joint, Label, Side
from bmetk.image import Grid, LabelMap, Mask, RigidTransform, ScalarImage

if TYPE_CHECKING:
    import pandas as pd


class Contrast(StrEnum):
    """What a series is weighted for."""

    T1 = "t1"
    STIR = "stir"
    FS_T2 = "fs_t2"
    FS_PD = "fs_pd"
    T2 = "t2"
    PD = "pd"
    DIXON_WATER = "dixon_water"
    DIXON_FAT = "dixon_fat"
    LOCALIZER = "localizer"
    DERIVED = "derived"
    OTHER = "other"

    @property
    def is_fluid_sensitive(self) -> bool:
        """Whether fat is suppressed, so that edema stands out bright."""
        return self in (Contrast.STIR, Contrast.FS_T2, Contrast.FS_PD, Contrast.DIXON_WATER)


class Plane(StrEnum):
    """Plane of the slices."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    OBLIQUE = "oblique"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a series was acquired; None where the source does not say.

    ``tr_ms``, ``te_ms``, ``ti_ms`` are repetition, echo and inversion time (DICOM PS3.3 C.8.3.1).
    """

    tr_ms: float | None = None
    te_ms: float | None = None
    ti_ms: float | None = None
    flip_deg: float | None = None
    field_strength_t: float | None = None
    manufacturer: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One volume with what is known about it.

    ``uid_hash`` is a one-way hash of the Series Instance UID: it links a result to its source
    without carrying the UID itself.
    """

    image: ScalarImage
    contrast: Contrast
    plane: Plane
    acquisition: Acquisition = Acquisition()
    description: str = ""
    number: int | None = None
    uid_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a series was acquired, without its voxels.

    ``spacing_mm`` is the distance between slices, rows and columns.
    """

    contrast: Contrast
    plane: Plane
    spacing_mm: tuple[float, float, float]
    acquisition: Acquisition = Acquisition()


def protocol_of(series: Series | None) -> Protocol | None:
    """Tell how a series was acquired; None where there is no series."""
    if series is None:
        return None
    return Protocol(series.contrast, series.plane, series.image.grid.spacing_mm, series.acquisition)


@dataclass(frozen=True, slots=True)
class Patient:
    """Who was examined, without identity.

    ``key`` is what tells two patients apart: equal for the same patient, None when unknown.
    """

    pseudonym: str = "unknown"
    sex: str | None = None
    age_years: float | None = None
    key: str | None = None
    identity: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Segmentation:
    """A label map with the meaning of its values."""

    labels: LabelMap
    meaning: Mapping[int, Label]

    @property
    def grid(self) -> Grid:
        """Grid of the label map."""
        return self.labels.grid

    def areas(self) -> Iterator[tuple[Label, Mask]]:
        """Yield each structure present with its mask."""
        for value, mask in self.labels.areas():
            yield self.meaning[value], mask

    def present(self) -> dict[int, Label]:
        """Map each value present to its meaning."""
        return {value: self.meaning[value] for value in self.labels.values()}


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """One joint on one day, ready to be analysed.

    Parameters
    ----------
    t1, fluid : the two series in their own grids; either may be absent
    bones : the user's own bones, on any grid; None to have them found
    warnings : sentences on what was doubtful while loading (tags in conflict and the like)
    source : name of a file it came from, for messages on the screen; never written, for a name of a file
        may hold a patient's
    """

    joint: Joint
    side: Side | None = None
    t1: Series | None = None
    fluid: Series | None = None
    bones: Segmentation | None = None
    patient: Patient = Patient()
    date: date | None = None
    warnings: tuple[str, ...] = ()
    source: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SkippedExam:
    """An exam that was left out of a study or a course, as far as it is known, and the reason.

    ``name`` is what its folder would be called.
    """

    joint: Joint
    side: Side | None
    date: date | None
    reason: str
    patient: Patient = Patient()
    name: str = ""


class CheckStatus(StrEnum):
    """Verdict of a quality check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One named quality check with the number it rests on."""

    name: str
    status: CheckStatus
    value: float | None
    message: str


@dataclass(frozen=True, slots=True)
class RegionMeasurement:
    """Edema of one region; volumes are mL, and None where the region was not imaged.

    ``edema_ml_low`` to ``edema_ml_high`` is the interval that holds the truth in 95 of 100 regions;
    ``detection_limit_ml`` the volume below which edema may escape; ``grade`` that of MOAKS by the share of
    the region: 0 none, 1 below 33 %, 2 up to 66 %, 3 above (Hunter et al. 2011,
    doi:10.1016/j.joca.2011.05.004).
    """

    region: str
    bone: str
    side: Side | None
    coverage: float
    bone_ml: float | None = None
    edema_ml: float | None = None
    edema_ml_low: float | None = None
    edema_ml_high: float | None = None
    edema_fraction: float | None = None
    ratio_median: float | None = None
    detection_limit_ml: float | None = None
    grade: int | None = None


def half_width_ml(low_ml: float | None, high_ml: float | None) -> float:
    """Give half the width of a volume's interval, mL; 0 where none is given."""
    return 0.0 if low_ml is None or high_ml is None else max(0.0, high_ml - low_ml) / 2


@dataclass(frozen=True, slots=True)
class Lesion:
    """One connected piece of edema in one bone.

    ``depth_mm`` is its least distance to the joint surface, or to the surface of the bone where no other
    bone is near; ``water_fraction`` the mean share of edema water's signal, None where no muscle tells it;
    ``contrast`` the mean fluid signal above normal marrow, in units of normal marrow; ``diffuse`` whether
    it takes a third or more of a region; ``subchondral`` whether it touches the plate below the joint
    surface.
    """

    id: int
    volume_ml: float
    centroid_mm: tuple[float, float, float]
    extent_mm: tuple[float, float, float]
    regions: Mapping[str, float]
    bone: str
    side: Side | None
    mean_ratio: float
    subchondral: bool | None = None
    depth_mm: float | None = None
    water_fraction: float | None = None
    contrast: float | None = None
    diffuse: bool | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """An observation with its evidence; never a diagnosis."""

    kind: str
    side: Side | None
    present: bool
    value: float | None
    unit: str | None
    message: str


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ExamResult:
    """Everything that was found in one exam, on the grid of the fluid-sensitive series.

    ``edema``, ``probability`` and ``ratio`` are None where bones alone were asked for; ``marrow``, the part
    of the bones that is not cortical, is None where nothing tells it.
    ``alignment`` maps the world of the fluid-sensitive series to that of the T1 series. ``protocols`` tells
    how ``t1`` and ``fluid`` were acquired where the exam comes without its images.
    """

    exam: Exam
    bones: Segmentation
    regions: Segmentation
    edema: Mask | None
    probability: ScalarImage | None
    ratio: ScalarImage | None
    measurements: tuple[RegionMeasurement, ...]
    lesions: tuple[Lesion, ...]
    findings: tuple[Finding, ...]
    quality: tuple[Check, ...]
    settings: Mapping[str, object]
    seconds: Mapping[str, float]
    version: str
    alignment: RigidTransform | None = None
    marrow: Mask | None = None
    protocols: Mapping[str, Protocol] = field(default_factory=dict)

    def protocol(self, role: str) -> Protocol | None:
        """Tell how the ``t1`` or the ``fluid`` series was acquired; None where nothing says so."""
        series = self.exam.t1 if role == "t1" else self.exam.fluid
        return protocol_of(series) or self.protocols.get(role)

    def to_frame(self) -> pd.DataFrame:
        """Tabulate the regions, one row each, the columns of ``measurements.csv``; volumes are mL."""
        from bmetk.export import measurements_frame

        return measurements_frame(self)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write into a folder what ``bmetk analyze`` writes, whole or not at all.

        Raises
        ------
        OutputError
            If the folder cannot be written, or holds something else.
        """
        from bmetk.export import save_result
        from bmetk.report import exam_page

        save_result(self, Path(folder), extra_files={"report.html": exam_page(self)}, overwrite=overwrite)
