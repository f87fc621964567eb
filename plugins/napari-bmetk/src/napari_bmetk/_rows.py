"""The table's rows: what each region and lesion is called and how it is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmetk import ExamResult, Timeline
from bmetk.anatomy import Side
from bmetk.exam import Lesion, RegionMeasurement
from bmetk.report.words import volume
from bmetk.review import Draft, confidence, find_pieces, lesion_piece, piece_at
from napari_bmetk import _texts as texts
from napari_bmetk._layers import exam_title

Point = tuple[float, float, float]
_LEAST_SHOWN_ML = 0.01  # specks that an eraser left count, but each is not a row


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an exam, a region, one of its lesions, or a rejected lesion.

    ``point_mm`` is where to look for a lesion, LPS; for a region see `region_point`.
    """

    exam: str
    cells: tuple[str, ...]
    region: RegionMeasurement | None = None
    lesion: Lesion | None = None
    point_mm: Point | None = None
    is_rejected: bool = False

    @property
    def what(self) -> str:
        """Name of the row in a sentence."""
        return self.cells[0].strip()

    @property
    def is_exam(self) -> bool:
        """Whether the row is the title of an exam."""
        return self.region is None and self.lesion is None

    @property
    def is_imaged(self) -> bool:
        """Whether there is anything to look at."""
        return self.region is None or self.region.coverage > 0


class Rows:
    """Makes the rows of an exam; remembers what a lesion's voxels told, until they change."""

    def __init__(self) -> None:
        self._told: dict[tuple[object, ...], tuple[float | None, Point, bool]] = {}

    def of_exam(
        self, name: str, result: ExamResult, draft: Draft | None, timeline: Timeline | None
    ) -> list[Row]:
        """List regions, largest edema first, each followed by its lesions; rejected lesions last."""
        rows = [Row(name, (exam_title(result.exam), *[""] * (len(texts.COLUMNS) - 1)))]
        for measured in sorted(result.measurements, key=lambda row: -(row.edema_ml or 0.0)):
            rows.append(_region_row(name, measured, timeline))
            rows += [
                self._lesion_row(name, lesion, draft)
                for lesion in result.lesions
                if _home(lesion) == (measured.region, measured.side) and lesion.volume_ml >= _LEAST_SHOWN_ML
            ]
        if draft is not None:
            rows += [_rejected_row(name, piece, draft) for piece in find_pieces(draft.rejected, draft)]
        return rows

    def _lesion_row(self, name: str, lesion: Lesion, draft: Draft | None) -> Row:
        sure, point, accepted = self._look_up(name, lesion, draft)
        split = draft is not None and bool(draft.split) and _is_part(lesion, draft)
        verdict = texts.ACCEPTED if accepted else texts.SPLIT if split else ""
        told = "" if sure is None else texts.BY_READER if sure < 0.05 else f"{sure:.0%}"
        cells = (
            texts.LESION.format(number=lesion.id),
            _side(lesion.side),
            volume(lesion.volume_ml),
            "",
            told,
            verdict,
        )
        return Row(name, cells, lesion=lesion, point_mm=point)

    def _look_up(self, name: str, lesion: Lesion, draft: Draft | None) -> tuple[float | None, Point, bool]:
        if draft is None:
            return None, lesion.centroid_mm, False
        key = (name, lesion.centroid_mm, lesion.volume_ml, draft.accepted)
        if key not in self._told:
            piece = lesion_piece(draft, lesion)
            accepted = any(piece.array[anchor] for anchor in draft.accepted)
            self._told[key] = confidence(draft, piece), _inside(piece.array, draft, lesion), accepted
        return self._told[key]


def _region_row(name: str, measured: RegionMeasurement, timeline: Timeline | None) -> Row:
    cells = (
        spoken(measured.region),
        _side(measured.side),
        write_volume(measured),
        _change(name, measured, timeline),
        "" if measured.coverage >= 0.995 or measured.edema_ml is None else f"{measured.coverage:.0%} imaged",
        "",
    )
    return Row(name, cells, region=measured)


def _rejected_row(name: str, piece: Lesion, draft: Draft) -> Row:
    cells = (
        texts.REJECTED_ROW,
        _side(piece.side),
        f"({volume(piece.volume_ml)})",
        "",
        "",
        texts.REJECTED,
    )
    mask = piece_at(draft.rejected, draft, piece.centroid_mm)
    point = _inside(mask.array, draft, piece)
    return Row(name, cells, lesion=piece, point_mm=point, is_rejected=True)


def spoken(name: str) -> str:
    """Write a name of the product as the first words of a cell."""
    return name.replace("_", " ").capitalize()


def write_volume(measured: RegionMeasurement) -> str:
    """Write a volume with its interval; a dash where nothing was measured, never 0."""
    if measured.edema_ml is None:
        return "– not imaged" if measured.coverage == 0 else "–"
    if measured.edema_ml_low is None or measured.edema_ml_high is None:
        return volume(measured.edema_ml)
    low, high = volume(measured.edema_ml_low), volume(measured.edema_ml_high)
    return f"{volume(measured.edema_ml)} ({low}–{high})"


def region_point(result: ExamResult, measured: RegionMeasurement) -> Point | None:
    """Find where to look, LPS mm: the region's largest lesion, or the middle of the region itself."""
    lesions = [
        it for it in result.lesions if measured.region in it.regions and it.side in (measured.side, None)
    ]
    if lesions:
        return max(lesions, key=lambda lesion: lesion.regions[measured.region]).centroid_mm
    for value, label in result.regions.present().items():
        if (label.name, label.side) == (measured.region, measured.side):
            inside = np.argwhere(result.regions.labels.array == value)
            x, y, z = (float(mm) for mm in result.regions.grid.to_world(inside.mean(axis=0)))
            return x, y, z
    return None


def _change(name: str, measured: RegionMeasurement, timeline: Timeline | None) -> str:
    """Write what happened to the region since its last measured exam."""
    if timeline is None:
        return ""
    for event in timeline.events:
        if (event.exam, event.region, event.side) == (name, measured.region, measured.side):
            if event.edema_ml_before is None:
                return event.kind.value
            change = event.edema_ml_after - event.edema_ml_before
            return f"{change:+.1f} {event.kind.value}".replace("-", "−")
    return ""


def _home(lesion: Lesion) -> tuple[str, Side | None]:
    """Name the region that a lesion is listed under: the one that holds most of it."""
    return max(lesion.regions, key=lambda region: lesion.regions[region]), lesion.side


def _is_part(lesion: Lesion, draft: Draft) -> bool:
    if len(lesion.regions) != 1:
        return False
    whole = piece_at(draft.edema, draft, lesion.centroid_mm)
    return any(whole.array[anchor] for anchor in draft.split)


def _inside(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], draft: Draft, lesion: Lesion) -> Point:
    """Choose the voxel of a lesion nearest to its centroid: a bent lesion may not hold its own centroid."""
    inside = np.argwhere(mask)
    if not len(inside):
        return lesion.centroid_mm
    points = draft.marks.grid.to_world(inside)
    x, y, z = points[np.argmin(np.linalg.norm(points - np.asarray(lesion.centroid_mm), axis=1))]
    return float(x), float(y), float(z)


def _side(side: Side | None) -> str:
    return side.value if side else ""
