"""The clinical course under the chart of volumes, on the same axis of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bmetk.report.words import COLOURS
from bmetk.tracking import ClinicalEntry, ClinicalKind, Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EPOCH = dt.date(1970, 1, 1)  # that of matplotlib's date axis
_COLOUR = {
    ClinicalKind.TREATMENT: COLOURS[0],
    ClinicalKind.SCORE: COLOURS[2],
    ClinicalKind.DXA: COLOURS[3],
    ClinicalKind.LAB: COLOURS[4],
    ClinicalKind.OUTCOME: "#444444",
    ClinicalKind.NOTE: "#444444",
}
_ORDER = tuple(_COLOUR)
_LETTER_SHARE = 0.0072
"""Width of a letter as a share of the axis."""

Row = tuple[str, tuple[ClinicalEntry, ...]]


def x_of(date: dt.date) -> float:
    """Place a date on matplotlib's axis, days."""
    return float((date - _EPOCH).days)


def clinical_rows(timeline: Timeline) -> list[Row]:
    """Sort the entries into rows: one each for what is measured, one a kind for what is told in words.

    Words that would run into each other go to a row of their own.
    """
    rows: list[Row] = []
    for kind in _ORDER:
        own = [entry for entry in timeline.clinical if entry.kind is kind]
        measured = dict.fromkeys(entry.what for entry in own if entry.value is not None)
        rows += [(what, tuple(e for e in own if e.what == what and e.value is not None)) for what in measured]
        words = [entry for entry in own if entry.value is None]
        lines = _lines_of(words, timeline)
        rows += [(kind.value if number == 0 else "", line) for number, line in enumerate(lines)]
    return rows


def _lines_of(entries: Sequence[ClinicalEntry], timeline: Timeline) -> list[tuple[ClinicalEntry, ...]]:
    days = [exam.date for exam in timeline.exams] + [entry.date for entry in timeline.clinical]
    length = max((max(days) - min(days)).days, 30)
    lines: list[list[ClinicalEntry]] = []
    for entry in entries:
        free = next((line for line in lines if _fits(line[-1], entry, length)), None)
        if free is None:
            lines.append([entry])
        else:
            free.append(entry)
    return [tuple(line) for line in lines]


def _fits(before: ClinicalEntry, after: ClinicalEntry, length_days: int) -> bool:
    start = max(before.date, before.end or before.date)
    return (after.date - start).days > (len(_said(before)) + 2) * _LETTER_SHARE * length_days


def _said(entry: ClinicalEntry) -> str:
    return entry.what if len(entry.what) <= 60 else f"{entry.what[:57]}..."


def draw_clinical(axes: Axes, above: Axes, timeline: Timeline) -> None:
    """Draw one row a score, laboratory value or kind, below the chart whose axis of time it shares."""
    rows = clinical_rows(timeline)
    axes.set_xlim(above.get_xlim())
    axes.set_ylim(len(rows), -0.4)
    for exam in timeline.exams:
        axes.axvline(x_of(exam.date), color="#d5d9df", linewidth=0.8, zorder=0)
    for number, (_, entries) in enumerate(rows):
        for entry in entries:
            _draw_entry(axes, number + 0.5, entry, late=_is_late(above, entry))
    axes.set_yticks([number + 0.5 for number in range(len(rows))])
    axes.set_yticklabels([name for name, _ in rows], fontsize=8.5, color="#444444")
    axes.tick_params(axis="y", length=0)
    for edge in ("right", "left"):
        axes.spines[edge].set_visible(False)
    axes.spines["top"].set_color("#d5d9df")


def _is_late(above: Axes, entry: ClinicalEntry) -> bool:
    """Tell whether the words would leave the page on the right."""
    low, high = above.get_xlim()
    return x_of(entry.date) + (len(_said(entry)) + 2) * _LETTER_SHARE * (high - low) > high


def _draw_entry(axes: Axes, y: float, entry: ClinicalEntry, *, late: bool) -> None:
    x, colour = x_of(entry.date), _COLOUR[entry.kind]
    if entry.end is not None:
        axes.plot([x, x_of(entry.end)], [y, y], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
    axes.plot(x, y, marker="|" if entry.value is None else "o", markersize=7, color=colour, zorder=3)
    words = _said(entry) if entry.value is None else f"{entry.value:g} {entry.unit or ''}".strip()
    axes.annotate(
        words,
        (x, y),
        xytext=(-5 if late else 5, 0),
        textcoords="offset points",
        ha="right" if late else "left",
        va="center",
        fontsize=8,
        color="#222222",
    )
