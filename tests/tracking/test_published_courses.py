"""The five published courses, as their reports tell them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bmetk.tracking import Timeline, track
from tests.tracking.courses import COURSES, in_month


def _sites(timeline: Timeline) -> set[tuple[object, ...]]:
    return {
        (
            (move.origin.date, move.origin.side, move.origin.region),
            (move.target.date, move.target.side, move.target.region),
            move.relation.value,
        )
        for move in timeline.migrations
    }


@pytest.mark.parametrize("case", COURSES)
def test_every_event_of_the_course_is_told_and_no_other(case: str) -> None:
    told = {
        (event.date, event.kind.value, event.side, event.region, event.previously_imaged)
        for event in track(COURSES[case].exams).events
    }
    assert told == {(in_month(month), *rest) for month, *rest in COURSES[case].events}


@pytest.mark.parametrize("case", COURSES)
def test_every_migration_of_the_course_is_told_and_no_other(case: str) -> None:
    expected = {
        ((in_month(origin[0]), *origin[1:]), (in_month(target[0]), *target[1:]), relation)
        for origin, target, relation in COURSES[case].migrations
    }
    assert _sites(track(COURSES[case].exams)) == expected


@pytest.mark.parametrize("case", COURSES)
def test_the_order_of_the_input_does_not_matter(case: str) -> None:
    exams = COURSES[case].exams
    assert track(exams) == track(tuple(reversed(exams)))


def test_the_courses_here_are_the_published_ones(shared: Path) -> None:
    published = json.loads((shared / "COURSES.json").read_text(encoding="utf-8"))["courses"]
    for course in published:
        exams = COURSES[course["id"]].exams
        assert [(exam["joint"], exam["side"]) for exam in course["exams"]] == [
            (result.exam.joint.value, result.exam.side) for result in exams
        ]
        for told, result in zip(course["exams"], exams, strict=True):
            found = {(m.side, m.region) for m in result.measurements if m.edema_ml}
            regions = [site if isinstance(site, list) else [told["side"], site] for site in told["edema"]]
            assert found == {(side, region) for side, region in regions}
            assert result.exam.date == in_month(told["month"])
