"""Lesions of two exams are one where the tracker or the reader says so."""

from __future__ import annotations

from datetime import date

import numpy as np

from bmetk.review import (
    Verdict,
    begin,
    follow,
    lesion_piece,
    measure_draft,
    place_of_lesion,
    verdict_on,
    with_marks,
    with_verdict,
)
from bmetk.review.links import LinkVerdict
from bmetk.tracking import EventKind
from tests.conftest import make_grid
from tests.review.phantom import knee

FIRST, SECOND = "1_knee_left", "2_knee_left"


def course(grid=None):
    grid = grid or make_grid("coronal")
    return {FIRST: knee(grid), SECOND: knee(grid, day=date(2024, 9, 1))}


def verdict(results, kind, before=0, after=0):
    return LinkVerdict(
        kind,
        place_of_lesion(FIRST, results[FIRST].lesions[before]),
        place_of_lesion(SECOND, results[SECOND].lesions[after]),
    )


def pairs(timeline):
    return {(link.from_lesion, link.to_lesion) for track in timeline.lesions for link in track.links}


def test_a_cut_link_parts_the_lesions_and_a_drawn_one_joins_them():
    results = course()
    before = pairs(follow(results))
    assert (1, 1) in before
    cut = follow(results, (verdict(results, Verdict.CUT),))
    assert pairs(cut) == before - {(1, 1)}
    drawn = follow(results, (verdict(results, Verdict.CUT), verdict(results, Verdict.DRAWN)))
    assert pairs(drawn) == before
    numbers = [track.id for track in cut.lesions]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_lesion_stays_in_exactly_one_track():
    results = course()
    timeline = follow(results, (verdict(results, Verdict.CUT), verdict(results, Verdict.CUT, 1, 1)))
    seen = [(it.exam, it.lesion) for track in timeline.lesions for it in track.observations]
    assert sorted(seen) == sorted((name, it.id) for name, r in results.items() for it in r.lesions)


def test_an_accepted_link_changes_nothing_and_is_remembered():
    results = course()
    accepted = (verdict(results, Verdict.ACCEPTED),)
    timeline = follow(results, accepted)
    assert timeline == follow(results)
    link = next(it for t in timeline.lesions for it in t.links if (it.from_lesion, it.to_lesion) == (1, 1))
    assert verdict_on(link, results, accepted) is Verdict.ACCEPTED


def test_a_later_verdict_takes_the_place_of_an_earlier_one():
    results = course()
    cut, drawn = verdict(results, Verdict.CUT), verdict(results, Verdict.DRAWN)
    assert with_verdict((cut,), drawn) == (drawn,)


def test_a_verdict_on_a_lesion_that_is_gone_changes_nothing():
    results = course()
    told = (verdict(results, Verdict.CUT),)
    draft = begin(results[SECOND])
    edited = dict(results)
    edited[SECOND] = measure_draft(with_marks(draft, np.zeros(draft.marks.grid.shape, np.uint8)))
    assert follow(edited, told) == follow(edited)


def test_events_follow_an_edit():
    results = course()
    draft = begin(results[SECOND])
    gone = lesion_piece(draft, results[SECOND].lesions[0]).array
    edited = measure_draft(with_marks(draft, np.where(gone, np.uint8(0), draft.marks.array)))
    told = {
        event.region: event.kind
        for event in follow({FIRST: results[FIRST], SECOND: edited}).events
        if event.exam == SECOND
    }
    assert told["medial_femoral_condyle"] is EventKind.RESOLVED
    assert told["lateral_femoral_condyle"] is EventKind.DECREASED
