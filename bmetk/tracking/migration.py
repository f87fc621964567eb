"""Group onsets into episodes, and say where edema went from one episode to the next.

Regional migratory osteoporosis moves from joint to joint, and within a joint from condyle to
condyle, at intervals of months to years (Koutserimpas et al., J Musculoskelet Neuronal Interact
2025;25(2):252-255).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from bmetk.anatomy import Joint, Side
from bmetk.tracking.graph import named_path
from bmetk.tracking.timeline import Episode, Event, EventKind, Migration, Relation, Site


def find_migrations(events: Sequence[Event], episode_days: int) -> tuple[Migration, ...]:
    """List the migrations, in time order.

    One migration leads to each joint and side where an episode has regions of kind new or
    recurrent: from the dominant region (largest edema volume at its onset) of the episode before to
    the dominant such region of that joint. The region it comes from is no target: edema
    that comes back where it was has not moved. The joint is that of the exam that shows the region.
    """
    episodes = find_episodes(events, episode_days)
    return tuple(
        migration
        for number, (before, after) in enumerate(pairwise(episodes), start=2)
        for migration in _into(_dominant(before), after, number)
    )


def describe_episodes(events: Sequence[Event], episode_days: int) -> tuple[Episode, ...]:
    """List the episodes as plain values, in order of onset."""
    return tuple(
        Episode(
            number=number,
            first=onsets[0].date,
            last=onsets[-1].date,
            sites=tuple(_site(event) for event in onsets),
            dominant=_site(_dominant(onsets)),
        )
        for number, onsets in enumerate(find_episodes(events, episode_days), start=1)
    )


def find_episodes(events: Sequence[Event], episode_days: int) -> tuple[tuple[Event, ...], ...]:
    """Group the onsets: baseline, new and recurrent events.

    All onsets of one episode lie within ``episode_days`` of each other: the first onset that the
    episode before does not reach, counted from that one's first, opens the next. So monthly
    onsets never chain into one long episode.
    """
    episodes: list[list[Event]] = []
    onsets = [event for event in events if event.kind.is_onset]
    for event in sorted(onsets, key=lambda onset: onset.date):
        if episodes and (event.date - episodes[-1][0].date).days <= episode_days:
            episodes[-1].append(event)
        else:
            episodes.append([event])
    return tuple(tuple(episode) for episode in episodes)


def _dominant(episode: Sequence[Event]) -> Event:
    return max(episode, key=lambda event: event.edema_ml_after)


def _into(origin: Event, episode: Sequence[Event], number: int) -> Iterator[Migration]:
    arrivals = [
        event
        for event in episode
        if event.kind in (EventKind.NEW, EventKind.RECURRENT)
        and (event.region, event.side) != (origin.region, origin.side)
    ]
    for _, there in groupby(sorted(arrivals, key=_joint_order), key=_joint_order):
        target = _dominant(list(there))
        path = named_path((origin.region, origin.side), (target.region, target.side))
        yield Migration(_site(origin), _site(target), relate(origin, target), path, number)


def _joint_order(event: Event) -> tuple[int, str]:
    return list(Joint).index(event.joint), event.side or ""


def _site(event: Event) -> Site:
    return Site(event.side, event.region, event.date)


def relate(origin: Event, target: Event) -> Relation:
    """Name the nearest relation that holds: same bone, same joint, same limb, else the other side.

    Femoral head to femoral condyle is therefore ``same_bone``. A side that is not known counts as the
    same limb.
    """
    sides = {origin.side, target.side} - {None}
    if sides == {Side.RIGHT, Side.LEFT}:
        return Relation.CONTRALATERAL
    if origin.bone == target.bone:
        return Relation.SAME_BONE
    if origin.joint is target.joint:
        return Relation.SAME_JOINT
    return Relation.SAME_LIMB
