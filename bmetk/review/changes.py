"""What a reader changed, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bmetk.anatomy import Side
from bmetk.exam import ExamResult, RegionMeasurement
from bmetk.review.draft import Draft, finding_key
from bmetk.review.pieces import find_pieces


@dataclass(frozen=True, slots=True)
class RegionChange:
    """Edema of one region before and after the review, mL; None where nothing was measured."""

    region: str
    side: Side | None
    before_ml: float | None
    after_ml: float | None


@dataclass(frozen=True, slots=True)
class ExamChanges:
    """What was changed in one exam.

    ``added_ml`` and ``removed_ml`` are edema drawn and taken away, ``rejected_ml`` the part of the latter
    that whole lesions made up; ``findings`` are those whose verdict was turned.
    """

    regions: tuple[RegionChange, ...]
    added_ml: float
    removed_ml: float
    rejected_ml: float
    lesions_accepted: int
    lesions_rejected: int
    lesions_split: int
    findings: Mapping[str, bool]
    bones_changed_ml: float
    regions_changed_ml: float


def list_changes(draft: Draft, measured: ExamResult) -> ExamChanges:
    """List what separates a draft from its base.

    Parameters
    ----------
    draft : Draft
    measured : what `measure_draft` makes of it
    """
    assert draft.base.edema is not None
    before, after = draft.base.edema.array, draft.edema.array
    voxel_ml = draft.marks.grid.voxel_ml
    told = {finding_key(finding): finding.present for finding in draft.base.findings}
    return ExamChanges(
        regions=_region_changes(draft.base, measured),
        added_ml=float(np.count_nonzero(after & ~before)) * voxel_ml,
        removed_ml=float(np.count_nonzero(before & ~after)) * voxel_ml,
        rejected_ml=draft.rejected.volume_ml,
        lesions_accepted=len(draft.accepted),
        lesions_rejected=len(find_pieces(draft.rejected, draft)),
        lesions_split=len(draft.split),
        findings={key: held for key, held in draft.findings.items() if told.get(key) is not held},
        bones_changed_ml=_differing(draft.bones.labels.array, draft.base.bones.labels.array) * voxel_ml,
        regions_changed_ml=_differing(draft.regions.labels.array, draft.base.regions.labels.array) * voxel_ml,
    )


def _differing(one: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], other: object) -> int:
    return int(np.count_nonzero(one != other))


def _region_changes(before: ExamResult, after: ExamResult) -> tuple[RegionChange, ...]:
    then = {(row.region, row.side): row for row in before.measurements}
    pairs = [(then.get((row.region, row.side)), row) for row in after.measurements]
    return tuple(
        RegionChange(row.region, row.side, old.edema_ml if old else None, row.edema_ml)
        for old, row in pairs
        if _volume(old) != _volume(row)
    )


def _volume(row: RegionMeasurement | None) -> float | None:
    return None if row is None or row.edema_ml is None else round(row.edema_ml, 6)
