"""Red marrow beside a lesion is known by the lesion."""

from __future__ import annotations

import numpy as np

from bmetk.edema.satellites import Signals, without_satellites
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import MarrowVolume
from tests.conftest import make_grid

SHAPE = (8, 40, 60)
LESION, BESIDE = (slice(2, 6), slice(5, 25), slice(5, 25)), (slice(2, 6), slice(10, 20), slice(40, 50))


def run(
    contrast_beside: float,
    t1_beside: float,
    fatty: list[int],
    *,
    likely: float = 0.9,
    water_share: float = 0.1,
) -> tuple[bool, bool]:
    """Lay a lesion into one bone and something into another; tell whether both are kept."""
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    bones = np.ones(SHAPE, np.uint8)
    bones[..., 30:] = 2
    edema, contrast, t1 = np.zeros(SHAPE, bool), np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)
    for box, bright, dark in ((LESION, 6.0, 0.6), (BESIDE, contrast_beside, t1_beside)):
        edema[box], contrast[box], t1[box] = True, bright, dark
    whole = np.ones(SHAPE, bool)
    volume = MarrowVolume(grid, t1, contrast, bones, np.full(SHAPE, 5.0, np.float32), whole, whole)
    signals = Signals(np.full(SHAPE, likely, np.float32), contrast, water_share * contrast, t1)
    kept, dropped_ml = without_satellites(edema, signals, volume, fatty, EdemaSettings())
    assert bool(dropped_ml) == (not kept[BESIDE].any() or not kept[LESION].any())
    return bool(kept[LESION].all()), bool(kept[BESIDE].all())


def test_fainter_with_the_same_loss_of_t1_is_red_marrow() -> None:
    assert run(2.0, 0.6, fatty=[]) == (True, False)


def test_a_weaker_lesion_that_lost_as_much_less_t1_is_kept() -> None:
    assert run(3.0, 0.8, fatty=[]) == (True, True)


def test_a_bone_without_red_marrow_holds_none() -> None:
    assert run(2.0, 0.6, fatty=[2]) == (True, True)


def test_what_the_network_doubts_is_not_believed_where_marrow_may_be_red() -> None:
    assert run(6.0, 0.6, fatty=[2], likely=0.6, water_share=0.05) == (False, True)


def test_weak_edema_that_the_network_doubts_is_kept_for_its_slope() -> None:
    assert run(6.0, 0.6, fatty=[2], likely=0.6, water_share=0.1) == (True, True)


def test_bright_marrow_that_lost_no_t1_is_unsuppressed_fat() -> None:
    assert run(6.0, 0.95, fatty=[2]) == (True, False)
