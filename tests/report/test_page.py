"""The two pages: self-contained, readable without images, and without identity."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest

from bmetk.anatomy import Joint, Side
from bmetk.exam import Patient, SkippedExam
from bmetk.report import exam_page, timeline_page
from bmetk.report.words import interval, span, volume
from bmetk.tracking import track
from tests.export.fakes import small_result
from tests.tracking.courses import COURSES, RIGHT, fake_result, in_month, lesion

_VOID = {"meta", "img", "br", "link", "input", "hr"}


class _Reader(HTMLParser):
    """Collect tags and check that each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def exam() -> _Reader:
    return read(exam_page(small_result()))


@pytest.fixture(scope="module")
def course() -> _Reader:
    timeline = track(COURSES["koutserimpas-2025"].exams)
    return read(timeline_page(timeline, exam_pages=[timeline.exams[0].name]))


@pytest.mark.parametrize("name", ["exam", "course"])
def test_a_page_refers_to_no_network(name: str, request: pytest.FixtureRequest) -> None:
    for tag, attributes in request.getfixturevalue(name).tags:
        assert tag not in ("script", "link", "iframe")
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert "//" not in (attributes.get("href") or "")


@pytest.mark.parametrize("name", ["exam", "course"])
def test_a_page_can_be_read_without_seeing_it(name: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(name)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert images
    assert all(len(attributes["alt"] or "") > 20 for attributes in images)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    assert ("html", {"lang": "en"}) in page.tags
    assert [tag for tag, _ in page.tags].count("h1") == 1


@pytest.mark.parametrize("name", ["exam", "course"])
def test_a_page_says_what_it_is_not(name: str, request: pytest.FixtureRequest) -> None:
    assert "Research use only; not a medical device" in request.getfixturevalue(name).text


def test_the_exam_page_tells_volumes_findings_and_checks(exam: _Reader) -> None:
    for words in (
        "Right knee, 2019-03-04",
        "right medial femoral condyle: 9.2 mL [8.0–10.0], 36 % of the region",
        "not imaged",
        "fluid beside the condyles, 22.5 mL",
        "the series match",
        "bmetk 0.1.0",
        "T1, coronal, TR 550 ms, TE 12 ms",
    ):
        assert words in exam.text


def test_the_course_page_tells_events_and_migrations(course: _Reader) -> None:
    for words in (
        "Edema in 7 regions; 2 migrations",
        "right lateral femoral condyle",
        "122 days",
        "contralateral",
        "not imaged before",
        "resolved",
    ):
        assert words in course.text


def test_the_course_page_tells_what_was_left_out_before_the_course() -> None:
    timeline = track(COURSES["koutserimpas-2025"].exams)
    left_out = SkippedExam(Joint.FOOT, Side.LEFT, None, "no <b>STIR</b>", name="9_foot_left")
    text = read(timeline_page(replace(timeline, skipped=(left_out,)))).text
    assert "Exams left out no date, left foot (9_foot_left): no <b>STIR</b>" in text
    assert text.index("Exams left out") < text.index("Course by region")
    assert ", 1 left out" in text


def test_the_course_page_is_silent_on_exams_left_out_where_there_is_none(course: _Reader) -> None:
    assert "left out" not in course.text


def test_only_exams_with_a_page_are_linked(course: _Reader) -> None:
    links = {attributes["href"] for tag, attributes in course.tags if tag == "a"}
    assert links == {"1_hip_both/report.html"}


def test_no_identity_is_on_the_page() -> None:
    result = small_result()
    named = Patient("subject-1", "M", 41, "secret-key", {"name": "Doe^Jane", "id": "4711-99"})
    page = exam_page(replace(result, exam=replace(result.exam, patient=named)))
    for secret in ("Doe", "4711-99", "secret-key", "ab12"):
        assert secret not in re.sub(r"base64,[^\"]*", "", page)


def test_words_from_the_input_are_escaped() -> None:
    result = small_result()
    finding = replace(result.findings[0], message="<script>alert(1)</script>")
    page = exam_page(replace(result, findings=(finding,)))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_healthy_exam_and_bones_alone_say_so() -> None:
    result = small_result()
    healthy = tuple(replace(m, edema_ml=m.edema_ml and 0.0) for m in result.measurements)
    page = exam_page(replace(result, measurements=healthy, lesions=(), findings=(), quality=()))
    assert "No edema above the detection limit in the 2 imaged regions" in page
    bones = replace(result, edema=None, probability=None, ratio=None, measurements=(), lesions=())
    assert "edema was not measured" in exam_page(bones)


def test_an_exam_that_knows_little_of_itself_has_a_page() -> None:
    result = small_result()
    bare = replace(
        result.exam, side=None, date=None, patient=Patient(), t1=None, fluid=None, joint=Joint.OTHER
    )
    assert "no date" in exam_page(replace(result, exam=bare, settings={}, seconds={}))


def test_a_healthy_course_has_a_page() -> None:
    page = timeline_page(track([fake_result(Joint.KNEE, Side.RIGHT, in_month(1), {})]))
    assert "No edema above the detection limit at any exam" in page


def test_numbers_are_written_as_a_reader_expects() -> None:
    assert [volume(ml) for ml in (None, 0.0, 0.004, 0.42, 9.26)] == ["–", "0", "0", "0.42", "9.3"]
    assert interval(0.9, 12.0) == "[0.90–12.0]"
    assert interval(None, 1.0) == ""
    assert [span(days) for days in (31, 122, 1500)] == ["31 days", "4 months", "4.1 years"]


def test_lesions_that_are_specks_alone_are_not_listed() -> None:
    day = date(2020, 3, 1)
    lesions = (lesion(1, RIGHT, {"medial_femoral_condyle": 9.0}), lesion(2, RIGHT, {"patella": 0.2}))
    seen = fake_result(
        Joint.KNEE, RIGHT, day, {"medial_femoral_condyle": 9.0, "patella": 0.2}, lesions=lesions
    )
    timeline = track([seen])
    assert len(timeline.lesions) == 2
    text = read(timeline_page(timeline)).text
    followed = text[text.index("Lesions followed") :]
    assert "medial femoral condyle" in followed
    assert "patella" not in followed


def test_dates_stay_on_one_line(course: _Reader) -> None:
    cells = [attributes for tag, attributes in course.tags if tag == "td"]
    assert sum("date" in (each.get("class") or "") for each in cells) >= 5
