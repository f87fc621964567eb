"""A result whose anatomy is known to the voxel, in every plane, and a napari window to look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from bmetk import track
from bmetk.anatomy import BONE_LABELS, REGION_LABELS, Bone, Joint, Region, Side, bone_value, region_value
from bmetk.exam import (
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
from bmetk.export import save_result, save_timeline
from bmetk.image import Grid, LabelMap, Mask, ScalarImage
from napari_bmetk._widget import ReviewWidget

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
    """Lay a grid of 24 slices about the centre, tilted about the patient's long axis and then sideways."""
    angle, lean = np.deg2rad(tilt_deg), np.deg2rad(tilt_deg / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    shape, spacing = (24, 80, 64), (3.5, 0.9, 1.1)
    axes = turn @ AXES[plane]
    first = CENTRE_MM - axes @ ((np.asarray(shape) - 1) * spacing / 2)
    return Grid.from_axes(shape, spacing, axes, first)


def make_result(
    grid: Grid, day: date = date(2024, 3, 1), side: Side = Side.LEFT, pseudonym: str = "subject-1"
) -> ExamResult:
    """Make a knee of two condyles, split at the middle of x, with a ball of edema in the lateral one."""
    world = grid.world_coordinates()
    bone = np.linalg.norm(world - CENTRE_MM, axis=-1) < 28
    outer = world[..., 0] > CENTRE_MM[0]
    edema = np.linalg.norm(world - LESION_MM, axis=-1) < 7
    femur = bone_value(Bone.FEMUR, side)
    lateral = region_value(Region.LATERAL_FEMORAL_CONDYLE, side)
    medial = region_value(Region.MEDIAL_FEMORAL_CONDYLE, side)
    regions = np.where(bone & outer, lateral, np.where(bone, medial, 0))
    ball_ml = Mask(edema, grid).volume_ml
    measured = (
        _measured("medial_femoral_condyle", side, 40.0, 0.0),
        _measured("lateral_femoral_condyle", side, 41.0, ball_ml),
        RegionMeasurement("patella", "patella", side, 0.0),
    )
    return ExamResult(
        exam=Exam(Joint.KNEE, side, date=day, patient=Patient(pseudonym)),
        bones=Segmentation(LabelMap(np.where(bone, femur, 0), grid), BONE_LABELS),
        regions=Segmentation(LabelMap(regions, grid), REGION_LABELS),
        edema=Mask(edema, grid),
        probability=ScalarImage(edema * 0.9, grid),
        ratio=ScalarImage(np.where(edema, 3.0, np.where(bone, 1.0, 0.3)), grid),
        measurements=measured,
        lesions=(_lesion(side, ball_ml),),
        findings=(Finding("joint_effusion", None, True, 5.0, "mL", "5.0 mL of bright fluid"),),
        quality=(),
        settings={},
        seconds={},
        version="0.1.0",
    )


def _measured(region: str, side: Side, bone_ml: float, edema_ml: float) -> RegionMeasurement:
    low, high = 0.8 * edema_ml, 1.2 * edema_ml
    share = edema_ml / bone_ml
    return RegionMeasurement(region, "femur", side, 1.0, bone_ml, edema_ml, low, high, share, 1.0)


def _lesion(side: Side, ball_ml: float) -> Lesion:
    x, y, z = (float(mm) for mm in LESION_MM)
    share = {"lateral_femoral_condyle": 1.0}
    return Lesion(1, ball_ml, (x, y, z), (14.0, 14.0, 14.0), share, "femur", side, 3.0)


@pytest.fixture(params=["axial", "coronal", "sagittal"])
def plane(request: pytest.FixtureRequest) -> str:
    """Each plane in turn."""
    return str(request.param)


def with_series(result: ExamResult) -> ExamResult:
    """Give a result the two series it came from, as right after an analysis."""
    ratio = result.ratio
    assert ratio is not None
    t1 = Series(ScalarImage(300 - 60 * ratio.array, ratio.grid), Contrast.T1, Plane.SAGITTAL)
    fluid = Series(ScalarImage(100 * ratio.array, ratio.grid), Contrast.STIR, Plane.SAGITTAL)
    return replace(result, exam=replace(result.exam, t1=t1, fluid=fluid))


def keep_picture(picture: np.ndarray, name: str) -> None:
    """Keep a picture of the window to be looked at, where `BMETK_PICTURES` names a folder."""
    folder = os.environ.get("BMETK_PICTURES")
    if folder:
        import imageio.v3 as iio

        iio.imwrite(Path(folder) / f"{name}.png", picture[..., :3])


@pytest.fixture(scope="session")
def window(qapp: object) -> Iterator[napari.Viewer]:
    """Open one napari window that can be seen; under CI one that cannot open is a failure."""
    if not os.environ.get("DISPLAY") and not os.environ.get("CI"):
        pytest.skip("no screen: run the tests with xvfb-run")
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1300, 800)
    yield viewer
    viewer.close()


@pytest.fixture
def viewer(window: napari.Viewer, qtbot: QtBot) -> Iterator[napari.Viewer]:
    """Hand out the window as it was when it opened."""
    yield window
    window.canvas.grid.enabled = False
    window.layers.clear()
    window.window.remove_dock_widget("all")
    window.dims.ndisplay = 2
    window.dims.order = tuple(range(window.dims.ndim))
    qtbot.wait(1)


@pytest.fixture
def dock(viewer: napari.Viewer, tmp_path: Path) -> ReviewWidget:
    """Put the dock into the window."""
    widget = ReviewWidget(viewer, spare=tmp_path / "spare")
    viewer.window.add_dock_widget(widget, name="bmetk review")
    return widget


@pytest.fixture
def result_folder(tmp_path: Path) -> Path:
    """Write a result as `bmetk analyze` writes it."""
    folder = tmp_path / "knee"
    save_result(make_result(make_grid("coronal")), folder)
    return folder


@pytest.fixture
def course_folder(tmp_path: Path) -> Path:
    """Write a course of two exams."""
    return write_course(tmp_path)


def write_course(place: Path) -> Path:
    """Write a course of two exams as `bmetk track` does; the later knee lies 4 mm further left."""
    first = make_result(make_grid("coronal"))
    affine = first.bones.grid.affine.copy()
    affine[0, 3] += 4.0
    moved = moved_to(first, Grid(first.bones.grid.shape, affine), date(2024, 9, 1))
    exams = {"1_knee_left": first, "2_knee_left": moved}
    save_timeline(track(list(exams.values()), folders=list(exams)), place / "course", exams=exams)
    return place / "course"


def moved_to(result: ExamResult, grid: Grid, day: date) -> ExamResult:
    """Show the same arrays elsewhere, on another day."""
    assert result.edema is not None
    assert result.ratio is not None
    assert result.probability is not None
    shift = grid.origin_mm - result.bones.grid.origin_mm
    lesions = tuple(
        replace(it, centroid_mm=tuple(float(v) for v in np.add(it.centroid_mm, shift)))
        for it in result.lesions
    )
    return replace(
        result,
        exam=replace(result.exam, date=day),
        bones=Segmentation(LabelMap(result.bones.labels.array, grid), BONE_LABELS),
        regions=Segmentation(LabelMap(result.regions.labels.array, grid), REGION_LABELS),
        edema=Mask(result.edema.array, grid),
        probability=ScalarImage(result.probability.array, grid),
        ratio=ScalarImage(result.ratio.array, grid),
        lesions=lesions,
    )
