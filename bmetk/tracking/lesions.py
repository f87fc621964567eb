"""Follow single lesions through time by the regions they share.

A first version: two lesions belong together when they lie in the same region at two consecutive
exams that imaged it. Two lesions of one region cannot be told apart; that needs exams
registered bone by bone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bmetk.exam import ExamResult, Lesion
from bmetk.tracking.change import TrackingSettings
from bmetk.tracking.history import Place
from bmetk.tracking.timeline import (
    LesionLink,
    LesionObservation,
    LesionTrack,
    PointState,
    RegionHistory,
    TimelineExam,
)


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    exam: TimelineExam
    lesion: Lesion


_Pair = tuple[_Node, _Node]


def track_lesions(
    exams: Sequence[TimelineExam],
    results: Sequence[ExamResult],
    histories: Sequence[RegionHistory],
    settings: TrackingSettings,
) -> tuple[LesionTrack, ...]:
    """Link the lesions of consecutive exams into tracks, numbered in order of onset.

    Lesions that split or merge stay one track. A region that was imaged free of edema in between
    breaks the track: what comes back is another one. A later exam never renumbers earlier tracks,
    unless it shows that two of them are one.
    """
    nodes = {
        exam.name: tuple(_Node(exam, lesion) for lesion in result.lesions)
        for exam, result in zip(exams, results, strict=True)
    }
    overlaps: Counter[_Pair] = Counter()
    for history in histories:
        _link_region(history, nodes, overlaps)
    kept = {pair: value for pair, value in overlaps.items() if value >= settings.lesion_overlap}
    groups = _connected([node for exam in exams for node in nodes[exam.name]], list(kept))
    return tuple(_track(number, group, kept) for number, group in enumerate(groups, start=1))


def _link_region(
    history: RegionHistory, nodes: Mapping[str, tuple[_Node, ...]], overlaps: Counter[_Pair]
) -> None:
    place: Place = (history.region, history.side)
    earlier: list[_Node] = []
    for point in history.points:
        if point.state is not PointState.MEASURED:
            continue
        here = [node for node in nodes[point.exam] if _lies_in(node.lesion, place)]
        for before in earlier:
            for after in here:
                overlaps[before, after] += _shared(before.lesion, after.lesion, history.region)  # type: ignore[assignment]
        earlier = here


def _lies_in(lesion: Lesion, place: Place) -> bool:
    return lesion.side == place[1] and lesion.regions.get(place[0], 0.0) > 0


def _shared(one: Lesion, other: Lesion, region: str) -> float:
    smaller_ml = min(one.volume_ml, other.volume_ml)
    return min(one.regions[region], other.regions[region]) / smaller_ml if smaller_ml > 0 else 0.0


def _connected(nodes: Sequence[_Node], pairs: Sequence[_Pair]) -> list[list[_Node]]:
    group_of = {id(node): [node] for node in nodes}
    for one, other in pairs:
        kept, joined = group_of[id(one)], group_of[id(other)]
        if kept is not joined:
            kept.extend(joined)
            group_of.update({id(node): kept for node in joined})
    order = {id(node): number for number, node in enumerate(nodes)}
    groups = {id(group): sorted(group, key=lambda node: order[id(node)]) for group in group_of.values()}
    return sorted(groups.values(), key=lambda group: order[id(group[0])])


def _track(number: int, group: Sequence[_Node], overlaps: Mapping[_Pair, float]) -> LesionTrack:
    members = {id(node) for node in group}
    pairs = {pair: value for pair, value in overlaps.items() if id(pair[0]) in members}
    volumes: defaultdict[str, float] = defaultdict(float)
    for node in group:
        for region, volume_ml in node.lesion.regions.items():
            volumes[region] += volume_ml
    return LesionTrack(
        id=number,
        bone=group[0].lesion.bone,
        side=group[0].lesion.side,
        regions=tuple(sorted(volumes, key=lambda region: -volumes[region])),
        observations=tuple(_observation(node) for node in group),
        links=_links(pairs),
    )


def _observation(node: _Node) -> LesionObservation:
    return LesionObservation(node.exam.name, node.exam.date, node.lesion.id, node.lesion.volume_ml)


def _links(pairs: Mapping[_Pair, float]) -> tuple[LesionLink, ...]:
    leaving = Counter((id(before), after.exam.name) for before, after in pairs)
    arriving = Counter((id(after), before.exam.name) for before, after in pairs)
    links = []
    for (before, after), overlap in pairs.items():
        splits = leaving[id(before), after.exam.name] > 1
        merges = arriving[id(after), before.exam.name] > 1
        links.append(
            LesionLink(
                before.exam.name,
                before.lesion.id,
                after.exam.name,
                after.lesion.id,
                round(min(1.0, overlap), 3),
                _LINK_KINDS[splits, merges],
            )
        )
    return tuple(links)


_LINK_KINDS = {
    (False, False): "continues",
    (True, False): "splits",
    (False, True): "merges",
    (True, True): "splits_and_merges",
}
