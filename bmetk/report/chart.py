"""The course as a chart: one row a region, volumes with intervals, gaps where nothing was imaged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bmetk.report.clinical import clinical_rows, draw_clinical, x_of
from bmetk.report.words import sided, spoken, volume
from bmetk.tracking import Event, EventKind, RegionHistory, RegionPoint, Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = {
    EventKind.BASELINE: ("D", "#0072B2"),
    EventKind.NEW: ("^", "#D55E00"),
    EventKind.RECURRENT: ("*", "#D55E00"),
    EventKind.INCREASED: ("P", "#CC79A7"),
    EventKind.UNCHANGED: ("o", "#555555"),
    EventKind.DECREASED: ("v", "#009E73"),
    EventKind.RESOLVED: ("o", "#009E73"),
}
"""Shape and colour of each kind of event; a resolved one is hollow."""

_INK, _PALE, _FAINT = "#222222", "#8d95a1", "#d5d9df"
_DOTS = (0, (1.5, 3))
_SHORT_DAYS = 75
_ROW_IN, _FRAME_IN, _WIDTH_IN, _CLINICAL_ROW_IN = 0.62, 1.15, 11.0, 0.3


@dataclass(frozen=True, slots=True)
class _Scale:
    """Height on the page of volumes in one row."""

    floor: float
    top_ml: float

    def height(self, volume_ml: float | None) -> float:
        return self.floor - 0.62 * (volume_ml or 0.0) / self.top_ml


def regions_with_edema(timeline: Timeline) -> tuple[RegionHistory, ...]:
    """Select the regions that ever had an event."""
    told = {(event.region, event.side) for event in timeline.events}
    return tuple(history for history in timeline.regions if (history.region, history.side) in told)


def timeline_figure(timeline: Timeline) -> Figure:
    """Draw the course; each row has its own scale, with its largest volume written beside it."""
    from matplotlib.figure import Figure

    rows = regions_with_edema(timeline)
    height = _FRAME_IN + _ROW_IN * max(1, len(rows)) + _clinical_height_in(timeline)
    figure = Figure(figsize=(_WIDTH_IN, height), facecolor="white")
    height_in = figure.get_figheight()
    lower_in = 0.62 + (_clinical_height_in(timeline) if timeline.clinical else 0.0)
    axes = figure.add_axes((0.21, lower_in / height_in, 0.765, 1 - (lower_in + 0.53) / height_in))
    axes.set_ylim(len(rows) or 1, 0)
    _draw_exams(axes, timeline)
    if not rows:
        axes.text(0.5, 0.5, "No edema at any exam", transform=axes.transAxes, ha="center", va="center")
    for number, history in enumerate(rows):
        events = {event.exam: event for event in timeline.events if _is_of(event, history)}
        _draw_row(axes, number, history, events)
    _dress(axes, rows)
    lowest = axes
    if timeline.clinical:
        below = lowest = figure.add_axes(
            (0.21, 0.62 / height_in, 0.765, _clinical_height_in(timeline) / height_in)
        )
        draw_clinical(below, axes, timeline)
        axes.set_xticks([])
    _label_dates(lowest, timeline)
    _draw_legend(figure, timeline, height_in)
    return figure


def _clinical_height_in(timeline: Timeline) -> float:
    rows = clinical_rows(timeline)
    return _CLINICAL_ROW_IN * len(rows) + 0.3 if rows else 0.0


def _is_of(event: Event, history: RegionHistory) -> bool:
    return (event.region, event.side) == (history.region, history.side)


def _draw_exams(axes: Axes, timeline: Timeline) -> None:
    """Draw a line at each exam with its joint; labels that would collide go up one step."""
    days = sorted({exam.date for exam in timeline.exams})
    told = [*days, *(entry.date for entry in timeline.clinical), *(e.end for e in timeline.clinical if e.end)]
    length = max((max(told) - min(told)).days, 30)
    axes.set_xlim(x_of(min(told)) - 0.04 * length, x_of(max(told)) + 0.06 * length)
    last: dt.date | None = None
    step = 0
    for date in days:
        crowded = last is not None and (date - last).days < 0.085 * length
        step = (step + 1) % 3 if crowded else 0
        last = date
        exams = [exam for exam in timeline.exams if exam.date == date]
        label = " + ".join(f"{exam.joint.value} {(exam.side or '')[:1].upper()}".strip() for exam in exams)
        axes.axvline(x_of(date), color=_FAINT, linewidth=0.8, zorder=0)
        axes.annotate(
            label.replace(" B", " R+L"),
            (x_of(date), 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4 + 10 * step),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7.5,
            color="#444444",
        )


def _draw_row(axes: Axes, number: int, history: RegionHistory, events: dict[str, Event]) -> None:
    tops = [point.edema_ml_high or point.edema_ml or 0.0 for point in history.measured]
    scale = _Scale(number + 0.9, max([*tops, 0.1]))
    axes.axhline(scale.floor, color=_FAINT, linewidth=0.6, zorder=0)
    for before, after, seen in _steps(history):
        axes.plot(
            [x_of(before.date), x_of(after.date)],
            [scale.height(before.edema_ml), scale.height(after.edema_ml)],
            color=_INK if seen else _PALE,
            linewidth=1.2 if seen else 0.9,
            linestyle="-" if seen else _DOTS,
            zorder=2,
        )
    for point in history.measured:
        _draw_point(axes, point, scale, events.get(point.exam))


def _steps(history: RegionHistory) -> Iterator[tuple[RegionPoint, RegionPoint, bool]]:
    """Yield consecutive measured points, and whether no exam in between missed the region."""
    order = {point.exam: number for number, point in enumerate(history.points)}
    for before, after in pairwise(history.measured):
        yield before, after, order[after.exam] == order[before.exam] + 1


def _draw_point(axes: Axes, point: RegionPoint, scale: _Scale, event: Event | None) -> None:
    x, y = x_of(point.date), scale.height(point.edema_ml)
    if event is None:
        axes.plot(x, y, marker="o", markersize=3.5, color="white", markeredgecolor=_PALE, zorder=3)
        return
    marker, colour = MARKS[event.kind]
    hollow = event.kind is EventKind.RESOLVED
    ends = [scale.height(ml) for ml in (point.edema_ml_low, point.edema_ml_high) if ml is not None]
    if len(ends) == 2 and not hollow:
        axes.plot([x, x], ends, color=colour, linewidth=3.5, alpha=0.35, solid_capstyle="butt", zorder=2)
    face = "white" if hollow else colour
    size = 10 if marker == "*" else 7
    axes.plot(
        x,
        y,
        marker=marker,
        markersize=size,
        color=face,
        markeredgecolor=colour,
        markeredgewidth=1.3,
        zorder=4,
    )
    axes.annotate(
        volume(point.edema_ml),
        (x, y),
        xytext=(6, 6),
        textcoords="offset points",
        fontsize=8,
        va="center",
        color=_INK,
        zorder=5,
    )


def _dress(axes: Axes, rows: tuple[RegionHistory, ...]) -> None:
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
    axes.set_yticks([number + 0.6 for number in range(len(rows))])
    axes.set_yticklabels([sided(row.region, row.side) for row in rows], fontsize=9)
    axes.tick_params(axis="y", length=0)


def _label_dates(axes: Axes, timeline: Timeline) -> None:
    """Tick months, or years, the first with its year; in a short course the days of the exams."""
    from matplotlib.dates import AutoDateLocator
    from matplotlib.ticker import FixedLocator, FuncFormatter

    days = sorted({exam.date for exam in timeline.exams})
    low, high = axes.get_xlim()
    if high - low < _SHORT_DAYS:
        apart = [
            day for n, day in enumerate(days) if n == 0 or x_of(day) - x_of(days[n - 1]) > 0.12 * (high - low)
        ]
        axes.xaxis.set_major_locator(FixedLocator([x_of(day) for day in apart]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{_day_of(x):%Y-%m-%d}"))
    else:
        locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        ticks = [x for x in locator() if low <= x <= high]
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: month_label(_day_of(x), x == min(ticks))))
    axes.tick_params(axis="x", labelsize=8.5)


def _day_of(x: float) -> dt.date:
    from matplotlib.dates import num2date

    day: dt.date = num2date(x).date()  # type: ignore[no-untyped-call]
    return day


def month_label(day: dt.date, first: bool) -> str:
    """Write a tick: the year at its beginning, else the month, with the year at the first tick."""
    if (day.month, day.day) == (1, 1):
        return f"{day:%Y}"
    month = f"{day:%b}" if day.day == 1 else f"{day.day} {day:%b}"
    return f"{month} {day:%Y}" if first else month


def _draw_legend(figure: Figure, timeline: Timeline, height_in: float) -> None:
    from matplotlib.lines import Line2D

    kinds = [kind for kind in EventKind if any(event.kind is kind for event in timeline.events)]
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=MARKS[kind][0],
            markersize=9 if MARKS[kind][0] == "*" else 6.5,
            color="white" if kind is EventKind.RESOLVED else MARKS[kind][1],
            markeredgecolor=MARKS[kind][1],
            label=spoken(kind.value),
        )
        for kind in kinds
    ]
    bridged = any(not seen for history in regions_with_edema(timeline) for *_, seen in _steps(history))
    if bridged:
        handles.append(Line2D([], [], color=_PALE, linestyle=_DOTS, label="not imaged in between"))
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.55, 0.02 / height_in),
        ncols=max(1, len(handles)),
        frameon=False,
        fontsize=8.5,
        handletextpad=0.3,
        columnspacing=1.4,
    )
