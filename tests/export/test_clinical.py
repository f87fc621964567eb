"""The clinical course from a file, as people keep it: a line an entry, or a line a visit."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from bmetk.errors import InputError, UnreadableFileError
from bmetk.export import read_clinical
from bmetk.export.clinical import clinical_document
from bmetk.tracking import ClinicalEntry, ClinicalKind


def read(folder: Path, text: str, name: str = "course.csv") -> tuple[ClinicalEntry, ...]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_clinical(path)


def told(entries: tuple[ClinicalEntry, ...]) -> list[tuple[str, str, str, float | None]]:
    return [(str(e.date), e.kind.value, e.what, e.value) for e in entries]


def test_a_line_an_entry_is_read_in_time_order(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "date,kind,what,value,unit,end\n"
        "2020-05-01,lab,CRP,16.1,mg/L,\n"
        "2020-03-01,treatment,calcitonin,,,2020-05-01\n",
    )
    assert told(found) == [
        ("2020-03-01", "treatment", "calcitonin", None),
        ("2020-05-01", "lab", "CRP", 16.1),
    ]
    assert (found[0].end, found[1].unit) == (date(2020, 5, 1), "mg/L")


def test_a_line_a_visit_gives_an_entry_a_column(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "date;VAS;Lysholm;AOFAS;T-score lumbar spine;25-OH-D3;treatment;notes\n"
        "2020-03-01;9;;;-1,9;18.0;risedronate;limps\n"
        "2020-09-01;2;74;73;;;;\n",
    )
    assert told(found) == [
        ("2020-03-01", "score", "VAS", 9.0),
        ("2020-03-01", "dxa", "T-score lumbar spine", -1.9),
        ("2020-03-01", "lab", "25-OH-D3", 18.0),
        ("2020-03-01", "treatment", "risedronate", None),
        ("2020-03-01", "note", "limps", None),
        ("2020-09-01", "score", "VAS", 2.0),
        ("2020-09-01", "score", "Lysholm", 74.0),
        ("2020-09-01", "score", "AOFAS", 73.0),
    ]


def test_json_keeps_what_else_it_says(tmp_path: Path) -> None:
    entry = {"date": "2020-03-01", "kind": "score", "what": "VAS pain", "value": 9, "place": "knee"}
    (found,) = read(tmp_path, json.dumps([entry]), "course.json")
    assert clinical_document(found) == entry


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,kind,what\n03/2020,treatment,rest\n", "entry 1 of course.csv has the date '03/2020'"),
        ("date,kind,what\n2020-03-01,magic,rest\n", "has the kind 'magic'"),
        ("date,kind,what,value\n2020-03-01,lab,CRP,high\n", "has the value 'high'"),
        ("kind,what\ntreatment,rest\n", "has the date None"),
    ],
)
def test_what_cannot_be_read_is_refused_by_entry(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="holds no list"):
        read(tmp_path, '{"date": "2020-03-01"}', "course.json")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_clinical(tmp_path / "absent.csv")


def test_every_kind_has_a_name_that_is_read_back(tmp_path: Path) -> None:
    lines = "".join(f"2020-03-01,{kind},thing\n" for kind in ClinicalKind)
    assert [entry.kind for entry in read(tmp_path, "date,kind,what\n" + lines)] == list(ClinicalKind)
