"""The montage of slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.exam import Plane, Segmentation
from bmetk.image import LabelMap, Mask
from bmetk.report.overlay import overlay_figure, slices_to_show
from tests.export.fakes import small_result


def with_edema(voxels_a_slice: list[int]):
    result = small_result()
    edema = np.zeros(result.bones.grid.shape, bool)
    for number, count in enumerate(voxels_a_slice):
        edema[number].ravel()[:count] = True
    return replace(result, edema=Mask(edema, result.bones.grid))


def test_the_slices_with_most_edema_are_shown_in_order_and_apart() -> None:
    assert slices_to_show(with_edema([0, 5, 9, 8, 7, 1]), 2) == (2, 4)


def test_a_small_region_with_edema_is_shown_beside_a_large_one() -> None:
    result = with_edema([200, 210, 220, 215, 0, 0])
    edema, regions = result.edema.array.copy(), np.zeros(result.bones.grid.shape, np.uint8)
    edema[5, :2], regions[5] = True, 7
    grid = result.bones.grid
    other = replace(result, edema=Mask(edema, grid), regions=Segmentation(LabelMap(regions, grid), {}))
    assert slices_to_show(other, 2) == (2, 5)


def test_neighbours_fill_up_where_edema_is_in_few_slices() -> None:
    assert slices_to_show(with_edema([0, 5, 9, 8, 0, 0]), 4) == (1, 2, 3)


def test_without_edema_the_slices_run_through_the_bones() -> None:
    assert slices_to_show(with_edema([0] * 6), 2) == (2, 4)
    assert slices_to_show(replace(small_result(), edema=None), 4) == (1, 2, 3, 4)


def test_without_bones_the_slices_run_through_the_volume() -> None:
    result = replace(small_result(), edema=None)
    empty = Segmentation(LabelMap(np.zeros(result.bones.grid.shape, np.uint8), result.bones.grid), {})
    assert slices_to_show(replace(result, bones=empty), 3) == (1, 3, 5)
    overlay_figure(replace(result, bones=empty, regions=empty))


@pytest.mark.parametrize("plane", list(Plane))
def test_each_slice_has_t1_fluid_and_overlay(plane: Plane) -> None:
    figure = overlay_figure(small_result(plane), count=2)
    assert [axes.get_title() for axes in figure.axes[::2]] == ["T1", "STIR", "STIR with bones and edema"]
    assert len(figure.axes) == 6


def test_a_result_read_back_is_drawn_on_its_ratio() -> None:
    result = small_result()
    bare = replace(result, exam=replace(result.exam, t1=None, fluid=None))
    assert "Ratio" in overlay_figure(bare, count=2).axes[0].get_title()


def test_bones_alone_are_drawn_on_t1() -> None:
    result = small_result()
    bare = replace(
        result,
        edema=None,
        probability=None,
        ratio=None,
        exam=replace(result.exam, fluid=None),
        alignment=None,
    )
    assert [axes.get_title() for axes in overlay_figure(bare, count=1).axes] == ["T1"]


def test_panels_keep_the_shape_of_the_body() -> None:
    figure = overlay_figure(small_result(), count=1)
    axes = figure.axes[0]
    width, height = axes.get_position().width * figure.get_figwidth(), axes.get_position().height
    height *= figure.get_figheight()
    assert width / height == pytest.approx(axes.get_xlim()[1] / axes.get_ylim()[0], rel=0.01)
