"""Measure again what a reader edited; with `pieces` the only place of the review that calls the edema stage.

An interval tells how far the images allow another outline, and the reader did not measure that. So
its width follows the volume in proportion: a region whose edema is halved keeps half the interval.
Where the program found no edema, the proportions of the exam's whole edema stand in, and where there
is none at all, those of ``USUAL_INTERVAL``. A region without edema left has none: 0 to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bmetk.anatomy import Label, Side
from bmetk.edema import EdemaMap, measure_regions
from bmetk.exam import ExamResult, Finding, RegionMeasurement
from bmetk.image import Mask
from bmetk.review.draft import Draft, finding_key
from bmetk.review.pieces import find_pieces, part_of, split_lesions

USUAL_INTERVAL = (0.8, 1.25)
"""Ends of an interval as shares of the volume, where no exam tells better."""

_LEAST_ML = 0.05  # below this an interval tells nothing of proportions


def measure_draft(draft: Draft) -> ExamResult:
    """Measure regions and lesions as the reader left them.

    Returns
    -------
    ExamResult
        The draft's base with the reader's edema, bones, regions, volumes, lesions and findings.
    """
    rows = _whole_rows(draft) if _regions_differ(draft) else draft.base.measurements
    return replace(
        draft.base,
        edema=draft.edema,
        bones=draft.bones,
        regions=draft.regions,
        measurements=_with_edema(rows, draft),
        lesions=split_lesions(draft, find_pieces(draft.edema, draft)),
        findings=tuple(_judged(finding, draft) for finding in draft.base.findings),
    )


def confidence(draft: Draft, piece: Mask) -> float | None:
    """Mean probability that the program gives to the voxels of a piece, 0 to 1; None where it has none."""
    probability = draft.base.probability
    if probability is None or not piece:
        return None
    return float(probability.array[piece.array].mean())


@dataclass(frozen=True, slots=True)
class _Proportion:
    """Ends of an interval as shares of the volume."""

    low: float
    high: float


def _regions_differ(draft: Draft) -> bool:
    return draft.regions is not draft.base.regions and not np.array_equal(
        draft.regions.labels.array, draft.base.regions.labels.array
    )


def _whole_rows(draft: Draft) -> tuple[RegionMeasurement, ...]:
    """Measure every region anew where the reader moved their borders; coverage is kept."""
    probability, ratio = (part_of(image, draft, None) for image in (draft.base.probability, draft.base.ratio))
    covered = Mask((ratio.array > 0) | (draft.marks.array > 0), draft.regions.grid)
    before = {_key(row): row for row in draft.base.measurements}
    expected = tuple(Label(row.region, row.side, row.bone) for row in before.values())
    found = EdemaMap(draft.edema, probability, ratio)
    rows = measure_regions(found, draft.regions, covered, expected)
    return tuple(_as_before(row, before.get(_key(row))) for row in rows)


def _as_before(row: RegionMeasurement, before: RegionMeasurement | None) -> RegionMeasurement:
    """Keep the coverage and the interval's proportions of a region whose borders moved."""
    if before is None or row.edema_ml is None:
        return row
    coverage = before.coverage if before.coverage > 0 else row.coverage
    return replace(
        row,
        coverage=coverage,
        edema_ml=before.edema_ml,
        edema_ml_low=before.edema_ml_low,
        edema_ml_high=before.edema_ml_high,
    )


def _with_edema(rows: tuple[RegionMeasurement, ...], draft: Draft) -> tuple[RegionMeasurement, ...]:
    """Put the reader's edema, mL, into the rows."""
    counts = np.bincount(draft.regions.labels.array[draft.edema.array], minlength=256)
    edema_ml = {
        (label.name, label.side): float(counts[value]) * draft.marks.grid.voxel_ml
        for value, label in draft.regions.meaning.items()
    }
    usual = _usual(draft.base)
    return tuple(_counted(row, edema_ml.get(_key(row), 0.0), usual) for row in rows)


def _counted(row: RegionMeasurement, edema_ml: float, usual: _Proportion) -> RegionMeasurement:
    if row.edema_ml is None and edema_ml == 0:
        return row
    own = _proportion(row) or usual
    same = row.edema_ml is not None and abs(edema_ml - row.edema_ml) < 1e-9
    low, high = (row.edema_ml_low, row.edema_ml_high) if same else (edema_ml * own.low, edema_ml * own.high)
    share = edema_ml / row.bone_ml if row.bone_ml else None
    return replace(row, edema_ml=edema_ml, edema_ml_low=low, edema_ml_high=high, edema_fraction=share)


def _proportion(row: RegionMeasurement) -> _Proportion | None:
    if not row.edema_ml or row.edema_ml < _LEAST_ML or row.edema_ml_low is None or row.edema_ml_high is None:
        return None
    return _Proportion(row.edema_ml_low / row.edema_ml, row.edema_ml_high / row.edema_ml)


def _usual(base: ExamResult) -> _Proportion:
    told = [row for row in base.measurements if _proportion(row) is not None]
    total = sum(row.edema_ml or 0.0 for row in told)
    if not told:
        return _Proportion(*USUAL_INTERVAL)
    low = sum(row.edema_ml_low or 0.0 for row in told) / total
    return _Proportion(low, sum(row.edema_ml_high or 0.0 for row in told) / total)


def _judged(finding: Finding, draft: Draft) -> Finding:
    return replace(finding, present=draft.findings.get(finding_key(finding), finding.present))


def _key(row: RegionMeasurement) -> tuple[str, Side | None]:
    return row.region, row.side
