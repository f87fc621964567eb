"""A published course from DICOM through ``track``: every event and migration that its report tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmetk.config import Settings
from bmetk.patient import track_to
from bmetk.simulate.courses import course
from bmetk.simulate.patient import simulate_to
from bmetk.study import ReadOptions
from bmetk.tracking import Timeline
from tests.tracking.courses import COURSES, in_month

# The cheapest of the five (two knees and a foot); benchmarks/courses.py runs them all.
CASE = "costa-2025"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    folder = tmp_path_factory.mktemp("course")
    patient = simulate_to(course(CASE), folder)
    clinical = Path(folder / "clinical.csv")
    clinical.write_text("date,kind,what\n2012-06-01,treatment,partial weight bearing\n", encoding="utf-8")
    return track_to(
        [patient.folder], folder / "out", settings=Settings(), options=ReadOptions(), clinical=clinical
    )


def test_every_event_is_told_and_no_other(timeline: Timeline) -> None:
    days = sorted({exam.date for exam in timeline.exams})
    months = sorted({in_month(month) for month, *_ in COURSES[CASE].events})
    told = {
        (months[days.index(e.date)], e.kind.value, e.side, e.region, e.previously_imaged)
        for e in timeline.events
    }
    assert told == {(in_month(month), *rest) for month, *rest in COURSES[CASE].events}


def test_every_migration_is_told_and_no_other(timeline: Timeline) -> None:
    told = {
        (m.origin.side, m.origin.region, m.target.side, m.target.region, m.relation.value)
        for m in timeline.migrations
    }
    assert told == {(*origin[1:], *target[1:], how) for origin, target, how in COURSES[CASE].migrations}


def test_the_clinical_course_lies_beside_it(timeline: Timeline) -> None:
    assert [entry.what for entry in timeline.clinical] == ["partial weight bearing"]
