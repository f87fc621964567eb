"""A result whose anatomy is known to the voxel, in every plane, and a napari window to look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from bmetk.anatomy import BONE_LABELS, REGION_LABELS, Bone, Joint, Region, Side, bone_value, region_value
from bmetk.exam import Exam, ExamResult, Lesion, RegionMeasurement, Segmentation
from bmetk.image import Grid, LabelMap, Mask, ScalarImage

# Unit LPS directions of increasing slice, row and column index, as columns, the way scanners store them.
AXES = {
    "axial": np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    "coronal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "sagittal": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}
CENTRE_MM = np.array([30.0, -12.0, 55.0])
LESION_MM = CENTRE_MM + [9.0, 6.0, 12.0]
"""Left, back and head of the centre."""


def make_grid(plane: str, tilt_deg: float = 0.0) -> Grid:
    """Lay a grid of 24 slices about the centre, tilted about the patient's long axis."""
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shape, spacing = (24, 80, 64), (3.5, 0.9, 1.1)
    axes = turn @ AXES[plane]
    first = CENTRE_MM - axes @ ((np.asarray(shape) - 1) * spacing / 2)
    return Grid.from_axes(shape, spacing, axes, first)


def make_result(grid: Grid, day: date = date(2024, 3, 1), side: Side = Side.LEFT) -> ExamResult:
    """Make a knee of two condyles, split at the middle of x, with a ball of edema in the lateral one."""
    world = grid.world_coordinates()
    bone = np.linalg.norm(world - CENTRE_MM, axis=-1) < 28
    outer = world[..., 0] > CENTRE_MM[0]
    edema = np.linalg.norm(world - LESION_MM, axis=-1) < 7
    femur = bone_value(Bone.FEMUR, side)
    lateral = region_value(Region.LATERAL_FEMORAL_CONDYLE, side)
    medial = region_value(Region.MEDIAL_FEMORAL_CONDYLE, side)
    regions = np.where(bone & outer, lateral, np.where(bone, medial, 0))
    measured = (
        _measured("medial_femoral_condyle", side, 40.0, 0.0),
        _measured("lateral_femoral_condyle", side, 41.0, 1.4),
        RegionMeasurement("patella", "patella", side, 0.0),
    )
    return ExamResult(
        exam=Exam(Joint.KNEE, side, date=day),
        bones=Segmentation(LabelMap(np.where(bone, femur, 0), grid), BONE_LABELS),
        regions=Segmentation(LabelMap(regions, grid), REGION_LABELS),
        edema=Mask(edema, grid),
        probability=ScalarImage(edema * 0.9, grid),
        ratio=ScalarImage(np.where(edema, 3.0, np.where(bone, 1.0, 0.3)), grid),
        measurements=measured,
        lesions=(_lesion(side),),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version="0.1.0",
    )


def _measured(region: str, side: Side, bone_ml: float, edema_ml: float) -> RegionMeasurement:
    low, high = 0.8 * edema_ml, 1.2 * edema_ml
    share = edema_ml / bone_ml
    return RegionMeasurement(region, "femur", side, 1.0, bone_ml, edema_ml, low, high, share, 1.0)


def _lesion(side: Side) -> Lesion:
    x, y, z = (float(mm) for mm in LESION_MM)
    share = {"lateral_femoral_condyle": 1.4}
    return Lesion(1, 1.4, (x, y, z), (14.0, 14.0, 14.0), share, "femur", side, 3.0)


@pytest.fixture(params=["axial", "coronal", "sagittal"])
def plane(request: pytest.FixtureRequest) -> str:
    """Each plane in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def window(qapp: object) -> Iterator[napari.Viewer]:
    """Open one napari window that can be seen; under CI one that cannot open is a failure."""
    if not os.environ.get("DISPLAY") and not os.environ.get("CI"):
        pytest.skip("no screen: run the tests with xvfb-run")
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1200, 750)
    yield viewer
    viewer.close()


@pytest.fixture
def viewer(window: napari.Viewer, qtbot: QtBot) -> Iterator[napari.Viewer]:
    """Hand out the window as it was when it opened."""
    yield window
    window.window.remove_dock_widget("all")
    window.dims.order = tuple(range(window.dims.ndim))
    window.layers.clear()
    qtbot.wait(1)


@pytest.fixture
def result_folder(tmp_path: Path) -> Path:
    """Write a result as `bmetk analyze` writes it."""
    from bmetk.export import save_result

    folder = tmp_path / "knee"
    save_result(make_result(make_grid("coronal")), folder)
    return folder
