"""Connected pieces, bone by bone."""

from __future__ import annotations

import numpy as np

from bmetk.edema.pieces import connect_by_bone, with_core
from bmetk.edema.settings import EdemaSettings
from tests.conftest import make_grid

SHAPE = (4, 20, 20)


def _bones() -> np.ndarray:
    bones = np.zeros(SHAPE, np.uint8)
    bones[:, :, :10], bones[:, :, 10:] = 1, 7
    return bones


def test_what_crosses_into_another_bone_is_two_pieces() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[1, 5:8, 6:14] = True
    labels = connect_by_bone(mask, _bones())
    assert set(np.unique(labels[mask & (_bones() == 1)])) == {1}
    assert set(np.unique(labels[mask & (_bones() == 7)])) == {2}


def test_pieces_that_touch_by_a_corner_are_one() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[1, 5, 5] = mask[2, 6, 6] = True
    assert connect_by_bone(mask, _bones()).max() == 1


def test_only_large_pieces_with_a_core_in_a_measured_region_are_kept() -> None:
    grid = make_grid("coronal", SHAPE, (3.0, 1.0, 1.0))
    likely, certain = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    likely[1, 2:9, 2:9] = likely[1, 12:19, 2:9] = likely[3, 2:4, 14:16] = True
    likely[1, 12:19, 12:19] = True
    certain[1, 3:8, 3:8] = certain[3, 2:4, 14:16] = certain[1, 13:18, 13:18] = True
    measured = np.ones(SHAPE, bool)
    measured[:, 11:, 11:] = False
    kept = with_core(likely, certain, _bones(), measured, grid, EdemaSettings())
    assert kept[1, 5, 5]
    assert not kept[1, 15, 5], "no core"
    assert not kept[3, 2, 14], "too small"
    assert not kept[1, 15, 15], "outside of the regions"
