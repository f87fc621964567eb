"""Tissues and the map of their fractions."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.image import Grid
from bmetk.simulate.tissue import Tissue, TissuePainter, draw_relaxation, relaxation_at


def test_every_tissue_has_times_at_both_fields() -> None:
    for field in (1.5, 3.0):
        assert set(relaxation_at(field)) == set(Tissue)


def test_t1_grows_with_the_field() -> None:
    low, high = relaxation_at(1.5), relaxation_at(3.0)
    assert all(high[t].t1_ms > low[t].t1_ms for t in Tissue)


def test_edema_water_lies_in_the_range_of_the_literature_note() -> None:
    for field in (1.5, 3.0):
        water = relaxation_at(field)[Tissue.EDEMA_WATER]
        assert 900 <= water.t1_ms <= 1600
        assert 70 <= water.t2_ms <= 120


def test_drawn_times_stay_within_30_percent_and_differ_between_people() -> None:
    typical = relaxation_at(1.5)
    drawn = [draw_relaxation(1.5, np.random.default_rng(seed)) for seed in range(20)]
    ratios = np.array([[d[t].t1_ms / typical[t].t1_ms for t in Tissue] for d in drawn])
    assert 0.7 < ratios.min() < 0.9
    assert 1.1 < ratios.max() < 1.3


def test_fats_of_one_person_are_alike() -> None:
    for seed in range(20):
        drawn = draw_relaxation(1.5, np.random.default_rng(seed))
        assert drawn[Tissue.YELLOW_MARROW].t1_ms / drawn[Tissue.INNER_FAT].t1_ms == pytest.approx(
            1.0, abs=0.08
        )


def test_upper_layer_hides_the_lower_one() -> None:
    grid = Grid((3, 3, 3), np.eye(4))
    painter = TissuePainter(grid)
    top = np.zeros(grid.shape, np.float32)
    top[1] = 1.0
    painter.paint(top, {Tissue.CORTEX: 1.0})
    painter.paint(np.ones(grid.shape, np.float32), {Tissue.MUSCLE: 1.0})
    tissues = painter.finish()
    assert tissues.fraction(Tissue.MUSCLE)[1].max() == 0
    assert tissues.fraction(Tissue.MUSCLE)[0].min() == pytest.approx(1.0)


def test_fractions_sum_to_one_at_most() -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    rng = np.random.default_rng(0)
    painter = TissuePainter(grid)
    for tissue in Tissue:
        painter.paint(rng.uniform(0, 0.6, grid.shape).astype(np.float32), {tissue: 1.0})
    total = sum(painter.finish().fraction(t) for t in Tissue)
    assert np.max(total) <= 1.04
