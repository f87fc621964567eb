"""What is bright and no edema is named by what gives it away."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.edema.mimics import BrightThing, name_mimic
from bmetk.edema.settings import EdemaSettings
from tests.conftest import make_grid

GRID = make_grid("coronal", (20, 40, 40), (3.0, 0.9, 0.9))


def thing(
    size: tuple[int, int, int] = (4, 8, 8),
    *,
    depth_mm: float = 8.0,
    water: float = 0.4,
    lost: float = 0.2,
    measured: bool = True,
) -> BrightThing:
    index = np.argwhere(np.ones(size, bool))
    values = (np.full(len(index), value, np.float32) for value in (depth_mm, water, lost))
    return BrightThing(index, *values, np.full(len(index), measured), GRID)


@pytest.mark.parametrize(
    ("name", "bright"),
    [
        ("small", thing((1, 3, 3))),
        ("outside the regions", thing(measured=False)),
        ("rim", thing(depth_mm=1.0)),
        ("cyst", thing(water=2.5, lost=0.6)),
        ("vessel", thing((1, 2, 38), water=0.8)),
        ("unsuppressed fat", thing(lost=0.0)),
        ("red marrow", thing(water=0.2, lost=0.3)),
        ("unlike edema", thing(water=0.6, lost=0.3)),
    ],
)
def test_each_mimic_is_named(name: str, bright: BrightThing) -> None:
    assert name_mimic(bright, EdemaSettings()) == name
