"""What has more water for the T1 it lost than red marrow can have is edema, though the network doubts it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from bmetk.edema.doubted import smoothed, wetter_than_red
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import MarrowKinds, MarrowVolume
from tests.conftest import make_grid

SHAPE = (8, 60, 60)
BONE, PART = (slice(0, 8), slice(5, 55), slice(5, 55)), (slice(1, 7), slice(15, 45), slice(15, 45))


@dataclass(frozen=True)
class Doubted:
    """Part of a bone as the signals and the network have it."""

    fluid: float = 3.0
    t1: float = 0.85
    likely: float = 0.3
    unsuppressed: float = 0.0
    depth_mm: float = 6.0
    water_level: float = 4.0
    red: tuple[int, ...] = ()
    thin: tuple[int, ...] = ()
    last_slice: int = 7

    def raised_ml(self) -> float:
        """Volume of what is more likely now; nothing else may change."""
        bones = np.zeros(SHAPE, np.uint8)
        bones[BONE] = 1
        fluid, t1, likely = np.ones(SHAPE), np.ones(SHAPE), np.zeros(SHAPE, np.float32)
        part = (slice(1, self.last_slice), *PART[1:])
        fluid[part], t1[part], likely[part] = self.fluid, self.t1, self.likely
        noise = np.random.default_rng(1).normal(0, 0.05, (2, *SHAPE))
        images = ((image + more).astype(np.float32) for image, more in zip((t1, fluid), noise, strict=True))
        whole, depth = np.ones(SHAPE, bool), np.full(SHAPE, self.depth_mm, np.float32)
        grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
        volume = smoothed(MarrowVolume(grid, *images, bones, depth, whole, whole, ~whole))
        fat, kinds = np.full(SHAPE, self.unsuppressed, np.float32), MarrowKinds(red=self.red, thin=self.thin)
        level, settings = self.water_level, EdemaSettings()
        found = wetter_than_red(likely, fat, level, volume, kinds, settings)
        alone = wetter_than_red(likely, fat, level, replace(volume, t1=None), kinds, settings)
        assert np.array_equal(alone, likely)
        more = found > likely
        assert np.array_equal(found[~more], likely[~more])
        return float(np.count_nonzero(more) * grid.voxel_ml)


def test_what_is_too_wet_for_red_marrow_is_likely_edema() -> None:
    assert Doubted().raised_ml() == pytest.approx(6 * 30 * 30 * 4e-3, rel=0.15)


@pytest.mark.parametrize(
    "doubted",
    [
        Doubted(t1=0.6),
        Doubted(t1=1.0),
        Doubted(fluid=1.4),
        Doubted(likely=0.05),
        Doubted(likely=0.8),
        Doubted(unsuppressed=0.1),
        Doubted(depth_mm=1.5),
        Doubted(water_level=float("inf")),
        Doubted(red=(1,)),
        Doubted(thin=(1,)),
        Doubted(last_slice=2),
    ],
    ids=[
        "red marrow",
        "no T1 lost",
        "hardly bright",
        "ruled out",
        "known",
        "fat not suppressed",
        "at the rim",
        "no muscle",
        "pelvis",
        "ray",
        "small",
    ],
)
def test_else_the_network_is_believed(doubted: Doubted) -> None:
    assert doubted.raised_ml() == 0
