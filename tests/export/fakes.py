"""A small exam with images, on a grid of any plane."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
from scipy.spatial.transform import Rotation

from bmetk.anatomy import BONE_LABELS, REGION_LABELS, Bone, Joint, Region, Side, bone_value, region_value
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
    RegionMeasurement,
    Segmentation,
    Series,
)
from bmetk.image import Grid, LabelMap, Mask, RigidTransform, ScalarImage
from tests.conftest import AXES as UPRIGHT

AXES = {Plane(name): axes for name, axes in UPRIGHT.items()}
AXES[Plane.OBLIQUE] = Rotation.from_euler("xyz", (25, 20, 10), degrees=True).as_matrix() @ AXES[Plane.CORONAL]


def grid_of(plane: Plane, shape: tuple[int, int, int] = (6, 20, 16)) -> Grid:
    return Grid.from_axes(shape, (4.0, 0.8, 0.8), AXES[plane], (-31.5, 12.0, 140.25))


def small_result(plane: Plane = Plane.CORONAL) -> ExamResult:
    """A block of femur, half of it medial condyle, with edema in the middle."""
    grid = grid_of(plane)
    rng = np.random.default_rng(3)
    bones = np.zeros(grid.shape, np.uint8)
    bones[1:5, 4:16, 3:13] = bone_value(Bone.FEMUR, Side.RIGHT)
    regions = np.where(bones > 0, region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.RIGHT), 0).astype(
        np.uint8
    )
    regions[1:5, 4:16, 3:8] = region_value(Region.MEDIAL_FEMORAL_CONDYLE, Side.RIGHT)
    edema = np.zeros(grid.shape, bool)
    edema[2:4, 6:12, 4:7] = True
    signal = rng.uniform(50, 900, grid.shape).astype(np.float32)
    t1 = Series(ScalarImage(signal, grid), Contrast.T1, plane, Acquisition(550, 12), "T1 TSE", 3, "ab12")
    fluid = replace(t1, contrast=Contrast.STIR, acquisition=Acquisition(4000, 45, 160, 150, 1.5), number=4)
    exam = Exam(
        Joint.KNEE,
        Side.RIGHT,
        t1,
        fluid,
        None,
        Patient("subject-1", "M", 41, "key"),
        date(2019, 3, 4),
        ("odd tag",),
    )
    return ExamResult(
        exam=exam,
        bones=Segmentation(LabelMap(bones, grid), BONE_LABELS),
        regions=Segmentation(LabelMap(regions, grid), REGION_LABELS),
        edema=Mask(edema, grid),
        probability=ScalarImage(np.where(edema, 0.9, 0.02).astype(np.float32), grid),
        ratio=ScalarImage(rng.uniform(0, 6, grid.shape).astype(np.float32), grid),
        measurements=(
            RegionMeasurement(
                "medial_femoral_condyle", "femur", Side.RIGHT, 1.0, 25.6, 9.216, 8.0, 10.0, 0.36, 3.21
            ),
            RegionMeasurement(
                "lateral_femoral_condyle", "femur", Side.RIGHT, 0.97, 25.6, 0.0, 0.0, 0.2, 0.0, None
            ),
            RegionMeasurement("patella", "patella", Side.RIGHT, 0.0),
        ),
        lesions=(
            Lesion(
                1,
                9.216,
                (1.0, 2.0, 3.0),
                (8.0, 4.8, 2.4),
                {"medial_femoral_condyle": 9.216},
                "femur",
                Side.RIGHT,
                3.2,
                True,
            ),
        ),
        findings=(Finding("effusion", Side.RIGHT, True, 22.5, "mL", "fluid beside the condyles, 22.5 mL"),),
        quality=(
            Check("registration", CheckStatus.OK, 0.41, "the series match"),
            Check("input", CheckStatus.WARN, None, "odd tag"),
        ),
        settings={"edema": {"threshold": 0.5}},
        seconds={"edema": 1.25},
        version="0.1.0",
        alignment=RigidTransform(
            Rotation.from_euler("z", 2, degrees=True).as_matrix(), np.array([0.5, -1.0, 0.25])
        ),
    )
