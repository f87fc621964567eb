"""Smallest detectable changes from repeated exams."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bmetk.config import read_settings
from bmetk.errors import InputError
from bmetk.export import save_result
from bmetk.tracking import PointState, RegionPoint, TrackingSettings
from bmetk.tracking.change import smallest_detectable_change_ml
from bmetk.validation import repeat_to
from bmetk.validation.repeat import (
    RegionPair,
    packaged_pairs,
    pairs_of_results,
    repeat_figures,
    tracking_lines,
)
from tests.export.fakes import small_result


def pairs(count: int, mean_ml: float, share: float, seed: int = 0) -> list[RegionPair]:
    rng = np.random.default_rng(seed)
    changes = mean_ml * share * rng.normal(size=count)
    return [RegionPair("knee", "patella", mean_ml - c / 2, mean_ml + c / 2) for c in changes]


def test_smallest_detectable_change_is_1_96_standard_deviations() -> None:
    (ml, share, *_) = repeat_figures(pairs(4000, 10.0, 0.05))
    assert ml.value == pytest.approx(1.96 * 0.5, rel=0.05)
    assert share.value == pytest.approx(1.96 * 5.0, rel=0.05)
    assert ml.count == 4000


def test_small_lesions_ask_for_millilitres_and_large_ones_for_a_share() -> None:
    lines = tracking_lines([*pairs(2000, 0.5, 0.2), *pairs(2000, 8.0, 0.1, seed=1)])
    settings = tomllib.loads("\n".join(lines))["tracking"]
    assert settings["change_ml"] == pytest.approx(1.96 * 0.1, rel=0.05)
    assert settings["change_fraction"] == pytest.approx(1.96 * 0.1, rel=0.05)


def test_what_the_intervals_tell_of_a_change_is_not_counted_twice() -> None:
    half_ml = 3.0
    wide = [replace(pair, interval_ml=half_ml) for pair in pairs(2000, 8.0, 0.1)]
    share = tomllib.loads("\n".join(tracking_lines(wide)))["tracking"]["change_fraction"]
    told = TrackingSettings().interval_weight * half_ml / 8.0
    assert share == pytest.approx(np.sqrt((1.96 * 0.1) ** 2 - told**2), rel=0.05)
    row = replace(small_result().measurements[0], edema_ml=8.0, edema_ml_low=6.0, edema_ml_high=12.0)
    exam = replace(small_result(), measurements=(row,))
    assert [pair.interval_ml for pair in pairs_of_results(exam, exam)] == pytest.approx([3.0 * np.sqrt(2)])


def test_the_tracker_s_defaults_are_those_of_the_packaged_repeats() -> None:
    pairs = packaged_pairs()
    settings = tomllib.loads("\n".join(tracking_lines(pairs)))["tracking"]
    defaults = TrackingSettings()
    assert {name: getattr(defaults, name) for name in settings} == pytest.approx(settings, abs=0.005)
    assert len([pair for pair in pairs if pair.mean_ml >= 1.0]) >= 80


def points_of(pair: RegionPair) -> Iterator[RegionPoint]:
    """Write both exams of a pair as the tracker sees them."""
    half_ml = pair.interval_ml / np.sqrt(2)
    for ml in (pair.first_ml, pair.second_ml):
        yield RegionPoint(
            date(2020, 1, 1), "", PointState.MEASURED, 1.0, 50.0, ml, ml - half_ml, ml + half_ml
        )


def test_one_in_twenty_of_the_packaged_repeats_differs_by_more() -> None:
    large = [pair for pair in packaged_pairs() if pair.mean_ml >= 1.0]
    least = [smallest_detectable_change_ml(*points_of(pair), TrackingSettings()) for pair in large]
    below = sum(abs(pair.difference_ml) <= ml for pair, ml in zip(large, least, strict=True))
    assert below / len(large) == pytest.approx(0.95, abs=0.01)


def test_a_lesion_half_missed_in_one_exam_does_not_hide_smaller_changes() -> None:
    missed = [RegionPair("hip", "femoral_neck", 8.0, 4.0)] * 16
    lines = tracking_lines([*pairs(800, 8.0, 0.05), *missed])
    share = tomllib.loads("\n".join(lines))["tracking"]["change_fraction"]
    assert share == pytest.approx(1.96 * 0.05, rel=0.12)


def test_a_region_that_one_exam_shows_more_of_is_no_repeat() -> None:
    first = small_result()
    row = replace(first.measurements[0], coverage=1.0, edema_ml=8.0)
    whole, part = (replace(first, measurements=(replace(row, coverage=share),)) for share in (1.0, 0.85))
    assert [pair.first_ml for pair in pairs_of_results(whole, whole)] == [8.0]
    assert list(pairs_of_results(whole, part)) == []


def test_too_few_repeats_are_refused() -> None:
    with pytest.raises(InputError, match="2 repeated regions hold 1 mL of edema or more"):
        tracking_lines(pairs(2, 8.0, 0.1))


def _save_pair(folder: Path, ml: tuple[float, float]) -> None:
    result = small_result()
    for number, volume in enumerate(ml):
        row = replace(result.measurements[0], edema_ml=volume, edema_ml_low=volume, edema_ml_high=volume)
        rows = (replace(row, coverage=1.0),)
        save_result(replace(result, measurements=rows), folder / f"scan_{number}")


def test_a_site_s_own_repeats_become_settings_of_the_tracker(tmp_path: Path) -> None:
    for number, ml in enumerate(((10.0, 11.0), (20.0, 18.0), (5.0, 5.5))):
        _save_pair(tmp_path / f"repeats/lesion_{number}", ml)
    lines = repeat_to(tmp_path / "out", tmp_path / "repeats")
    shares = [1 / 10.5, 2 / np.sqrt(17.0 * 19), 0.5 / 5.25]
    expected = 1.96 * float(np.sqrt(np.mean(np.square(shares))))
    settings = read_settings(tmp_path / "out/tracking.toml")
    assert settings.tracking.change_fraction == pytest.approx(expected, abs=0.001)
    assert lines[-1].startswith("change_fraction")
    written = json.loads((tmp_path / "out/validation.json").read_text(encoding="utf-8"))
    assert sorted(written["files"]) == sorted(path.name for path in (tmp_path / "out").iterdir())


def test_a_lesion_with_one_scan_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    save_result(small_result(), tmp_path / "repeats/lesion/scan")
    with pytest.raises(InputError, match="lesion holds 1 results where a repeated exam has 2"):
        repeat_to(tmp_path / "out", tmp_path / "repeats")
    assert not (tmp_path / "out").exists()
