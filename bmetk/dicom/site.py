"""Tell which joint of which side a volume shows, and say where the evidence disagrees.

Tags: Anatomic Region Sequence (DICOM PS3.3 10.5, CID 4), Body Part Examined (C.7.3.1, Annex L of
PS3.16), Laterality (C.7.3.1), Image Laterality (C.7.6.1.1), Frame Laterality (C.7.6.16.2.8). Then the
descriptions, then where the field of view lies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from bmetk.anatomy import Joint, Side
from bmetk.anatomy.codes import JOINT_OF_CODE
from bmetk.anatomy.vocabulary import find_joints, parse_joint, parse_side
from bmetk.dicom.header import Tags
from bmetk.image import Grid

Value = TypeVar("Value", bound=StrEnum)

_OFF_MIDLINE_MM = 40.0
_BOTH_HIPS_MM = 250.0  # two heads lie about 170 mm apart, each with some hip about it


@dataclass(frozen=True, slots=True)
class Site:
    """Joint and side of a volume, None where nothing tells; sentences on evidence that disagrees.

    ``side_is_told`` is False where the field of view alone suggests the side.
    """

    joint: Joint | None
    side: Side | None
    conflicts: tuple[str, ...] = ()
    side_is_told: bool = False


@dataclass(frozen=True, slots=True)
class _Vote:
    value: StrEnum
    weight: float
    source: str


_STUDY_TEXTS = ("StudyDescription", "RequestedProcedureDescription", "PerformedProcedureStepDescription")
_SERIES_TEXTS = ("SeriesDescription", "ProtocolName")


def locate(tags: Tags, grid: Grid | None) -> Site:
    """Weigh the evidence on joint and side: tags before descriptions before geometry.

    Parameters
    ----------
    tags : attributes of one frame of the volume
    grid : where the volume lies; None where that is not known
    """
    joint, joint_conflicts = _decide(_joint_votes(tags), "joint")
    told = _side_votes(tags)
    side, side_conflicts = _decide([*told, *_geometry_votes(grid, Joint(joint) if joint else None)], "side")
    return Site(
        joint=Joint(joint) if joint else None,
        side=Side(side) if side else None,
        conflicts=(*joint_conflicts, *side_conflicts),
        side_is_told=bool(told),
    )


def agree(values: Sequence[Value | None]) -> Value | None:
    """Return the value that most volumes of a group give; None where all are silent."""
    counts: dict[Value, int] = defaultdict(int)
    for value in values:
        if value is not None:
            counts[value] += 1
    return max(counts, key=lambda value: counts[value]) if counts else None


def _joint_votes(tags: Tags) -> list[_Vote]:
    votes = []
    coded = _coded_joint(tags)
    told = parse_joint(tags.text("BodyPartExamined"))
    if coded is not None:
        votes.append(_Vote(coded, 3, "Anatomic Region"))
    if told is not None:
        votes.append(_Vote(told, 3, "Body Part Examined"))
    series = next(
        (joint for name in _SERIES_TEXTS if (joint := parse_joint(tags.text(name))) is not None), None
    )
    if series is not None:
        votes.append(_Vote(series, 2, "the description"))
    study = {joint for name in _STUDY_TEXTS for joint in find_joints(tags.text(name))}
    if len(study) == 1:
        votes.append(_Vote(study.pop(), 1.5, "the study description"))
    coil = parse_joint(tags.text("ReceiveCoilName"))
    if coil is not None and coil is not Joint.OTHER and not votes:
        votes.append(_Vote(coil, 1, "the coil"))
    return votes


def _coded_joint(tags: Tags) -> Joint | None:
    items = tags.value("AnatomicRegionSequence")
    if not items:
        return None
    item = Tags(items[0], {})
    return JOINT_OF_CODE.get(item.text("CodeValue")) or parse_joint(item.text("CodeMeaning"))


def _side_votes(tags: Tags) -> list[_Vote]:
    votes = []
    for keyword in ("FrameLaterality", "ImageLaterality", "Laterality"):
        side = parse_side(tags.text(keyword))
        if side is not None:
            votes.append(_Vote(side, 3, "Laterality"))
            break
    told = parse_side(tags.text("BodyPartExamined"))
    if told is not None:
        votes.append(_Vote(told, 1.5, "Body Part Examined"))
    series = next((side for name in _SERIES_TEXTS if (side := parse_side(tags.text(name))) is not None), None)
    if series is not None:
        votes.append(_Vote(series, 2, "the description"))
    study = {side for name in _STUDY_TEXTS if (side := parse_side(tags.text(name))) is not None}
    # A study of both sides holds series of either: it says nothing on one of them.
    if len(study) == 1 and study != {Side.BOTH}:
        votes.append(_Vote(study.pop(), 1.5, "the study description"))
    if study == {Side.BOTH} and not votes:
        votes.append(_Vote(Side.BOTH, 0.5, "the study description"))
    return votes


def _geometry_votes(grid: Grid | None, joint: Joint | None) -> list[_Vote]:
    """Read the side from where the field of view lies about the isocentre (x points to the left)."""
    if grid is None or joint in (None, Joint.OTHER):
        return []
    corners = np.array([[s, r, c] for s in (0, 1) for r in (0, 1) for c in (0, 1)]) * (
        np.asarray(grid.shape) - 1
    )
    x = grid.to_world(corners)[:, 0]
    centre, width = float(x.mean()), float(np.ptp(x))
    if joint is Joint.HIP and width >= _BOTH_HIPS_MM and abs(centre) < _OFF_MIDLINE_MM:
        return [_Vote(Side.BOTH, 1, f"the field of view ({width:.0f} mm wide)")]
    if abs(centre) < _OFF_MIDLINE_MM or width >= _BOTH_HIPS_MM:
        return []
    side = Side.LEFT if centre > 0 else Side.RIGHT
    return [_Vote(side, 1, f"the field of view ({abs(centre):.0f} mm to the {side.value} of the isocentre)")]


def _decide(votes: Sequence[_Vote], what: str) -> tuple[StrEnum | None, tuple[str, ...]]:
    """Return the value of most weight, the first told at a tie, and a sentence if votes disagree."""
    if not votes:
        return None, ()
    weights: dict[StrEnum, float] = defaultdict(float)
    sources: dict[StrEnum, list[str]] = defaultdict(list)
    for vote in votes:
        weights[vote.value] += vote.weight
        sources[vote.value].append(f"{vote.source} says {vote.value.value}")
    winner = max(weights, key=lambda value: weights[value])
    if len(weights) == 1:
        return winner, ()
    said = "; ".join(sentence for value in weights for sentence in sources[value])
    return winner, (f"{what} in conflict: {said}; {winner.value} is taken",)
