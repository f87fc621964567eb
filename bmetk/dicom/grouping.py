"""Group the volumes of a study by the joint and side that they show.

Volumes belong together where their fields of view overlap in one frame of reference (DICOM PS3.3
C.7.4.1), or where joint and side agree. What no evidence can join stays apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmetk.anatomy import Joint, Side
from bmetk.dicom.inventory import Volume
from bmetk.dicom.selection import T1_CONTRASTS, overlap
from bmetk.dicom.site import agree
from bmetk.errors import SeriesMismatchError

_SAME_PLACE = 0.3  # part of the smaller field of view that two volumes of one joint share


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Volumes of one joint; ``joint`` and ``side`` are None where no tag or description tells."""

    volumes: tuple[Volume, ...]
    joint: Joint | None
    side: Side | None

    @property
    def has_t1(self) -> bool:
        """Whether a volume can serve as T1."""
        return any(volume.contrast.contrast in T1_CONTRASTS for volume in self.volumes)

    @property
    def has_fluid(self) -> bool:
        """Whether a volume is fluid-sensitive."""
        return any(volume.contrast.contrast.is_fluid_sensitive for volume in self.volumes)

    @property
    def is_whole(self) -> bool:
        """Whether an exam can be made of it."""
        return self.has_t1 and self.has_fluid

    @property
    def best_side(self) -> Side | None:
        """The side told, else the one that the fields of view suggest."""
        return self.side or agree([volume.site.side for volume in self.volumes])

    @property
    def title(self) -> str:
        """Joint and side in words."""
        side = f"{self.best_side.value} " if self.best_side else ""
        return f"{side}{self.joint.value if self.joint else 'joint'}"

    def joined(self, other: Group) -> Group:
        """Take another group in; what this one is silent on, the other tells."""
        return Group((*self.volumes, *other.volumes), self.joint or other.joint, self.side or other.side)


def group_volumes(volumes: Sequence[Volume], *, without_fluid: bool = False) -> list[Group]:
    """Group the candidate volumes of one study into joints.

    Parameters
    ----------
    volumes : usable volumes of one study
    without_fluid : whether a group without fluid-sensitive series counts as whole

    Returns
    -------
    list of Group
        Whole ones alone, where there are any; else what there is.

    Raises
    ------
    SeriesMismatchError
        If the only T1 and the only fluid-sensitive series name different joints or sides.
    """
    groups = _merge(_by_side(_by_place(volumes)))
    whole = [group for group in groups if group.is_whole or (without_fluid and group.has_t1)]
    if not whole:
        _require_one_site(groups)
    return whole or groups


def left_over(volumes: Sequence[Volume], kept: Sequence[Group]) -> list[Group]:
    """Group the volumes that show another joint than any of the kept groups.

    A further series of a joint that is kept is not left over, nor an overview of both sides.
    """
    groups = _merge(_by_side(_by_place(volumes)))
    return [group for group in groups if all(_is_elsewhere(group, other) for other in kept)]


def _is_elsewhere(one: Group, other: Group) -> bool:
    """Tell whether joint, side or place shows that two groups are of different joints."""
    joints = {one.joint, other.joint} - {None}
    sides = {one.best_side, other.best_side} - {None, Side.BOTH}
    return len(joints) > 1 or len(sides) > 1 or _is_apart(one, other)


def _is_apart(one: Group, other: Group) -> bool:
    pairs = [
        (a, b)
        for a in one.volumes
        for b in other.volumes
        if a.frame_of_reference and a.frame_of_reference == b.frame_of_reference and a.grid and b.grid
    ]
    return bool(pairs) and not any(_same_place(a, b) for a, b in pairs)


def _by_place(volumes: Sequence[Volume]) -> list[list[Volume]]:
    """Cluster volumes whose fields of view overlap in one frame of reference."""
    clusters: list[list[Volume]] = []
    for volume in volumes:
        touching = [c for c in clusters if any(_same_place(volume, other) for other in c)]
        clusters = [c for c in clusters if not any(c is hit for hit in touching)]
        clusters.append([*(member for c in touching for member in c), volume])
    return clusters


def _same_place(one: Volume, other: Volume) -> bool:
    if one.frame_of_reference != other.frame_of_reference or one.grid is None or other.grid is None:
        return False
    return overlap(one.grid, other.grid) >= _SAME_PLACE


def _by_side(clusters: Iterable[list[Volume]]) -> list[Group]:
    """Part a cluster whose volumes are told to show different sides."""
    groups: list[Group] = []
    for cluster in clusters:
        joint = agree([volume.site.joint for volume in cluster])
        sides = list(dict.fromkeys(side for volume in cluster if (side := _told_side(volume)) is not None))
        if len(sides) < 2:
            groups.append(Group(tuple(cluster), joint, sides[0] if sides else None))
            continue
        named = [Group(tuple(v for v in cluster if _told_side(v) is side), joint, side) for side in sides]
        groups += _place_silent(named, [volume for volume in cluster if _told_side(volume) is None])
    return groups


def _told_side(volume: Volume) -> Side | None:
    return volume.site.side if volume.site.side_is_told else None


def _place_silent(named: list[Group], silent: Sequence[Volume]) -> list[Group]:
    """Give each volume without a side to a side that lacks such a series."""
    groups = list(named)
    for volume in silent:
        fluid = volume.contrast.contrast.is_fluid_sensitive
        wanting = [g for g in groups if not (g.has_fluid if fluid else g.has_t1)]
        place = groups.index(wanting[0] if wanting else groups[0])
        groups[place] = groups[place].joined(Group((volume,), None, None))
    return groups


def _merge(groups: Sequence[Group]) -> list[Group]:
    """Join groups of one joint and side, then each incomplete group with the only one it can belong to."""
    merged: list[Group] = []
    for group in groups:
        place = next((k for k, other in enumerate(merged) if _same_site(group, other)), None)
        if place is None:
            merged.append(group)
        else:
            merged[place] = merged[place].joined(group)
    for group in sorted(merged, key=lambda group: len(group.volumes)):
        fitting = [other for other in merged if other is not group and _may_join(group, other)]
        if group in merged and len(fitting) == 1:
            merged = [other for other in merged if other is not group and other is not fitting[0]]
            merged.append(fitting[0].joined(group))
    return merged


def _same_site(one: Group, other: Group) -> bool:
    return None not in (one.joint, one.side) and (one.joint, one.side) == (other.joint, other.side)


def _may_join(part: Group, other: Group) -> bool:
    """Tell whether an incomplete group may be what another lacks: nothing told speaks against it."""
    agree_on_joint = part.joint is None or other.joint is None or part.joint is other.joint
    agree_on_side = part.side is None or other.side is None or part.side is other.side
    completes = (part.has_t1 and not other.has_t1) or (part.has_fluid and not other.has_fluid)
    return agree_on_joint and agree_on_side and completes and not part.is_whole


def _require_one_site(groups: Sequence[Group]) -> None:
    """Refuse a study whose T1 shows one joint or side and whose fluid-sensitive series another."""
    t1 = next((group for group in groups if group.has_t1), None)
    fluid = next((group for group in groups if group.has_fluid), None)
    if t1 is None or fluid is None:
        return
    first_t1 = next(v for v in t1.volumes if not v.contrast.contrast.is_fluid_sensitive)
    first_fluid = next(v for v in fluid.volumes if v.contrast.contrast.is_fluid_sensitive)
    raise SeriesMismatchError(
        f"the T1 ({first_t1.where}) shows the {t1.title}, the fluid-sensitive series "
        f"({first_fluid.where}) the {fluid.title}: give two series of one joint and side, "
        "or pass --joint and --side if a tag is wrong"
    )
