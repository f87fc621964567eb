"""The clinical course beside the images: treatments, scores, densitometry, laboratory values, notes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ClinicalKind(StrEnum):
    """What a clinical entry is about."""

    TREATMENT = "treatment"
    SCORE = "score"
    DXA = "dxa"
    LAB = "lab"
    OUTCOME = "outcome"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class ClinicalEntry:
    """One entry of the clinical course.

    ``value`` is a number where there is one, in ``unit``; ``end`` closes a treatment that lasted; ``other``
    carries whatever else the file said.
    """

    date: dt.date
    kind: ClinicalKind
    what: str
    value: float | None = None
    unit: str | None = None
    end: dt.date | None = None
    other: Mapping[str, object] = field(default_factory=dict)
