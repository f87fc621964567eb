"""Signal equations against hand calculation."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.exam import Contrast
from bmetk.image import Grid
from bmetk.simulate.signal import (
    Sequence,
    fat_and_water,
    fat_survival,
    gradient_echo,
    inversion_recovery,
    spin_echo,
    tissue_signal,
)
from bmetk.simulate.tissue import Relaxation, Tissue, TissuePainter

FAT = Relaxation(density=0.9, t1_ms=250.0, t2_ms=100.0, fat=1.0)
WATER = Relaxation(density=1.0, t1_ms=1200.0, t2_ms=80.0)


def test_spin_echo_follows_its_equation() -> None:
    expected = 0.9 * (1 - np.exp(-500 / 250)) * np.exp(-10 / 100)
    assert spin_echo(FAT, 500, 10) == pytest.approx(expected)


def test_stir_nulls_fat_at_ln2_of_its_t1() -> None:
    assert abs(inversion_recovery(FAT, 1e6, 40, 250 * np.log(2))) < 1e-9


def test_signal_before_the_null_is_negative_and_after_it_positive() -> None:
    assert inversion_recovery(FAT, 5000, 40, 120) < 0 < inversion_recovery(FAT, 5000, 40, 260)


def test_t1_flair_shows_fat_brighter_than_water() -> None:
    flair = Sequence(Contrast.T1, 2000, 10, ti_ms=800)
    assert tissue_signal(FAT, flair) > abs(tissue_signal(WATER, flair))


def test_gradient_echo_peaks_at_the_ernst_angle() -> None:
    ernst = np.degrees(np.arccos(np.exp(-10 / 250)))
    at_peak = gradient_echo(FAT, 10, 2, ernst)
    assert at_peak > gradient_echo(FAT, 10, 2, ernst - 4)
    assert at_peak > gradient_echo(FAT, 10, 2, ernst + 4)


def test_fat_suppression_leaves_a_tenth_where_it_works_and_all_where_it_fails() -> None:
    patches = np.array([[[0.0, 1.0]]], dtype=np.float32)
    left = fat_survival(Contrast.FS_T2, 1.0, patches)
    assert np.asarray(left).ravel() == pytest.approx([0.1, 1.0])
    assert fat_survival(Contrast.STIR, 1.0, patches) == 1.0


def test_mixture_signal_is_the_sum_of_its_tissues() -> None:
    grid = Grid((2, 2, 2), np.eye(4))
    painter = TissuePainter(grid)
    painter.paint(np.full(grid.shape, 0.5, np.float32), {Tissue.MUSCLE: 1.0})
    painter.paint(np.ones(grid.shape, np.float32), {Tissue.SUBCUTANEOUS_FAT: 0.8})
    relaxation = {Tissue.MUSCLE: WATER, Tissue.SUBCUTANEOUS_FAT: FAT}
    sequence = Sequence(Contrast.T1, 500, 10)
    fat, water = fat_and_water(painter.finish(), relaxation, sequence)
    assert fat == pytest.approx(np.full(grid.shape, 0.4 * spin_echo(FAT, 500, 10)), rel=0.01)
    assert water == pytest.approx(np.full(grid.shape, 0.5 * spin_echo(WATER, 500, 10)), rel=0.01)
