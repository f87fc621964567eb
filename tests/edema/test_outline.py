"""A lesion ends half way between the marrow that it lies in and its own level."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.edema.outline import Outline, outline_lesions
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import MarrowKinds, MarrowVolume
from tests.conftest import make_grid

SHAPE = (7, 90, 90)
RADIUS_MM, WIDTH_MM, RED_MM = 12.0, 2.0, 34.0
NORMAL, LESION = 1.0, 5.0
NO_GROWTH = EdemaSettings(alike_share=0.99)


def outlined(red: float, *, fatty: bool = False) -> Outline:
    """Lay a soft lesion into marrow that is brighter than normal by ``red`` as far as `RED_MM`."""
    grid = make_grid("coronal", SHAPE, (3.0, 1.0, 1.0))
    rows, columns = np.indices(SHAPE[1:]) - 45.0
    distance = np.hypot(rows, columns + 18)
    lesion = 1 / (1 + np.exp((distance - RADIUS_MM) / WIDTH_MM))
    marrow = NORMAL + red * (distance < RED_MM)
    scatter = np.random.default_rng(5).normal(0, 0.05, SHAPE)
    fluid = np.asarray(marrow + lesion * (LESION - marrow) + scatter, np.float32)
    likely = np.broadcast_to(distance < RADIUS_MM + WIDTH_MM, SHAPE).astype(np.float32)
    bones, whole = np.ones(SHAPE, np.uint8), np.ones(SHAPE, bool)
    depth, nothing = np.full(SHAPE, 10, np.float32), np.zeros(SHAPE, np.float32)
    volume = MarrowVolume(grid, None, fluid, bones, depth, whole, whole, ~whole)
    kinds = MarrowKinds(fatty=(1,)) if fatty else MarrowKinds()
    return outline_lesions(likely, fluid, None, nothing, nothing, volume, kinds, NO_GROWTH)


def radius_mm(outline: Outline) -> float:
    """Radius of the disc that the middle slice shows."""
    return float(np.sqrt(np.count_nonzero(outline.edema[3]) / np.pi))


@pytest.mark.parametrize("red", [0.6, 1.2])
def test_lesion_in_red_marrow_ends_where_it_would_end_in_yellow_marrow(red: float) -> None:
    yellow = radius_mm(outlined(0))
    assert yellow == pytest.approx(RADIUS_MM, abs=1)
    assert radius_mm(outlined(red)) == pytest.approx(yellow, abs=0.3)
    assert radius_mm(outlined(red, fatty=True)) > yellow + 0.6


def test_half_height_rises_by_half_of_the_marrow_around() -> None:
    red, yellow = outlined(1.2), outlined(1.2, fatty=True)
    edge = red.edema & (red.probability < 0.6)
    assert edge.any()
    rise = np.median(red.half_height[edge] - yellow.half_height[edge])
    assert float(rise) == pytest.approx(1.2 / 2, abs=0.1)
