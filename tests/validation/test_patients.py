"""Patients tracked from whole images: what was told against what is true, event by event."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bmetk.anatomy import Joint, Region, Side
from bmetk.config import Settings
from bmetk.errors import BonesNotFoundError
from bmetk.exam import Check, CheckStatus, ExamResult
from bmetk.simulate.spec import LesionSpec, PatientSpec
from bmetk.tracking import TrackingSettings
from bmetk.validation.patients import PatientScore, compare_courses, score_patient
from bmetk.validation.score import Retrieval
from bmetk.validation.table import events_frame, tracking_figures
from tests.simulate.fake_exams import fake_spec
from tests.tracking.courses import RIGHT, fake_result, in_month
from tests.validation.standins import StandIn, find_nothing

KNEE = fake_spec()
ANKLE = fake_spec(
    joint=Joint.ANKLE, date=date(2024, 9, 1), seed=12, lesions=(LesionSpec((Region.TALUS,), Side.RIGHT),)
)
PATIENT = PatientSpec("p", (KNEE, ANKLE))


def knee(month: int, **edema: float) -> ExamResult:
    return fake_result(Joint.KNEE, RIGHT, in_month(month), edema)


def score(steps: Path | None = None, settings: Settings | None = None) -> PatientScore:
    return score_patient((PATIENT, settings or Settings(), steps))


def test_a_patient_whose_edema_is_found_has_every_event_and_migration(stand_in: StandIn) -> None:
    found = score()
    assert (found.exams, found.failure) == (2, "")
    assert found.onsets == Retrieval(2, 0, 0)
    assert found.migrations == Retrieval(1, 0, 0)
    assert found.events == Retrieval(2, 0, 0)
    assert [(row.told, row.true) for row in found.rows] == [("baseline", "baseline"), ("new", "new")]


def test_what_a_blind_analysis_misses_is_counted(stand_in: StandIn) -> None:
    stand_in.find = find_nothing
    found = score()
    assert (found.onsets, found.migrations) == (Retrieval(0, 2, 0), Retrieval(0, 1, 0))
    assert [(row.told, row.true) for row in found.rows] == [("", "baseline"), ("", "new")]


def test_what_an_analysis_makes_up_is_counted(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    real = stand_in.simulate

    def heal(spec):
        exam = real(spec)
        empty = exam.truth.edema & ~exam.truth.edema
        return replace(exam, truth=replace(exam.truth, edema=empty))

    monkeypatch.setattr("bmetk.validation.patients.simulate_exam", heal)
    found = score()
    assert (found.onsets, found.migrations) == (Retrieval(0, 0, 2), Retrieval(0, 0, 1))
    assert found.false_onsets == 2


def test_an_exam_that_is_refused_is_left_out_and_what_it_shows_is_missed(stand_in: StandIn) -> None:
    def refuse(truth: ExamResult) -> ExamResult:
        if truth.exam.joint is Joint.KNEE:
            return truth
        raise BonesNotFoundError("no bone was found")

    stand_in.find = refuse
    found = score()
    assert "2024-09-01 ankle: no bone was found" in found.failure
    assert found.events == Retrieval(1, 1, 0)


def test_a_score_that_is_kept_is_not_measured_again(stand_in: StandIn, tmp_path: Path) -> None:
    first = score(tmp_path)
    made = len(stand_in.made)
    assert score(tmp_path) == first
    assert len(stand_in.made) == made
    other = Settings(tracking=TrackingSettings(episode_days=7))
    score(tmp_path, other)
    assert len(stand_in.made) == 2 * made


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({"source": "x", "score": {}})])
def test_a_kept_score_that_is_damaged_is_measured_again(
    stand_in: StandIn, tmp_path: Path, damage: str
) -> None:
    (tmp_path / "p.json").write_text(damage, encoding="utf-8")
    assert score(tmp_path).events == Retrieval(2, 0, 0)


def test_an_onset_counts_as_false_where_the_region_is_free_of_edema_alone() -> None:
    """One onset is told a kind wrong, one in a healthy region, one is missed."""
    true = [knee(0, medial_femoral_condyle=9.0), knee(3, medial_femoral_condyle=4.0, patella=3.0)]
    found = [knee(0, medial_femoral_condyle=9.0), knee(3, medial_femoral_condyle=9.0, proximal_fibula=2.0)]
    compared = compare_courses("p", found, true, Settings())
    assert compared.false_onsets == 1
    told = {row.region: (row.told, row.true, row.found_ml, row.true_ml) for row in compared.rows[1:]}
    assert told == {
        "medial_femoral_condyle": ("unchanged", "decreased", 9.0, 4.0),
        "patella": ("", "new", 0.0, 3.0),
        "proximal_fibula": ("new", "", 2.0, 0.0),
    }
    assert [row.true_before_ml for row in compared.rows] == [None, 9.0, 0.0, 0.0]


def test_large_changes_and_lesions_a_week_apart_are_counted() -> None:
    true = [knee(0, patella=9.0), knee(3, patella=4.0), knee(6, patella=3.6)]
    found = [knee(0, patella=9.0), knee(3, patella=8.9), knee(6, patella=8.8)]
    compared = compare_courses("p", found, true, Settings())
    lines = {line.measure: (line.value, line.count) for line in tracking_figures([compared], [compared])}
    assert lines["changes of 30 % or more, called so"] == (0.0, 1)
    assert lines["lesions a week apart, called unchanged"] == (100.0, 1)
    assert lines["events F1"][0] == pytest.approx(2 / 3)
    assert len(events_frame([compared])) == 3


def test_a_comparison_that_was_refused_is_told_apart() -> None:
    true = [knee(0, patella=9.0), knee(3, patella=7.2)]
    check = Check("fat_suppression", CheckStatus.FAIL, 0.6, "fat is bright")
    compared = compare_courses("p", [true[0], replace(true[1], quality=(check,))], true, Settings())
    assert [(row.told, row.true, row.refused) for row in compared.rows] == [
        ("baseline", "baseline", False),
        ("", "decreased", True),
    ]
    lines = {line.measure: line.value for line in tracking_figures([compared])}
    assert lines["events missed as not comparable"] == 1
