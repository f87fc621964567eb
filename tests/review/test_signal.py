"""Of a lesion that the reader alone drew, the images tell contrast and share of water."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.exam import Contrast, ExamResult, Lesion, Plane, Series
from bmetk.image import Grid, LabelMap, ScalarImage
from bmetk.review import Draft, begin, measure_draft, with_marks
from tests.conftest import make_grid
from tests.review.phantom import knee

DRAWN_MM = np.array([-6.0, 0.0, -10.0])
SIGNAL = 2.6
"""Of the lesion that the program missed, in units of normal marrow: a contrast of 1.6."""


def with_missed_lesion(grid: Grid, *, shading: float = 0.0) -> tuple[ExamResult, np.ndarray]:
    """Show a lesion in the series that the program did not find; the coil is brighter towards the left."""
    base = knee(grid)
    world = grid.world_coordinates() - grid.centre_mm
    missed = np.linalg.norm(world - DRAWN_MM, axis=-1) < 4
    fluid = 140.0 * np.where(missed, SIGNAL, base.ratio.array) * (1 + shading * world[..., 0] / 30)
    series = Series(ScalarImage(fluid, grid), Contrast.STIR, Plane.AXIAL)
    told = tuple(replace(it, contrast=2.0, water_fraction=0.5) for it in base.lesions)
    return replace(base, exam=replace(base.exam, fluid=series), lesions=told), missed


def drawn(base: ExamResult, missed: np.ndarray) -> tuple[Draft, Lesion]:
    draft = begin(base)
    draft = with_marks(draft, (draft.edema.array | missed).astype(np.uint8))
    known = {it.centroid_mm for it in base.lesions}
    (lesion,) = (it for it in measure_draft(draft).lesions if it.centroid_mm not in known)
    return draft, lesion


def test_contrast_is_the_signal_above_normal_marrow(grid: Grid):
    _, lesion = drawn(*with_missed_lesion(grid))
    assert lesion.contrast == pytest.approx(SIGNAL - 1, rel=1e-5)


def test_the_coils_shading_hardly_moves_it():
    _, lesion = drawn(*with_missed_lesion(make_grid("axial"), shading=0.3))
    assert lesion.contrast == pytest.approx(SIGNAL - 1, abs=0.3)


def test_the_share_of_water_is_on_the_scale_of_the_programs_lesions(grid: Grid):
    _, lesion = drawn(*with_missed_lesion(grid))
    assert lesion.water_fraction == pytest.approx((SIGNAL - 1) * 0.5 / 2.0, rel=1e-5)


def test_without_a_lesion_that_tells_it_the_share_of_water_stays_open():
    base, missed = with_missed_lesion(make_grid("axial"))
    base = replace(base, lesions=tuple(replace(it, water_fraction=None) for it in base.lesions))
    _, lesion = drawn(base, missed)
    assert lesion.contrast is not None
    assert lesion.water_fraction is None


def test_on_another_grid_the_series_tells_nothing():
    base, missed = with_missed_lesion(make_grid("axial"))
    other = replace(base.exam.fluid, image=ScalarImage(base.exam.fluid.image.array, make_grid("sagittal")))
    _, lesion = drawn(replace(base, exam=replace(base.exam, fluid=other)), missed)
    assert (lesion.contrast, lesion.water_fraction) == (None, None)


def test_edema_outside_the_bones_has_no_contrast():
    base, missed = with_missed_lesion(make_grid("axial"))
    draft = begin(base)
    bones = np.where(missed, np.uint8(0), draft.bones.labels.array)
    draft = replace(draft, bones=replace(draft.bones, labels=LabelMap(bones, base.bones.grid)))
    draft = with_marks(draft, (draft.edema.array | missed).astype(np.uint8))
    assert [it.contrast for it in measure_draft(draft).lesions].count(None) == 1
