"""A lesion that was edited keeps what the program had measured of it; one that was not stays as it was."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bmetk.exam import ExamResult
from bmetk.export import load_result, save_result
from bmetk.image import Grid, LabelMap
from bmetk.review import begin, find_pieces, lesion_piece, measure_draft, pieces, with_marks
from tests.conftest import make_grid
from tests.review.phantom import ACROSS_MM, LATERAL, MEDIAL, knee


def told_knee(grid: Grid) -> ExamResult:
    """The program measured shares of water and contrasts, which the images alone do not give again."""
    base = knee(grid)
    first, second = base.lesions
    told = (
        replace(first, water_fraction=0.6, contrast=4.0, depth_mm=1.25),
        replace(second, water_fraction=None, contrast=2.0),
    )
    return replace(base, lesions=told)


def erased(draft, chosen):
    return with_marks(draft, np.where(chosen, np.uint8(0), draft.marks.array))


def half_of(draft, lesion):
    inside = np.argwhere(lesion_piece(draft, lesion).array)
    gone = np.zeros(draft.marks.grid.shape, dtype=bool)
    gone[tuple(inside[: len(inside) // 2].T)] = True
    return gone


def test_a_lesion_that_was_not_edited_keeps_every_word_of_its_description(grid: Grid):
    draft = begin(told_knee(grid))
    assert measure_draft(draft).lesions == draft.base.lesions
    first, second = draft.base.lesions
    after = measure_draft(erased(draft, half_of(draft, first))).lesions
    assert replace(second, id=0) in [replace(it, id=0) for it in after]


def test_an_edited_lesion_keeps_share_of_water_and_contrast_of_what_is_left_of_it(grid: Grid):
    draft = begin(told_knee(grid))
    first, second = draft.base.lesions
    after = measure_draft(erased(draft, half_of(draft, first))).lesions
    edited = [it for it in after if it.contrast != second.contrast]
    assert edited
    assert all((it.water_fraction, it.contrast) == (0.6, 4.0) for it in edited)
    assert all(it.depth_mm is not None and it.depth_mm != 1.25 for it in edited)


def test_lesions_read_from_a_folder_are_known_again_though_it_rounds(tmp_path: Path):
    base = knee(make_grid("oblique", spacing_mm=(3.3, 0.7127, 0.7127), shape=(16, 64, 60)), size_mm=40.0)
    told = replace(base.lesions[0], water_fraction=0.6, contrast=4.0)
    save_result(replace(base, lesions=(told,)), tmp_path / "knee")
    draft = begin(load_result(tmp_path / "knee"))
    assert draft.base.lesions[0].volume_ml != told.volume_ml
    assert measure_draft(draft).lesions == draft.base.lesions
    after = measure_draft(erased(draft, half_of(draft, told))).lesions
    assert {(it.water_fraction, it.contrast) for it in after} == {(0.6, 4.0)}


def test_two_lesions_joined_have_their_mean_by_volume_of_what_was_told():
    grid = make_grid("axial")
    draft = begin(told_knee(grid))
    bone = draft.regions.labels.array > 0
    (joined,) = measure_draft(with_marks(draft, bone.astype(np.uint8))).lesions
    first, second = draft.base.lesions
    mean = (4.0 * first.volume_ml + 2.0 * second.volume_ml) / (first.volume_ml + second.volume_ml)
    assert joined.contrast == pytest.approx(mean)
    assert joined.water_fraction == pytest.approx(0.6)


def test_what_the_reader_alone_drew_has_neither_without_the_images():
    grid = make_grid("axial")
    draft = begin(told_knee(grid))
    world = grid.world_coordinates() - grid.centre_mm
    drawn = (np.linalg.norm(world + ACROSS_MM, axis=-1) < 3) & ~draft.edema.array
    lesions = measure_draft(with_marks(draft, (draft.edema.array | drawn).astype(np.uint8))).lesions
    assert [(it.water_fraction, it.contrast) for it in lesions].count((None, None)) == 1


def test_diffuse_is_told_of_the_whole_region_however_large(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "REACH_MM", 1.0)  # so that the box shows a part of the region alone
    grid = make_grid("axial")
    draft = begin(replace(knee(grid), lesions=()))
    assert [it.diffuse for it in find_pieces(draft.edema, draft)] == [False, False]
    whole = with_marks(draft, (draft.regions.labels.array == LATERAL).astype(np.uint8))
    assert [it.diffuse for it in find_pieces(whole.edema, whole)] == [True]


def test_a_stroke_has_the_piece_that_it_changed_described_and_no_other(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
):
    draft = begin(told_knee(grid))
    monkeypatch.setattr(pieces, "_described", OrderedDict())
    described: list[float] = []

    def find(found, regions):
        described.append(found.edema.volume_ml)
        return pieces_find(found, regions)

    pieces_find = pieces.find_lesions
    monkeypatch.setattr(pieces, "find_lesions", find)
    edited = erased(draft, half_of(draft, draft.base.lesions[0]))
    assert measure_draft(edited).lesions == measure_draft(edited).lesions
    changed = [it.volume_ml for it in measure_draft(edited).lesions if it.contrast == 4.0]
    assert sorted(described) == pytest.approx(sorted(changed))


def test_a_description_follows_the_borders_of_regions(grid: Grid):
    draft = begin(told_knee(grid))
    before = measure_draft(draft).lesions[0]
    assert set(before.regions) == {"lateral_femoral_condyle", "medial_femoral_condyle"}
    labels = draft.regions.labels.array
    moved = LabelMap(np.where(labels == LATERAL, np.uint8(MEDIAL), labels), grid)
    after = measure_draft(replace(draft, regions=replace(draft.regions, labels=moved))).lesions[0]
    assert set(after.regions) == {"medial_femoral_condyle"}
    assert (after.water_fraction, after.contrast) == (0.6, 4.0)
