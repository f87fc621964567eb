"""A simulated exam as it would be loaded, and its truth in the form of a result."""

from __future__ import annotations

from dataclasses import replace
from math import hypot

from bmetk import __version__
from bmetk.config import Settings
from bmetk.edema import EdemaSettings
from bmetk.edema.uncertainty import detection_limit_ml
from bmetk.exam import Exam, ExamResult, Patient, RegionMeasurement
from bmetk.image import Grid
from bmetk.simulate.spec import SimulatedExam
from bmetk.simulate.truth import measure_truth

_USUAL_INTERVALS = 0.43
"""Half widths of two volumes' intervals, joined, as a share of their mean: the median of repeated regions."""


def settings_of_truth(settings: Settings) -> Settings:
    """Give the settings by which true courses are told.

    What is too small a change to be detected is `unchanged`. True volumes have no intervals; what those of
    found ones usually widen the smallest detectable change by goes into its share of the volume.
    """
    told = settings.tracking
    share = hypot(told.change_fraction, told.interval_weight * _USUAL_INTERVALS)
    return replace(settings, tracking=replace(told, change_fraction=min(share, 1.0)))


def exam_of(simulated: SimulatedExam, pseudonym: str) -> Exam:
    """Give the exam as it would be loaded from its DICOM files."""
    spec = simulated.spec
    return Exam(
        joint=spec.joint,
        side=spec.side,
        t1=simulated.t1,
        fluid=simulated.fluid,
        patient=Patient(pseudonym=pseudonym, sex=spec.subject.sex, key=pseudonym),
        date=spec.date,
    )


def true_result(simulated: SimulatedExam, pseudonym: str) -> ExamResult:
    """Measure the truth as the pipeline measures what it finds."""
    truth = simulated.truth
    return ExamResult(
        exam=exam_of(simulated, pseudonym),
        bones=truth.bones,
        regions=truth.regions,
        edema=truth.edema,
        probability=truth.water_fraction,
        ratio=truth.water_fraction,
        measurements=tuple(_with_limits(row, truth.bones.grid) for row in measure_truth(simulated)),
        lesions=(),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version=__version__,
    )


def _with_limits(row: RegionMeasurement, grid: Grid) -> RegionMeasurement:
    """Give the truth the interval that it has, none, and the detection limit of its slices."""
    limit_ml = detection_limit_ml(grid, EdemaSettings().minimal_ml)
    return replace(row, edema_ml_low=row.edema_ml, edema_ml_high=row.edema_ml, detection_limit_ml=limit_ml)
