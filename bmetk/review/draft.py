"""One exam under review: the result that it began with, and what the reader made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from bmetk.errors import MissingSeriesError
from bmetk.exam import ExamResult, Finding, Segmentation
from bmetk.image import LabelMap, Mask

Voxel = tuple[int, int, int]
"""Slice, row and column index: an anchor that keeps its lesion while lesions are renumbered."""


class Mark(IntEnum):
    """What a voxel of the reader's edema means; a rejected one is kept, so that it can come back."""

    NONE = 0
    EDEMA = 1
    REJECTED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What a reader made of one exam.

    Parameters
    ----------
    base : the program's result, or the version signed last
    marks : `Mark` values on the grid of ``base``
    bones, regions : as the reader left them
    accepted : anchors of the lesions that were accepted
    split : anchors of the lesions that are cut where they cross from region to region
    findings : by `finding_key`, whether the reader holds it to be present

    Raises
    ------
    GridMismatchError
        If the images do not share the grid of ``base``.
    """

    base: ExamResult
    marks: LabelMap
    bones: Segmentation
    regions: Segmentation
    accepted: frozenset[Voxel] = frozenset()
    split: frozenset[Voxel] = frozenset()
    findings: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = {"marks": self.marks.grid, "bones": self.bones.grid, "regions": self.regions.grid}
        for what, grid in parts.items():
            self.base.bones.grid.require_match(grid, f"the result and the edited {what}")

    @property
    def edema(self) -> Mask:
        """The voxels that count."""
        return self.marks.mask(Mark.EDEMA)

    @property
    def rejected(self) -> Mask:
        """The voxels that the reader rejected."""
        return self.marks.mask(Mark.REJECTED)


def begin(result: ExamResult) -> Draft:
    """Begin to review a result; nothing is changed yet.

    Raises
    ------
    MissingSeriesError
        If the result holds bones alone: there is no edema to review.
    """
    if result.edema is None:
        raise MissingSeriesError(
            "this result holds bones alone, without edema to review; analyse the study with its "
            "fluid-sensitive series"
        )
    marks = LabelMap(result.edema.array.astype(np.uint8), result.edema.grid)
    return Draft(result, marks, result.bones, result.regions)


def with_marks(draft: Draft, array: npt.NDArray[np.uint8]) -> Draft:
    """Put other marks, shape (S, R, C), in the place of the draft's."""
    return replace(draft, marks=LabelMap(array, draft.marks.grid))


def finding_key(finding: Finding) -> str:
    """Name a finding within its exam."""
    return f"{finding.kind}/{finding.side or ''}"


def with_finding(draft: Draft, finding: Finding, present: bool) -> Draft:
    """Tick or strike a finding."""
    return replace(draft, findings={**draft.findings, finding_key(finding): present})


def is_touched(draft: Draft) -> bool:
    """Tell whether the reader changed or decided anything."""
    if draft.accepted or draft.split or draft.findings:
        return True
    assert draft.base.edema is not None
    return not (
        np.array_equal(draft.marks.array, draft.base.edema.array)
        and np.array_equal(draft.bones.labels.array, draft.base.bones.labels.array)
        and np.array_equal(draft.regions.labels.array, draft.base.regions.labels.array)
    )
