"""A validation as files: tables, a picture and a page that agree, whole or not at all."""

from __future__ import annotations

import base64
import html
import json
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from bmetk.config import Settings
from bmetk.errors import OutputError, SettingsError
from bmetk.exam import ExamResult
from bmetk.simulate.population import POPULATIONS
from bmetk.validation import ValidationPlan, validate_to
from bmetk.validation.picture import draw_validation, draw_worst
from bmetk.validation.run import BoneScore, ExamScore, View
from tests.validation.standins import StandIn


def validate(out: Path, *, overwrite: bool = False, **plan) -> tuple[str, ...]:
    return validate_to(out, ValidationPlan(**plan), settings=Settings(), overwrite=overwrite)


def document(out: Path) -> dict:
    return json.loads((out / "validation.json").read_text(encoding="utf-8"))


def test_everything_is_written_and_says_the_same(stand_in: StandIn, tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines = validate(out, count=3)
    written = document(out)
    assert written["schema"] == "bmetk.validation/1"
    assert (written["population"], written["part"], written["count"]) == ("test", "all", 3)
    assert sorted(written["files"]) == sorted(path.name for path in out.iterdir())
    assert {figure["part"] for figure in written["figures"]} >= {"bones", "edema", "retest", "tracking"}
    page = (out / "report.html").read_text(encoding="utf-8")
    for line, figure in zip(lines, written["figures"], strict=True):
        assert figure["measure"] in line
        assert f"<td>{html.escape(figure['measure'])}</td>" in page
    picture = (out / "validation.png").read_bytes()
    assert f"data:image/png;base64,{base64.b64encode(picture).decode()}" in page


def test_exams_healthy_ones_and_pairs_are_as_many_as_promised(stand_in: StandIn, tmp_path: Path) -> None:
    validate(tmp_path / "out", count=5)
    assert set(pd.read_csv(tmp_path / "out/events.csv")["patient"]) <= {
        *(f"test-{n:04d}" for n in range(2)),
        *(f"test-week-{n:04d}" for n in range(2)),
    }
    names = pd.read_csv(tmp_path / "out/exams.csv")["name"]
    assert sum(names.str.fullmatch(r"test-\d{4}")) == 5
    assert sum(names.str.startswith("test-healthy-")) == 3
    assert sum(names.str.startswith("test-retest-")) == 2 * 2
    patients = document(tmp_path / "out")["patients"]
    assert [patient["name"] for patient in patients] == ["test-0000", "test-0001"]


def test_a_set_from_a_later_number_on_shares_no_one_with_the_first(stand_in: StandIn, tmp_path: Path) -> None:
    for first in (0, 3):
        validate(tmp_path / str(first), count=3, first=first)
    names = [set(pd.read_csv(tmp_path / str(first) / "exams.csv")["name"]) for first in (0, 3)]
    assert names[0].isdisjoint(names[1])
    assert {f"test-{n:04d}" for n in (3, 4, 5)} <= names[1]
    assert document(tmp_path / "3")["first"] == 3


def test_a_set_beyond_the_population_is_refused() -> None:
    with pytest.raises(SettingsError, match="--first must lie between 0 and 100000"):
        ValidationPlan(count=20, first=99_990)


@pytest.mark.parametrize(
    ("part", "parts"),
    [
        ("bones", {"bones", "time"}),
        ("edema", {"bones", "edema", "retest", "time"}),
        ("tracking", {"tracking", "tracker", "between exams"}),
    ],
)
def test_a_part_is_measured_alone_and_every_table_can_be_read(
    stand_in: StandIn, tmp_path: Path, part: str, parts: set[str]
) -> None:
    validate(tmp_path / "out", part=part, count=1, patients=1)
    assert {figure["part"] for figure in document(tmp_path / "out")["figures"]} == parts
    for name in ("exams", "bones", "regions"):
        assert "name" in pd.read_csv(tmp_path / f"out/{name}.csv").columns


def test_as_many_patients_are_tracked_as_asked_and_forty_where_the_tracker_alone_is_measured(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bmetk.validation.validate.TRACKED_PATIENTS", 3)
    validate(tmp_path / "usual", part="tracking", count=1, steps=tmp_path / "steps")
    made = len(stand_in.made)
    assert len(document(tmp_path / "usual")["patients"]) == 3
    assert len(list((tmp_path / "steps").glob("test-0*.json"))) == 3
    validate(tmp_path / "asked", part="tracking", count=1, patients=2, steps=tmp_path / "steps")
    assert len(document(tmp_path / "asked")["patients"]) == 2
    assert len(stand_in.made) == made + 2  # the bones between exams are not kept


def test_healthy_exams_have_no_lesions(stand_in: StandIn, tmp_path: Path) -> None:
    validate(tmp_path / "out", part="edema", count=1)
    lesions = [bool(exam.spec.lesions) for exam in stand_in.made]
    assert lesions == [True, False, True, True, False]  # an exam, a healthy one, a pair, a necrosis


@pytest.mark.parametrize("name", POPULATIONS)
def test_the_page_says_whether_anything_was_tuned_on_the_population(
    stand_in: StandIn, tmp_path: Path, name: str
) -> None:
    validate(tmp_path / "out", part="bones", count=1, population=name)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert f"on the {name} population" in page
    assert ("nothing was tuned on" in page) == (name == "test")


def test_a_part_that_is_not_known_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--part must be one of all, bones, edema, tracking, got 'knees'"):
        validate(tmp_path / "out", part="knees")
    assert not list(tmp_path.iterdir())


def test_a_population_that_is_not_known_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--population must be one of development, test, got 'everyone'"):
        validate(tmp_path / "out", population="everyone")
    assert not list(tmp_path.iterdir())


def test_a_validation_that_breaks_off_leaves_the_earlier_one(stand_in: StandIn, tmp_path: Path) -> None:
    def stop(truth: ExamResult) -> ExamResult:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    validate(out, part="bones", count=1)
    with pytest.raises(OutputError, match="--force"):
        validate(out, part="bones", count=1)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    stand_in.find = stop
    with pytest.raises(KeyboardInterrupt):
        validate(out, part="bones", count=1, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def _drawn(picture: bytes) -> np.ndarray:
    return matplotlib.image.imread(BytesIO(picture), format="png")


def test_the_picture_shows_what_it_is_given() -> None:
    bones = tuple(BoneScore(name, "right", 50.0, 0.9, 0.5, flagged=False) for name in ("femur", "tibia"))
    exams = [
        ExamScore("a", "knee", "right", true_ml=10.0, found_ml=12.0, dice=0.8, bones=bones),
        ExamScore("b", "knee", "right", true_ml=3.0, found_ml=2.0, dice=0.7, bones=bones),
        ExamScore("c", "knee", "right", failure="no bone was found"),
    ]
    some, none = _drawn(draw_validation(exams, [])), _drawn(draw_validation([], []))
    assert some.shape == none.shape == (462, 1430, 4)
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    counts = [int(np.isclose(image[..., :3], blue, atol=0.01).all(-1).sum()) for image in (some, none)]
    assert counts[0] > counts[1] + 100  # two dots in each of two plots, beside that of the legend


def test_the_worst_bones_are_drawn_with_both_outlines() -> None:
    true, found = np.zeros((40, 50), bool), np.zeros((40, 50), bool)
    true[10:30, 10:40] = found[12:32, 10:40] = True
    image = np.random.default_rng(3).random((40, 50)).astype(np.float32)
    view = View("left talus", 0.9, image, true, found, (0.8, 0.8))
    drawn, blank = _drawn(draw_worst("Worst bones", [("a", view)])), _drawn(draw_worst("Worst bones", []))
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        hits = [
            int(np.isclose(image[..., :3], np.array(colour) / 255, atol=0.02).all(-1).sum())
            for image in (drawn, blank)
        ]
        assert hits[0] > 100
        assert hits[1] == 0
