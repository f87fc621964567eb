"""Lesions as the reader left them: connected pieces of edema, and what the program had measured of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bmetk.edema import EdemaMap, find_lesions
from bmetk.edema.lesion import DIFFUSE_SHARE, REACH_MM
from bmetk.edema.pieces import connect, connect_by_bone
from bmetk.edema.volume import boxes
from bmetk.exam import ExamResult, Lesion, Segmentation
from bmetk.image import Box, LabelMap, Mask, ScalarImage, crop_box, crop_grid
from bmetk.review.draft import Draft, Voxel
from bmetk.review.signal import drawn_contrast, drawn_water

_Bytes = npt.NDArray[np.uint8]
_KEPT = 512
_described: OrderedDict[bytes, Lesion] = OrderedDict()
"""Descriptions by what they rest on: a stroke changes one piece, and a large one takes long to describe."""


def find_pieces(edema: Mask, draft: Draft) -> tuple[Lesion, ...]:
    """List the connected pieces of a mask as lesions, largest first.

    A piece that the program found just so keeps its description. Share of water and contrast are those of the
    program's lesions that lie in the piece, by volume. Of what the reader alone drew, the images tell
    them (see `bmetk.review.signal`); without these they are None.
    """
    if not edema:
        return ()
    known = _Known.of(draft.base, draft.regions)
    lesions = [known.tell(piece, draft) for piece in _connected(edema, draft.regions)]
    lesions.sort(key=lambda lesion: -lesion.volume_ml)
    return tuple(replace(lesion, id=number) for number, lesion in enumerate(lesions, 1))


def piece_at(edema: Mask, draft: Draft, near_mm: tuple[float, float, float]) -> Mask:
    """Select the connected piece of one bone's edema that lies nearest to a point, LPS mm.

    A mask without edema gives an empty one.
    """
    empty = np.zeros(edema.grid.shape, dtype=bool)
    if not edema:
        return Mask(empty, edema.grid)
    box = crop_box(edema.array, edema.grid, 0.0)
    part, labels = edema.array[box], draft.regions.labels.array[box]
    inside = np.argwhere(part & (labels > 0))
    if not len(inside):
        return Mask(empty, edema.grid)
    points = crop_grid(edema.grid, box).to_world(inside)
    nearest = tuple(inside[np.argmin(np.linalg.norm(points - np.asarray(near_mm), axis=1))])
    numbers = _bone_numbers(draft.regions)[labels]
    pieces = connect(part & (numbers == numbers[nearest]))
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


def split_lesions(draft: Draft, lesions: tuple[Lesion, ...]) -> tuple[Lesion, ...]:
    """Cut the lesions that the reader split where they cross from region to region."""
    kept = list(lesions)
    for anchor in sorted(draft.split):
        if draft.edema.array[anchor]:
            _cut_in_place(kept, draft, anchor)
    kept.sort(key=lambda lesion: -lesion.volume_ml)
    return tuple(replace(lesion, id=number) for number, lesion in enumerate(kept, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """The voxels of one connected piece within its box."""

    box: Box
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The lesions of a result, voxel by voxel: ``numbers`` index ``lesions`` from 1."""

    numbers: npt.NDArray[np.uint16]
    sizes: Sequence[int]
    lesions: Sequence[Lesion]
    is_current: bool
    """Whether the regions are still those that the lesions were described with."""

    @classmethod
    def of(cls, base: ExamResult, regions: Segmentation) -> _Known:
        assert base.edema is not None
        numbers, sizes = np.zeros(base.edema.grid.shape, np.uint16), [0] * (len(base.lesions) + 1)
        for piece in _connected(base.edema, base.regions):
            middle = crop_grid(base.edema.grid, piece.box).to_world(np.argwhere(piece.mask).mean(axis=0))
            size = int(np.count_nonzero(piece.mask))
            for index, lesion in enumerate(base.lesions, 1):
                if _is_alike(lesion, size * base.edema.grid.voxel_ml, middle):
                    numbers[piece.box][piece.mask] = index
                    sizes[index] = size
        return cls(numbers, sizes, base.lesions, _is_one(base.regions, regions))

    def tell(self, piece: _Piece, draft: Draft) -> Lesion:
        """Describe a piece: as the program did where it is still the same voxels, else anew."""
        counts = np.bincount(self.numbers[piece.box][piece.mask], minlength=len(self.lesions) + 1)
        first = int(counts.argmax())
        if first and self.is_current and counts[first] == counts.sum() == self.sizes[first]:
            return self.lesions[first - 1]
        if counts[1:].any():
            water = self._mean(counts, [it.water_fraction for it in self.lesions])
            contrast = self._mean(counts, [it.contrast for it in self.lesions])
        else:
            contrast = drawn_contrast(draft, piece.box, piece.mask)
            water = drawn_water(draft, contrast)
        return replace(_describe(piece, draft), water_fraction=water, contrast=contrast)

    @staticmethod
    def _mean(counts: npt.NDArray[np.intp], values: Sequence[float | None]) -> float | None:
        told = [
            (float(count), value)
            for count, value in zip(counts[1:], values, strict=True)
            if count and value is not None
        ]
        total = sum(count for count, _ in told)
        return sum(count * value for count, value in told) / total if told else None


def _connected(edema: Mask, regions: Segmentation) -> list[_Piece]:
    """Cut a mask into pieces; what reaches the next bone is two things."""
    if not edema:
        return []
    around = crop_box(edema.array, edema.grid, 0.0)
    numbers = _bone_numbers(regions)[regions.labels.array[around]]
    labels = connect_by_bone(edema.array[around] & (numbers > 0), numbers)
    return [_Piece(_shifted(box, around), labels[box] == value) for value, box in boxes(labels, pad=0)]


def _is_one(one: Segmentation, other: Segmentation) -> bool:
    """Tell whether two segmentations say the same."""
    same = one.labels is other.labels or np.array_equal(one.labels.array, other.labels.array)
    return same and one.meaning == other.meaning


def _bone_numbers(regions: Segmentation) -> _Bytes:
    """Give all regions of a bone and side one number, by label."""
    bones = sorted({(label.bone, label.side or "") for label in regions.meaning.values()})
    table = np.zeros(256, np.uint8)
    for value, label in regions.meaning.items():
        table[value] = 1 + bones.index((label.bone, label.side or ""))
    return table


def _shifted(box: Box, around: Box) -> Box:
    s, r, c = (slice(o.start + b.start, o.start + b.stop) for b, o in zip(box, around, strict=True))
    return s, r, c


def _describe(piece: _Piece, draft: Draft) -> Lesion:
    """Describe a piece, from memory where nothing that it rests on has changed."""
    mask = np.zeros(draft.marks.grid.shape, dtype=bool)
    mask[piece.box] = piece.mask
    box = crop_box(mask, draft.marks.grid, REACH_MM)
    labels, ratio = draft.regions.labels.array[box], part_of(draft.base.ratio, draft, box)
    named = repr(sorted((value, str(label)) for value, label in draft.regions.meaning.items()))
    rests_on = (mask[box], labels, ratio.array[mask[box]], ratio.grid.affine)
    digest = hashlib.blake2b(f"{box}{named}".encode())
    for array in rests_on:
        digest.update(np.ascontiguousarray(array).tobytes())
    key = digest.digest()
    if key not in _described:
        regions = Segmentation(LabelMap(labels, ratio.grid), draft.regions.meaning)
        # The probability is not asked for in a description.
        (_described[key],) = find_lesions(EdemaMap(Mask(mask[box], ratio.grid), ratio, ratio), regions)
        while len(_described) > _KEPT:
            _described.popitem(last=False)
    _described.move_to_end(key)
    # Only a part of a region may lie in the box.
    return replace(_described[key], diffuse=_is_diffuse(_described[key], draft.regions))


def part_of(image: ScalarImage | None, draft: Draft, box: Box | None) -> ScalarImage:
    """Cut out a part of an image; 0 where the result came without it."""
    if image is None:
        image = ScalarImage(np.zeros(draft.marks.grid.shape, dtype=np.float32), draft.marks.grid)
    return image if box is None else ScalarImage(image.array[box], crop_grid(image.grid, box))


def _is_diffuse(lesion: Lesion, regions: Segmentation) -> bool:
    """Tell whether a lesion takes a third or more of a region."""
    for value, label in regions.meaning.items():
        share = lesion.regions.get(label.name, 0.0) if label.side == lesion.side else 0.0
        if share and label.bone == lesion.bone:
            whole_ml = float(np.count_nonzero(regions.labels.array == value)) * regions.grid.voxel_ml
            if share * lesion.volume_ml >= DIFFUSE_SHARE * whole_ml:
                return True
    return False


def _is_alike(lesion: Lesion, volume_ml: float, centroid_mm: npt.ArrayLike) -> bool:
    """Tell whether a lesion has a volume and a middle, as near as six digits of a file tell."""
    away = np.abs(np.subtract(lesion.centroid_mm, centroid_mm))
    return bool(np.isclose(lesion.volume_ml, volume_ml, rtol=2e-5, atol=1e-6) and away.max() <= 1e-2)


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
    """Tell whether two descriptions are of one piece."""
    return one.bone == other.bone and _is_alike(one, other.volume_ml, other.centroid_mm)
