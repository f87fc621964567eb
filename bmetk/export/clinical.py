"""Read the clinical course from a file: one entry a line, or one visit a line with a column a score."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bmetk.errors import InputError, UnreadableFileError
from bmetk.export.plain import plain
from bmetk.tracking import ClinicalEntry, ClinicalKind

_FIELDS = ("date", "kind", "what", "value", "unit", "end")
_KIND_OF_WORD = {
    "treatment": ClinicalKind.TREATMENT,
    "therapy": ClinicalKind.TREATMENT,
    "drug": ClinicalKind.TREATMENT,
    "dxa": ClinicalKind.DXA,
    "t-score": ClinicalKind.DXA,
    "t_score": ClinicalKind.DXA,
    "bmd": ClinicalKind.DXA,
    "vas": ClinicalKind.SCORE,
    "lysholm": ClinicalKind.SCORE,
    "aofas": ClinicalKind.SCORE,
    "harris": ClinicalKind.SCORE,
    "score": ClinicalKind.SCORE,
    "outcome": ClinicalKind.OUTCOME,
    "note": ClinicalKind.NOTE,
    "comment": ClinicalKind.NOTE,
}
_SPELLINGS = {kind.value: kind for kind in ClinicalKind} | {
    "laboratory": ClinicalKind.LAB,
    "notes": ClinicalKind.NOTE,
}


def read_clinical(path: Path) -> tuple[ClinicalEntry, ...]:
    """Read a clinical course from CSV (a header line) or JSON (a list of objects), ordered by date.

    Every entry needs a ``date`` as YYYY-MM-DD. One that names its ``kind`` (treatment, score, dxa, lab,
    outcome, note) or says ``what`` is one entry, with ``value``, ``unit`` and ``end`` where there are any;
    what else it says is kept as it is. Any other line is a visit: each column is an entry by its name (VAS,
    Lysholm, AOFAS, T-score ..., treatment, notes; a number under another name is a laboratory value).

    Raises
    ------
    UnreadableFileError
        If the file cannot be read, or is neither CSV nor JSON.
    InputError
        If an entry has no date, one of another form, an unknown kind, or a value that is no number.
    """
    found = [
        entry
        for number, raw in enumerate(_raw_entries(path), start=1)
        for entry in _entries({str(k).strip(): v for k, v in raw.items()}, f"entry {number} of {path.name}")
    ]
    return tuple(sorted(found, key=lambda entry: entry.date))


def _raw_entries(path: Path) -> list[Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries = json.loads(text) if path.suffix.lower() == ".json" else _rows(text)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{path.name} cannot be read: give a CSV or JSON file in UTF-8") from error
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UnreadableFileError(
            f"{path.name} holds no list of entries; each needs a date and what was done"
        )
    return entries


def _rows(text: str) -> list[Mapping[str, Any]]:
    """Read CSV with a comma, or the semicolon of other languages."""
    header = text.split("\n", 1)[0]
    mark = ";" if header.count(";") > header.count(",") else ","
    rows = csv.DictReader(text.splitlines(), delimiter=mark, restkey="")
    return [{key: value for key, value in row.items() if key} for row in rows]


def _entries(raw: Mapping[str, Any], where: str) -> Iterator[ClinicalEntry]:
    said = {name: value for name, value in raw.items() if value not in ("", None)}
    if not said:
        return
    day = _day(raw.get("date"), where)
    if "kind" in said or "what" in said:
        yield _single(said, day, where)
        return
    for name, value in said.items():
        if name != "date":
            yield _of_column(name, value, day)


def _single(said: Mapping[str, Any], day: date, where: str) -> ClinicalEntry:
    kind = _SPELLINGS.get(str(said.get("kind", "note")).strip().lower())
    if kind is None:
        raise InputError(f"{where} has the kind {said['kind']!r}; known are {', '.join(ClinicalKind)}")
    value = _number(said.get("value"))
    if "value" in said and value is None:
        raise InputError(f"{where} has the value {said['value']!r}; write a number, and its unit under unit")
    return ClinicalEntry(
        date=day,
        kind=kind,
        what=str(said.get("what", kind.value)),
        value=value,
        unit=str(said["unit"]) if "unit" in said else None,
        end=_day(said["end"], where) if "end" in said else None,
        other={name: thing for name, thing in said.items() if name not in _FIELDS},
    )


def _of_column(name: str, value: Any, day: date) -> ClinicalEntry:
    """Tell from a column's name and value what its entry is about."""
    number, folded = _number(value), name.lower()
    named = next((kind for word, kind in _KIND_OF_WORD.items() if word in folded), None)
    kind = named or (ClinicalKind.NOTE if number is None else ClinicalKind.LAB)
    if number is None or kind in (ClinicalKind.TREATMENT, ClinicalKind.NOTE, ClinicalKind.OUTCOME):
        return ClinicalEntry(day, kind, str(value))
    return ClinicalEntry(day, kind, name, number)


def _number(value: Any) -> float | None:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _day(value: Any, where: str) -> date:
    try:
        return date.fromisoformat(str(value or "").strip())
    except ValueError as error:
        raise InputError(f"{where} has the date {value!r}; write it as YYYY-MM-DD") from error


def clinical_document(entry: ClinicalEntry) -> dict[str, Any]:
    """Describe an entry as ``timeline.json`` carries it, without what is not known."""
    document = {name: plain(getattr(entry, name)) for name in _FIELDS}
    told = {name: value for name, value in document.items() if value is not None}
    return {**plain(entry.other), **told}


def clinical_of(document: Mapping[str, Any]) -> tuple[ClinicalEntry, ...]:
    """Read the clinical course back from a ``timeline.json``; an older one tells of none.

    Raises
    ------
    InputError
        If an entry is damaged.
    """
    told = document.get("clinical", ())
    return tuple(entry for raw in told for entry in _entries(dict(raw), "timeline.json"))
