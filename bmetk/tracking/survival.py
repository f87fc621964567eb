"""Resolution in a cohort: Kaplan-Meier by region, with what is still there censored."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bmetk.tracking.timeline import Resolution, Timeline

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ResolutionCurve:
    """Share of sites still edematous against the time since onset.

    ``share`` with its 95 % interval holds from each of ``days`` on; ``median_days`` is None where fewer
    than half of the sites have resolved.
    """

    group: str
    sites: int
    resolved: int
    median_days: float | None
    days: tuple[float, ...]
    share: tuple[float, ...]
    share_low: tuple[float, ...]
    share_high: tuple[float, ...]


def resolution_curves(timelines: Iterable[Timeline]) -> tuple[ResolutionCurve, ...]:
    """Estimate the time to resolution by region, and over all, in a cohort.

    A site resolves somewhere between the last exam that shows edema and the first that does not; the
    middle of the two is taken. Sites that still show edema at their last exam are censored there. The
    estimate is that of Kaplan and Meier (1958, doi:10.1080/01621459.1958.10501452), by
    `scipy.stats.ecdf`, its interval that of the log-log transform.
    """
    return curves_of_sites(course for timeline in timelines for course in timeline.kinetics)


def curves_of_sites(sites: Iterable[Resolution]) -> tuple[ResolutionCurve, ...]:
    """Estimate the same of sites from anywhere, as a cohort's files; see `resolution_curves`."""
    groups: defaultdict[str, list[Resolution]] = defaultdict(list)
    for course in sites:
        groups["all"].append(course)
        groups[course.region].append(course)
    return tuple(_curve(group, courses) for group, courses in sorted(groups.items(), key=_largest_first))


def _largest_first(item: tuple[str, list[Resolution]]) -> tuple[int, str]:
    return -len(item[1]), "" if item[0] == "all" else item[0]


def _curve(group: str, courses: Sequence[Resolution]) -> ResolutionCurve:
    from scipy import stats

    gone = [c.resolved_midpoint_days for c in courses if c.resolved_midpoint_days is not None]
    there = [float(c.present_days) for c in courses if c.resolved_midpoint_days is None]
    if not gone:
        return ResolutionCurve(group, len(courses), 0, None, (), (), (), ())
    curve = stats.ecdf(stats.CensoredData(uncensored=gone, right=there)).sf
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no interval where nobody is left; see `_known`
        band = curve.confidence_interval(method="log-log")
    below = curve.quantiles[curve.probabilities <= 0.5]
    return ResolutionCurve(
        group=group,
        sites=len(courses),
        resolved=len(gone),
        median_days=float(below[0]) if len(below) else None,
        days=tuple(curve.quantiles.tolist()),
        share=tuple(curve.probabilities.tolist()),
        share_low=_known(band.low.probabilities, 0.0),
        share_high=_known(band.high.probabilities, 1.0),
    )


def _known(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], otherwise: float) -> tuple[float, ...]:
    """Put the widest bound where the log-log interval is not defined: at shares of 0 and 1."""
    return tuple(np.where(np.isfinite(values), values, otherwise).tolist())


def resolution_frame(curves: Iterable[ResolutionCurve]) -> pd.DataFrame:
    """Tabulate the curves, one row a step, as ``resolution.csv``; a group without steps has one empty row."""
    import pandas as pd

    columns = ["group", "sites", "resolved", "median_days", "days", "share", "share_low", "share_high"]
    empty: tuple[float | None, ...] = (None,) * 4
    rows = []
    for curve in curves:
        steps: list[tuple[float | None, ...]] = [
            *zip(curve.days, curve.share, curve.share_low, curve.share_high, strict=True)
        ]
        told = (curve.group, curve.sites, curve.resolved, curve.median_days)
        rows += [(*told, *step) for step in steps or [empty]]
    return pd.DataFrame(rows, columns=columns)
