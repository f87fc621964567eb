"""The end of a bone that differs from the other side's is likely to be diseased."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from bmetk.edema.doubted import smoothed
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.sides import unlike_other_side
from bmetk.edema.volume import MarrowVolume
from tests.conftest import make_grid

SHAPE = (8, 60, 120)
HERE, THERE = (slice(1, 7), slice(15, 45), slice(15, 45)), (slice(1, 7), slice(15, 45), slice(75, 105))
PART = (slice(1, 7), slice(15, 45), slice(15, 30))


@dataclass(frozen=True)
class Ends:
    """Two ends of bones in muscle, one of them in part unlike the other."""

    fluid: float = 1.7
    t1: float = 0.8
    yellow: bool = True
    unsuppressed: float = 0.0
    likely: float = 0.2
    left_muscle: float = 5.0
    other: int = 101

    def raised_ml(self) -> float:
        """Volume of what is more likely now; nothing else may change."""
        noise = np.random.default_rng(1).normal(0, 0.08, (2, *SHAPE))
        fluid, t1 = np.full(SHAPE, 5.0), np.full(SHAPE, 0.3)
        fluid[..., 60:] = self.left_muscle
        bones, yellow = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, bool)
        for box, value in ((HERE, 1), (THERE, self.other)):
            fluid[box], t1[box], bones[box], yellow[box] = 1.0, 1.0, value, self.yellow
        fluid[PART], t1[PART] = self.fluid, self.t1
        whole, depth = np.ones(SHAPE, bool), np.full(SHAPE, 5.0, np.float32) * (bones > 0)
        images = ((image + part).astype(np.float32) for image, part in zip((t1, fluid), noise, strict=True))
        grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
        volume = smoothed(MarrowVolume(grid, *images, bones, depth, whole, whole, yellow))
        likely, fat = (np.full(SHAPE, v, np.float32) for v in (self.likely, self.unsuppressed))
        found = unlike_other_side(likely, fat, volume, EdemaSettings())
        assert np.array_equal(
            unlike_other_side(likely, fat, replace(volume, t1=None), EdemaSettings()), likely
        )
        more = found > likely
        assert not more[THERE].any()
        assert np.array_equal(found[~more], likely[~more])
        return float(np.count_nonzero(more) * grid.voxel_ml)


def test_an_end_brighter_and_darker_on_t1_than_the_other_is_likely_diseased() -> None:
    assert Ends().raised_ml() == pytest.approx(6 * 30 * 15 * 4e-3, rel=0.15)


@pytest.mark.parametrize(
    "ends",
    [
        Ends(fluid=1.2),
        Ends(t1=0.98),
        Ends(yellow=False),
        Ends(unsuppressed=0.1),
        Ends(likely=0.8),
        Ends(left_muscle=3.5),
        Ends(other=102),
    ],
    ids=["hardly brighter", "T1 alike", "red marrow", "fat not suppressed", "known", "lit unlike", "no pair"],
)
def test_else_nothing_is_told_of_it(ends: Ends) -> None:
    assert ends.raised_ml() == 0
