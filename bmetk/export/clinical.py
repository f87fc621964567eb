"""The clinical course beside the images: treatments, scores, laboratory values, free notes."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bmetk.errors import InputError, UnreadableFileError


def read_clinical(path: Path) -> tuple[dict[str, Any], ...]:
    """Read a clinical course from CSV (a header line) or JSON (a list of objects), ordered by date.

    Every entry needs a ``date`` as YYYY-MM-DD; what else it says is kept as it is.

    Raises
    ------
    UnreadableFileError
        If the file cannot be read, or is neither CSV nor JSON.
    InputError
        If an entry has no date, or one of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries = (
            json.loads(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
        )
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{path.name} cannot be read: give a CSV or JSON file in UTF-8") from error
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UnreadableFileError(
            f"{path.name} holds no list of entries; each needs a date and what was done"
        )
    dated = [_dated(entry, number, path.name) for number, entry in enumerate(entries, start=1)]
    return tuple(sorted(dated, key=lambda entry: str(entry["date"])))


def _dated(entry: Mapping[str, Any], number: int, name: str) -> dict[str, Any]:
    try:
        day = date.fromisoformat(str(entry.get("date", "")))
    except ValueError as error:
        raise InputError(
            f"entry {number} of {name} has the date {entry.get('date')!r}; write it as YYYY-MM-DD"
        ) from error
    return {
        "date": day.isoformat(),
        **{str(k): v for k, v in entry.items() if k != "date" and v not in ("", None)},
    }
