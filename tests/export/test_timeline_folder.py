"""The folder of a course."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from bmetk.errors import OutputError
from bmetk.export import load_result, save_result, save_timeline, timeline_document
from bmetk.tracking import track
from tests.export.fakes import small_result
from tests.tracking.courses import COURSES


def test_the_document_has_the_fields_of_the_contract() -> None:
    document = timeline_document(track(COURSES["jimenez-martin-2019"].exams))
    assert document["schema"] == "bmetk.timeline/1"
    json.dumps(document, allow_nan=False)
    talus = next(r for r in document["regions"] if (r["region"], r["side"]) == ("talus", "right"))
    assert [point["state"] for point in talus["points"]] == ["not_imaged"] * 2 + ["measured"] + [
        "not_imaged"
    ] * 3
    assert {"date", "exam", "edema_ml", "edema_ml_low", "edema_ml_high"} <= set(talus["points"][0])
    event_fields = {
        "date", "kind", "side", "region", "previous_date", "previously_imaged",
        "edema_ml_before", "edema_ml_after", "change_over_sdc",
    }  # fmt: skip
    assert all(event_fields <= set(event) for event in document["events"])
    move = document["migrations"][1]
    assert (len(move.pop("path")), move.pop("episode")) == (5, 3)
    assert move == {
        "from": {"side": "right", "region": "medial_femoral_condyle", "date": "2015-07-15"},
        "to": {"side": "right", "region": "talus", "date": "2015-08-15"},
        "interval_days": 31,
        "relation": "same_limb",
    }


def test_a_course_is_written_with_its_exams_and_read_back(tmp_path: Path) -> None:
    first = small_result()
    second = replace(first, exam=replace(first.exam, date=date(2019, 9, 1)))
    save_result(first, tmp_path / "analysed")
    results = [load_result(tmp_path / "analysed"), second]
    timeline = track(results)
    names = [exam.name for exam in timeline.exams]
    save_timeline(
        timeline,
        tmp_path / "out",
        exams={names[0]: tmp_path / "analysed", names[1]: second},
        exam_files={names[1]: {"report.html": "exam"}},
        extra_files={"report.html": "course"},
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "timeline.json", "timeline.csv", "report.html", *names,
    }  # fmt: skip
    again = track([load_result(tmp_path / "out" / name) for name in names])
    # One of the two came with its images: read back, its bones are registered by surfaces alone.
    assert replace(again, matches=()) == replace(timeline, matches=())
    table = pd.read_csv(tmp_path / "out/timeline.csv")
    assert set(table["exam"]) == set(names)
    assert (tmp_path / "out" / names[1] / "report.html").read_text() == "exam"
    with pytest.raises(OutputError, match="already holds"):
        save_timeline(timeline, tmp_path / "out")
    save_timeline(timeline, tmp_path / "out", overwrite=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"timeline.json", "timeline.csv"}


def test_the_timeline_saves_itself(tmp_path: Path) -> None:
    track(COURSES["vaishya-tmo-hip-talus"].exams).save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "timeline.json",
        "timeline.csv",
        "report.html",
    }
