"""Figures of a population, from scores made up by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from bmetk.validation.patients import PatientScore
from bmetk.validation.run import BoneScore, ExamScore, RegionScore
from bmetk.validation.score import Retrieval
from bmetk.validation.table import (
    Figure,
    bone_figures,
    bones_frame,
    edema_figures,
    exams_frame,
    figure,
    figure_lines,
    regions_frame,
    retest_figures,
    time_figures,
    tracking_figures,
)


def bone(dice: float, boundary_mm: float = 1.0, name: str = "femur", true_ml: float = 50.0) -> BoneScore:
    return BoneScore(name, "right", true_ml, dice, boundary_mm, flagged=False)


def region(true_ml: float, interval: tuple[float, float] | None) -> RegionScore:
    low, high = interval or (None, None)
    return RegionScore("talus", "right", true_ml, None if interval is None else true_ml, low, high)


def exam(true_ml: float = 10.0, found_ml: float = 10.0, dice: float = 1.0, **rest) -> ExamScore:
    values = {"joint": "knee", "side": "right", "found_side": "right", **rest}
    return ExamScore("e", true_ml=true_ml, found_ml=found_ml, dice=dice, **values)


REFUSED = ExamScore("e", "knee", "right", failure="no bone was found")


def told(figures: Iterable[Figure]) -> dict[str, tuple[float, int]]:
    return {line.measure: (pytest.approx(line.value), line.count) for line in figures}


@pytest.mark.parametrize(("how", "value"), [("mean", 3.0), ("median", 2.0), ("min", 1.0), ("max", 6.0)])
def test_a_figure_summarises_the_finite_values(how: str, value: float) -> None:
    (line,) = figure("bones", "gap", [1.0, 6.0, 2.0, float("inf"), float("nan")], "mm", how)
    assert line == Figure("bones", f"gap, {how}", value, "mm", 3)


def test_there_is_no_figure_without_a_value() -> None:
    assert not list(figure("bones", "gap", [float("nan")], "mm"))


def test_bones_are_summarised_each_and_slivers_do_not_count() -> None:
    sliver = bone(0.2, name="tibia", true_ml=0.4)
    lines = told(bone_figures([exam(bones=(bone(0.9, 0.5), sliver)), exam(bones=(bone(0.7, 1.5),))]))
    assert lines["femur Dice, mean"] == (0.8, 2)
    assert lines["femur Dice, min"] == (0.7, 2)
    assert lines["femur boundary distance, mean"] == (1.0, 2)
    assert not any(measure.startswith("tibia") for measure in lines)


def test_a_bone_that_was_not_found_counts_as_dice_zero() -> None:
    lines = told(bone_figures([exam(bones=(bone(0.8),)), exam(bones=(bone(0.0, float("inf")),))]))
    assert lines["femur Dice, mean"] == (0.4, 2)
    assert lines["femur boundary distance, mean"] == (1.0, 1)


def test_refused_exams_and_wrong_sides_are_counted() -> None:
    lines = told(bone_figures([exam(), exam(found_side="left"), REFUSED]))
    assert lines["wrong side"] == (1, 2)
    assert lines["refused"] == (1, 3)


def test_edema_is_scored_on_lesions_above_a_millilitre_of_exams_that_were_not_refused() -> None:
    exams = [exam(10.0, 8.0, 0.8), exam(20.0, 30.0, 0.6), exam(0.5, 5.0, 0.0), REFUSED]
    lines = told(edema_figures(exams, []))
    assert lines["Dice, mean"] == (0.7, 2)
    assert lines["Dice, min"] == (0.6, 2)
    assert lines["volume error, median"] == (35.0, 2)
    assert lines["volume error, max"] == (50.0, 2)


def test_a_lesion_is_missed_where_nothing_found_touches_it() -> None:
    elsewhere, nothing = exam(10.0, 7.0, 0.0), exam(10.0, 0.0, 0.0)
    lines = told(edema_figures([elsewhere, nothing, exam(10.0, 1.0, 0.1)], []))
    assert lines["lesions above 1 mL missed"] == (2, 3)


def test_an_interval_holds_the_truth_or_not_and_a_region_without_one_does_not() -> None:
    regions = (region(5.0, (4.0, 6.0)), region(5.0, (5.5, 6.0)), region(5.0, None), region(0.2, (1.0, 2.0)))
    lines = told(edema_figures([exam(regions=regions)], []))
    assert lines["interval holds the truth, mean"] == (100 / 3, 3)


def test_false_edema_is_what_healthy_exams_show() -> None:
    lines = told(edema_figures([], [exam(0.0, 0.0), exam(0.0, 0.6), REFUSED]))
    assert lines["false edema, healthy, mean"] == (0.3, 2)
    assert lines["false edema, healthy, max"] == (0.6, 2)


def test_retests_differ_by_what_was_found_and_refused_pairs_do_not_count() -> None:
    pairs = [(exam(9.0, 8.0), exam(10.0, 12.0)), (exam(0.1, 0.2), exam(0.1, 0.4)), (exam(), REFUSED)]
    lines = told(retest_figures(pairs))
    assert lines["difference, median"] == (2.1, 2)
    assert lines["difference of the truth in view, median"] == (0.5, 2)
    assert lines["difference, lesions above 1 mL, median"] == (40.0, 1)


def test_tracking_adds_up_the_patients_before_it_divides() -> None:
    patients = [
        PatientScore("a", events=Retrieval(1, 0, 0), migrations=Retrieval(0, 0, 1)),
        PatientScore("b", events=Retrieval(1, 3, 1)),
        PatientScore("c", exams=3, failure="no bone was found"),
    ]
    lines = told(tracking_figures(patients))
    assert lines["events F1"] == (0.5, 5)
    assert lines["events false"] == (1, 3)
    assert lines["events missed"] == (3, 3)
    assert lines["migrations F1"] == (0.0, 0)
    assert lines["onsets F1"] == (1.0, 0)
    assert lines["patients with an exam refused"] == (1, 3)
    assert lines["exams"] == (3, 3)


def test_time_is_told_for_each_stage_and_the_slowest_exam() -> None:
    exams = [
        exam(seconds={"bones": 2.0, "edema": 1.0}, peak_mb=500.0),
        exam(seconds={"bones": 6.0, "edema": 1.0}, peak_mb=900.0),
        REFUSED,
    ]
    lines = told(time_figures(exams))
    assert lines["bones, median"] == (4.0, 2)
    assert lines["whole exam, max"] == (7.0, 2)
    assert lines["peak memory, max"] == (900.0, 2)


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (0.0, "0"), (87.649, "87.6"), (1234.4, "1234"), (-2.0, "-2")]
)
def test_values_are_rounded_to_be_read(value: float, text: str) -> None:
    line = Figure("time", "peak memory, max", value, "MB", 3)
    assert line.rounded == text
    (written,) = figure_lines([line])
    assert f" {text} MB  n = 3" in written


def test_tables_have_one_row_each_and_their_columns_even_when_empty() -> None:
    some = replace(exam(), bones=(bone(0.9), bone(0.8, name="tibia")), regions=(region(5.0, (4.0, 6.0)),))
    assert [len(make([some, REFUSED])) for make in (exams_frame, bones_frame, regions_frame)] == [2, 2, 1]
    for make in (exams_frame, bones_frame, regions_frame):
        assert list(make([]).columns) == list(make([some]).columns)
    assert exams_frame([REFUSED])["failure"].tolist() == ["no bone was found"]


def test_joint_and_side_without_tags_are_counted() -> None:
    exams = [
        ExamScore("a", "knee", "left", found_side="left", untold="knee left"),
        ExamScore("b", "knee", "left", found_side="left", untold="knee right"),
        ExamScore("c", "ankle", "right", found_side="right", untold="foot right"),
        ExamScore("d", "hip", "left", found_side="left", untold="hip both"),
        ExamScore("e", "hip", "left", found_side="left", untold="knee left"),
        ExamScore("f", "knee", "left", failure="no bone was found"),
        ExamScore("g", "knee", "left", found_side="left"),
    ]
    lines = {line.measure: (line.value, line.count) for line in bone_figures(exams)}
    assert lines["wrong joint without tags"] == (1, 5)
    assert lines["wrong side without tags"] == (1, 4)
