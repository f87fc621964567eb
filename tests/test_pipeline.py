"""The order of the stages, on an analytic joint with known bones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from bmetk import pipeline
from bmetk.anatomy import Joint, Label
from bmetk.bones import BoneSettings
from bmetk.config import Settings
from bmetk.course import Course
from bmetk.edema import EdemaMap, segment_edema
from bmetk.errors import BonesNotFoundError, GridMismatchError, MissingSeriesError, SeriesMismatchError
from bmetk.exam import CheckStatus, Contrast, Exam, Plane, Segmentation, Series
from bmetk.image import Grid, LabelMap, ScalarImage
from bmetk.pipeline import analyze
from tests.conftest import make_grid

_SHAPE = (14, 96, 96)
_SPACING = (3.5, 0.8, 0.8)


def phantom_exam(plane: str = "coronal", *, lesion_mm: float = 12.0, noise: float = 0.02) -> Exam:
    """Draw one ellipsoid of fatty marrow in muscle, with a round lesion in its middle."""
    grid = make_grid(plane, _SHAPE, _SPACING)
    points = grid.world_coordinates() - grid.centre_mm
    away = np.linalg.norm(points, axis=-1)
    bone, lesion = away < 22.0, away < lesion_mm
    rng = np.random.default_rng(7)
    t1 = np.where(bone, np.where(lesion, 300.0, 900.0), 280.0)
    fluid = np.where(bone, np.where(lesion, 700.0, 80.0), 260.0)
    rim = (away > 20.5) & (away < 23.0)
    t1[rim], fluid[rim] = 40.0, 30.0
    return Exam(
        joint=Joint.OTHER,
        t1=_series(t1 + 900 * noise * rng.standard_normal(grid.shape), grid, Contrast.T1),
        fluid=_series(fluid + 900 * noise * rng.standard_normal(grid.shape), grid, Contrast.STIR),
        bones=Segmentation(LabelMap(bone, grid), {1: Label("label_1", None, "label_1")}),
        date=date(2020, 1, 1),
    )


def _series(array: np.ndarray, grid: Grid, contrast: Contrast) -> Series:
    return Series(ScalarImage(np.abs(array), grid), contrast, Plane.CORONAL)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal", "oblique"])
def test_a_round_lesion_is_measured_within_a_tenth_in_every_plane(plane: str) -> None:
    result = analyze(phantom_exam(plane))
    true_ml = 4 / 3 * np.pi * 12.0**3 / 1000
    (row,) = result.measurements
    assert row.region == "label_1"
    assert row.edema_ml == pytest.approx(true_ml, rel=0.1)
    assert row.edema_ml_low <= row.edema_ml <= row.edema_ml_high
    assert len(result.lesions) == 1


def test_nothing_is_found_in_healthy_marrow() -> None:
    (row,) = analyze(phantom_exam(lesion_mm=0.0)).measurements
    assert row.edema_ml == pytest.approx(0.0, abs=0.05)


def test_results_lie_on_the_grid_of_the_fluid_series() -> None:
    exam = phantom_exam()
    result = analyze(exam)
    assert result.edema is not None
    for image in (result.edema, result.bones, result.regions, result.ratio, result.probability):
        assert image.grid.matches(exam.fluid.image.grid)


def test_every_stage_is_told_and_timed() -> None:
    told: list[str] = []
    result = analyze(phantom_exam(), on_progress=lambda stage, _: told.append(stage))
    assert list(dict.fromkeys(told)) == list(result.seconds) == ["register", "bones", "edema", "measure"]


def test_the_settings_that_made_a_result_are_in_it() -> None:
    settings = analyze(phantom_exam()).settings
    assert isinstance(settings["edema"], Mapping)


@pytest.mark.parametrize(
    ("joint", "labels", "familiar"), [(Joint.OTHER, 1, False), (Joint.KNEE, 1, True), (Joint.OTHER, 2, True)]
)
def test_the_network_knows_bones_of_a_named_joint_or_with_labels_of_their_own(
    joint: Joint, labels: int, familiar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = phantom_exam()
    array = exam.bones.labels.array.astype(np.uint8)
    array[:, :, array.shape[2] // 2 :] *= labels
    meaning = {v: Label(f"label_{v}", None, f"label_{v}") for v in range(1, labels + 1)}
    bones = Segmentation(LabelMap(array, exam.bones.grid), meaning)
    told: list[bool] = []

    def segment(*images: object, **how: object) -> EdemaMap:
        told.append(how["settings"].familiar)
        return segment_edema(*images, **how)

    monkeypatch.setattr("bmetk.pipeline.segment_edema", segment)
    result = analyze(replace(exam, joint=joint, bones=bones))
    assert told == [familiar]
    true_ml = 4 / 3 * np.pi * 12.0**3 / 1000
    assert sum(row.edema_ml for row in result.measurements) == pytest.approx(true_ml, rel=0.1)


@pytest.mark.parametrize(
    ("missing", "said"), [("fluid", "no fluid-sensitive series"), ("t1", "no T1-weighted")]
)
def test_an_exam_without_one_of_its_series_is_refused(missing: str, said: str) -> None:
    with pytest.raises(MissingSeriesError, match=said):
        analyze(replace(phantom_exam(), **{missing: None}))


def test_bones_on_a_foreign_grid_are_refused() -> None:
    exam = phantom_exam()
    other = make_grid("coronal", (14, 90, 96), _SPACING)
    bones = Segmentation(LabelMap(np.ones(other.shape), other), exam.bones.meaning)
    with pytest.raises(GridMismatchError, match="neither the grid of the fluid-sensitive"):
        analyze(replace(exam, bones=bones))


def test_a_t1_that_misses_the_fluid_series_is_refused() -> None:
    exam = phantom_exam()
    away = make_grid("coronal", _SHAPE, _SPACING, centre_mm=(300.0, 0.0, 0.0))
    t1 = replace(exam.t1, image=ScalarImage(exam.t1.image.array, away))
    with pytest.raises(SeriesMismatchError):
        analyze(replace(exam, t1=t1))


@pytest.mark.parametrize(("joint", "searched"), [(Joint.KNEE, True), (Joint.OTHER, False)])
def test_bones_given_without_names_are_searched_for_only_on_demand_in_a_known_joint(
    joint: Joint, searched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_none(*_: object, **__: object) -> None:
        raise BonesNotFoundError("no bone is found")

    monkeypatch.setattr("bmetk.bones.naming.provide_bones", find_none)
    exam = replace(phantom_exam(), joint=joint)
    for name_given in (False, True):
        result = analyze(exam, settings=Settings(bones=BoneSettings(name_given=name_given)))
        told = [check.status for check in result.quality if check.name == "bones_given"]
        assert told == ([CheckStatus.WARN] if name_given and searched else [])
        true_ml = 4 / 3 * np.pi * 12.0**3 / 1000
        assert sum(row.edema_ml for row in result.measurements) == pytest.approx(true_ml, rel=0.1)


@pytest.mark.parametrize(("days", "times"), [(7, 2), (60, 1)])
def test_an_exam_is_searched_again_once_one_soon_after_shows_edema(
    days: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = phantom_exam(lesion_mm=0.0)
    second = replace(phantom_exam(), date=date(2020, 1, 1) + timedelta(days=days))
    searched: list[ScalarImage] = []

    def search(t1: ScalarImage, fluid: ScalarImage, *args: object, **named: object) -> EdemaMap:
        searched.append(fluid)
        return segment_edema(t1, fluid, *args, **named)

    monkeypatch.setattr(pipeline, "segment_edema", search)
    course = Course()
    told = [course(exam) for exam in (first, second)]
    assert [fluid is first.fluid.image for fluid in searched].count(True) == times
    assert [result.exam.date for result in course.results] == [first.date, second.date]
    assert course.results[1] is told[1]
    assert list(course.results[0].seconds) == list(told[0].seconds)


def test_known_results_of_earlier_runs_stay_as_they_are() -> None:
    before = analyze(phantom_exam(lesion_mm=0.0))
    course = Course([before])
    course(replace(phantom_exam(), date=date(2020, 1, 8)))
    assert [result.exam.date for result in course.results] == [date(2020, 1, 8)]
