"""The tools take what is bright, connected and inside the bone."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.errors import GridMismatchError, InputError
from bmetk.image import Grid, LabelMap, Mask, ScalarImage
from bmetk.review import begin, grow, relabel, suggest_level, threshold_brush, use_labels
from tests.conftest import make_grid
from tests.review.phantom import ACROSS_MM, APART_MM, MEDIAL, knee


def voxel(grid: Grid, offset_mm: np.ndarray) -> tuple[int, int, int]:
    s, r, c = np.round(grid.to_index(grid.centre_mm + offset_mm)).astype(int)
    return int(s), int(r), int(c)


def test_growing_from_a_click_takes_that_lesion_alone(grid: Grid):
    base = knee(grid)
    grown = grow(base.ratio, base.bones.labels, voxel(grid, APART_MM))
    assert grown.volume_ml == pytest.approx(base.lesions[1].volume_ml)
    assert not (grown.array & ~base.edema.array).any()


def test_growing_stops_at_the_bone_and_at_its_reach():
    grid = make_grid("coronal")
    base = knee(grid)
    bright = ScalarImage(np.where(base.edema.array | (base.bones.labels.array == 0), 3.0, 1.0), grid)
    assert not (
        grow(bright, base.bones.labels, voxel(grid, ACROSS_MM)).array & (base.bones.labels.array == 0)
    ).any()
    near = grow(base.ratio, base.bones.labels, voxel(grid, ACROSS_MM), reach_mm=3.0)
    distance = np.linalg.norm(
        grid.to_world(np.argwhere(near.array)) - grid.to_world(voxel(grid, ACROSS_MM)), axis=1
    )
    assert distance.max() <= 3.0


@pytest.mark.parametrize(
    ("offset_mm", "sentence"),
    [((0.0, 0.0, 19.0), "outside the bones"), ((0.0, 0.0, -12.0), "no brighter than the rest")],
)
def test_a_click_without_edema_is_told(offset_mm: tuple[float, ...], sentence: str):
    grid = make_grid("axial")
    base = knee(grid)
    with pytest.raises(InputError, match=sentence):
        grow(base.ratio, base.bones.labels, voxel(grid, np.array(offset_mm)))


def test_the_threshold_brush_takes_bright_marrow_of_its_bone_in_one_slice(grid: Grid):
    base = knee(grid)
    centre = voxel(grid, ACROSS_MM)
    taken = threshold_brush(base.ratio, base.bones.labels, centre, 4.0, 2.0)
    inside = np.argwhere(taken.array)
    assert set(inside[:, 0]) == {centre[0]}
    assert not (taken.array & ~base.edema.array).any()
    distance = np.linalg.norm((inside - centre) * grid.spacing_mm, axis=1)
    assert 2.5 < distance.max() <= 4.0


def test_the_threshold_brush_takes_nothing_outside_the_bone():
    grid = make_grid("axial")
    base = knee(grid)
    taken = threshold_brush(base.ratio, base.bones.labels, (0, 0, 0), 10.0, 0.0)
    assert not taken


def test_the_level_suggested_lies_half_way_between_marrow_and_edema(grid: Grid):
    base = knee(grid)
    assert suggest_level(base.ratio, base.bones.labels, base.edema) == pytest.approx(2.0)


def test_the_level_without_edema_lies_above_normal_marrow():
    grid = make_grid("axial")
    base = knee(grid)
    empty = Mask(np.zeros(grid.shape, dtype=bool), grid)
    assert 1.0 < suggest_level(base.ratio, base.bones.labels, empty) < 3.0


def test_a_piece_given_to_another_region_counts_there():
    base = knee(make_grid("sagittal"))
    given = relabel(base.regions, base.edema, MEDIAL)
    assert set(given.labels.array[base.edema.array]) == {MEDIAL}
    with pytest.raises(InputError, match="no region of this exam"):
        relabel(base.regions, base.edema, 255)


def test_labels_drawn_elsewhere_are_taken_on_the_same_grid_only():
    grid = make_grid("axial")
    draft = begin(knee(grid))
    drawn = np.zeros(grid.shape, np.uint8)
    drawn[3, 10:20, 10:20] = 7
    assert use_labels(draft, LabelMap(drawn, grid)).edema.volume_ml == pytest.approx(100 * grid.voxel_ml)
    other = make_grid("axial", spacing_mm=(3.5, 0.9, 1.0))
    with pytest.raises(GridMismatchError, match="the exam and the labels"):
        use_labels(draft, LabelMap(drawn, other))
