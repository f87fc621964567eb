"""Order slices by where they lie, and tell whether they form a regular volume.

Slices are ordered along the normal of their plane, from Image Position and Image Orientation
(Patient) alone (DICOM PS3.3 C.7.6.2.1.1): never by file name, Instance Number or Slice Location.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bmetk.dicom.header import Frame
from bmetk.exam import Plane
from bmetk.image import Grid

FloatArray = npt.NDArray[np.float64]

MIN_SLICES = 3
"""Fewer slices give no volume of a bone."""

_PLANE_LIMIT_DEG = 30.0
_SAME_PLACE_MM = 0.02
_SHEAR_DEG = 0.5
_WHOLE_GAP = 0.15  # a gap this near to a multiple of the common one is a missing slice


class FaultKind(StrEnum):
    """What keeps frames from being a usable volume."""

    NO_GEOMETRY = "no_geometry"
    TOO_FEW_SLICES = "too_few_slices"
    NOT_A_VOLUME = "not_a_volume"
    MIXED_ORIENTATION = "mixed_orientation"
    SHEARED = "sheared"
    MISSING_SLICES = "missing_slices"
    UNEVEN_SPACING = "uneven_spacing"
    DOUBLED_SLICES = "doubled_slices"
    TRUNCATED = "truncated"
    MOSAIC = "mosaic"
    NOT_MR = "not_mr"
    NOT_GRAY = "not_gray"

    @property
    def is_gap(self) -> bool:
        """Whether interpolation between the slices that are there can mend it."""
        return self in (FaultKind.MISSING_SLICES, FaultKind.UNEVEN_SPACING, FaultKind.DOUBLED_SLICES)


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a volume cannot be used, in a sentence without identity."""

    kind: FaultKind
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Frames in order along the normal.

    Parameters
    ----------
    frames : ordered; more than one may lie at one place if that is a fault
    offsets_mm : array, shape (frames,), distance of each along the normal from the first
    grid : regular grid from the first to the last slice; None where there is none
    faults : what is wrong with the geometry; empty for a regular volume
    """

    frames: tuple[Frame, ...]
    offsets_mm: FloatArray
    grid: Grid | None
    faults: tuple[Fault, ...]


def plane_of(normal: npt.ArrayLike) -> Plane:
    """Name the plane whose normal lies within 30 degrees of a body axis, else oblique."""
    cosines = np.abs(np.asarray(normal, dtype=np.float64))
    nearest = int(np.argmax(cosines))
    if np.degrees(np.arccos(min(1.0, cosines[nearest]))) > _PLANE_LIMIT_DEG:
        return Plane.OBLIQUE
    return (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)[nearest]


def slice_axes(frame: Frame) -> FloatArray | None:
    """Return unit directions of slice, row and column index as columns, shape (3, 3); None if not told.

    Image Orientation gives first the direction of a row (increasing column index), then that of a
    column (increasing row index). Cosines that are off by rounding are made orthogonal.
    """
    if frame.orientation is None:
        return None
    along_row, along_column = np.reshape(np.asarray(frame.orientation, dtype=np.float64), (2, 3))
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_column)
    if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(along_row @ along_column) > 0.02:
        return None
    column = along_row / lengths[0]
    row = along_column - (along_column @ column) * column
    row /= np.linalg.norm(row)
    return np.column_stack([np.cross(column, row), row, column])


def measure_stack(frames: Sequence[Frame], where: str) -> Stack:
    """Order frames of one orientation and size, and judge their geometry.

    Parameters
    ----------
    frames : of one size and pixel spacing; their orientations may differ, which is a fault
    where : names the series in a message, such as ``series 4``
    """
    axes = slice_axes(frames[0])
    if axes is None or any(frame.position_mm is None or frame.pixel_spacing_mm is None for frame in frames):
        message = f"{where} tells no position, orientation or pixel spacing of its slices: export it again"
        return Stack(tuple(frames), np.zeros(len(frames)), None, (Fault(FaultKind.NO_GEOMETRY, message),))
    positions = np.array([frame.position_mm for frame in frames], dtype=np.float64)
    along = positions @ axes[:, 0]
    order = np.argsort(along, kind="stable")
    ordered = tuple(frames[int(place)] for place in order)
    positions, offsets = positions[order], along[order] - along[order[0]]
    faults = _judge(ordered, positions, offsets, axes, where)
    mixed = any(fault.kind is FaultKind.MIXED_ORIENTATION for fault in faults)
    grid = None if mixed else _grid(ordered[0], positions[0], offsets, axes)
    return Stack(ordered, offsets, grid, faults)


def _judge(
    frames: Sequence[Frame], positions: FloatArray, offsets: FloatArray, axes: FloatArray, where: str
) -> tuple[Fault, ...]:
    mixed = _mixed_orientation(frames, where)
    if mixed is not None:
        return (mixed,)
    places = _places(offsets)
    if len(frames) > 1 and len(places) == 1:
        message = (
            f"all {len(frames)} images of {where} lie at one position: repeats of one slice are no volume; "
            "choose a series of parallel slices"
        )
        return (Fault(FaultKind.NOT_A_VOLUME, message),)
    if len(places) < MIN_SLICES:
        message = (
            f"{where} has {len(places)} slice{'s' if len(places) > 1 else ''}, a volume needs at least "
            f"{MIN_SLICES}: export all of its slices, or choose another series"
        )
        return (Fault(FaultKind.TOO_FEW_SLICES, message),)
    faults = (
        _doubled(frames, places, where),
        _uneven(places, where),
        _shear(frames, positions, offsets, axes, where),
    )
    return tuple(fault for fault in faults if fault is not None)


def _places(offsets: FloatArray) -> FloatArray:
    """Distinct places along the normal, mm, ascending."""
    keep = np.concatenate([[True], np.diff(offsets) > _SAME_PLACE_MM])
    return np.asarray(offsets[keep])


def _mixed_orientation(frames: Sequence[Frame], where: str) -> Fault | None:
    groups = group_orientations(frames)
    if len(groups) == 1:
        return None
    counts = " and ".join(str(len(group)) for group in groups[:4])
    message = (
        f"{where} mixes {len(groups)} slice orientations "
        f"({counts} slices{', ...' if len(groups) > 4 else ''}): "
        "it is not one volume; export each stack as its own series"
    )
    return Fault(FaultKind.MIXED_ORIENTATION, message)


def group_orientations(frames: Sequence[Frame], limit_deg: float = 1.5) -> list[list[Frame]]:
    """Group frames whose row and column directions agree within ``limit_deg``."""
    exact: dict[tuple[float, ...] | None, list[Frame]] = defaultdict(list)
    for frame in frames:
        exact[frame.orientation].append(frame)
    silent = exact.pop(None, [])
    known: list[tuple[FloatArray, list[Frame]]] = []
    limit = np.cos(np.deg2rad(limit_deg))
    for orientation, members in exact.items():
        direction = np.reshape(np.asarray(orientation), (2, 3))
        for reference, cluster in known:
            if np.all(np.sum(reference * direction, axis=1) >= limit):
                cluster.extend(members)
                break
        else:
            known.append((direction, list(members)))
    groups = [cluster for _, cluster in known]
    return [[*groups[0], *silent], *groups[1:]] if groups else [silent]


def _doubled(frames: Sequence[Frame], places: FloatArray, where: str) -> Fault | None:
    extra = len(frames) - len(places)
    if extra == 0:
        return None
    message = (
        f"{where} has {extra} slice{'s' if extra > 1 else ''} more than places: slices are doubled; "
        "export the series again or pass --allow-gaps to keep the first of each"
    )
    return Fault(FaultKind.DOUBLED_SLICES, message)


def _uneven(places: FloatArray, where: str) -> Fault | None:
    gaps = np.diff(places)
    common = float(np.median(gaps))
    tolerance = max(0.15, 0.05 * common)
    if np.abs(gaps - common).max() <= tolerance:
        return None
    multiples = gaps / gaps.min()
    span = f"slice gaps run from {gaps.min():.1f} to {gaps.max():.1f} mm in {where}"
    advice = "export the series again or pass --allow-gaps"
    if np.abs(multiples - np.round(multiples)).max() <= _WHOLE_GAP:
        missing = int(np.round(multiples).sum()) - len(gaps)
        lost = "a slice is missing" if missing == 1 else f"{missing} slices are missing"
        return Fault(FaultKind.MISSING_SLICES, f"{span}: {lost}; {advice}")
    return Fault(FaultKind.UNEVEN_SPACING, f"{span}: the slices are unevenly spaced; {advice}")


def _shear(
    frames: Sequence[Frame], positions: FloatArray, offsets: FloatArray, axes: FloatArray, where: str
) -> Fault | None:
    """Judge whether the stack leans: slice centres not above one another along the normal."""
    drift = (positions - positions[0]) @ axes[:, 1:]
    lean = float(np.linalg.norm(drift[-1]))
    half_pixel = min(frames[0].pixel_spacing_mm or (1.0,)) / 2
    if lean <= max(half_pixel, np.tan(np.deg2rad(_SHEAR_DEG)) * float(offsets[-1])):
        return None
    angle = float(np.degrees(np.arctan2(lean, offsets[-1])))
    message = (
        f"the stack of {where} is sheared by {angle:.1f} degrees (gantry tilt): its slices are shifted "
        f"by up to {lean:.1f} mm in their plane; resample it to a straight stack first"
    )
    return Fault(FaultKind.SHEARED, message)


def _grid(first: Frame, origin: FloatArray, offsets: FloatArray, axes: FloatArray) -> Grid | None:
    """Lay the regular grid that the slices lie on, or would lie on without gaps."""
    spacing = first.pixel_spacing_mm
    places = _places(offsets)
    if spacing is None or min(spacing) <= 0:
        return None
    gaps = np.diff(places)
    if len(gaps) == 0:
        thickness = first.tags.number("SpacingBetweenSlices", "SliceThickness") or 1.0
        count, step = 1, max(abs(thickness), _SAME_PLACE_MM)
    elif np.abs(gaps - np.median(gaps)).max() <= max(0.15, 0.05 * float(np.median(gaps))):
        count, step = len(places), float(places[-1] / (len(places) - 1))
    else:
        count = round(float(places[-1] / np.median(gaps))) + 1
        step = float(places[-1] / (count - 1))
    return Grid.from_axes((count, *first.size), (step, spacing[0], spacing[1]), axes, origin)
