"""What of a draft is drawn in which layer, and back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from napari.layers import Layer

from bmetk.image import LabelMap
from bmetk.review import Draft, with_marks
from napari_bmetk._frame import Frame


@dataclass(slots=True)
class ExamView:
    """The layers of one exam, what was ``seen`` of them, and what was ``noted`` at the last step of undo."""

    name: str
    frame: Frame
    layers: dict[str, Layer] = field(default_factory=dict)
    seen: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    noted: dict[str, LabelMap] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """How two states of labels on one grid differ: at which voxels, and what they held and hold."""

    index: npt.NDArray[np.intp]
    before: npt.NDArray[np.uint8]
    after: npt.NDArray[np.uint8]

    @classmethod
    def between(cls, before: LabelMap, after: LabelMap) -> Change:
        """Tell two states apart."""
        index = np.flatnonzero(before.array != after.array)
        return cls(index, before.array.ravel()[index], after.array.ravel()[index])

    def undone(self, labels: LabelMap) -> LabelMap:
        """Give the voxels what they held."""
        return self._with(labels, self.before)

    def redone(self, labels: LabelMap) -> LabelMap:
        """Give the voxels what they hold."""
        return self._with(labels, self.after)

    def _with(self, labels: LabelMap, values: npt.NDArray[np.uint8]) -> LabelMap:
        array = labels.array.copy()
        array.ravel()[self.index] = values
        return LabelMap(array, labels.grid)


def labels_of(draft: Draft, role: str) -> LabelMap:
    """Give the labels of a draft that a layer shows: ``edema``, ``bones`` or ``regions``."""
    return {"edema": draft.marks, "bones": draft.bones.labels, "regions": draft.regions.labels}[role]


def with_labels(draft: Draft, role: str, labels: LabelMap) -> Draft:
    """Put labels into the part of a draft that a role names."""
    if role == "edema":
        return with_marks(draft, labels.array)
    if role == "bones":
        return replace(draft, bones=replace(draft.bones, labels=labels))
    return replace(draft, regions=replace(draft.regions, labels=labels))


def edited(
    draft: Draft,
    role: str,
    frame: Frame,
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
) -> Draft:
    """Carry an edit of one layer to a draft."""
    labels = labels_of(draft, role)
    array = frame.take_back(labels.array, before, after)
    return with_labels(draft, role, LabelMap(array, labels.grid))
