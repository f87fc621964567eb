"""The reader's word on which lesions of two exams are one: links accepted, cut and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from bmetk.anatomy import Side
from bmetk.exam import ExamResult, Lesion
from bmetk.pipeline import track_exams
from bmetk.tracking import LesionLink, LesionObservation, LesionTrack, Timeline

_SAME_PLACE_MM = 15.0


class Verdict(StrEnum):
    """What the reader says of a link."""

    ACCEPTED = "accepted"
    CUT = "cut"
    DRAWN = "drawn"


@dataclass(frozen=True, slots=True)
class LesionPlace:
    """A lesion by where it lies: its number changes when lesions are edited. LPS mm."""

    exam: str
    bone: str
    side: Side | None
    centroid_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LinkVerdict:
    """The reader's word on one pair of lesions."""

    verdict: Verdict
    before: LesionPlace
    after: LesionPlace


def place_of_lesion(exam: str, lesion: Lesion) -> LesionPlace:
    """Remember a lesion of an exam by its place."""
    return LesionPlace(exam, lesion.bone, lesion.side, lesion.centroid_mm)


def follow(results: Mapping[str, ExamResult], verdicts: Sequence[LinkVerdict] = ()) -> Timeline:
    """Follow the patient through the exams as the reader left them.

    Parameters
    ----------
    results : by exam name, what `measure_draft` gave
    verdicts : on links, applied after the tracker

    Raises
    ------
    InputError
        If there is no exam, or one has no date.
    SeriesMismatchError
        If the exams are of more than one patient.
    """
    timeline = track_exams(list(results.values()), folders=list(results))
    return apply_verdicts(timeline, results, verdicts)


def apply_verdicts(
    timeline: Timeline, results: Mapping[str, ExamResult], verdicts: Sequence[LinkVerdict]
) -> Timeline:
    """Cut and draw links between lesions, and gather the tracks anew.

    A verdict on a lesion that is no longer there changes nothing.
    """
    links = {_ends(link): link for track in timeline.lesions for link in track.links}
    changed = False
    for verdict in verdicts:
        before, after = (_find(place, results) for place in (verdict.before, verdict.after))
        if before is None or after is None or verdict.verdict is Verdict.ACCEPTED:
            continue
        ends = (verdict.before.exam, before.id, verdict.after.exam, after.id)
        changed = True
        if verdict.verdict is Verdict.CUT:
            links.pop(ends, None)
        else:
            links.setdefault(ends, LesionLink(*ends, overlap=0.0, kind="continues"))
    if not changed:
        return timeline
    return replace(timeline, lesions=_gather(timeline, results, tuple(links.values())))


def verdict_on(
    link: LesionLink, results: Mapping[str, ExamResult], verdicts: Sequence[LinkVerdict]
) -> Verdict | None:
    """Tell what the reader said of a link; None where nothing."""
    for verdict in reversed(verdicts):
        before, after = (_find(place, results) for place in (verdict.before, verdict.after))
        if before is None or after is None:
            continue
        if _ends(link) == (verdict.before.exam, before.id, verdict.after.exam, after.id):
            return verdict.verdict
    return None


def with_verdict(verdicts: Sequence[LinkVerdict], new: LinkVerdict) -> tuple[LinkVerdict, ...]:
    """Add a verdict; it takes the place of an earlier one on the same pair."""
    kept = tuple(old for old in verdicts if (old.before, old.after) != (new.before, new.after))
    return (*kept, new)


def _ends(link: LesionLink) -> tuple[str, int, str, int]:
    return link.from_exam, link.from_lesion, link.to_exam, link.to_lesion


def _find(place: LesionPlace, results: Mapping[str, ExamResult]) -> Lesion | None:
    """Find the lesion that lies where one was, within 15 mm in the same bone."""
    if place.exam not in results:
        return None
    near = [
        (float(np.linalg.norm(np.subtract(lesion.centroid_mm, place.centroid_mm))), lesion.id, lesion)
        for lesion in results[place.exam].lesions
        if (lesion.bone, lesion.side) == (place.bone, place.side)
    ]
    distance, _, lesion = min(near, default=(np.inf, 0, None), key=lambda it: it[:2])
    return lesion if distance <= _SAME_PLACE_MM else None


def _gather(
    timeline: Timeline, results: Mapping[str, ExamResult], links: tuple[LesionLink, ...]
) -> tuple[LesionTrack, ...]:
    """Gather linked lesions into tracks, numbered in order of onset."""
    seen = {(it.exam, it.lesion): it for track in timeline.lesions for it in track.observations}
    groups = {key: {key} for key in seen}
    for link in links:
        one, other = groups[link.from_exam, link.from_lesion], groups[link.to_exam, link.to_lesion]
        if one is not other:
            one |= other
            groups.update(dict.fromkeys(other, one))
    days = {exam.name: number for number, exam in enumerate(timeline.exams)}
    unique = {id(group): sorted(group, key=lambda key: (days[key[0]], key[1])) for group in groups.values()}
    ordered = sorted(unique.values(), key=lambda group: (days[group[0][0]], group[0][1]))
    return tuple(
        _track(number, [seen[key] for key in group], links, results)
        for number, group in enumerate(ordered, start=1)
    )


def _track(
    number: int,
    observations: Sequence[LesionObservation],
    links: Sequence[LesionLink],
    results: Mapping[str, ExamResult],
) -> LesionTrack:
    members = {(it.exam, it.lesion) for it in observations}
    lesions = [_lesion(results[it.exam], it.lesion) for it in observations]
    volumes: dict[str, float] = {}
    for lesion in lesions:
        for region, volume in lesion.regions.items():
            volumes[region] = volumes.get(region, 0.0) + volume
    return LesionTrack(
        id=number,
        bone=lesions[0].bone,
        side=lesions[0].side,
        regions=tuple(sorted(volumes, key=lambda region: -volumes[region])),
        observations=tuple(observations),
        links=tuple(link for link in links if (link.from_exam, link.from_lesion) in members),
    )


def _lesion(result: ExamResult, number: int) -> Lesion:
    return next(lesion for lesion in result.lesions if lesion.id == number)
