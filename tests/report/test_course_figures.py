"""The chart of a course and the map of the body."""

from __future__ import annotations

from datetime import date, timedelta

import matplotlib.pyplot as plt
import pytest

from bmetk.anatomy import Joint, Region, Side
from bmetk.report.body_map import body_map_figure, place_of, spread
from bmetk.report.chart import month_label, timeline_figure
from bmetk.tracking import track
from tests.tracking.courses import COURSES, RIGHT, fake_result, in_month


@pytest.mark.parametrize("region", list(Region))
def test_every_region_has_its_place_right_on_the_left_of_the_map(region: Region) -> None:
    right, left = place_of(region, Side.RIGHT), place_of(region, Side.LEFT)
    assert right is not None
    assert left is not None
    assert right[0] < 0 < left[0]
    assert right[1] == left[1]


def test_regions_lie_from_proximal_to_distal_and_medial_ones_inside() -> None:
    heights = [
        place_of(name, Side.LEFT)[1]
        for name in (
            "acetabulum",
            "femoral_neck",
            "patella",
            "proximal_tibial_metaphysis",
            "talus",
            "metatarsal_1",
        )
    ]
    assert heights == sorted(heights, reverse=True)
    for bone in ("femoral_condyle", "tibial_plateau"):
        assert place_of(f"medial_{bone}", Side.LEFT)[0] < place_of(f"lateral_{bone}", Side.LEFT)[0]
    toes = [place_of(f"metatarsal_{number}", Side.LEFT)[0] for number in range(1, 6)]
    assert toes == sorted(toes)


def test_a_users_own_label_has_no_place_on_the_map() -> None:
    assert place_of("label_1", None) is None
    assert place_of("patella", None) is None


@pytest.mark.parametrize("case", COURSES)
def test_the_map_names_each_site_and_each_interval(case: str) -> None:
    timeline = track(COURSES[case].exams)
    texts = [text.get_text() for text in body_map_figure(timeline).axes[0].texts]
    sites = {(event.side, event.region) for event in timeline.events if event.kind.is_onset}
    for _, region in sites:
        assert region.replace("_", " ") in texts
    assert sum(text.endswith(("days", "months", "years")) for text in texts) == len(timeline.migrations)


@pytest.mark.parametrize("case", COURSES)
def test_the_chart_has_one_row_a_region_with_edema(case: str) -> None:
    timeline = track(COURSES[case].exams)
    told = {(event.side, event.region) for event in timeline.events}
    axes = timeline_figure(timeline).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(labels) == sorted(f"{side} {region.replace('_', ' ')}" for side, region in told)


def test_a_healthy_course_is_drawn_too() -> None:
    timeline = track([fake_result(Joint.KNEE, Side.RIGHT, in_month(1), {})])
    assert timeline.events == ()
    assert any("No edema" in text.get_text() for text in timeline_figure(timeline).axes[0].texts)
    body_map_figure(timeline)


def test_figures_leave_no_global_state() -> None:
    track(COURSES["costa-2025"].exams).plot()
    assert plt.get_fignums() == []


def test_labels_never_overlap_and_stay_on_the_page() -> None:
    tops, sizes = [90.0, 89.0, 88.0, 10.0, 1.0], [10.0, 20.0, 10.0, 10.0, 10.0]
    placed = spread(tops, sizes, 0.0, 100.0)
    edges = [*placed[1:], 0.0]
    assert max(placed) <= 100
    assert all(top - size >= below - 1e-9 for top, size, below in zip(placed, sizes, edges, strict=True))


def test_labels_that_do_not_fit_are_squeezed() -> None:
    placed = spread([50.0] * 10, [20.0] * 10, 0.0, 100.0)
    assert placed == pytest.approx([100 - 10 * number for number in range(10)])


@pytest.mark.parametrize(
    ("day", "first", "label"),
    [
        (date(2020, 3, 1), True, "Mar 2020"),
        (date(2020, 5, 1), False, "May"),
        (date(2021, 1, 1), False, "2021"),
        (date(2020, 3, 15), False, "15 Mar"),
    ],
)
def test_the_first_tick_names_its_year(day: date, first: bool, label: str) -> None:
    assert month_label(day, first) == label


@pytest.mark.parametrize(
    ("days", "labels"), [((0,), ["2020-03-01"]), ((0, 40), ["2020-03-01", "2020-04-10"])]
)
def test_a_short_course_is_ticked_at_its_exams(days: tuple[int, ...], labels: list[str]) -> None:
    exams = [fake_result(Joint.KNEE, RIGHT, date(2020, 3, 1) + timedelta(d), {"patella": 4.0}) for d in days]
    (axes,) = timeline_figure(track(exams)).axes
    assert [axes.xaxis.get_major_formatter()(x) for x in axes.get_xticks()] == labels


def test_a_long_course_tells_its_first_year() -> None:
    exams = [
        fake_result(Joint.KNEE, RIGHT, date(2020, 3, 1) + timedelta(d), {"patella": 4.0}) for d in (0, 400)
    ]
    (axes,) = timeline_figure(track(exams)).axes
    low, high = axes.get_xlim()
    told = [axes.xaxis.get_major_formatter()(x) for x in axes.get_xticks() if low <= x <= high]
    assert told[0].endswith("2020")
    assert sum("2020" in label for label in told) == 1
