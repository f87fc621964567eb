"""Resolution of a cohort as a figure: steps of Kaplan and Meier, by region."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bmetk.report.words import COLOURS, spoken
from bmetk.tracking import ResolutionCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALL, _INK = "all", "#222222"
_DPI = 110
_MOST_REGIONS = 6
_LEAST_SITES = 3
_DAYS_A_MONTH = 30.4375


def resolution_picture(curves: Sequence[ResolutionCurve]) -> bytes:
    """Draw the share of sites still edematous against the months since onset, as PNG.

    All sites with their 95 % interval, and the six regions with most sites, of those with three or more; a
    median is where a line meets one half.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.4), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    overall = [curve for curve in curves if curve.group == _ALL]
    regions = [curve for curve in curves if curve.group != _ALL and curve.sites >= _LEAST_SITES]
    for curve in overall:
        _draw(axes, curve, _INK, 2.2)
        _draw_band(axes, curve)
    for number, curve in enumerate(regions[:_MOST_REGIONS]):
        _draw(axes, curve, COLOURS[number % len(COLOURS)], 1.3)
    _dress(axes, any(curve.days for curve in overall))
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    return stream.getvalue()


def _draw(axes: Axes, curve: ResolutionCurve, colour: str, width: float) -> None:
    if not curve.days:
        return
    label = f"{spoken(curve.group)}: {curve.resolved} of {curve.sites} resolved"
    months = [0.0, *(day / _DAYS_A_MONTH for day in curve.days)]
    axes.step(months, [1.0, *curve.share], where="post", color=colour, linewidth=width, label=label)


def _draw_band(axes: Axes, curve: ResolutionCurve) -> None:
    if not curve.days:
        return
    months = [day / _DAYS_A_MONTH for day in curve.days]
    low, high = curve.share_low, curve.share_high
    axes.fill_between(months, low, high, step="post", color=_INK, alpha=0.1, linewidth=0)


def _dress(axes: Axes, told: bool) -> None:
    axes.set_ylim(0, 1.03)
    axes.set_xlim(left=0)
    axes.set_xlabel("months since onset")
    axes.set_ylabel("share of sites still edematous")
    axes.axhline(0.5, color="#d5d9df", linewidth=0.8, zorder=0)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    if told:
        axes.legend(frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    else:
        axes.text(0.5, 0.75, "No site was seen to resolve", transform=axes.transAxes, ha="center")
