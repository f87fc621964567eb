"""Measure again what a reader edited; the only place of the review that calls the edema stage.

An interval tells how far the images allow another outline, and the reader did not measure that. So
its width follows the volume in proportion: a region whose edema is halved keeps half the interval.
Where the program found no edema, the proportions of the exam's whole edema stand in, and where there
is none at all, those of ``USUAL_INTERVAL``. A region without edema left has none: 0 to 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bmetk.anatomy import Label
from bmetk.edema import EdemaMap, find_lesions, measure_regions
from bmetk.exam import ExamResult, Finding, Lesion, RegionMeasurement, Segmentation
from bmetk.image import Box, LabelMap, Mask, ScalarImage, crop_box, crop_grid
from bmetk.review.draft import Draft, Voxel, finding_key

USUAL_INTERVAL = (0.8, 1.25)
"""Ends of an interval as shares of the volume, where no exam tells better."""

_LEAST_ML = 0.05  # below this an interval tells nothing of proportions
_MARGIN_VOXELS = 9  # beyond this no lesion looks for the surface of its bone


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
        lesions=_split_lesions(draft, find_pieces(draft.edema, draft)),
        findings=tuple(_judged(finding, draft) for finding in draft.base.findings),
    )


def find_pieces(edema: Mask, draft: Draft) -> tuple[Lesion, ...]:
    """List the connected pieces of a mask as lesions, largest first."""
    if not edema:
        return ()
    box = _box(edema)
    return find_lesions(_found(_cut(edema, box), draft, box), _cut_labels(draft.regions, box))


def piece_at(edema: Mask, draft: Draft, near_mm: tuple[float, float, float]) -> Mask:
    """Select the connected piece of one bone's edema that lies nearest to a point, LPS mm.

    A mask without edema gives an empty one.
    """
    empty = np.zeros(edema.grid.shape, dtype=bool)
    if not edema:
        return Mask(empty, edema.grid)
    from bmetk.edema.pieces import connect

    box = _box(edema)
    part, labels = edema.array[box], draft.regions.labels.array[box]
    inside = np.argwhere(part & (labels > 0))
    if not len(inside):
        return Mask(empty, edema.grid)
    points = crop_grid(edema.grid, box).to_world(inside)
    nearest = tuple(inside[np.argmin(np.linalg.norm(points - np.asarray(near_mm), axis=1))])
    bone = _bone_of(draft.regions, int(labels[nearest]))
    pieces = connect(part & np.isin(labels, bone))
    empty[box] = pieces == pieces[nearest]
    return Mask(empty, edema.grid)


def lesion_piece(draft: Draft, lesion: Lesion) -> Mask:
    """Select the voxels of a lesion that `measure_draft` listed."""
    whole = piece_at(draft.edema, draft, lesion.centroid_mm)
    if abs(whole.volume_ml - lesion.volume_ml) < 0.5 * whole.grid.voxel_ml:
        return whole
    named = [v for v, label in draft.regions.meaning.items() if label.name in lesion.regions]
    part = whole.array & np.isin(draft.regions.labels.array, named)
    return Mask(part, whole.grid)


def anchor_of(piece: Mask) -> Voxel:
    """Choose the voxel of a non-empty piece that lies nearest to its middle."""
    inside = np.argwhere(piece.array)
    spacing = np.asarray(piece.grid.spacing_mm)
    s, r, c = inside[np.argmin(np.linalg.norm((inside - inside.mean(axis=0)) * spacing, axis=1))]
    return int(s), int(r), int(c)


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
    ratio = _part(draft.base.ratio, draft, None)
    covered = Mask((ratio.array > 0) | (draft.marks.array > 0), draft.regions.grid)
    before = {_key(row): row for row in draft.base.measurements}
    expected = tuple(Label(row.region, row.side, row.bone) for row in before.values())
    rows = measure_regions(_found(draft.edema, draft), draft.regions, covered, expected)
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
    """Put the reader's edema, mL, into the rows; only the box around it is counted."""
    edema_ml: Mapping[tuple[str, object], float] = {}
    if draft.edema:
        box = _box(draft.edema)
        edema = _cut(draft.edema, box)
        everywhere = Mask(np.ones(edema.grid.shape, dtype=bool), edema.grid)
        counted = measure_regions(_found(edema, draft, box), _cut_labels(draft.regions, box), everywhere)
        edema_ml = {_key(row): row.edema_ml or 0.0 for row in counted}
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


def _split_lesions(draft: Draft, lesions: tuple[Lesion, ...]) -> tuple[Lesion, ...]:
    """Cut the lesions that the reader split where they cross from region to region."""
    kept = list(lesions)
    for anchor in sorted(draft.split):
        if draft.edema.array[anchor]:
            _cut_in_place(kept, draft, anchor)
    kept.sort(key=lambda lesion: -lesion.volume_ml)
    return tuple(replace(lesion, id=number) for number, lesion in enumerate(kept, 1))


def _cut_in_place(lesions: list[Lesion], draft: Draft, anchor: Voxel) -> None:
    x, y, z = (float(mm) for mm in draft.marks.grid.to_world(anchor))
    piece = piece_at(draft.edema, draft, (x, y, z))
    whole = find_pieces(piece, draft)
    before = next((it for it in lesions if whole and _is_same(it, whole[0])), None)
    if before is None or len(before.regions) < 2:
        return
    lesions.remove(before)
    apart = {value: replace(label, bone=label.name) for value, label in draft.regions.meaning.items()}
    parts = find_pieces(piece, replace(draft, regions=Segmentation(draft.regions.labels, apart)))
    lesions += [replace(part, bone=before.bone) for part in parts]


def _is_same(one: Lesion, other: Lesion) -> bool:
    """Tell whether two descriptions are of one piece; they may come from different boxes."""
    return bool(np.allclose(one.centroid_mm, other.centroid_mm, atol=1e-3)) and one.bone == other.bone


def _judged(finding: Finding, draft: Draft) -> Finding:
    return replace(finding, present=draft.findings.get(finding_key(finding), finding.present))


def _key(row: RegionMeasurement) -> tuple[str, object]:
    return row.region, row.side


def _bone_of(regions: Segmentation, value: int) -> list[int]:
    """List the regions of the bone and side that one region belongs to."""
    own = regions.meaning[value]
    return [v for v, label in regions.meaning.items() if (label.bone, label.side) == (own.bone, own.side)]


def _box(mask: Mask) -> Box:
    return crop_box(mask.array, mask.grid, _MARGIN_VOXELS * max(mask.grid.spacing_mm))


def _cut(mask: Mask, box: Box) -> Mask:
    return Mask(mask.array[box], crop_grid(mask.grid, box))


def _cut_labels(regions: Segmentation, box: Box) -> Segmentation:
    return Segmentation(LabelMap(regions.labels.array[box], crop_grid(regions.grid, box)), regions.meaning)


def _found(edema: Mask, draft: Draft, box: Box | None = None) -> EdemaMap:
    """Give the reader's edema the form that the edema stage measures."""
    probability, ratio = (_part(image, draft, box) for image in (draft.base.probability, draft.base.ratio))
    return EdemaMap(edema, probability, ratio)


def _part(image: ScalarImage | None, draft: Draft, box: Box | None) -> ScalarImage:
    """Cut out a part of an image; 0 where the result came without it."""
    if image is None:
        image = ScalarImage(np.zeros(draft.marks.grid.shape, dtype=np.float32), draft.marks.grid)
    return image if box is None else ScalarImage(image.array[box], crop_grid(image.grid, box))
