"""A knee of two condyles with one lesion across their border and a small one apart, known to the voxel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from bmetk.anatomy import (
    BONE_LABELS,
    REGION_LABELS,
    Bone,
    Joint,
    Label,
    Region,
    Side,
    bone_value,
    region_value,
)
from bmetk.edema import EdemaMap, find_lesions, measure_regions
from bmetk.exam import Exam, ExamResult, Finding, Patient, Segmentation
from bmetk.image import Grid, LabelMap, Mask, ScalarImage

FEMUR = bone_value(Bone.FEMUR, Side.LEFT)
LATERAL = region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.LEFT)
MEDIAL = region_value(Region.MEDIAL_FEMORAL_CONDYLE, Side.LEFT)
ACROSS_MM = np.array([0.0, 0.0, 8.0])
APART_MM = np.array([11.0, 2.0, -9.0])


def knee(
    grid: Grid, *, day: date = date(2024, 3, 1), pseudonym: str = "subject-1", size_mm: float = 6.0
) -> ExamResult:
    """Lay the phantom about the middle of a grid; interval 80 to 125 % of each volume."""
    world = grid.world_coordinates() - grid.centre_mm
    bone = np.linalg.norm(world, axis=-1) < 17
    lateral = world[..., 0] > 0
    edema = bone & (np.linalg.norm(world - ACROSS_MM, axis=-1) < size_mm)
    edema |= bone & (np.linalg.norm(world - APART_MM, axis=-1) < 4.5)
    regions = Segmentation(
        LabelMap(np.where(bone & lateral, LATERAL, np.where(bone, MEDIAL, 0)), grid), REGION_LABELS
    )
    ratio = ScalarImage(np.where(edema, 3.0, np.where(bone, 1.0, 0.0)), grid)
    probability = ScalarImage(np.where(edema, 0.9, 0.0), grid)
    mask = Mask(edema, grid)
    found = EdemaMap(mask, probability, ratio)
    expected = (Label("patella", Side.LEFT, "patella"),)
    rows = measure_regions(found, regions, Mask(np.ones(grid.shape, dtype=bool), grid), expected)
    return ExamResult(
        exam=Exam(Joint.KNEE, Side.LEFT, date=day, patient=Patient(pseudonym, "F", 44.0)),
        bones=Segmentation(LabelMap(np.where(bone, FEMUR, 0), grid), BONE_LABELS),
        regions=regions,
        edema=mask,
        probability=probability,
        ratio=ratio,
        measurements=tuple(
            row
            if row.edema_ml is None
            else replace(row, edema_ml_low=0.8 * row.edema_ml, edema_ml_high=1.25 * row.edema_ml)
            for row in rows
        ),
        lesions=find_lesions(found, regions),
        findings=(Finding("joint_effusion", None, True, 5.0, "mL", "5.0 mL of fluid"),),
        quality=(),
        settings={},
        seconds={},
        version="0.1.0",
    )
