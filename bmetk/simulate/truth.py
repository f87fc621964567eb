"""The truth of a simulated exam as files: NIfTI images and one JSON document.

| file | what |
|---|---|
| ``truth.json`` | joint, side, date, motion, labels, volumes and coverage of each region, lesions |
| ``bones.nii.gz``, ``regions.nii.gz`` | uint8 label maps |
| ``edema.nii.gz`` | uint8, 1 = edema |
| ``water_fraction.nii.gz`` | float32, interstitial water that replaced marrow fat, 0 to 1 |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from bmetk.anatomy import BONE_OF_REGION, REGIONS_OF_JOINT, Joint, Label, Region, Side, region_value
from bmetk.errors import UnreadableFileError
from bmetk.exam import RegionMeasurement, Segmentation
from bmetk.image import LabelMap, Mask, RigidTransform, ScalarImage, field_of_view
from bmetk.image.nifti import read_nifti, write_nifti
from bmetk.simulate.spec import ExamSpec, SimulatedExam, Truth

SCHEMA = "bmetk.truth/1"
_DOCUMENT = "truth.json"


@dataclass(frozen=True, slots=True, eq=False)
class StoredTruth:
    """The truth of one exam with what it says about each region.

    ``measurements`` holds every region of the joint; ``expected`` the sides and regions that were
    given edema on purpose, whether or not the field of view shows them.
    """

    joint: Joint
    side: Side
    date: date
    truth: Truth
    measurements: tuple[RegionMeasurement, ...]
    expected: tuple[tuple[Side, Region], ...]
    effusion: float


def expected_regions(spec: ExamSpec) -> tuple[tuple[Side, Region], ...]:
    """List the sides and regions that an exam was given edema in."""
    pairs = ((lesion.side, region) for lesion in spec.lesions for region in lesion.regions)
    return tuple(dict.fromkeys(pairs))


def measure_truth(exam: SimulatedExam) -> tuple[RegionMeasurement, ...]:
    """Measure every region of the joint in the part of the fluid-sensitive series that T1 shows too.

    ``coverage`` is that part of the region as far as the fluid-sensitive series shows it, 0 to 1; a
    region that is not in view has coverage 0 and no volumes.
    """
    truth = exam.truth
    covered = field_of_view(exam.t1.image.grid, truth.edema.grid, truth.motion).array
    sides = (Side.RIGHT, Side.LEFT) if exam.spec.side is Side.BOTH else (exam.spec.side,)
    return tuple(
        _measure_region(truth, region, side, covered)
        for side in sides
        for region in REGIONS_OF_JOINT[exam.spec.joint]
    )


def _measure_region(
    truth: Truth, region: Region, side: Side, covered: np.ndarray[Any, np.dtype[np.bool_]]
) -> RegionMeasurement:
    area = truth.regions.labels.array == region_value(region, side)
    shown = area & covered
    voxels, ml = int(shown.sum()), truth.edema.grid.voxel_ml
    if not voxels:
        return RegionMeasurement(region.value, BONE_OF_REGION[region].value, side, coverage=0.0)
    edema = int((truth.edema.array & shown).sum())
    return RegionMeasurement(
        region.value,
        BONE_OF_REGION[region].value,
        side,
        coverage=voxels / int(area.sum()),
        bone_ml=voxels * ml,
        edema_ml=edema * ml,
        edema_fraction=edema / voxels,
    )


def write_truth(exam: SimulatedExam, folder: Path) -> None:
    """Write the truth of an exam into a folder, made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = exam.truth
    write_nifti(truth.bones.labels, folder / "bones.nii.gz")
    write_nifti(truth.regions.labels, folder / "regions.nii.gz")
    write_nifti(truth.edema, folder / "edema.nii.gz")
    write_nifti(truth.water_fraction, folder / "water_fraction.nii.gz")
    document = json.dumps(_document(exam), indent=1, ensure_ascii=False)
    (folder / _DOCUMENT).write_text(document + "\n", encoding="utf-8")


def _document(exam: SimulatedExam) -> dict[str, object]:
    spec = exam.spec
    return {
        "schema": SCHEMA,
        "joint": spec.joint.value,
        "side": spec.side.value,
        "date": spec.date.isoformat(),
        "effusion": spec.signs.effusion,
        "recess_ml": round(exam.truth.recess_ml, 3),
        "motion": {
            "rotation": exam.truth.motion.rotation.tolist(),
            "translation_mm": exam.truth.motion.translation_mm.tolist(),
        },
        "labels": {"bones": _labels(exam.truth.bones), "regions": _labels(exam.truth.regions)},
        "regions": [_region(measured) for measured in measure_truth(exam)],
        "expected": [{"side": side.value, "region": region.value} for side, region in expected_regions(spec)],
        "lesions": [asdict(lesion) for lesion in spec.lesions],
    }


def _labels(segmentation: Segmentation) -> dict[str, object]:
    present = segmentation.present()
    return {str(value): {"name": label.name, "side": label.side} for value, label in present.items()}


def _region(measured: RegionMeasurement) -> dict[str, object]:
    keys = ("region", "bone", "side", "bone_ml", "coverage", "edema_ml", "edema_fraction")
    values = {key: getattr(measured, key) for key in keys}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in values.items()}


def read_truth(folder: Path) -> StoredTruth:
    """Read what `write_truth` wrote.

    Raises
    ------
    UnreadableFileError
        If the folder holds no truth, or a damaged one.
    """
    try:
        document = json.loads((folder / _DOCUMENT).read_text(encoding="utf-8"))
        return _stored(document, folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFileError(
            f"{folder.name} holds no readable {_DOCUMENT}: simulate it again"
        ) from error


def _stored(document: Mapping[str, Any], folder: Path) -> StoredTruth:
    labels, motion = document["labels"], document["motion"]
    truth = Truth(
        bones=Segmentation(read_nifti(folder / "bones.nii.gz", LabelMap), _meaning(labels["bones"])),
        regions=Segmentation(read_nifti(folder / "regions.nii.gz", LabelMap), _meaning(labels["regions"])),
        edema=read_nifti(folder / "edema.nii.gz", Mask),
        water_fraction=read_nifti(folder / "water_fraction.nii.gz", ScalarImage),
        motion=RigidTransform(np.array(motion["rotation"]), np.array(motion["translation_mm"])),
        recess_ml=document["recess_ml"],
    )
    return StoredTruth(
        joint=Joint(document["joint"]),
        side=Side(document["side"]),
        date=date.fromisoformat(document["date"]),
        truth=truth,
        measurements=tuple(
            RegionMeasurement(**{**entry, "side": Side(entry["side"])}) for entry in document["regions"]
        ),
        expected=tuple((Side(entry["side"]), Region(entry["region"])) for entry in document["expected"]),
        effusion=document["effusion"],
    )


def _meaning(labels: Mapping[str, Mapping[str, str]]) -> dict[int, Label]:
    """Read the meaning of label values; a region's bone follows from its name."""
    names = {region.value: bone.value for region, bone in BONE_OF_REGION.items()}
    return {
        int(value): Label(entry["name"], Side(entry["side"]), names.get(entry["name"], entry["name"]))
        for value, entry in labels.items()
    }
