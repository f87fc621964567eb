"""``exam.json``: what was found in one exam, as a document and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

from bmetk.anatomy import BONE_OF_REGION, Joint, Label, Region, Side
from bmetk.exam import (
    Acquisition,
    Check,
    CheckStatus,
    Contrast,
    Exam,
    ExamResult,
    Finding,
    Lesion,
    Patient,
    Plane,
    Protocol,
    RegionMeasurement,
    Segmentation,
    Series,
)
from bmetk.export.plain import plain
from bmetk.export.tables import measurement_row

EXAM_SCHEMA = "bmetk.exam/1"

_T = TypeVar("_T")


def exam_document(
    result: ExamResult, *, files: Sequence[str] = (), keep_identity: bool = False
) -> dict[str, Any]:
    """Describe a result as the contract's ``exam.json``, plain values alone.

    Parameters
    ----------
    result : ExamResult
    files : names of the files that lie beside the document
    keep_identity : whether name, ID and birth date go in, where the exam still carries them
    """
    exam = result.exam
    return {
        "schema": EXAM_SCHEMA,
        "research_use_only": True,
        "software": {
            "name": "bmetk",
            "version": result.version,
            "settings": plain(result.settings),
            "seconds": plain(result.seconds),
        },
        "patient": _patient(exam.patient, keep_identity),
        "study": _study(exam),
        "series": [
            _series(role, series) for role, series in (("t1", exam.t1), ("fluid", exam.fluid)) if series
        ],
        "alignment": plain(result.alignment),
        "labels": {"bones": _labels(result.bones), "regions": _labels(result.regions)},
        "regions": [measurement_row(measurement) for measurement in result.measurements],
        "lesions": plain(result.lesions),
        "findings": plain(result.findings),
        "quality": plain(result.quality),
        "warnings": list(exam.warnings),
        "files": list(files),
    }


def _patient(patient: Patient, keep_identity: bool) -> dict[str, Any]:
    document = {
        "pseudonym": patient.pseudonym,
        "sex": patient.sex,
        "age": plain(patient.age_years if patient.age_years is None else round(patient.age_years, 1)),
    }
    if keep_identity and patient.identity is not None:
        document["identity"] = plain(patient.identity)
    return document


def _study(exam: Exam) -> dict[str, Any]:
    strengths = [
        series.acquisition.field_strength_t
        for series in (exam.fluid, exam.t1)
        if series is not None and series.acquisition.field_strength_t is not None
    ]
    return {
        "date": plain(exam.date),
        "joint": exam.joint.value,
        "side": plain(exam.side),
        "field_strength_t": plain(strengths[0]) if strengths else None,
    }


def _series(role: str, series: Series) -> dict[str, Any]:
    grid = series.image.grid
    return {
        "role": role,
        "contrast": series.contrast.value,
        "description": series.description,
        "number": series.number,
        "uid_hash": series.uid_hash,
        "geometry": {
            "plane": series.plane.value,
            "shape": list(grid.shape),
            "spacing_mm": plain(grid.spacing_mm),
            "affine_lps": plain(grid.affine),
        },
        **plain(series.acquisition),
    }


def _labels(segmentation: Segmentation) -> dict[str, dict[str, Any]]:
    return {str(value): plain(label) for value, label in segmentation.present().items()}


def read_meaning(labels: Mapping[str, Mapping[str, Any]]) -> dict[int, Label]:
    """Read the labels of one label map from the document."""
    meaning = {}
    for value, label in labels.items():
        name = str(label["name"])
        bone = label.get("bone") or (BONE_OF_REGION[Region(name)].value if name in set(Region) else name)
        meaning[int(value)] = Label(name, _side(label["side"]), str(bone))
    return meaning


def read_exam(document: Mapping[str, Any]) -> Exam:
    """Read who was examined, when and where; the document holds no images."""
    patient, study = document["patient"], document["study"]
    return Exam(
        joint=Joint(study["joint"]),
        side=_side(study["side"]),
        patient=Patient(
            patient["pseudonym"], patient["sex"], patient["age"], identity=patient.get("identity")
        ),
        date=date.fromisoformat(study["date"]) if study["date"] else None,
        warnings=tuple(document.get("warnings", ())),
    )


def read_protocols(document: Mapping[str, Any]) -> dict[str, Protocol]:
    """Read how the series were acquired, by role; one that the document does not tell in full is left out."""
    return {item["role"]: _protocol(item) for item in document.get("series", ()) if "geometry" in item}


def _protocol(item: Mapping[str, Any]) -> Protocol:
    known = {field.name for field in fields(Acquisition)}
    s, r, c = item["geometry"]["spacing_mm"]
    return Protocol(
        contrast=Contrast(item["contrast"]),
        plane=Plane(item["geometry"]["plane"]),
        spacing_mm=(float(s), float(r), float(c)),
        acquisition=Acquisition(**{name: value for name, value in item.items() if name in known}),
    )


def read_findings(document: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Read measurements, lesions, findings and checks, by the names they have in `ExamResult`."""
    return {
        "measurements": tuple(_read(RegionMeasurement, item) for item in document["regions"]),
        "lesions": tuple(_lesion(item) for item in document["lesions"]),
        "findings": tuple(_read(Finding, item) for item in document["findings"]),
        "quality": tuple(
            Check(item["name"], CheckStatus(item["status"]), item["value"], item["message"])
            for item in document["quality"]
        ),
    }


def _read(kind: type[_T], item: Mapping[str, Any]) -> _T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    values = {name: value for name, value in item.items() if name in known}
    return kind(**{**values, "side": _side(item["side"])})


def _lesion(item: Mapping[str, Any]) -> Lesion:
    points = {name: tuple(item[name]) for name in ("centroid_mm", "extent_mm")}
    return _read(Lesion, {**item, **points})


def _side(value: str | None) -> Side | None:
    return None if value is None else Side(value)
