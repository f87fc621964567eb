"""Muscle is found by its T1 and by how common it is."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.edema.muscle import muscle_below_fluid, muscle_level

SHAPE = (6, 60, 60)


def level(dim: float, dim_columns: int) -> float | None:
    """Find muscle of signal 4 beside another dark tissue in so many of 60 columns."""
    fluid = (4 + 0.2 * np.random.default_rng(3).standard_normal(SHAPE)).astype(np.float32)
    fluid[..., :dim_columns] -= 4 - dim
    t1 = np.full(SHAPE, 0.32, np.float32)
    return muscle_level(t1, fluid, np.ones(SHAPE, bool))


def test_the_commonest_dark_tissue_is_muscle() -> None:
    assert level(2.0, 15) == pytest.approx(4, abs=0.2)
    assert level(2.0, 45) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("dim", [0.6, 1.1])
def test_what_is_too_dim_for_muscle_gives_way_to_what_is_nearly_as_common(dim: float) -> None:
    assert level(dim, 35) == pytest.approx(4, abs=0.2)
    assert level(dim, 48) == pytest.approx(dim, abs=0.2)


def test_too_little_of_it_tells_nothing() -> None:
    t1 = np.ones(SHAPE, np.float32)
    t1[0, :20, :20] = 0.3
    assert muscle_level(t1, t1, np.ones(SHAPE, bool)) is None
    assert muscle_below_fluid(t1, t1, np.ones(SHAPE, bool), 4.0) is None


@pytest.mark.parametrize(("dim", "dim_columns"), [(0.4, 45), (15.0, 40)], ids=["fat at the edge", "fluid"])
def test_muscle_is_as_dim_beside_fluid_as_due(dim: float, dim_columns: int) -> None:
    fluid = (4 + 0.2 * np.random.default_rng(3).standard_normal(SHAPE)).astype(np.float32)
    fluid[..., :dim_columns] *= dim / 4
    fluid[..., -3:] *= 4
    t1 = np.full(SHAPE, 0.32, np.float32)
    found = muscle_below_fluid(t1, fluid, np.ones(SHAPE, bool), 4.0)
    assert found == pytest.approx(4, abs=0.4)
