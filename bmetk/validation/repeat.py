"""Repeatability: the smallest change of a volume that is more than the scatter of repeated exams.

1.96 times the standard deviation of the differences between two exams of the same lesion (Bland and Altman
1986, doi:10.1016/S0140-6736(86)90837-8), of many what 95 % of them stay below (the same 1999,
doi:10.1177/096228029900800204): in mL for small lesions, as a share of their mean for larger ones, of its
root for the largest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import resources
from itertools import pairwise
from math import hypot, sqrt
from pathlib import Path

import numpy as np
import pandas as pd

from bmetk import __version__
from bmetk.errors import InputError
from bmetk.exam import ExamResult, half_width_ml
from bmetk.export import load_result, whole_folder
from bmetk.tracking import TrackingSettings
from bmetk.tracking.change import even_volume_ml
from bmetk.validation.run import ExamScore
from bmetk.validation.table import LEAST_ML, LESION_ML, Figure, figure_lines

VALIDATION_FILE = "validation.json"
VALIDATION_SCHEMA = "bmetk.validation/1"
_SIZES_ML = (LEAST_ML, LESION_ML, 5.0, 20.0, float("inf"))
_NORMAL = 1.96
_NORMAL_MEDIAN = 1.4826
"""Standard deviation of normal values over the median of their absolutes."""
_LEAST_PAIRS, _MANY_PAIRS = 3, 40
_SAME_VIEW = 0.1


@dataclass(frozen=True, slots=True)
class RegionPair:
    """Edema of one region in two exams of the same lesion, mL.

    ``interval_ml`` are the half widths of both intervals, joined in quadrature.
    """

    joint: str
    region: str
    first_ml: float
    second_ml: float
    interval_ml: float = 0.0

    @property
    def mean_ml(self) -> float:
        """Mean of both, mL."""
        return (self.first_ml + self.second_ml) / 2

    @property
    def difference_ml(self) -> float:
        """Second less first, mL."""
        return self.second_ml - self.first_ml


def pairs_of_scores(scores: Iterable[tuple[ExamScore, ExamScore]]) -> Iterator[RegionPair]:
    """Pair the regions of simulated exams that were repeated and not refused."""
    for first, second in scores:
        later = {(row.region, row.side): row.found_ml for row in second.regions}
        for row in first.regions:
            again = later.get((row.region, row.side))
            if row.found_ml is not None and again is not None:
                yield RegionPair(first.joint, row.region, row.found_ml, again)


def pairs_of_folders(root: Path) -> tuple[RegionPair, ...]:
    """Pair the regions of a site's own repeated scans.

    Parameters
    ----------
    root : holds one folder a lesion, each with two folders that ``bmetk analyze`` wrote

    Raises
    ------
    InputError
        If a folder does not hold two results, or none is there.
    """
    pairs: list[RegionPair] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        results = sorted(path for path in folder.iterdir() if (path / "exam.json").is_file())
        if len(results) != 2:
            raise InputError(
                f"{folder.name} holds {len(results)} results where a repeated exam has 2: "
                "put the two folders that 'bmetk analyze' wrote there"
            )
        first, second = (load_result(path) for path in results)
        pairs += pairs_of_results(first, second)
    if not pairs:
        raise InputError(f"{root.name} holds no repeated exams: one folder a lesion, two results in each")
    return tuple(pairs)


def pairs_of_results(first: ExamResult, second: ExamResult) -> Iterator[RegionPair]:
    """Pair the regions of two exams of the same lesion, of those that both show alike.

    Where one view shows a tenth more of a region than the other, the view makes the difference; the tracker
    widens for that by itself.
    """
    later = {(row.region, row.side): row for row in second.measurements}
    for row in first.measurements:
        again = later.get((row.region, row.side))
        if again is None or row.edema_ml is None or again.edema_ml is None:
            continue
        if abs(row.coverage - again.coverage) <= _SAME_VIEW:
            interval_ml = hypot(*(half_width_ml(one.edema_ml_low, one.edema_ml_high) for one in (row, again)))
            yield RegionPair(first.exam.joint, row.region, row.edema_ml, again.edema_ml, interval_ml)


def packaged_pairs() -> tuple[RegionPair, ...]:
    """Read the repeated regions that the tracker's defaults rest on.

    Simulated lesions of the development population, examined twice a week apart with another pose, coil,
    noise and protocol (`bmetk.simulate.population.retest_pair`), measured by the whole pipeline, which knows
    each exam in the other: regions where both found edema that is there; what one of them missed is no
    scatter.
    """
    with (resources.files("bmetk.validation") / "data" / "repeats.csv").open(encoding="utf-8") as stream:
        rows = pd.read_csv(stream).to_dict("records")
    return tuple(RegionPair(**{str(key): value for key, value in row.items()}) for row in rows)


def repeat_figures(pairs: Sequence[RegionPair]) -> Iterator[Figure]:
    """Smallest detectable change by the size of the lesion and by joint, of regions with edema."""
    counted = [pair for pair in pairs if pair.mean_ml >= LEAST_ML]
    for low, high in pairwise(_SIZES_ML):
        size = [pair for pair in counted if low <= pair.mean_ml < high]
        name = f"{low:g} to {high:g} mL" if np.isfinite(high) else f"above {low:g} mL"
        yield from _figure(f"smallest detectable change, {name}", size)
    for joint in dict.fromkeys(pair.joint for pair in counted):
        own = [pair for pair in counted if pair.joint == joint and pair.mean_ml >= LESION_ML]
        yield from _figure(f"smallest detectable change, {joint}", own)


def _figure(name: str, pairs: Sequence[RegionPair]) -> Iterator[Figure]:
    if len(pairs) < _LEAST_PAIRS:
        return
    yield Figure("retest", name, _NORMAL * _deviation([p.difference_ml for p in pairs]), "mL", len(pairs))
    shares = [100 * p.difference_ml / p.mean_ml for p in pairs]
    yield Figure("retest", name, _NORMAL * _deviation(shares), "%", len(pairs))


def _deviation(values: Sequence[float]) -> float:
    """Take the standard deviation about no difference."""
    return float(np.sqrt(np.mean(np.square(values))))


def _scatter(values: Sequence[float]) -> float:
    """Take the standard deviation, or what the median makes of it, where single failures raise the first."""
    return min(_deviation(values), _NORMAL_MEDIAN * float(np.median(np.abs(values))))


def tracking_lines(pairs: Sequence[RegionPair]) -> tuple[str, ...]:
    """Write the settings of the tracker that the pairs ask for, as lines of TOML for ``--config``.

    The tracker widens the smallest detectable change by the intervals of both volumes
    (`TrackingSettings.interval_weight`): what these stand for in the pairs is taken off.

    Raises
    ------
    InputError
        If there are too few pairs with edema.
    """
    even = partial(even_volume_ml, settings=TrackingSettings())
    large = [(pair, even(pair.mean_ml)) for pair in pairs if pair.mean_ml >= LESION_ML]
    small = [(pair, 1.0) for pair in pairs if LEAST_ML <= pair.mean_ml < LESION_ML]
    if len(large) < _LEAST_PAIRS:
        raise InputError(
            f"{len(large)} repeated regions hold {LESION_ML:g} mL of edema or more; "
            f"at least {_LEAST_PAIRS} are needed for a smallest detectable change"
        )
    lines = ["[tracking]", f"change_fraction = {min(1.0, _smallest(large)):.3f}"]
    if len(small) >= _LEAST_PAIRS:
        lines.append(f"change_ml = {max(0.01, _smallest(small)):.3f}")
    return tuple(lines)


def _smallest(pairs: Sequence[tuple[RegionPair, float]]) -> float:
    """Give the smallest detectable change, in the unit of each pair, beyond what its intervals tell.

    Of many pairs it is what 95 % of them stay below: their tails are heavier than normal ones.
    """
    weight = TrackingSettings().interval_weight
    if len(pairs) >= _MANY_PAIRS:
        beyond = [_beyond(abs(p.difference_ml), weight * p.interval_ml) / unit for p, unit in pairs]
        return float(np.percentile(beyond, 95, method="lower"))
    whole = _NORMAL * _scatter([pair.difference_ml / unit for pair, unit in pairs])
    return _beyond(whole, float(np.median([weight * pair.interval_ml / unit for pair, unit in pairs])))


def _beyond(whole: float, own: float) -> float:
    """Take off in quadrature what is known of a whole."""
    return sqrt(max(0.0, whole**2 - own**2))


def repeat_to(out: Path, root: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Measure repeatability on a site's own repeated scans and write it.

    Parameters
    ----------
    out : receives ``validation.json``, ``repeats.csv`` and ``tracking.toml`` for ``--config``, or nothing
    root : see `pairs_of_folders`

    Returns
    -------
    tuple of str, the table as lines of text

    Raises
    ------
    InputError
        If there are no repeated exams, or too few regions with edema in them.
    """
    pairs = pairs_of_folders(root)
    lines, figures = tracking_lines(pairs), tuple(repeat_figures(pairs))
    with whole_folder(out, VALIDATION_FILE, VALIDATION_SCHEMA, overwrite=overwrite) as staged:
        pd.DataFrame([asdict(pair) for pair in pairs]).to_csv(
            staged / "repeats.csv", index=False, lineterminator="\n"
        )
        (staged / "tracking.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        document = {
            "schema": VALIDATION_SCHEMA,
            "software": {"version": __version__},
            "part": "repeat",
            "count": len(pairs),
            "figures": [asdict(figure) for figure in figures],
            "files": ["repeats.csv", "tracking.toml", VALIDATION_FILE],
        }
        (staged / VALIDATION_FILE).write_text(json.dumps(document, indent=2), encoding="utf-8")
    return (*figure_lines(figures), *lines)
