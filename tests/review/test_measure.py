"""What the reader changes is what is measured, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.errors import GridMismatchError, MissingSeriesError
from bmetk.image import Grid, LabelMap
from bmetk.review import (
    Mark,
    anchor_of,
    begin,
    confidence,
    is_touched,
    lesion_piece,
    list_changes,
    measure_draft,
    with_finding,
    with_marks,
)
from tests.conftest import make_grid
from tests.review.phantom import LATERAL, MEDIAL, knee


def rows_of(result):
    return {row.region: row for row in result.measurements}


def without(draft, chosen):
    return with_marks(draft, np.where(chosen, np.uint8(0), draft.marks.array))


def test_untouched_draft_measures_as_the_program_did(grid: Grid):
    base = knee(grid)
    measured = measure_draft(begin(base))
    assert measured.measurements == base.measurements
    assert [it.volume_ml for it in measured.lesions] == [it.volume_ml for it in base.lesions]
    np.testing.assert_allclose(
        [it.centroid_mm for it in measured.lesions], [it.centroid_mm for it in base.lesions], atol=1e-9
    )
    assert not is_touched(begin(base))


def test_erasing_takes_its_volume_and_the_interval_keeps_its_proportions(grid: Grid):
    draft = begin(knee(grid))
    edema = np.argwhere(draft.edema.array & (draft.regions.labels.array == LATERAL))
    gone = np.zeros(grid.shape, dtype=bool)
    gone[tuple(edema[: len(edema) // 2].T)] = True
    row = rows_of(measure_draft(without(draft, gone)))["lateral_femoral_condyle"]
    assert row.edema_ml == pytest.approx((len(edema) - len(edema) // 2) * grid.voxel_ml)
    assert (row.edema_ml_low, row.edema_ml_high) == pytest.approx((0.8 * row.edema_ml, 1.25 * row.edema_ml))
    before = rows_of(draft.base)["lateral_femoral_condyle"]
    assert (row.bone_ml, row.coverage) == (before.bone_ml, before.coverage)
    assert row.edema_fraction == pytest.approx(row.edema_ml / row.bone_ml)


def test_erasing_all_leaves_0_to_0_and_no_lesion(grid: Grid):
    measured = measure_draft(with_marks(begin(knee(grid)), np.zeros(grid.shape, np.uint8)))
    row = rows_of(measured)["medial_femoral_condyle"]
    assert (row.edema_ml_low, row.edema_ml, row.edema_ml_high) == (0, 0, 0)
    assert measured.lesions == ()


def test_a_region_that_was_not_imaged_never_gets_a_volume(grid: Grid):
    assert rows_of(measure_draft(without(begin(knee(grid)), True)))["patella"].edema_ml is None


def test_edema_painted_where_there_was_none_takes_the_proportions_of_the_exam():
    grid = make_grid("axial")
    draft = begin(knee(grid))
    clean = replace(draft.base.measurements[1], edema_ml=0.0, edema_ml_low=0.0, edema_ml_high=0.0)
    rows = tuple(clean if row.region == clean.region else row for row in draft.base.measurements)
    row = rows_of(measure_draft(replace(draft, base=replace(draft.base, measurements=rows))))[clean.region]
    assert row.edema_ml > 0
    assert row.edema_ml_low == pytest.approx(0.8 * row.edema_ml)


def test_a_rejected_lesion_does_not_count_and_can_come_back(grid: Grid):
    draft = begin(knee(grid))
    first, second = draft.base.lesions
    piece = lesion_piece(draft, first)
    assert piece.volume_ml == pytest.approx(first.volume_ml)
    rejected = with_marks(draft, np.where(piece.array, np.uint8(Mark.REJECTED), draft.marks.array))
    assert [it.volume_ml for it in measure_draft(rejected).lesions] == [second.volume_ml]
    assert rejected.rejected.volume_ml == pytest.approx(first.volume_ml)
    changes = list_changes(rejected, measure_draft(rejected))
    assert changes.lesions_rejected == 1
    assert changes.removed_ml == changes.rejected_ml == pytest.approx(first.volume_ml)
    assert {it.region for it in changes.regions} == {"lateral_femoral_condyle", "medial_femoral_condyle"}


def test_a_split_lesion_is_one_in_each_region_and_their_volumes_add_up(grid: Grid):
    draft = begin(knee(grid))
    whole = draft.base.lesions[0]
    assert set(whole.regions) == {"lateral_femoral_condyle", "medial_femoral_condyle"}
    cut = replace(draft, split=frozenset({anchor_of(lesion_piece(draft, whole))}))
    lesions = measure_draft(cut).lesions
    assert len(lesions) == 3
    parts = [it for it in lesions if it.volume_ml != draft.base.lesions[1].volume_ml]
    assert sum(part.volume_ml for part in parts) == pytest.approx(whole.volume_ml)
    assert all(len(part.regions) == 1 and part.bone == "femur" for part in parts)
    assert [it.id for it in lesions] == [1, 2, 3]
    for part in parts:
        assert lesion_piece(cut, part).volume_ml == pytest.approx(part.volume_ml)


def test_moved_borders_of_regions_move_the_volumes(grid: Grid):
    draft = begin(knee(grid))
    labels = LabelMap(
        np.where(draft.regions.labels.array == LATERAL, MEDIAL, draft.regions.labels.array), grid
    )
    rows = rows_of(measure_draft(replace(draft, regions=replace(draft.regions, labels=labels))))
    before = rows_of(draft.base)
    both = before["lateral_femoral_condyle"].edema_ml + before["medial_femoral_condyle"].edema_ml
    assert rows["medial_femoral_condyle"].edema_ml == pytest.approx(both)
    assert rows["lateral_femoral_condyle"].edema_ml is None


def test_a_struck_finding_is_absent_and_the_rest_of_it_stays():
    base = knee(make_grid("coronal"))
    finding = base.findings[0]
    struck = measure_draft(with_finding(begin(base), finding, False)).findings[0]
    assert struck == replace(finding, present=False)


def test_confidence_is_the_mean_probability_of_the_lesion():
    draft = begin(knee(make_grid("axial")))
    assert confidence(draft, lesion_piece(draft, draft.base.lesions[0])) == pytest.approx(0.9)
    assert confidence(draft, draft.rejected) is None


def test_labels_on_another_grid_are_refused():
    draft = begin(knee(make_grid("axial")))
    other = make_grid("axial", shape=(16, 40, 35))
    with pytest.raises(GridMismatchError, match="resample one onto the other"):
        replace(draft, marks=LabelMap(np.zeros(other.shape, np.uint8), other))


def test_bones_alone_cannot_be_reviewed():
    with pytest.raises(MissingSeriesError, match="bones alone"):
        begin(replace(knee(make_grid("axial")), edema=None))
