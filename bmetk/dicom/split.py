"""Divide the frames of one series into volumes.

One Series Instance UID may hold several echoes, stacks, phases, components or repeats. Frames that
differ in kind are divided at once; frames that only repeat a place are divided by the first attribute
that tells the repeats apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from bmetk.dicom.geometry import MIN_SLICES, group_orientations, slice_axes
from bmetk.dicom.header import Frame
from bmetk.dicom.imagetype import ImageKind, image_kind

_ECHO_STEP = 0.10  # echo times closer than this are one echo, jittered
_STACK_GAP = 5.0  # a hole this many times the common gap parts two stacks
_STACK_SLICES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Frames of one volume, and what sets it apart within its series (empty if nothing does)."""

    frames: tuple[Frame, ...]
    name: str = ""

    def named(self, frames: Iterable[Frame], name: str) -> Part:
        """Take some of the frames, adding to the name."""
        return Part(tuple(frames), ", ".join(piece for piece in (self.name, name) if piece))


def split_series(frames: Sequence[Frame]) -> tuple[Part, ...]:
    """Divide the frames of a series into volumes, in a stable order.

    A series of several orientations, none with enough slices, stays whole: the mixture is its fault.
    """
    parts = [Part(tuple(frames))]
    groups = group_orientations(frames)
    if len(groups) > 1 and max(len(group) for group in groups) < MIN_SLICES:
        return tuple(parts)
    for step in (_by_size, _by_kind, _by_orientation, _by_echo, _by_stack, _by_repeat, _by_hole):
        parts = [part for whole in parts for part in step(whole)]
    return tuple(parts)


def _divide(part: Part, key: Callable[[Frame], Hashable], name: Callable[[Frame], str]) -> list[Part]:
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in part.frames:
        groups[key(frame)].append(frame)
    if len(groups) == 1:
        return [part]
    return [part.named(members, name(members[0])) for members in groups.values()]


def _by_size(part: Part) -> list[Part]:
    def key(frame: Frame) -> Hashable:
        spacing = frame.pixel_spacing_mm or ()
        return (frame.size, tuple(round(value, 3) for value in spacing))

    def name(frame: Frame) -> str:
        spacing = f" at {frame.pixel_spacing_mm[0]:.2f} mm" if frame.pixel_spacing_mm else ""
        return f"{frame.size[0]}x{frame.size[1]}{spacing}"

    return _divide(part, key, name)


def _by_kind(part: Part) -> list[Part]:
    def name(frame: Frame) -> str:
        kind = image_kind(frame.tags)
        return "" if kind is ImageKind.MAGNITUDE else kind.value

    return _divide(part, lambda frame: image_kind(frame.tags), name)


def _by_orientation(part: Part) -> list[Part]:
    groups = group_orientations(part.frames)
    if len(groups) == 1:
        return [part]
    total = len(groups)
    return [part.named(group, f"orientation {place} of {total}") for place, group in enumerate(groups, 1)]


def _by_echo(part: Part) -> list[Part]:
    times = sorted({time for frame in part.frames if (time := echo_time(frame)) is not None})
    if len(times) < 2:
        return [part]
    starts = [times[0], *(b for a, b in pairwise(times) if b > a * (1 + _ECHO_STEP))]

    def echo(frame: Frame) -> int:
        return bisect_right(starts, (echo_time(frame) or 0.0) + 1e-6)

    def name(frame: Frame) -> str:
        return f"echo {echo(frame)} of {len(starts)} (TE {echo_time(frame) or 0:.1f} ms)"

    return sorted(_divide(part, echo, name), key=lambda piece: echo(piece.frames[0]))


def echo_time(frame: Frame) -> float | None:
    """Return the echo time of a frame, ms (DICOM PS3.3 C.8.3.1, C.8.13.5.4); None where not told."""
    return frame.tags.number("EffectiveEchoTime", "EchoTime")


def _by_stack(part: Part) -> list[Part]:
    """Part the stacks that Stack ID names, unless it merely counts slices."""
    counts = Counter(frame.tags.text("StackID") for frame in part.frames)
    if len(counts) < 2 or min(counts.values()) < MIN_SLICES:
        return [part]
    return _divide(
        part, lambda frame: frame.tags.text("StackID"), lambda frame: f"stack {frame.tags.text('StackID')}"
    )


_REPEAT_TAGS = (
    ("EchoNumbers", "echo"),
    ("InversionTime", "TI"),
    ("DiffusionBValue", "b-value"),
    ("TemporalPositionIndex", "phase"),
    ("TemporalPositionIdentifier", "phase"),
    ("RepetitionTime", "TR"),
    ("FlipAngle", "flip angle"),
    ("TriggerTime", "trigger time"),
    ("SeriesDescription", "other description"),
    ("AcquisitionNumber", "acquisition"),
    ("ImageType", "image type"),
    ("AcquisitionTime", "other acquisition time"),
)


def _by_repeat(part: Part) -> list[Part]:
    """Part the repeats of a place by the first attribute that tells them apart, then by number."""
    repeats = _repeats(part.frames)
    if repeats == 1 or repeats == len(part.frames):
        return [part]
    for keyword, word in _REPEAT_TAGS:
        pieces = _divide(
            part, partial(_values, keyword=keyword), partial(_repeat_name, keyword=keyword, word=word)
        )
        fewer = max(_repeats(piece.frames) for piece in pieces) < repeats
        if 1 < len(pieces) <= repeats and fewer:
            return [smaller for piece in pieces for smaller in _by_repeat(piece)]
    return _by_rank(part, repeats)


def _values(frame: Frame, keyword: str) -> Hashable:
    return frame.tags.texts(keyword)


def _repeat_name(frame: Frame, keyword: str, word: str) -> str:
    # A description may hold a name, and a time of day tells the reader nothing.
    return (
        word if keyword in ("SeriesDescription", "AcquisitionTime") else f"{word} {frame.tags.text(keyword)}"
    )


def _by_rank(part: Part, repeats: int) -> list[Part]:
    """Deal whole repeats out by Instance Number; leave the part alone if places repeat unequally."""
    places: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in part.frames:
        places[_place(frame)].append(frame)
    if any(len(members) != repeats for members in places.values()):
        return [part]
    ranked = [
        sorted(members, key=lambda f: f.tags.number("InstanceNumber") or 0) for members in places.values()
    ]
    return [
        part.named([members[rank] for members in ranked], f"repeat {rank + 1} of {repeats}")
        for rank in range(repeats)
    ]


def _repeats(frames: Sequence[Frame]) -> int:
    return max(Counter(_place(frame) for frame in frames).values())


def _place(frame: Frame) -> Hashable:
    return tuple(round(value, 2) for value in frame.position_mm) if frame.position_mm else id(frame)


def _by_hole(part: Part) -> list[Part]:
    """Part two stacks in a row (one a knee, say), where a wide hole lies between regular halves."""
    axes = slice_axes(part.frames[0])
    if axes is None or any(frame.position_mm is None for frame in part.frames):
        return [part]
    along = np.array([frame.position_mm for frame in part.frames]) @ axes[:, 0]
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    holes = np.flatnonzero(gaps > _STACK_GAP * max(float(np.median(gaps)), 0.1)) if len(gaps) else gaps
    bounds = [0, *(int(hole) + 1 for hole in holes), len(order)]
    sizes = np.diff(bounds)
    if len(sizes) == 1 or sizes.min() < _STACK_SLICES:
        return [part]
    return [
        part.named(
            [part.frames[int(place)] for place in order[start:stop]], f"stack {number} of {len(sizes)}"
        )
        for number, (start, stop) in enumerate(pairwise(bounds), 1)
    ]
