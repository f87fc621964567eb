"""Intervals of volumes and the least that can be seen."""

from __future__ import annotations

import pytest

from bmetk.edema.uncertainty import IntervalModel, detection_limit_ml
from tests.conftest import make_grid


def test_interval_holds_its_volume_and_never_goes_below_zero() -> None:
    low, high = IntervalModel().interval_ml(0.05, 0.0, 0.4)
    assert low == 0.0
    assert high > 0.05


def test_a_doubtful_outline_widens_the_interval_to_its_side() -> None:
    model = IntervalModel(outline=1.0, share=0.1, floor_ml=0.0)
    sharp, fuzzy = model.interval_ml(10.0, 10.0, 10.0), model.interval_ml(10.0, 10.0, 16.0)
    assert sharp == pytest.approx((9.0, 11.0))
    assert fuzzy[0] == sharp[0]
    assert fuzzy[1] > 16.0


def test_without_edema_the_interval_ends_at_what_is_doubtful() -> None:
    assert IntervalModel().interval_ml(0.0, 0.0, 0.2) == (0.0, 0.2)


def test_thicker_slices_hide_more() -> None:
    thin, thick = (make_grid("coronal", (9, 9, 9), (distance, 0.5, 0.5)) for distance in (3.0, 6.0))
    assert detection_limit_ml(thin, 0.08) == 0.08
    assert detection_limit_ml(thick, 0.08) == pytest.approx(8 * 0.0477, rel=0.01)
