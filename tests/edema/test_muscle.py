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


@pytest.mark.parametrize(("dim_columns", "low", "high"), [(20, 4.5, 8.0), (35, 0.0, 1.0)])
def test_what_a_coil_scatters_widely_is_muscle_where_it_is_more_than_half(
    dim_columns: int, low: float, high: float
) -> None:
    """Where muscle lies near and far, no signal of it is as common as that of a little dim tissue."""
    noise = np.random.default_rng(3).standard_normal(SHAPE)
    fluid = 6 * np.exp(0.8 * noise)
    fluid[..., :dim_columns] = 0.6 + 0.01 * noise[..., :dim_columns]
    found = muscle_level(np.full(SHAPE, 0.32, np.float32), fluid.astype(np.float32), np.ones(SHAPE, bool))
    assert found is not None
    assert low < found < high


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
