"""A schematic of the lower limbs with the sites of edema, their dates, and arrows where it went."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from bmetk.anatomy import Side
from bmetk.report.words import COLOURS, span, spoken, volume
from bmetk.tracking import Event, Migration, Timeline
from bmetk.tracking.migration import find_episodes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _FILL, _INK = "#8b95a3", "#f3f5f8", "#222222"
_PAGE_MM = (-580.0, 580.0, -975.0, 190.0)
_LABEL_X_MM = 310.0
_NAME_MM, _DETAIL_MM, _LABEL_GAP_MM = 21.0, 19.0, 12.0
_SHORT_MM = 90.0
_WIDTH_IN = 9.4

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Mark:
    """One region's onset on the map; ``episode`` counts from 0."""

    event: Event
    episode: int
    place: Point

    @property
    def colour(self) -> str:
        return COLOURS[self.episode % len(COLOURS)]


@cache
def _drawing() -> Mapping[str, Any]:
    """Read the outlines and sites of a left limb, made by ``benchmarks/training/make_outlines.py``."""
    text = (files("bmetk.report") / "data" / "body_map.json").read_text(encoding="utf-8")
    drawing: dict[str, Any] = json.loads(text)
    return drawing


def body_map_figure(timeline: Timeline) -> Figure:
    """Draw where edema showed and where it went, as seen from the front; feet from above."""
    from matplotlib.figure import Figure

    left, right, low, high = _PAGE_MM
    figure = Figure(figsize=(_WIDTH_IN, _WIDTH_IN * (high - low) / (right - left)), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.set_axis_off()
    _draw_bones(axes)
    episodes = find_episodes(timeline.events, int(timeline.settings["episode_days"]))
    marks = [mark for number, episode in enumerate(episodes) for mark in _marks(number, episode)]
    for migration in timeline.migrations:
        _draw_arrow(axes, migration)
    for mark in marks:
        _draw_mark(axes, mark)
    for side in (Side.RIGHT, Side.LEFT):
        _draw_labels(axes, [mark for mark in marks if mark.event.side is side], side)
    return figure


def place_of(region: str, side: Side | None) -> Point | None:
    """Find a region on the map, mm; None for a region or side that the map does not show."""
    site = _drawing()["sites"].get(region)
    if site is None or side not in (Side.RIGHT, Side.LEFT):
        return None
    x, y = site
    return (float(x) if side is Side.LEFT else -float(x)), float(y)


def _marks(number: int, episode: Sequence[Event]) -> Iterator[_Mark]:
    for event in episode:
        place = place_of(event.region, event.side)
        if place is not None:
            yield _Mark(event, number, place)


def _draw_bones(axes: Axes) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for name, polygons in _drawing()["outlines"].items():
        for mirror in (1,) if name == "pelvis" else (1, -1):
            rings = [[(mirror * x, y) for x, y in polygon] for polygon in polygons]
            path = Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))
            axes.add_patch(PathPatch(path, facecolor=_FILL, edgecolor=_LINE, linewidth=0.8))
    for x, word in ((-_LABEL_X_MM, "RIGHT"), (_LABEL_X_MM, "LEFT")):
        axes.text(x, 165, word, ha="center", va="center", fontsize=11, color="#666666", weight="bold")


def _draw_arrow(axes: Axes, migration: Migration) -> None:
    from matplotlib.patches import FancyArrowPatch

    start, end = (place_of(site.region, site.side) for site in (migration.origin, migration.target))
    if start is None or end is None:
        return
    bend = _bend(start, end)
    arrow = FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-|>,head_length=6,head_width=3",
        shrinkA=5,
        shrinkB=6,
        linewidth=1.6,
        color=_INK,
        zorder=7,
    )
    axes.add_patch(arrow)
    # An arc3 curve is highest half its bend away from the middle of the chord; y is up.
    reach = bend / 2 + (0.3 if abs(bend) > 1 else 0.0) * (1 if bend > 0 else -1)
    x = (start[0] + end[0]) / 2 + (end[1] - start[1]) * reach
    y = (start[1] + end[1]) / 2 - (end[0] - start[0]) * reach
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
    axes.text(x, y, span(migration.interval_days), fontsize=8.5, ha="center", va="center", bbox=box, zorder=8)


def _bend(start: Point, end: Point) -> float:
    """Bend short arrows much, so that they are seen, there above and back below.

    Long ones bend away from the midline.
    """
    across, down = end[0] - start[0], start[1] - end[1]
    if abs(across) + abs(down) < _SHORT_MM:
        return -1.3
    if start[0] * end[0] < 0:
        return -0.18 if across > 0 else 0.18
    return 0.42 if (start[0] < 0) == (down > 0) else -0.42


def _draw_mark(axes: Axes, mark: _Mark) -> None:
    diameter_pt = 4.0 + 1.4 * min(mark.event.edema_ml_after, 40.0) ** 0.5
    axes.plot(
        *mark.place,
        marker="o",
        markersize=diameter_pt,
        color=mark.colour,
        alpha=0.85,
        markeredgecolor="white",
        markeredgewidth=0.8,
        zorder=6,
    )


def _draw_labels(axes: Axes, marks: Sequence[_Mark], side: Side) -> None:
    """Write one label a region beside the limb, with a line for each time it showed."""
    outward = 1 if side is Side.LEFT else -1
    align: Literal["left", "right"] = "left" if outward > 0 else "right"
    x = outward * _LABEL_X_MM
    for place, y, onsets in _label_places(marks):
        colour = onsets[0].colour
        line = ([place[0], x - outward * 30, x - outward * 6], [place[1], y, y])
        axes.plot(*line, color=colour, linewidth=0.8, zorder=3)
        name = spoken(onsets[0].event.region)
        axes.text(x, y, name, ha=align, va="center", fontsize=10, color=_INK, weight="bold")
        for number, onset in enumerate(onsets):
            event = onset.event
            detail = f"{event.date:%Y-%m-%d} · {spoken(event.kind)} · {volume(event.edema_ml_after)} mL"
            below = y - _NAME_MM - number * _DETAIL_MM
            axes.text(x, below, detail, ha=align, va="center", fontsize=8.5, color=onset.colour)


def _label_places(marks: Sequence[_Mark]) -> Iterator[tuple[Point, float, list[_Mark]]]:
    by_place: dict[Point, list[_Mark]] = {}
    for mark in marks:
        by_place.setdefault(mark.place, []).append(mark)
    ordered = sorted(by_place.items(), key=lambda item: -item[0][1])
    sizes = [_NAME_MM + _DETAIL_MM * len(onsets) + _LABEL_GAP_MM for _, onsets in ordered]
    tops = spread([place[1] for place, _ in ordered], sizes, _PAGE_MM[2] + 10, _PAGE_MM[3] - 70)
    for (place, onsets), top in zip(ordered, tops, strict=True):
        yield place, top, onsets


def spread(tops: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels apart so that none overlaps: down from the top first, then up from the bottom.

    Parameters
    ----------
    tops : where each label would like its top, falling
    sizes : height of each label
    low, high : limits of the page; labels that do not fit between them are squeezed evenly
    """
    squeeze = min(1.0, (high - low) / max(sum(sizes), 1e-9))
    heights = [size * squeeze for size in sizes]
    placed: list[float] = []
    ceiling = high
    for top, size in zip(tops, heights, strict=True):
        placed.append(min(top + size / 3, ceiling))
        ceiling = placed[-1] - size
    floor = low
    for number in range(len(placed) - 1, -1, -1):
        placed[number] = max(placed[number], floor + heights[number])
        floor = placed[number]
    return placed
