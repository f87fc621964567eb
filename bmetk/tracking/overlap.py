"""How much two lesions of different exams have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bmetk.exam import Lesion
from bmetk.tracking.change import TrackingSettings
from bmetk.tracking.frames import FRAME_MM, Bone, BoneFrame, FrameView
from bmetk.tracking.timeline import PointState, RegionHistory, TimelineExam

_SHOWN = 0.5
_CERTAIN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One lesion of one exam."""

    exam: TimelineExam
    lesion: Lesion

    @property
    def bone(self) -> Bone:
        """Bone and side that it lies in."""
        return self.lesion.bone, self.lesion.side


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two lesions share, 0 to 1, told by their bone's frame or by shared regions alone."""

    share: float
    by: str
    drift_mm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Matcher:
    """Compares lesions: in the frame of their bone where both exams are in it, else by shared regions."""

    frames: Mapping[Bone, tuple[BoneFrame, ...]]
    histories: Mapping[tuple[str, object], RegionHistory]
    settings: TrackingSettings

    def overlap(self, before: Node, after: Node) -> Overlap:
        """Measure what two lesions of one bone share."""
        views = self._views(before, after)
        if views is None:
            return Overlap(_shared_regions(before.lesion, after.lesion), "region")
        one, other = views
        return _shared_probability(one, before.lesion.id, other, after.lesion.id)

    def shows(self, exam: TimelineExam, node: Node) -> bool:
        """Tell whether an exam would show a lesion of another exam, were it there."""
        frame = self._frame(node.bone, exam.name, node.exam.name)
        if frame is not None:
            place = frame.views[node.exam.name].lesions == node.lesion.id
            if place.any():
                return bool(frame.views[exam.name].seen[place].mean() >= _SHOWN)
        return any(self._measured(region, node, exam) for region in node.lesion.regions)

    def _views(self, before: Node, after: Node) -> tuple[FrameView, FrameView] | None:
        frame = self._frame(before.bone, before.exam.name, after.exam.name)
        if frame is None:
            return None
        views = frame.views[before.exam.name], frame.views[after.exam.name]
        drawn = (views[0].lesions == before.lesion.id).any() and (views[1].lesions == after.lesion.id).any()
        return views if drawn else None

    def _frame(self, bone: Bone, *exams: str) -> BoneFrame | None:
        frames = self.frames.get(bone, ())
        return next((frame for frame in frames if set(exams) <= frame.views.keys()), None)

    def _measured(self, region: str, node: Node, exam: TimelineExam) -> bool:
        history = self.histories.get((region, node.lesion.side))
        points = () if history is None else history.points
        return any(p.exam == exam.name and p.state is PointState.MEASURED for p in points)


def _shared_probability(one: FrameView, first: int, other: FrameView, second: int) -> Overlap:
    """Compare where both exams see the bone: what lies outside either view cannot be shared."""
    seen = one.seen & other.seen
    p = np.where(seen & (one.lesions == first), one.probability, 0.0)
    q = np.where(seen & (other.lesions == second), other.probability, 0.0)
    smaller = min(float(p.sum()), float(q.sum()))
    if smaller <= _CERTAIN:
        return Overlap(0.0, "bone")
    centres = [np.argwhere(mass > 0).T @ mass[mass > 0] / mass.sum() for mass in (p, q)]
    drift = float(np.linalg.norm(centres[0] - centres[1])) * FRAME_MM
    return Overlap(min(1.0, float(np.minimum(p, q).sum()) / smaller), "bone", drift)


def _shared_regions(one: Lesion, other: Lesion) -> float:
    """Share of the smaller lesion that lies in regions of the other; as if both filled them alike."""
    volumes = [_volumes(lesion) for lesion in (one, other)]
    common = sum(
        min(volumes[0][region], volumes[1][region]) for region in volumes[0].keys() & volumes[1].keys()
    )
    smaller_ml = min(one.volume_ml, other.volume_ml)
    return min(1.0, common / smaller_ml) if smaller_ml > 0 else 0.0


def _volumes(lesion: Lesion) -> dict[str, float]:
    """Split a lesion's volume over its regions, mL."""
    total = sum(lesion.regions.values()) or 1.0
    return {region: lesion.volume_ml * share / total for region, share in lesion.regions.items()}
