"""Follow single lesions through time: a graph of overlaps, in which they split, merge and drift."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bmetk.exam import ExamResult
from bmetk.tracking.change import TrackingSettings
from bmetk.tracking.frames import Bone, BoneFrame
from bmetk.tracking.overlap import Matcher, Node, Overlap
from bmetk.tracking.timeline import (
    LesionLink,
    LesionObservation,
    LesionTrack,
    RegionHistory,
    TimelineExam,
)

_Pair = tuple[Node, Node]


def track_lesions(
    exams: Sequence[TimelineExam],
    results: Sequence[ExamResult],
    histories: Sequence[RegionHistory],
    settings: TrackingSettings,
    frames: Mapping[Bone, tuple[BoneFrame, ...]] | None = None,
) -> tuple[LesionTrack, ...]:
    """Link the lesions of each exam with those of the last one before it that shows their place.

    Lesions that split or merge stay one track. An exam that shows the place free of edema breaks the track:
    what comes back is another one. A later exam never renumbers earlier tracks, unless it shows that
    two of them are one.

    Parameters
    ----------
    exams, results : of equal length, in time order
    frames : the exams of each bone laid on each other; where there is none, shared regions must do
    """
    nodes = {
        exam.name: tuple(Node(exam, lesion) for lesion in result.lesions)
        for exam, result in zip(exams, results, strict=True)
    }
    matcher = Matcher(frames or {}, {(h.region, h.side): h for h in histories}, settings)
    pairs: dict[_Pair, Overlap] = {}
    for number, exam in enumerate(exams):
        for node in nodes[exam.name]:
            pairs |= _partners(node, [nodes[e.name] for e in exams[:number]], exams[:number], matcher)
    groups = _connected([node for exam in exams for node in nodes[exam.name]], list(pairs))
    return tuple(_track(number, group, pairs) for number, group in enumerate(groups, start=1))


def _partners(
    node: Node, earlier: Sequence[Sequence[Node]], exams: Sequence[TimelineExam], matcher: Matcher
) -> dict[_Pair, Overlap]:
    """Find the lesions that one continues, in the last exam before it that shows its place."""
    for exam, there in zip(reversed(exams), reversed(earlier), strict=True):
        if exam.date == node.exam.date or not matcher.shows(exam, node):
            continue
        found = {(other, node): matcher.overlap(other, node) for other in there if other.bone == node.bone}
        return {
            pair: value for pair, value in found.items() if value.share >= matcher.settings.lesion_overlap
        }
    return {}


def _connected(nodes: Sequence[Node], pairs: Sequence[_Pair]) -> list[list[Node]]:
    group_of = {id(node): [node] for node in nodes}
    for one, other in pairs:
        kept, joined = group_of[id(one)], group_of[id(other)]
        if kept is not joined:
            kept.extend(joined)
            group_of.update({id(node): kept for node in joined})
    order = {id(node): number for number, node in enumerate(nodes)}
    groups = {id(group): sorted(group, key=lambda node: order[id(node)]) for group in group_of.values()}
    return sorted(groups.values(), key=lambda group: order[id(group[0])])


def _track(number: int, group: Sequence[Node], overlaps: Mapping[_Pair, Overlap]) -> LesionTrack:
    members = {id(node) for node in group}
    pairs = {pair: value for pair, value in overlaps.items() if id(pair[0]) in members}
    volumes: defaultdict[str, float] = defaultdict(float)
    for node in group:
        total = sum(node.lesion.regions.values()) or 1.0
        for region, share in node.lesion.regions.items():
            volumes[region] += node.lesion.volume_ml * share / total
    first = group[0]
    return LesionTrack(
        id=number,
        bone=first.lesion.bone,
        side=first.lesion.side,
        regions=tuple(sorted(volumes, key=lambda region: -volumes[region])),
        observations=tuple(_observation(node) for node in group),
        links=_links(pairs),
        identifier=" ".join(
            filter(None, (first.lesion.side, first.lesion.bone.replace("_", " "), f"lesion {number}"))
        ),
        uid=_uid(first),
    )


def _uid(first: Node) -> str:
    """Derive a UID from a name (RFC 9562 version 5, DICOM PS3.5 B.2) that holds no identity."""
    lesion, exam = first.lesion, first.exam
    told = (exam.pseudonym, exam.date, exam.joint, exam.side, lesion.bone, lesion.side, lesion.id)
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '|'.join(map(str, told))).int}"


def _observation(node: Node) -> LesionObservation:
    return LesionObservation(node.exam.name, node.exam.date, node.lesion.id, node.lesion.volume_ml)


def _links(pairs: Mapping[_Pair, Overlap]) -> tuple[LesionLink, ...]:
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
                round(overlap.share, 3),
                _LINK_KINDS[splits, merges],
                overlap.by,
                None if overlap.drift_mm is None else round(overlap.drift_mm, 1),
            )
        )
    return tuple(links)


_LINK_KINDS = {
    (False, False): "continues",
    (True, False): "splits",
    (False, True): "merges",
    (True, True): "splits_and_merges",
}
