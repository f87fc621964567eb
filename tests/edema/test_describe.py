"""What the network is told a bone's normal marrow is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.edema.describe import normal_levels
from bmetk.edema.normalize import normalise
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import Float32Array, MarrowVolume
from tests.conftest import make_grid

SHAPE = (8, 40, 60)


def two_bones(
    fluid: tuple[float, float], t1: tuple[float, float], values: tuple[int, int] = (1, 101)
) -> MarrowVolume:
    """Lay out two bones of even marrow, each with a little noise."""
    bones = np.full(SHAPE, values[0], np.uint8)
    bones[..., 30:] = values[1]
    noise = np.random.default_rng(3).normal(0, 0.05, (2, *SHAPE))

    def image(pair: tuple[float, float], part: int) -> Float32Array:
        return (np.where(bones == values[0], pair[0], pair[1]) + noise[part]).astype(np.float32)

    whole = np.ones(SHAPE, bool)
    depth = np.full(SHAPE, 5.0, np.float32)
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    return MarrowVolume(grid, image(t1, 0), image(fluid, 1), bones, depth, whole, whole, ~whole)


@pytest.mark.parametrize(
    ("bright", "t1", "base"),
    [(1.8, 0.8, 1.0), (1.8, 1.0, 1.35), (1.4, 0.8, 1.35)],
    ids=["filled", "as bright on T1", "little brighter"],
)
def test_a_bone_far_brighter_and_darker_on_t1_is_compared_with_the_other_side(
    bright: float, t1: float, base: float
) -> None:
    volume = two_bones((1.35, 1.0), (t1, 1.0))
    volume.fluid[:, :22, :30] += bright - 1.35
    levels = normal_levels(volume)
    assert levels.base[volume.bones == 1].mean() == pytest.approx(base, abs=0.08)
    assert levels.base[volume.bones == 101].mean() == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    ("t1", "lowest", "highest"), [(1.0, 45, 57), (0.7, 72, 120)], ids=["fatty", "darker"]
)
def test_a_fatty_bone_far_dimmer_than_the_commonest_marrow_is_the_normal_one(
    t1: float, lowest: float, highest: float
) -> None:
    volume = two_bones((110.0, 50.0), (1.0, t1))
    noise = np.random.default_rng(4).normal(0, 32, SHAPE)
    fluid = np.maximum(volume.fluid + noise, 1).astype(np.float32)
    found = normalise(replace(volume, fluid=fluid), EdemaSettings(correct_shading=False))
    assert lowest < found.scale.fluid < highest
