"""A lesion grows over marrow that looks like it, and over nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.edema.growth import grow_alike
from bmetk.edema.measured import Signals
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import MarrowKinds, MarrowVolume
from tests.conftest import make_grid

SHAPE = (8, 40, 60)
KNOWN = (slice(2, 6), slice(5, 25), slice(5, 20))
REST = (slice(2, 6), slice(5, 25), slice(20, 29))


def added_ml(
    *,
    contrast: float = 5.0,
    t1: float = 0.6,
    likely: float = 0.08,
    bridge: int = 20,
    fatty: bool = False,
    other_side: float | None = None,
    yellow: bool = False,
) -> float:
    """Let the rest of a lesion be what it may; ``bridge`` is how many rows of it touch the known part."""
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    bones = np.ones(SHAPE, np.uint8)
    bones[..., 30:] = 2 if other_side is None else 101
    bright, dark, p = np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    for box, values in ((KNOWN, (5.0, 0.6, 0.95)), (REST, (contrast, t1, likely))):
        bright[box], dark[box], p[box] = values
    gap = (slice(2, 6), slice(5 + bridge, 25), slice(20, 22))
    bright[gap], dark[gap] = 0, 1
    bright[bones == 101] = other_side or 0.0
    edema, whole = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    edema[KNOWN] = True
    volume = MarrowVolume(
        grid, dark, bright, bones, np.full(SHAPE, 5.0, np.float32), whole, whole, whole & yellow
    )
    signals = Signals(p, bright, bright / 10, dark, np.full(SHAPE, 0.1, np.float32), np.zeros_like(bright))
    grown = grow_alike(edema, signals, volume, MarrowKinds((1,) if fatty else ()), EdemaSettings())
    assert grown[KNOWN].all()
    return float(np.count_nonzero(grown & ~edema) * grid.voxel_ml)


def test_marrow_like_the_lesion_belongs_to_it() -> None:
    assert added_ml(yellow=True) == pytest.approx(4 * 20 * 9 * 4.0 / 1000, rel=0.05)


def test_where_no_other_side_tells_red_marrow_it_must_be_likely() -> None:
    assert added_ml() < 0.3
    assert added_ml(likely=0.6) > 2.5


@pytest.mark.parametrize(
    "unlike", [{"contrast": 2.5}, {"contrast": 9.0}, {"t1": 0.85}, {"likely": 0.02}, {"bridge": 1}]
)
def test_marrow_unlike_the_lesion_or_apart_from_it_does_not(unlike: dict[str, float]) -> None:
    assert added_ml(**unlike, yellow=True) < 0.3  # type: ignore[arg-type]


def test_in_bones_without_red_marrow_less_likelihood_is_needed() -> None:
    assert added_ml(likely=0.02, fatty=True) > 2.5


def test_where_red_marrow_may_be_what_is_as_bright_as_the_other_side_must_be_likely() -> None:
    assert added_ml(other_side=1.0) > 2.5
    assert added_ml(other_side=4.5) < 0.3
    assert added_ml(other_side=4.5, likely=0.6) > 2.5
    assert added_ml(other_side=4.5, yellow=True) > 2.5
    assert added_ml(other_side=4.5, fatty=True) > 2.5
