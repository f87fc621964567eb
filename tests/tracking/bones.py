"""Exams of one phantom femur with lesions, in any pose and plane, with images or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from scipy import ndimage

from bmetk.anatomy import BONE_LABELS, REGION_LABELS, Bone, Joint, Region, Side, bone_value, region_value
from bmetk.exam import Exam, ExamResult, Lesion, Patient, RegionMeasurement, Segmentation
from bmetk.image import LabelMap, Mask, RigidTransform, ScalarImage
from tests.registration.bones import bone_at, grid_of

DAY = date(2020, 3, 1)
MEDIAL = region_value(Region.MEDIAL_FEMORAL_CONDYLE, Side.RIGHT)
LATERAL = region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.RIGHT)
FEMUR = bone_value(Bone.FEMUR, Side.RIGHT)

Ball = tuple[tuple[float, float, float], float]
"""Centre in the body at rest and radius, mm."""


def knee(
    days: int, balls: Sequence[Ball], place: RigidTransform, plane: str = "sagittal", key: str = "k"
) -> ExamResult:
    """An exam of the phantom femur at a place, with balls of edema."""
    grid = grid_of(plane, (float(place.translation_mm[0]), *map(float, place.translation_mm[1:])))
    rest = place.inverse().apply(grid.world_coordinates())
    bone = bone_at(place, grid).array
    regions = np.where(bone, np.where(rest[..., 0] < 0, MEDIAL, LATERAL), 0).astype(np.uint8)
    gaps = [radius - np.linalg.norm(rest - centre, axis=-1) for centre, radius in balls]
    depth = np.max(gaps or [np.full(grid.shape, -9.0)], axis=0)
    probability = np.where(bone, np.clip(depth / 2 + 0.5, 0, 1), 0).astype(np.float32)
    edema = Mask(probability > 0.5, grid)
    labels = Segmentation(LabelMap(regions, grid), REGION_LABELS)
    return ExamResult(
        exam=Exam(Joint.KNEE, Side.RIGHT, patient=Patient("phantom", key=key), date=DAY + timedelta(days)),
        bones=Segmentation(LabelMap(bone.astype(np.uint8) * FEMUR, grid), BONE_LABELS),
        regions=labels,
        edema=edema,
        probability=ScalarImage(probability, grid),
        ratio=None,
        measurements=tuple(_row(labels, edema, value) for value in (MEDIAL, LATERAL)),
        lesions=_lesions(edema, labels),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version="0",
    )


def _row(regions: Segmentation, edema: Mask, value: int) -> RegionMeasurement:
    label, area = regions.meaning[value], regions.labels.mask(value)
    ml = (area & edema).volume_ml
    return RegionMeasurement(label.name, label.bone, label.side, 1.0, area.volume_ml, ml, 0.9 * ml, 1.1 * ml)


def _lesions(edema: Mask, regions: Segmentation) -> tuple[Lesion, ...]:
    pieces, count = ndimage.label(edema.array, structure=np.ones((3, 3, 3)))
    found = []
    for number in range(1, count + 1):
        index = np.argwhere(pieces == number)
        values = regions.labels.array[pieces == number]
        centre = edema.grid.to_world(index.mean(axis=0))
        shares = {regions.meaning[int(v)].name: float((values == v).mean()) for v in np.unique(values) if v}
        found.append(
            Lesion(
                number,
                len(index) * edema.grid.voxel_ml,
                tuple(centre),
                (1.0, 1.0, 1.0),
                shares,
                "femur",
                Side.RIGHT,
                2.0,
            )
        )
    return tuple(found)


def without_bones(result: ExamResult) -> ExamResult:
    """The same exam with a label map that shows no bone: nothing to register by."""
    empty = LabelMap(np.zeros(result.bones.grid.shape, np.uint8), result.bones.grid)
    return replace(result, bones=Segmentation(empty, {}))
