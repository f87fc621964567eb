"""Edema of each region in mL, with what was not imaged said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bmetk.anatomy import Label
from bmetk.edema.crossing import Claim, claims
from bmetk.edema.segment import EdemaMap
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.uncertainty import DOUBTFUL, SURE, IntervalModel, detection_limit_ml
from bmetk.exam import RegionMeasurement, Segmentation
from bmetk.image import Mask

_COUNTS = 256
_Counts = np.ndarray[tuple[int], np.dtype[np.intp]]
_GRADE_SHARES = (0.33, 0.66)


def measure_regions(
    found: EdemaMap | None,
    regions: Segmentation,
    covered: Mask,
    expected: Sequence[Label] = (),
    *,
    whole_ml: Mapping[Label, float] | None = None,
    settings: EdemaSettings | None = None,
) -> tuple[RegionMeasurement, ...]:
    """Measure the edema inside each region.

    Parameters
    ----------
    found : EdemaMap, or None where bones alone were asked for: then no edema is told
    regions : Segmentation on the grid of ``found``
    covered : Mask, where both series were acquired
    expected : regions that an exam of this joint should show; those not imaged get coverage 0
    whole_ml : volume of each region as far as its bone reaches, imaged or not, mL; coverage is the
        imaged part of it. Without it coverage is relative to what the fluid-sensitive series shows.
    settings : EdemaSettings that ``found`` was made with

    Raises
    ------
    GridMismatchError
        If the images do not share a grid.
    """
    regions.grid.require_match(covered.grid, "regions and coverage")
    if found is not None:
        regions.grid.require_match(found.edema.grid, "regions and edema")
    counts = _counts(found, regions, covered)
    claimed = {} if found is None else claims(found.edema & covered, regions)
    voxel_ml = regions.grid.voxel_ml
    limit_ml = detection_limit_ml(regions.grid, (settings or EdemaSettings()).minimal_ml)
    rows = {}
    for value, label in regions.meaning.items():
        drawn, imaged = counts["drawn"][value] * voxel_ml, counts["imaged"][value] * voxel_ml
        if imaged <= 0:
            continue
        whole = max((whole_ml or {}).get(label, drawn), imaged)
        coverage = imaged / whole
        row = RegionMeasurement(label.name, label.bone, label.side, float(coverage), bone_ml=float(imaged))
        if found is not None:
            row = replace(row, detection_limit_ml=limit_ml)
            claim = claimed.get(value, Claim())
            row = _with_edema(row, found, counts, value, claim, regions, covered)
        rows[label] = row
    for label in expected:
        rows.setdefault(label, RegionMeasurement(label.name, label.bone, label.side, 0.0))
    return tuple(rows.values())


def grade(fraction: float) -> int:
    """Grade the edematous share of a region as MOAKS does: 0 none, 1 below 33 %, 2 up to 66 %, 3 above.

    Hunter et al. 2011, doi:10.1016/j.joca.2011.05.004.
    """
    return 0 if fraction <= 0 else 1 + sum(fraction >= share for share in _GRADE_SHARES)


def _with_edema(
    row: RegionMeasurement,
    found: EdemaMap,
    counts: Mapping[str, _Counts],
    value: int,
    claim: Claim,
    regions: Segmentation,
    covered: Mask,
) -> RegionMeasurement:
    """Add the edema of one region to its row."""
    voxel_ml = regions.grid.voxel_ml
    smallest, edema, largest = (float(counts[n][value] * voxel_ml) for n in ("sure", "edema", "doubtful"))
    low, high = IntervalModel().interval_ml(edema, smallest, largest, claim)
    ratio = found.ratio.array[(regions.labels.array == value) & covered.array]
    fraction = edema / (row.bone_ml or 1.0)
    return replace(
        row,
        edema_ml=edema,
        edema_ml_low=low,
        edema_ml_high=min(high, row.bone_ml or high),
        edema_fraction=fraction,
        ratio_median=float(np.median(ratio)),
        grade=grade(fraction),
    )


def _counts(found: EdemaMap | None, regions: Segmentation, covered: Mask) -> dict[str, _Counts]:
    """Count voxels of each region: drawn, imaged by both series, and edema of the three outlines."""
    labels = regions.labels.array
    masks = {"imaged": covered.array}
    if found is not None:
        edema, probability = found.edema.array, found.probability.array
        masks |= {"edema": edema, "sure": edema & (probability >= SURE)}
        masks |= {"doubtful": edema | (probability >= DOUBTFUL)}
    counts = {
        name: np.bincount(labels[mask & covered.array], minlength=_COUNTS) for name, mask in masks.items()
    }
    counts["drawn"] = np.bincount(labels.ravel(), minlength=_COUNTS)
    return counts
