"""Joint fluid is followed as far as the joint's recesses reach."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.anatomy import Label, Side
from bmetk.edema.effusion import joint_effusions
from bmetk.edema.shading import Shading
from bmetk.exam import Segmentation
from bmetk.image import LabelMap, ScalarImage
from tests.conftest import make_grid

SHAPE, SPACING_MM = (4, 40, 100), (4.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("upper", "lower", "reach_mm"),
    [
        (("medial_femoral_condyle", "femur"), ("medial_tibial_plateau", "tibia"), 45.0),
        (("femoral_head", "femur"), ("femoral_neck", "femur"), 18.0),
    ],
)
def test_the_recess_of_a_knee_reaches_farther(
    upper: tuple[str, str], lower: tuple[str, str], reach_mm: float
) -> None:
    grid = make_grid("axial", SHAPE, SPACING_MM)
    labels, signal = np.zeros(SHAPE, np.uint8), np.full(SHAPE, 50.0, np.float32)
    labels[:, 10:30, :10], labels[:, 10:30, 10:20] = 1, 2
    signal[labels > 0] = 100.0
    signal[:, 15:25, 20:90] = 2000.0
    meaning = {n: Label(name, Side.LEFT, bone) for n, (name, bone) in ((1, upper), (2, lower))}
    bones = Segmentation(LabelMap(labels, grid), meaning)
    (told,) = joint_effusions(None, ScalarImage(signal, grid), bones, bones, 3.4)
    assert told.present
    assert told.value == pytest.approx(reach_mm * 10 * grid.voxel_ml * SHAPE[0], rel=0.15)


@pytest.mark.parametrize(("wide", "vessel"), [(6, True), (20, False)], ids=["a tube", "a recess"])
def test_a_tube_that_runs_away_from_the_joint_is_no_fluid_of_it(*, wide: int, vessel: bool) -> None:
    grid = make_grid("axial", SHAPE, SPACING_MM)
    labels, signal = np.zeros(SHAPE, np.uint8), np.full(SHAPE, 50.0, np.float32)
    labels[:, :, :10], labels[:, :, 10:20] = 1, 2
    signal[labels > 0] = 100.0
    first = (SHAPE[1] - wide) // 2
    signal[:2, first : first + wide, 20:90] = 2000.0
    meaning = {
        1: Label("medial_femoral_condyle", Side.LEFT, "femur"),
        2: Label("medial_tibial_plateau", Side.LEFT, "tibia"),
    }
    bones = Segmentation(LabelMap(labels, grid), meaning)
    (told,) = joint_effusions(None, ScalarImage(signal, grid), bones, bones, 3.4)
    assert told.present != vessel


def test_what_the_coil_brightens_is_no_fluid() -> None:
    grid = make_grid("axial", SHAPE, SPACING_MM)
    labels, signal = np.zeros(SHAPE, np.uint8), np.full(SHAPE, 400.0, np.float32)
    labels[:, 10:30, 40:50], labels[:, 10:30, 50:60] = 1, 2
    signal[labels > 0] = 100.0
    meaning = {1: Label("femoral_head", Side.LEFT, "femur"), 2: Label("femoral_neck", Side.LEFT, "femur")}
    bones = Segmentation(LabelMap(labels, grid), meaning)
    centre_mm = grid.world_coordinates().reshape(-1, 3).mean(axis=0)
    coefficients = np.zeros((2, 9))
    coefficients[:, 0] = 1.1
    shading = Shading(centre_mm, np.full(3, 20.0), coefficients)
    shaded = ScalarImage(signal * shading.gains(grid)[1], grid)
    (believed,) = joint_effusions(None, shaded, bones, bones, 3.4)
    (freed,) = joint_effusions(None, shaded, bones, bones, 3.4, shading)
    assert believed.present
    assert freed.value == 0
