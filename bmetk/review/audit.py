"""An append-only record of who signed what: each line holds the hash of the line before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from bmetk.errors import OutputError, UnreadableFileError
from bmetk.export.plain import plain

AUDIT_FILE = "audit.jsonl"
_FIRST = "0" * 64


class Action(StrEnum):
    """What was done to a review."""

    SIGNED = "signed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the record.

    Parameters
    ----------
    action : what was done
    who : the reader, as typed
    when : with its time zone
    version : the version made by signing, or the one that was reopened; 0 is the program's own result
    from_version : the version that the review began from
    software : version of bmetk
    content : SHA-256 over the files of ``version``
    changes : by exam, what was changed and by how much
    note : the reader's own words
    before : SHA-256 of the line before
    """

    action: Action
    who: str
    when: datetime
    version: int
    from_version: int
    software: str
    content: str
    changes: Mapping[str, Any]
    note: str = ""
    before: str = _FIRST


def read_audit(folder: Path) -> tuple[AuditEntry, ...]:
    """Read the record of a review folder, and make sure that no line was changed or taken out.

    Raises
    ------
    UnreadableFileError
        If the record is damaged, or was changed after it was written.
    """
    before, entries = _FIRST, []
    for number, line in enumerate(_lines(folder), start=1):
        entry = _entry(line, number)
        if entry.before != before:
            raise UnreadableFileError(
                f"line {number} of {AUDIT_FILE} does not follow from the line before: the record was changed "
                "after it was written; take it back from a copy, or review the exam anew elsewhere"
            )
        entries.append(entry)
        before = _digest(line)
    return tuple(entries)


def append_audit(folder: Path, entry: AuditEntry) -> AuditEntry:
    """Add a line to the record; give it back with the hash of the line before.

    Raises
    ------
    UnreadableFileError
        If the record at hand is damaged.
    OutputError
        If the folder cannot be written.
    """
    read_audit(folder)
    lines = _lines(folder)
    document = plain(entry) | {
        "when": entry.when.astimezone(UTC).isoformat(timespec="seconds"),
        "before": _digest(lines[-1]) if lines else _FIRST,
    }
    line = json.dumps(document, ensure_ascii=False, allow_nan=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / AUDIT_FILE).open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(line + "\n")
            stream.flush()
    except OSError as error:
        raise OutputError(
            f"the audit log cannot be written ({error.strerror or error}): nothing was signed; "
            "make the result's folder writable, or copy it to one that is"
        ) from error
    return _entry(line, len(lines) + 1)


def _lines(folder: Path) -> list[str]:
    try:
        text = (folder / AUDIT_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"{AUDIT_FILE} cannot be read ({type(error).__name__}); take it back from a copy"
        ) from error
    return [line for line in text.split("\n") if line]


def _entry(line: str, number: int) -> AuditEntry:
    try:
        document = json.loads(line)
        when = datetime.fromisoformat(document.pop("when"))
        return AuditEntry(action=Action(document.pop("action")), when=when, **document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableFileError(
            f"line {number} of {AUDIT_FILE} is damaged; take the file back from a copy"
        ) from error


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8")).hexdigest()
