"""What counts where the network does not see enough: wet toes and metatarsals, and bones of unknown name."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.edema import EdemaSettings
from bmetk.edema.evidence import bright_clefts, fill_forefoot, standing_out
from bmetk.edema.volume import MarrowVolume
from tests.conftest import make_grid

SHAPE = (6, 30, 60)
TOE, RAY, LESION = 1, 2, 3
WET = {value: (slice(2, 4), slice(10, 20), slice(20 * value - 15, 20 * value - 5)) for value in (TOE, RAY)}


def filled(
    share: float, *, lesion_contrast: float = 0.0, known: bool = True, wide: int = 10, narrow: bool = False
) -> tuple[bool, bool]:
    """Make a part of a toe and of a metatarsal wet, be it a ``narrow`` end; tell whether each is filled."""
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    bones = np.repeat(np.uint8([TOE, RAY, LESION]), 20)[None, None].repeat(30, 1).repeat(6, 0)
    rng = np.random.default_rng(5)
    smooth = (1 + 0.02 * rng.standard_normal(SHAPE)).astype(np.float32)
    water, likely = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    boxes = {v: (s, r, slice(c.start, c.start + wide)) for v, (s, r, c) in WET.items()}
    for value, box in boxes.items():
        if narrow:
            bones[:, 4:26, box[2].start - 5 : box[2].stop] = 0
            bones[box] = value
        smooth[box] += 4 * share
        water[box] = share if known else 0
    if lesion_contrast:
        box = (slice(1, 5), slice(10, 25), slice(45, 58))
        smooth[box], likely[box] = 1 + lesion_contrast, 0.95
    whole = np.ones(SHAPE, bool)
    volume = MarrowVolume(grid, None, smooth, bones, np.full(SHAPE, 3.0, np.float32), whole, whole, ~whole)
    result = fill_forefoot(likely, smooth, water, volume, {TOE: 0.25, RAY: 0.4})
    assert not result[0].any()
    return bool((result[boxes[TOE]] > 0.8).all()), bool((result[boxes[RAY]] > 0.8).all())


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, (False, False)), (0.3, (True, False)), (0.6, (True, True))]
)
def test_wet_marrow_is_filled_by_its_share_of_water(share: float, expected: tuple[bool, bool]) -> None:
    assert filled(share) == expected


@pytest.mark.parametrize(("wide", "expected"), [(5, False), (6, True), (7, True)])
def test_a_wet_rim_of_a_ray_is_fluid_of_the_joint(wide: int, expected: bool) -> None:
    assert filled(0.6, wide=wide) == (expected, expected)


def test_a_wet_end_of_a_ray_is_no_fluid_of_the_joint_however_small() -> None:
    assert filled(0.6, wide=4, narrow=True) == (True, True)


def test_without_muscle_the_sure_lesions_of_the_exam_tell_what_is_wet() -> None:
    assert filled(0.6, known=False) == (False, False)
    assert filled(0.6, known=False, lesion_contrast=2.6) == (True, True)
    assert filled(0.6, known=False, lesion_contrast=20.0) == (False, False)


def standing(
    *, lost: float, likely: float = 0.4, others: float = 1.0, plate_t1: float | None = None
) -> float:
    """Make a part of one of two bones of unknown name a little brighter; tell how far it stands out.

    With ``plate_t1`` both were drawn as one, and what lies between them has that T1 signal.
    """
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    bones = np.ones(SHAPE, np.uint8)
    noise = 0.05 * np.random.default_rng(7).standard_normal((2, *SHAPE))
    smooth, t1 = (1 + noise).astype(np.float32)
    if plate_t1 is None:
        bones[:, :, 29:31] = 0
    else:
        t1[:, :, 29:31] = plate_t1
    smooth[:, :, 31:] *= others
    spot = (slice(2, 4), slice(10, 20), slice(35, 50))
    smooth[spot] *= 1.15
    t1[spot] -= lost
    whole = np.ones(SHAPE, bool)
    volume = MarrowVolume(grid, t1, smooth, bones, np.full(SHAPE, 3.0, np.float32), whole, whole, ~whole)
    network = np.full(SHAPE, likely, np.float32)
    return float(standing_out(smooth, t1, network, volume, EdemaSettings())[spot].mean())


def test_what_has_lost_t1_signal_stands_out_further() -> None:
    assert standing(lost=0.0) < 0.3
    assert standing(lost=0.4) > 0.9


def test_what_the_network_rules_out_does_not_stand_out() -> None:
    assert standing(lost=0.4, likely=0.0) == 0


@pytest.mark.parametrize(("likely", "stands_out"), [(0.9, True), (0.2, False)])
def test_a_bone_full_of_edema_is_judged_by_the_marrow_of_all_bones(likely: float, stands_out: bool) -> None:
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    bones = np.ones(SHAPE, np.uint8)
    bones[:, :, 44:46], bones[:, :, 46:] = 0, 2
    smooth = (1 + 0.05 * np.random.default_rng(8).standard_normal(SHAPE)).astype(np.float32)
    smooth[bones == 2] *= 3
    whole = np.ones(SHAPE, bool)
    volume = MarrowVolume(grid, None, smooth, bones, np.full(SHAPE, 3.0, np.float32), whole, whole, ~whole)
    network = np.where(bones == 2, likely, 0.01).astype(np.float32)
    share = standing_out(smooth, None, network, volume, EdemaSettings())
    assert (share[bones == 2].mean() > 0.9) == stands_out
    assert share[bones == 1].mean() < 0.1


def test_each_bone_is_judged_by_its_own_marrow() -> None:
    assert standing(lost=0.0, others=1.5) < 0.6  # by the marrow of the other bone it would be 1


@pytest.mark.parametrize(("plate_t1", "apart"), [(0.2, True), (0.9, False)])
def test_bones_drawn_as_one_are_told_apart_by_the_dark_plate_between(plate_t1: float, apart: bool) -> None:
    assert (standing(lost=0.0, others=1.5, plate_t1=plate_t1) < 0.6) == apart


@pytest.mark.parametrize(
    ("plates", "depth_mm", "thickness", "marked"),
    [(0.5, 5.0, 2, True), (1.0, 5.0, 2, False), (0.5, 1.0, 2, False), (0.5, 5.0, 12, False)],
    ids=["joint", "vessel in marrow", "rim", "marrow"],
)
def test_a_bright_line_between_dark_plates_is_a_joint(
    plates: float, depth_mm: float, thickness: int, marked: bool
) -> None:
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    smooth = np.ones(SHAPE, np.float32)
    line = (slice(None), slice(10, 10 + thickness), slice(5, 55))
    smooth[:, 7 : 13 + thickness] = plates
    smooth[line] = plates + 0.5
    whole = np.ones(SHAPE, bool)
    depth = np.full(SHAPE, depth_mm, np.float32)
    volume = MarrowVolume(grid, None, smooth, np.ones(SHAPE, np.uint8), depth, whole, whole, ~whole)
    found = bright_clefts(smooth, whole, volume)
    assert found[line].any() == marked
    assert not found[:, : 10 if marked else 30].any()
    assert not bright_clefts(smooth, ~whole, volume).any()
