"""Red marrow beside a lesion is known by the lesion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.edema.measured import Signals
from bmetk.edema.rules import PartRules
from bmetk.edema.satellites import without_satellites
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import BoolArray, MarrowKinds, MarrowVolume
from bmetk.image import Box
from tests.conftest import make_grid

SHAPE = (8, 40, 60)
LESION, BESIDE = (slice(2, 6), slice(5, 25), slice(5, 25)), (slice(2, 6), slice(10, 20), slice(40, 50))


def scene(
    pieces: list[tuple[Box, float, float]],
    *,
    likely: float = 0.9,
    water_share: float = 0.1,
    noise: float = 0.1,
    unsuppressed: float = 0.0,
    yellow: bool = False,
) -> tuple[BoolArray, Signals, MarrowVolume]:
    """Lay pieces of a given contrast and T1 into two bones."""
    grid = make_grid("coronal", SHAPE, (4.0, 1.0, 1.0))
    bones = np.ones(SHAPE, np.uint8)
    bones[..., 30:] = 2
    edema, contrast, t1 = np.zeros(SHAPE, bool), np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)
    for box, bright, dark in pieces:
        edema[box], contrast[box], t1[box] = True, bright, dark
    whole = np.ones(SHAPE, bool)
    volume = MarrowVolume(
        grid, t1, contrast, bones, np.full(SHAPE, 5.0, np.float32), whole, whole, whole & yellow
    )
    likely_of, noise_of, fat_of = (np.full(SHAPE, v, np.float32) for v in (likely, noise, unsuppressed))
    return edema, Signals(likely_of, contrast, water_share * contrast, t1, noise_of, fat_of), volume


def left_of(
    edema: BoolArray, signals: Signals, volume: MarrowVolume, kinds: MarrowKinds = MarrowKinds()
) -> BoolArray:
    """Tell what is left of a mask by the usual rules."""
    return without_satellites(edema, signals, volume, kinds, EdemaSettings())[0]


def run(
    contrast_beside: float,
    t1_beside: float,
    fatty: list[int],
    *,
    beside: Box = BESIDE,
    yellow: bool = False,
    **scanned: float,
) -> tuple[bool, bool]:
    """Lay a lesion into one bone and something into another; tell whether both are kept."""
    pieces = [(LESION, 6.0, 0.6), (beside, contrast_beside, t1_beside)]
    edema, signals, volume = scene(pieces, yellow=yellow, **scanned)
    kept, _, dropped_ml = without_satellites(
        edema, signals, volume, MarrowKinds(tuple(fatty)), EdemaSettings()
    )
    assert bool(dropped_ml) == (not kept[beside].any() or not kept[LESION].any())
    return bool(kept[LESION].all()), bool(kept[beside].all())


def test_fainter_with_the_same_loss_of_t1_is_red_marrow() -> None:
    assert run(2.0, 0.6, fatty=[]) == (True, False)


def test_regions_of_yellow_marrow_hold_no_red_marrow() -> None:
    assert run(2.0, 0.6, fatty=[], yellow=True, water_share=0.2) == (True, True)
    assert run(2.0, 0.94, fatty=[], yellow=True, water_share=0.2, likely=0.6, noise=1.0) == (True, False)


def test_red_marrow_s_little_water_for_the_t1_lost_tells_even_where_none_is_expected() -> None:
    assert run(2.0, 0.6, fatty=[], yellow=True, likely=0.8, water_share=0.15) == (True, False)
    assert run(2.0, 0.6, fatty=[], yellow=True, likely=0.8, water_share=0.2) == (True, True)


@pytest.mark.parametrize(
    ("around", "noise", "water", "likely", "kept"),
    [
        (1.0, 0.3, 0.34, 0.68, True),
        (1.0, 0.3, 0.28, 0.68, False),
        (0.7, 0.3, 0.34, 0.68, False),
        (1.0, 0.5, 0.34, 0.68, False),
        (1.0, 0.3, 0.28, 0.72, True),
        (1.0, 0.3, 0.25, 0.72, False),
    ],
)
def test_a_sharp_lesion_of_an_end_may_have_less_water_for_the_t1_lost(
    around: float, noise: float, water: float, likely: float, kept: bool
) -> None:
    whole = (slice(1, 7), slice(2, 28), slice(2, 28))
    edema, signals, volume = scene([(whole, 2.0, 0.7)], yellow=True, likely=likely, noise=noise)
    assert signals.t1 is not None
    signals.water[whole], signals.t1[~edema] = water, around
    assert left_of(edema, signals, volume).any() == kept


@pytest.mark.parametrize(
    ("yellow", "likely", "kept"), [(True, 0.72, True), (True, 0.68, False), (False, 0.8, False)]
)
def test_what_is_nearly_likely_in_the_end_of_a_bone_may_have_little_water(
    yellow: bool, likely: float, kept: bool
) -> None:
    scanned = {"likely": likely, "water_share": 0.085, "noise": 0.3}
    assert left_of(*scene([(LESION, 2.0, 0.86)], yellow=yellow, **scanned)).any() == kept


def test_a_weaker_lesion_that_lost_as_much_less_t1_is_kept() -> None:
    assert run(3.0, 0.8, fatty=[]) == (True, True)


def test_a_bone_without_red_marrow_holds_none() -> None:
    assert run(2.0, 0.6, fatty=[2]) == (True, True)


def test_what_the_network_doubts_is_not_believed_where_marrow_may_be_red() -> None:
    assert run(6.0, 0.6, fatty=[2], likely=0.66, water_share=0.06) == (False, True)


def test_weak_edema_that_the_network_doubts_is_kept_for_its_slope() -> None:
    assert run(6.0, 0.6, fatty=[2], likely=0.66, water_share=0.12) == (True, True)


def test_bright_marrow_that_lost_no_t1_is_unsuppressed_fat() -> None:
    assert run(6.0, 0.95, fatty=[2]) == (True, False)


def test_bright_marrow_that_lost_little_t1_is_fat_where_the_fat_nearby_is_bright() -> None:
    assert run(6.0, 0.8, fatty=[1, 2]) == (True, True)
    assert run(6.0, 0.8, fatty=[1, 2], unsuppressed=0.8) == (True, False)


def test_what_hardly_leaves_the_scatter_of_red_marrow_is_red_marrow() -> None:
    assert run(5.9, 0.6, fatty=[], noise=1.8, likely=0.8, water_share=0.09) == (True, True)
    assert run(5.9, 0.6, fatty=[2], noise=2.5, likely=0.8, water_share=0.09) == (False, True)
    assert run(5.9, 0.6, fatty=[2], noise=2.5, likely=0.87, water_share=0.09) == (True, True)


def test_marrow_with_edema_s_water_for_the_t1_it_lost_is_no_red_marrow_for_its_scatter() -> None:
    assert run(5.9, 0.6, fatty=[2], noise=2.5, likely=0.75, water_share=0.12) == (True, True)


def test_sure_pieces_need_not_have_lost_t1() -> None:
    assert run(6.0, 0.95, fatty=[2], likely=0.95, water_share=0.035) == (True, True)
    assert run(6.0, 0.95, fatty=[2], likely=0.95, water_share=0.035, unsuppressed=0.1) == (True, False)


def test_much_water_for_the_t1_lost_is_fat_only_near_unsuppressed_fat() -> None:
    assert run(6.0, 0.85, fatty=[1, 2], likely=0.7, water_share=0.12) == (True, True)
    assert run(6.0, 0.85, fatty=[1, 2], likely=0.7, water_share=0.12, unsuppressed=0.04) == (True, False)


@pytest.mark.parametrize(
    ("t1_around", "likely", "unsuppressed", "yellow", "kept"),
    [
        (0.7, 0.8, 0.1, True, False),
        (0.95, 0.8, 0.1, True, True),
        (0.7, 0.95, 0.1, True, True),
        (0.7, 0.8, 0.0, True, True),
        (0.7, 0.8, 0.1, False, True),
    ],
)
def test_near_bright_fat_an_unsure_lesion_has_lost_more_t1_than_the_marrow_around(
    t1_around: float, likely: float, unsuppressed: float, yellow: bool, kept: bool
) -> None:
    around = (slice(0, 8), slice(0, 40), slice(0, 30))
    pieces = [(around, 0.0, t1_around), (LESION, 2.0, 0.7)]
    edema, signals, volume = scene(pieces, likely=likely, unsuppressed=unsuppressed, yellow=yellow)
    edema[:] = False
    edema[LESION] = True
    believed, _, dropped_ml = without_satellites(edema, signals, volume, MarrowKinds((1, 2)), EdemaSettings())
    assert bool(believed.any()) == kept
    assert set(dropped_ml) == (set() if kept else {"unsuppressed fat"})


def test_a_scattered_piece_that_hardly_lost_t1_is_red_marrow_for_all_its_water() -> None:
    assert run(5.9, 0.82, fatty=[1], noise=2.5, likely=0.75, water_share=0.1) == (True, True)
    assert run(5.9, 0.88, fatty=[1], noise=2.5, likely=0.75, water_share=0.06) == (True, False)


def test_a_piece_that_reaches_into_unsuppressed_surroundings_is_two() -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.75)], likely=0.95)
    bright = np.zeros(SHAPE, np.float32)
    bright[:, :, LESION[2].start + 5 :] = 0.8
    part = replace(signals, fat=bright)
    kept, _, dropped_ml = without_satellites(edema, part, volume, MarrowKinds(), EdemaSettings())
    assert np.array_equal(kept, edema & (bright == 0))
    assert list(dropped_ml) == ["unsuppressed fat"]


@pytest.mark.parametrize(("t1_beside", "kept"), [(0.98, False), (0.6, True)])
def test_weak_marrow_that_touches_a_lesion_is_judged_by_itself(t1_beside: float, kept: bool) -> None:
    touching = (slice(2, 6), slice(5, 25), slice(25, 30))
    pieces = [(LESION, 6.0, 0.6), (touching, 1.5, t1_beside)]
    edema, signals, volume = scene(pieces, likely=0.85, water_share=0.13)
    believed, _, dropped_ml = without_satellites(edema, signals, volume, MarrowKinds((1, 2)), EdemaSettings())
    assert believed[LESION].all()
    assert bool(believed[touching].any()) == kept
    assert set(dropped_ml) == (set() if kept else {"as bright as fat on T1"})


@pytest.mark.parametrize(("noise", "kept"), [(0.1, True), (1.0, False)])
def test_a_large_piece_that_the_network_doubts_is_kept_where_its_water_is_clear(
    noise: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.6)], likely=0.55, water_share=0.12, noise=noise)
    found = left_of(edema, signals, volume)
    assert found.any() == kept


SPECK = (slice(2, 4), slice(10, 15), slice(40, 50))
SMALL_SPECK = (slice(2, 4), slice(10, 15), slice(40, 45))


@pytest.mark.parametrize(
    ("fatty", "share", "kept"), [((1,), 0.25, True), ((1,), 0.2, False), ((), 0.25, False)]
)
def test_a_large_doubted_piece_wetter_than_muscle_is_believed_where_no_red_marrow_is(
    fatty: tuple[int, ...], share: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 1.0, 0.8)], likely=0.5, water_share=share)
    assert left_of(edema, signals, volume, MarrowKinds(fatty)).any() == kept


def test_a_faint_speck_beside_a_lesion_is_not_believed() -> None:
    assert run(2.0, 0.8, fatty=[2], beside=SPECK) == (True, True)
    assert run(2.0, 0.8, fatty=[2], beside=SPECK, noise=0.6, likely=0.75, water_share=0.12) == (True, False)
    assert run(2.0, 0.8, fatty=[2], beside=SPECK, noise=0.6, likely=0.8, water_share=0.12) == (True, True)


def test_a_speck_much_brighter_than_the_lesion_is_a_cyst() -> None:
    assert run(8.0, 0.5, fatty=[2], beside=SPECK, water_share=0.06) == (True, True)
    small = (slice(2, 4), slice(10, 15), slice(40, 45))
    assert run(8.0, 0.5, fatty=[2], beside=small, water_share=0.06) == (True, True)
    assert run(10.0, 0.4, fatty=[2], beside=small, water_share=0.06) == (True, False)
    assert run(10.0, 0.4, fatty=[2], beside=small, water_share=0.045) == (True, True)  # too dim for fluid


@pytest.mark.parametrize(("share", "kept"), [(0.05, False), (0.1, True)])
def test_a_small_piece_as_dark_and_as_little_bright_as_muscle_is_no_edema(share: float, kept: bool) -> None:
    assert run(6.0, 0.45, fatty=[1, 2], beside=SPECK, water_share=share, likely=0.85) == (True, kept)
    edema, signals, volume = scene([(SPECK, 6.0, 0.45)], water_share=share, likely=0.85)
    for thin in ((), (1, 2)):
        kinds = MarrowKinds((1, 2), thin=thin)
        doubtful = without_satellites(edema, signals, volume, kinds, EdemaSettings())[1]
        assert doubtful.any() == (bool(thin) and not kept)  # what is left of a lesion of a ray may look so
    assert run(6.0, 0.45, fatty=[1, 2], water_share=share, likely=0.85) == (True, True)
    assert run(6.5, 0.45, fatty=[1, 2], water_share=share, likely=0.7) == (True, kept)


@pytest.mark.parametrize(
    ("t1", "share", "kept"),
    [(0.85, 0.05, False), (0.75, 0.13, False), (0.6, 0.1, True)],
)
def test_a_small_piece_brighter_than_its_lost_t1_allows_is_a_vessel(
    t1: float, share: float, kept: bool
) -> None:
    assert run(6.0, t1, fatty=[1, 2], beside=SPECK, water_share=share, likely=0.78) == (True, kept)
    assert run(6.0, t1, fatty=[1, 2], beside=SPECK, water_share=share, likely=0.85) == (True, True)
    assert run(6.0, t1, fatty=[1, 2], beside=SMALL_SPECK, water_share=share, likely=0.85) == (True, kept)
    assert run(6.0, t1, fatty=[1, 2], beside=SMALL_SPECK, water_share=share, likely=0.95) == (True, True)
    assert run(6.0, t1, fatty=[1, 2], water_share=share, likely=0.78) == (True, True)


@pytest.mark.parametrize(("lesion_water", "kept"), [(0.16, False), (0.2, True)])
def test_a_small_piece_no_wetter_for_its_lost_t1_than_the_lesion_is_no_vessel(
    lesion_water: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (SPECK, 6.0, 0.6)], likely=0.78, water_share=0.18)
    signals.water[LESION] = lesion_water * 6.0
    found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
    assert found[SPECK].any() == kept


@pytest.mark.parametrize(
    ("box", "t1", "likely", "share", "slices", "in_ray", "elsewhere"),
    [
        (BESIDE, 0.6, 0.8, 0.045, 2, True, True),  # dark on T1, with little water for it
        (BESIDE, 0.6, 0.8, 0.045, 1, True, False),
        (BESIDE, 0.6, 0.7, 0.045, 2, True, False),
        (BESIDE, 0.6, 0.7, 0.035, 2, False, False),  # too dry even beside the cortex of a ray
        (BESIDE, 0.45, 0.7, 0.04, 2, False, False),  # as dark as muscle
        (BESIDE, 0.6, 0.6, 0.04, 2, False, False),
        (SPECK, 0.85, 0.7, 0.1, 2, True, False),  # bright for the little T1 lost
        (SPECK, 0.85, 0.6, 0.1, 2, False, False),
        (SMALL_SPECK, 0.85, 0.7, 0.1, 2, False, False),
    ],
)
def test_what_is_likely_is_no_tendon_in_a_ray_or_several_slices_and_in_a_ray_no_vessel(
    box: Box, t1: float, likely: float, share: float, slices: int, in_ray: bool, elsewhere: bool
) -> None:
    small = (slice(box[0].start, box[0].start + slices), box[1], box[2])
    edema, signals, volume = scene([(LESION, 9.0, 0.6), (small, 6.0, t1)], likely=likely, water_share=share)
    assert signals.t1 is not None
    signals.t1[(volume.bones == 2) & ~edema] = t1  # as dark all around
    for thin, expected in (((), elsewhere), ((2,), in_ray)):
        kinds = MarrowKinds((1, 2), thin=thin)
        found = left_of(edema, signals, volume, kinds)
        assert found[small].any() == expected


@pytest.mark.parametrize(
    ("contrast", "likely", "around", "share", "kept"),
    [
        (4.0, 0.7, 1.0, 0.15, False),
        (5.0, 0.7, 1.0, 0.15, True),  # as bright as the lesion for the T1 lost
        (4.0, 0.82, 1.0, 0.15, True),
        (4.0, 0.7, 0.58, 0.15, True),  # no brighter marrow around
        (4.0, 0.7, 1.0, 0.2, True),  # far wetter than red marrow
    ],
)
def test_amid_brighter_marrow_what_is_doubted_is_no_lesion_unless_as_bright_as_one_for_the_t1_lost(
    contrast: float, likely: float, around: float, share: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (BESIDE, contrast, 0.6)], water_share=share)
    signals.likely[BESIDE] = likely
    assert signals.t1 is not None
    signals.t1[(volume.bones == 2) & ~edema] = around
    assert left_of(edema, signals, volume, MarrowKinds((2,)))[BESIDE].any() == kept


@pytest.mark.parametrize(
    ("slices", "likely", "around", "kept"),
    [
        (1, 0.78, 1.0, False),
        (1, 0.78, 0.6, True),
        (2, 0.78, 1.0, True),  # fluid and muscle beyond the outline lie in one slice
        (2, 0.62, 1.0, False),
    ],
)
def test_in_a_toe_no_cortex_darkens_what_one_slice_shows_amid_bright_marrow(
    slices: int, likely: float, around: float, kept: bool
) -> None:
    small = (slice(BESIDE[0].start, BESIDE[0].start + slices), *BESIDE[1:])
    edema, signals, volume = scene([(small, 6.0, 0.6)], likely=likely, water_share=0.045)
    assert signals.t1 is not None
    signals.t1[~edema] = around
    assert left_of(edema, signals, volume, MarrowKinds((1, 2), thin=(2,))).any() == kept


@pytest.mark.parametrize(
    ("slices", "share", "t1", "kept"),
    [(2, 0.12, 0.6, True), (1, 0.12, 0.6, False), (2, 0.045, 0.6, False), (2, 0.12, 0.45, False)],
)
def test_amid_brighter_marrow_what_several_slices_show_as_likely_and_wet_is_a_weaker_lesion(
    slices: int, share: float, t1: float, kept: bool
) -> None:
    small = (slice(BESIDE[0].start, BESIDE[0].start + slices), *BESIDE[1:])
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (small, 3.0, t1)], water_share=share)
    signals.likely[small] = 0.77
    assert left_of(edema, signals, volume, MarrowKinds((2,)))[small].any() == kept


@pytest.mark.parametrize(("around", "kept"), [(1.0, False), (1.1, True)])
def test_what_fills_a_bone_s_end_and_is_darker_than_the_marrow_around_is_no_red_marrow(
    around: float, kept: bool
) -> None:
    box = (slice(1, 7), slice(5, 35), slice(2, 28))
    edema, signals, volume = scene([(box, 2.0, 0.94)], likely=0.72, water_share=0.0, yellow=True)
    assert signals.t1 is not None
    signals.t1[~edema] = around
    volume.yellow[:, :, 22:] = False
    assert left_of(edema, signals, volume).any() == kept


@pytest.mark.parametrize(("likely", "kept"), [(0.75, False), (0.8, True)])
def test_where_no_muscle_tells_water_a_likely_piece_is_no_vessel(likely: float, kept: bool) -> None:
    edema, signals, volume = scene([(SPECK, 6.0, 0.85)], likely=likely, water_share=0.0)
    assert left_of(edema, signals, volume, MarrowKinds((1, 2))).any() == kept


@pytest.mark.parametrize(
    ("contrast", "t1", "kept"), [(5.0, 0.85, True), (8.5, 0.85, False), (5.0, 0.9, False)]
)
def test_where_no_muscle_tells_water_what_is_like_a_lesion_is_no_vessel(
    contrast: float, t1: float, kept: bool
) -> None:
    pieces = [(LESION, 6.0, 0.84), (SPECK, contrast, t1)]
    edema, signals, volume = scene(pieces, likely=0.72, water_share=0.0)
    found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
    assert found[LESION].all()
    assert found[SPECK].any() == kept


def test_a_small_bright_piece_of_an_unknown_bone_is_no_vessel_for_the_network_s_doubt() -> None:
    edema, signals, volume = scene([(SPECK, 6.0, 0.85)], likely=0.78)
    kept = left_of(edema, signals, volume, MarrowKinds((), (1, 2)))
    assert kept.any()
    assert not left_of(edema, signals, volume, MarrowKinds((1, 2))).any()


@pytest.mark.parametrize(
    ("slices", "side", "unknown", "kept"),
    [(1, 8, True, False), (2, 6, True, True), (1, 9, True, True), (1, 8, False, True)],
)
def test_a_small_piece_that_one_slice_alone_shows_is_no_lesion_in_a_bone_of_unknown_name(
    slices: int, side: int, unknown: bool, kept: bool
) -> None:
    box = (slice(3, 3 + slices), slice(10, 10 + side), slice(40, 40 + side))
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (box, 5.0, 0.6)])
    kinds = MarrowKinds((), (1, 2)) if unknown else MarrowKinds((1, 2))
    found, doubtful, _ = without_satellites(edema, signals, volume, kinds, EdemaSettings())
    assert found[LESION].all()
    assert found[box].any() == kept
    assert doubtful[box].any() != kept


@pytest.mark.parametrize(("t1", "likely", "kept"), [(0.9, 0.8, False), (0.85, 0.8, True), (0.9, 0.9, True)])
def test_what_lost_little_t1_must_be_likely_in_a_bone_of_unknown_name(
    t1: float, likely: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, t1)], likely=likely)
    found = left_of(edema, signals, volume, MarrowKinds((), (1, 2)))
    assert found.any() == kept


@pytest.mark.parametrize(("t1", "likely", "kept"), [(0.93, 0.7, False), (0.8, 0.7, True), (0.93, 0.88, True)])
def test_what_hardly_lost_t1_must_be_likely_even_in_a_bone_s_end(
    t1: float, likely: float, kept: bool
) -> None:
    assert run(2.0, t1, fatty=[], yellow=True, noise=1.0, water_share=0.0, likely=likely)[1] == kept


def test_a_doubted_lesion_that_stands_clear_is_no_fat_for_its_much_water() -> None:
    box = (slice(1, 7), slice(5, 35), slice(2, 28))
    for t1, kept in ((0.84, True), (0.88, False)):
        edema, signals, volume = scene([(box, 5.0, t1)], likely=0.55, water_share=0.18)
        found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
        assert found.any() == kept


def test_a_small_lonely_piece_that_the_network_doubts_is_not_believed() -> None:
    small = (slice(2, 4), slice(10, 20), slice(40, 50))
    kinds = MarrowKinds((1, 2))
    for likely, kept in ((0.5, False), (0.7, True)):
        edema, signals, volume = scene([(small, 5.0, 0.6)], likely=likely)
        assert left_of(edema, signals, volume, kinds).any() == kept
    large = (slice(1, 7), slice(5, 35), slice(2, 28))
    for likely, kept in ((0.5, False), (0.62, True)):
        edema, signals, volume = scene([(large, 5.0, 0.6)], likely=likely, water_share=0.08)
        assert left_of(edema, signals, volume, kinds).any() == kept


@pytest.mark.parametrize(("around", "kept"), [(1.0, False), (1.15, True)])
def test_much_water_is_no_fat_where_the_marrow_around_has_far_more_t1(around: float, kept: bool) -> None:
    large = (slice(1, 7), slice(5, 35), slice(2, 24))
    edema, signals, volume = scene([(large, 6.0, 0.88)], likely=0.86, water_share=0.12, unsuppressed=0.08)
    signals.t1[~edema] = around
    found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
    assert found.any() == kept


@pytest.mark.parametrize(
    ("likely", "unsuppressed", "kept"), [(0.655, 0.1, False), (0.8, 0.1, True), (0.655, 0.0, True)]
)
def test_where_some_fat_escapes_the_network_must_be_surer_of_what_lost_little_t1(
    likely: float, unsuppressed: float, kept: bool
) -> None:
    scanned = {"water_share": 0.065, "likely": likely, "unsuppressed": unsuppressed}
    assert run(3.0, 0.91, fatty=[1, 2], **scanned) == (True, kept)


@pytest.mark.parametrize(
    ("box", "noise", "t1", "unsuppressed", "fatty", "open_to_doubt"),
    [
        (SPECK, 1.0, 0.8, 0.0, (2,), True),
        (SPECK, 1.0, 0.97, 0.0, (2,), True),
        (SPECK, 1.0, 0.97, 0.5, (2,), False),
        (SPECK, 1.0, 0.8, 0.0, (), False),
        (BESIDE, 1.0, 0.8, 0.0, (2,), False),
        (BESIDE, 0.4, 0.8, 0.0, (2,), True),
    ],
)
def test_what_is_small_or_stands_out_may_be_the_rest_of_a_lesion_and_fat_and_red_marrow_may_not(
    box: Box, noise: float, t1: float, unsuppressed: float, fatty: tuple[int, ...], open_to_doubt: bool
) -> None:
    edema, signals, volume = scene([(box, 1.5, t1)], noise=noise, likely=0.55, unsuppressed=unsuppressed)
    kept, doubtful, _ = without_satellites(edema, signals, volume, MarrowKinds(fatty), EdemaSettings())
    assert not kept.any()
    assert np.array_equal(doubtful, edema & open_to_doubt)


@pytest.mark.parametrize(
    ("other_contrast", "unsuppressed", "t1", "around", "kept"),
    [
        (1.4, 0.1, 0.8, 0.8, False),
        (1.2, 0.1, 0.8, 0.8, True),
        (1.4, 0.03, 0.8, 0.8, True),
        (1.4, 0.1, 0.65, 0.65, True),
        (1.4, 0.1, 0.8, 1.0, True),
    ],
)
def test_near_fat_that_escaped_what_is_as_bright_on_both_sides_is_fat(
    other_contrast: float, unsuppressed: float, t1: float, around: float, kept: bool
) -> None:
    """Unless it is likely and darker on T1 than the marrow around."""
    scanned = {"likely": 0.92, "water_share": 0.25, "unsuppressed": unsuppressed}
    assert one_sided(other_contrast, t1=t1, around=around, yellow=True, **scanned) == kept


@pytest.mark.parametrize(
    ("yellow", "other_contrast", "likely", "around", "box", "open_to_doubt"),
    [
        (True, 1.0, 0.7, 0.6, LESION, True),
        (False, 1.0, 0.7, 0.6, LESION, False),
        (False, 1.0, 0.7, 0.8, LESION, True),
        (True, 1.4, 0.7, 0.8, LESION, False),
        (True, 1.0, 0.6, 0.6, LESION, False),
        (True, 1.0, 0.6, 0.8, LESION, True),
        (True, 1.0, 0.7, 0.8, (slice(2, 4), slice(5, 15), slice(5, 15)), False),
    ],
)
def test_where_marrow_may_be_red_what_is_large_and_brighter_than_the_other_side_may_be_the_rest_of_a_lesion(
    yellow: bool, other_contrast: float, likely: float, around: float, box: Box, open_to_doubt: bool
) -> None:
    """If it is likely in the end of a bone, or darker on T1 than the marrow around."""
    edema, signals, volume = scene([(box, 1.6, 0.7)], likely=likely, noise=1.0, yellow=yellow)
    assert signals.t1 is not None
    signals.t1[~edema] = around
    volume.bones[volume.bones == 2] = 101
    signals.contrast[volume.bones == 101] = other_contrast
    kept, doubtful, _ = without_satellites(edema, signals, volume, MarrowKinds(), EdemaSettings())
    assert not kept.any()
    assert np.array_equal(doubtful, edema & open_to_doubt)


@pytest.mark.parametrize(("noise", "open_to_doubt"), [(0.4, True), (0.6, False)])
def test_where_no_other_side_is_seen_it_must_stand_out_of_the_scatter(
    noise: float, open_to_doubt: bool
) -> None:
    edema, signals, volume = scene([(LESION, 1.6, 0.7)], likely=0.7, noise=noise, yellow=True)
    kept, doubtful, _ = without_satellites(edema, signals, volume, MarrowKinds(), EdemaSettings())
    assert not kept.any()
    assert np.array_equal(doubtful, edema & open_to_doubt)


@pytest.mark.parametrize(
    ("share", "water_share", "kept"), [(0.2, 0.25, False), (0.3, 0.25, True), (0.3, 0.2, False)]
)
def test_what_lies_in_the_end_of_a_bone_by_a_third_is_no_red_marrow_if_it_is_wet(
    share: float, water_share: float, kept: bool
) -> None:
    edema, signals, volume = scene(
        [(LESION, 6.0, 0.6), (BESIDE, 2.0, 0.6)], water_share=water_share, likely=0.8
    )
    volume.yellow[..., 40 : 40 + round(10 * share)] = True
    found = left_of(edema, signals, volume)
    assert found[BESIDE].any() == kept


def one_sided(
    other_contrast: float,
    *,
    other: int = 101,
    likely: float = 0.8,
    yellow: bool = False,
    water_share: float = 0.16,
    t1: float = 0.8,
    around: float = 1.0,
    noise: float = 1.0,
    unsuppressed: float = 0.0,
) -> bool:
    """Lay something doubtful into a bone, marrow of a contrast into another one; tell if it is kept."""
    scanned = {"likely": likely, "noise": noise, "water_share": water_share, "unsuppressed": unsuppressed}
    edema, signals, volume = scene([(LESION, 1.6, t1)], yellow=yellow, **scanned)
    assert signals.t1 is not None
    signals.t1[~edema] = around
    volume.bones[volume.bones == 2] = other
    signals.contrast[volume.bones == other] = other_contrast
    kept, _, _ = without_satellites(edema, signals, volume, MarrowKinds(), EdemaSettings())
    return bool(kept.any())


def test_what_the_other_side_does_not_have_is_no_red_marrow():
    assert one_sided(0.2)
    assert not one_sided(0.8, likely=0.78)


@pytest.mark.parametrize(
    ("other_contrast", "likely", "kept"), [(1.0, 0.82, True), (1.2, 0.82, False), (1.0, 0.78, False)]
)
def test_the_likelier_it_is_the_less_it_need_be_brighter(
    other_contrast: float, likely: float, kept: bool
) -> None:
    assert one_sided(other_contrast, likely=likely) == kept


def test_where_red_marrow_may_be_it_must_be_nearly_likely():
    assert not one_sided(0.5, likely=0.68)
    assert one_sided(0.5, likely=0.72)
    assert one_sided(0.5, likely=0.68, yellow=True)


@pytest.mark.parametrize(("likely", "kept"), [(0.72, False), (0.76, True)])
@pytest.mark.parametrize(("t1", "unsuppressed", "water_share"), [(0.8, 0.05, 0.16), (0.45, 0.0, 0.45)])
def test_beside_bright_fat_and_as_dark_as_muscle_it_must_be_likely(
    likely: float, kept: bool, t1: float, unsuppressed: float, water_share: float
) -> None:
    scanned = {"likely": likely, "t1": t1, "unsuppressed": unsuppressed}
    assert one_sided(0.5, water_share=water_share, **scanned) == kept


def test_far_brighter_than_the_other_side_it_need_only_be_as_likely_as_any_lesion():
    assert one_sided(0.2, likely=0.68)
    assert not one_sided(0.2, likely=0.55)
    assert not one_sided(0.2, likely=0.68, water_share=0.1)


@pytest.mark.parametrize("water_share", [0.16, 0.0])
@pytest.mark.parametrize(("slices", "kept"), [(8, True), (2, False)])
def test_what_fills_a_bone_s_end_need_only_be_twice_as_bright_as_the_other_side(
    slices: int, kept: bool, water_share: float
) -> None:
    """It is wet for the T1 that it lost, or no muscle tells."""
    whole = (slice(0, slices), slice(0, 40), slice(0, 30))
    edema, signals, volume = scene([(whole, 1.6, 0.8)], likely=0.64, noise=1.0, water_share=water_share)
    volume.yellow[..., :10] = True
    volume.bones[volume.bones == 2] = 101
    signals.contrast[volume.bones == 101] = 0.7
    found = left_of(edema, signals, volume)
    assert found.any() == kept


@pytest.mark.parametrize(("noise", "kept"), [(0.3, True), (0.5, False)])
def test_an_end_that_stands_far_out_is_no_red_marrow_for_the_little_t1_it_lost(
    noise: float, kept: bool
) -> None:
    whole = (slice(1, 7), slice(5, 25), slice(5, 25))
    for likely in (0.7, 0.62):
        edema, signals, volume = scene([(whole, 1.6, 0.89)], likely=likely, noise=noise, water_share=0.13)
        volume.yellow[..., :17] = True
        found = left_of(edema, signals, volume)
        assert found.any() == kept


def test_a_lesion_within_red_marrow_has_little_water_for_the_t1_lost_and_is_one_sided():
    assert one_sided(0.2, t1=0.7)
    assert not one_sided(0.8, t1=0.7, likely=0.78)


@pytest.mark.parametrize(
    ("other", "water_share", "likely", "kept"),
    [(1.1, 0.26, 0.8, True), (1.4, 0.26, 0.8, False), (1.1, 0.2, 0.77, False), (1.1, 0.26, 0.7, False)],
)
def test_what_is_wetter_than_red_marrow_need_not_be_as_much_brighter_than_the_other_side(
    other: float, water_share: float, likely: float, kept: bool
) -> None:
    assert one_sided(other, t1=0.7, water_share=water_share, likely=likely, noise=0.7) == kept
    assert not one_sided(other, t1=0.7, water_share=water_share, likely=likely, noise=1.0)


def test_what_the_other_side_does_not_have_is_no_fat_that_stir_left() -> None:
    for other, kept in ((0.1, True), (0.5, False)):
        edema, signals, volume = scene([(LESION, 0.7, 0.98)], likely=0.88, water_share=0.3)
        volume.bones[volume.bones == 2] = 101
        signals.contrast[volume.bones == 101] = other
        found = left_of(edema, signals, volume)
        assert found.any() == kept


def test_only_the_same_bone_of_the_other_side_tells():
    assert not one_sided(0.2, other=102)


def test_what_the_last_slice_of_a_bone_alone_shows_is_what_lies_beside_the_bone() -> None:
    last = (slice(4, 5), *BESIDE[1:])
    assert run(5.0, 0.6, fatty=[], beside=last) == (True, True)
    edema, signals, volume = scene([(last, 5.0, 0.6)])
    volume.bones[5:, :, 30:] = 0
    kept, _, dropped_ml = without_satellites(edema, signals, volume, MarrowKinds(), EdemaSettings())
    assert not kept.any()
    assert dropped_ml == {"end of a bone": pytest.approx(0.4)}
    thin = left_of(edema, signals, volume, MarrowKinds((2,)))
    assert thin.any()  # a toe or a ray may be one slice wide


@pytest.mark.parametrize(
    ("ends", "likely", "kept"), [(True, 0.58, False), (True, 0.62, True), (False, 0.58, True)]
)
def test_the_last_slice_of_a_bone_without_red_marrow_must_be_as_likely_as_any_lesion(
    ends: bool, likely: float, kept: bool
) -> None:
    last = (slice(4, 5), *BESIDE[1:])
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (last, 5.0, 0.6)])
    signals.likely[last] = likely
    if ends:
        volume.bones[5:, :, 30:] = 0
    found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
    assert found[LESION].all()
    assert found[last].any() == kept


@pytest.mark.parametrize(
    ("slices", "likely", "kept", "kept_without_red_marrow"),
    [
        ((0, 1), 0.9, False, True),
        ((7, 8), 0.9, False, True),
        ((7, 8), 0.8, False, False),
        ((0, 2), 0.9, True, True),
        ((1, 2), 0.9, True, True),
    ],
)
def test_what_the_outermost_slice_of_the_series_alone_shows_must_be_likely_and_no_red_marrow(
    slices: tuple[int, int], likely: float, kept: bool, kept_without_red_marrow: bool
) -> None:
    edema, signals, volume = scene([((slice(*slices), *BESIDE[1:]), 5.0, 0.6)], likely=likely)
    for fatty, expected in (((), kept), ((2,), kept_without_red_marrow)):
        found = left_of(edema, signals, volume, MarrowKinds(fatty))
        assert found.any() == expected


@pytest.mark.parametrize(
    ("water_share", "yellow", "kept"), [(0.2, True, True), (0.1, True, False), (0.2, False, False)]
)
def test_mostly_in_an_end_and_wetter_than_red_marrow_it_may_have_lost_little_t1(
    water_share: float, yellow: bool, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 0.9, 0.91)], likely=0.8, water_share=water_share, noise=0.3)
    volume.yellow[:, :, 10:] = yellow
    found = left_of(edema, signals, volume)
    assert found.any() == kept


@pytest.mark.parametrize(
    ("unsuppressed", "likely", "t1", "kept"),
    [(0.3, 0.45, 0.85, False), (0.1, 0.45, 0.85, True), (0.3, 0.62, 0.85, True), (0.3, 0.45, 0.7, True)],
)
def test_near_much_bright_fat_what_is_unlikely_must_have_lost_more_t1(
    unsuppressed: float, likely: float, t1: float, kept: bool
) -> None:
    scanned = {"unsuppressed": unsuppressed, "likely": likely, "water_share": 0.2}
    edema, signals, volume = scene([(BESIDE, 2.4, t1), (LESION, 4.0, 0.6)], **scanned)  # type: ignore[arg-type]
    signals.likely[LESION] = 0.95
    found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
    assert found[BESIDE].any() == kept


def test_what_is_no_lesion_itself_vouches_for_no_other_piece() -> None:
    speck = (slice(2, 4), slice(10, 20), slice(40, 50))
    for contrast, kept in ((4.0, True), (1.5, False)):
        edema, signals, volume = scene(
            [(LESION, contrast, 0.6), (speck, 3.0, 0.6)], water_share=0.2, noise=0.5
        )
        signals.likely[LESION], signals.likely[speck] = 0.7, 0.62
        found = left_of(edema, signals, volume, MarrowKinds((2,)))
        assert (found[LESION].any(), found[speck].any()) == (kept, kept)


@pytest.mark.parametrize(("slices", "kept"), [(8, True), (4, False)])
def test_what_fills_the_end_of_a_bone_is_no_red_marrow_beside_it(slices: int, kept: bool) -> None:
    whole = (slice(0, slices), slice(0, 40), slice(0, 30))
    edema, signals, volume = scene([(whole, 1.2, 0.92)], likely=0.74, water_share=0.25)
    volume.yellow[:, :, :10] = True
    found = left_of(edema, signals, volume)
    assert found.any() == kept


@pytest.mark.parametrize(
    ("t1_around", "yellow", "kept"), [(1.0, True, True), (0.85, True, False), (1.0, False, False)]
)
def test_amid_bright_fat_what_is_darker_on_t1_than_the_marrow_around_is_no_fat(
    t1_around: float, yellow: bool, kept: bool
) -> None:
    around = (slice(0, 8), slice(0, 40), slice(0, 30))
    pieces = [(around, 0.0, t1_around), (LESION, 2.0, 0.8)]
    edema, signals, volume = scene(pieces, likely=0.62, unsuppressed=0.6, yellow=yellow, water_share=0.2)
    lesion = np.zeros_like(edema)
    lesion[LESION] = True
    found = left_of(lesion, signals, volume, MarrowKinds((1, 2)))
    assert found.any() == kept


@pytest.mark.parametrize(
    ("contrast", "other_side", "kept"), [(2.2, 2.5, False), (2.2, 1.0, True), (2.6, 2.8, False)]
)
def test_what_touches_a_lesion_and_is_as_bright_as_the_other_side_is_judged_apart(
    contrast: float, other_side: float, kept: bool
) -> None:
    beside = (slice(2, 6), slice(5, 25), slice(14, 25))
    edema, signals, volume = scene([(LESION, 4.0, 0.6), (beside, contrast, 0.7)], water_share=0.12)
    volume.bones[volume.bones == 2] = 101
    signals.contrast[volume.bones == 101] = other_side
    signals.likely[beside] = 0.85
    found = left_of(edema, signals, volume)
    assert found[2:6, 8:22, 6:12].all()
    assert found[2:6, 8:22, 17:23].any() == kept


def test_what_has_hardly_any_water_is_no_edema_where_muscle_tells_it() -> None:
    for share, kept in ((0.05, False), (0.07, True), (0.0, True)):
        assert run(3.0, 0.92, fatty=[1, 2], water_share=share) == (True, kept)


@pytest.mark.parametrize(("other_side", "kept"), [(1.2, True), (2.0, False)])
def test_where_both_sides_are_as_bright_it_is_red_marrow_however_likely(
    other_side: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 2.0, 0.6)], likely=0.95, water_share=0.25)
    volume.bones[volume.bones == 2] = 101
    signals.contrast[volume.bones == 101] = other_side
    for yellow in (False, True):
        volume.yellow[:] = yellow
        found = left_of(edema, signals, volume)
        assert found.any() == (kept or yellow)


@pytest.mark.parametrize(("other_side", "kept"), [(1.0, True), (2.0, False)])
def test_beside_a_lesion_what_is_brighter_than_the_other_side_is_no_red_marrow(
    other_side: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 4.0, 0.9), (BESIDE, 2.0, 0.7)], water_share=0.22, likely=0.83)
    signals.likely[LESION] = 0.95
    other = (slice(0, 8), slice(30, 40), slice(0, 30))
    volume.bones[other] = 102
    signals.contrast[other] = other_side
    found = left_of(edema, signals, volume)
    assert found[LESION].all()
    assert found[BESIDE].any() == kept


def test_what_is_as_dark_as_muscle_with_as_little_water_is_no_marrow() -> None:
    assert run(6.0, 0.4, fatty=[1], likely=0.85, water_share=0.08) == (True, False)
    assert run(6.0, 0.4, fatty=[1], likely=0.95, water_share=0.08) == (True, True)
    assert run(6.0, 0.4, fatty=[1, 2], likely=0.85, water_share=0.08) == (True, True)


@pytest.mark.parametrize(
    ("own", "water_share", "likely", "kept"),
    [
        (0.88, 0.25, 0.95, True),
        (0.7, 0.25, 0.95, False),
        (0.88, 0.1, 0.95, False),
        (0.88, 0.25, 0.8, False),
    ],
)
def test_as_bright_as_the_other_side_what_is_likely_may_be_edema_where_that_side_has_a_sure_lesion(
    own: float, water_share: float, likely: float, kept: bool
) -> None:
    left = (slice(2, 6), slice(5, 25), slice(35, 55))
    edema, signals, volume = scene([(LESION, 3.0, 0.6), (left, 4.0, 0.6)], likely=own, water_share=0.25)
    volume.bones[volume.bones == 2] = 101
    signals.likely[left], signals.water[left] = likely, water_share * 4.0
    volume.yellow[:, :, 45:] = True
    found = left_of(edema, signals, volume)
    assert found[LESION].any() == kept


def test_an_end_darker_than_the_marrow_around_is_no_fat_however_dim_the_reference() -> None:
    around = (slice(0, 8), slice(0, 40), slice(0, 30))
    for t1_around, kept in ((1.15, True), (1.0, False)):
        edema, signals, volume = scene(
            [(around, 0.0, t1_around), (LESION, 2.0, 0.97)], likely=0.85, yellow=True
        )
        edema[:] = False
        edema[LESION] = True
        found = left_of(edema, signals, volume, MarrowKinds((1, 2)))
        assert found.any() == kept


def test_in_the_pelvis_what_hardly_leaves_the_scatter_is_red_marrow_for_all_its_water() -> None:
    for noise, likely, kept in ((1.5, 0.88, True), (2.5, 0.88, False), (2.5, 0.92, True)):
        edema, signals, volume = scene([(LESION, 6.0, 0.6)], noise=noise, likely=likely, water_share=0.12)
        for kinds, left in ((MarrowKinds(red=(1,)), kept), (MarrowKinds(), True)):
            assert left_of(edema, signals, volume, kinds).any() == left


@pytest.mark.parametrize(("contrast", "t1", "kept"), [(2.0, 0.5, False), (2.0, 0.85, True), (5.0, 0.5, True)])
def test_a_ray_that_lost_much_t1_for_its_contrast_is_dark_for_its_cortex(
    contrast: float, t1: float, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (BESIDE, contrast, t1)], water_share=0.3)
    for kinds, left in ((MarrowKinds((1, 2), thin=(2,)), kept), (MarrowKinds((1, 2)), True)):
        believed = left_of(edema, signals, volume, kinds)
        assert believed[LESION].all()
        assert believed[BESIDE].any() == left


@pytest.mark.parametrize(
    ("water_slope", "lesion_in_end", "kept"), [(1.3, True, False), (1.8, True, True), (1.3, False, True)]
)
def test_away_from_the_end_that_a_lesion_lies_in_weaker_and_drier_marrow_is_red(
    water_slope: float, lesion_in_end: bool, kept: bool
) -> None:
    beyond = (slice(2, 5), slice(28, 38), slice(5, 17))
    edema, signals, volume = scene([(LESION, 6.0, 0.7), (beyond, 4.5, 0.62)], likely=0.95)
    signals.likely[beyond] = 0.84
    signals.water[LESION], signals.water[beyond] = 0.6, 0.38 * water_slope
    volume.yellow[LESION] = lesion_in_end
    found = left_of(edema, signals, volume)
    assert found[LESION].all()
    assert found[beyond].any() == kept


def test_in_a_bone_that_the_user_drew_only_what_lies_beside_a_clear_lesion_can_be_muscle() -> None:
    soft_lesion = (slice(2, 5), slice(10, 20), slice(5, 11))
    for lesion, kept in ((None, True), (LESION, False), (soft_lesion, True)):
        pieces = [(lesion, 6.0, 0.6)] if lesion else []
        edema, signals, volume = scene([*pieces, (SPECK, 6.0, 0.45)], water_share=0.05)
        found = left_of(edema, signals, volume, MarrowKinds((), (1, 2)))
        assert found[SPECK].any() == kept


@pytest.mark.parametrize(
    ("hole", "opening", "cut", "kept"),
    [((8, 22), 0, 0, False), ((8, 22), 10, 0, False), ((8, 22), 10, 13, False), ((13, 17), 0, 0, True)],
    ids=["closed", "open", "half", "spared part"],
)
def test_a_thin_ring_about_fatty_marrow_is_the_border_of_an_osteonecrosis(
    hole: tuple[int, int], opening: int, cut: int, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.6)])
    inner = slice(*hole)
    edema[2:6, inner, inner] = False
    edema[2:6, : 5 + opening, inner] = False
    edema[2:6, : 5 + cut] = False
    found, _, dropped_ml = without_satellites(edema, signals, volume, MarrowKinds(), EdemaSettings())
    assert found.any() == kept
    assert kept or "border of an osteonecrosis" in dropped_ml


@pytest.mark.parametrize(
    ("contrast", "sure", "kept"), [(5.6, True, True), (5.0, True, False), (5.6, False, False)]
)
def test_what_is_likely_and_as_bright_as_a_sure_lesion_of_another_bone_is_no_red_marrow(
    *, contrast: float, sure: bool, kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.3), (BESIDE, contrast, 0.52)], likely=0.8, noise=1.0)
    likely = np.where(volume.bones == 1, np.float32(0.95 if sure else 0.88), np.float32(0.8))
    found = without_satellites(
        edema, replace(signals, likely=likely), volume, MarrowKinds((1,)), EdemaSettings()
    )[0]
    assert found[LESION].any()
    assert found[BESIDE].any() == kept


@pytest.mark.parametrize(("contrast_beside", "kept"), [(5.6, True), (3.0, False)])
def test_what_looks_like_muscle_is_none_if_it_has_a_lesion_s_contrast_for_the_t1_lost(
    contrast_beside: float, kept: bool
) -> None:
    beside = (slice(2, 5), slice(10, 16), slice(40, 50))
    pieces = [(LESION, 6.0, 0.6), (beside, contrast_beside, 0.6)]
    edema, signals, volume = scene(pieces, water_share=0.05, likely=0.72)
    signals.likely[LESION] = 0.95
    got, _, _ = without_satellites(edema, signals, volume, MarrowKinds((1, 2)), EdemaSettings())
    assert got[LESION].all()
    assert got[beside].any() == kept


@pytest.mark.parametrize(("contrast_beside", "kept"), [(1.8, False), (4.5, True)])
def test_a_bone_far_from_the_coil_lost_much_t1_for_its_contrast(contrast_beside: float, kept: bool) -> None:
    assert run(contrast_beside, 0.3, fatty=[1, 2], water_share=0.3, likely=0.95) == (True, kept)


@pytest.mark.parametrize(
    ("water", "t1", "wide", "kept"),
    [
        (1.0, 0.4, 8, False),
        (1.0, 0.4, 11, False),
        (0.9, 0.4, 8, True),
        (1.0, 0.7, 8, True),
        (1.0, 0.4, 16, True),
    ],
    ids=["cyst", "large cyst", "marrow between", "bright on T1", "large"],
)
def test_a_small_lonely_piece_of_water_alone_is_a_cyst(
    water: float, t1: float, wide: int, kept: bool
) -> None:
    box = (slice(2, 5), slice(5, 5 + wide), slice(5, 5 + wide))
    edema, signals, volume = scene([(box, 8.0, t1)], likely=0.95)
    signals.water[box] = water
    found, _, dropped_ml = without_satellites(edema, signals, volume, MarrowKinds((1, 2)), EdemaSettings())
    assert (bool(found.any()), "cyst" in dropped_ml) == (kept, not kept)


@pytest.mark.parametrize(
    ("t1", "likely", "fatty", "kept"),
    [
        (0.35, 0.8, [], False),
        (0.45, 0.8, [], True),
        (0.35, 0.92, [], True),
        (0.35, 0.8, [2], False),
        (0.45, 0.8, [2], True),
    ],
    ids=["fluid", "marrow", "sure", "fluid, no red marrow", "no red marrow"],
)
def test_a_small_piece_with_no_fat_left_is_none_of_the_marrow(
    t1: float, likely: float, fatty: list[int], kept: bool
) -> None:
    assert run(6.0, t1, fatty=fatty, beside=SPECK, water_share=0.14, likely=likely)[1] == kept


@pytest.mark.parametrize(
    ("around", "likely", "fatty", "kept"),
    [(1.0, 0.7, (1,), True), (0.7, 0.7, (1,), False), (1.0, 0.6, (1,), False), (1.0, 0.7, (), False)],
    ids=["darker", "as dark around", "doubted", "may hold red marrow"],
)
def test_a_lesion_of_a_small_bone_may_have_little_water_where_it_is_darker_than_the_marrow_around(
    around: float, likely: float, fatty: tuple[int, ...], kept: bool
) -> None:
    edema, signals, volume = scene([(LESION, 1.5, 0.75)], likely=likely, water_share=0.1)
    assert signals.t1 is not None
    signals.t1[~edema] = around
    found = left_of(edema, signals, volume, MarrowKinds(fatty))
    assert found.any() == kept


@pytest.mark.parametrize(
    ("unsuppressed", "likely", "noise", "kept"),
    [(0.04, 0.95, 0.1, True), (0.06, 0.95, 0.1, False), (0.04, 0.85, 0.1, False), (0.04, 0.95, 0.3, False)],
    ids=["beyond doubt", "more bright fat", "not sure", "within the scatter"],
)
def test_near_a_little_bright_fat_what_is_beyond_doubt_may_have_lost_little_t1(
    unsuppressed: float, likely: float, noise: float, kept: bool
) -> None:
    edema, signals, volume = scene(
        [(LESION, 2.0, 0.93)], unsuppressed=unsuppressed, likely=likely, noise=noise, water_share=0.25
    )
    found = left_of(edema, signals, volume, MarrowKinds((1,)))
    assert found.any() == kept


@pytest.mark.parametrize(
    ("rows", "unsuppressed", "other_contrast", "likely", "kept"),
    [
        (30, 0.12, 1.1, 0.75, True),
        (8, 0.12, 1.1, 0.75, False),
        (30, 0.25, 1.1, 0.75, False),
        (30, 0.12, 1.4, 0.75, False),
        (30, 0.12, 1.1, 0.6, False),
    ],
    ids=["large and brighter than the other side", "small", "more bright fat", "as bright", "doubted"],
)
def test_near_some_bright_fat_what_is_large_and_brighter_than_the_other_side_may_have_lost_little_t1(
    rows: int, unsuppressed: float, other_contrast: float, likely: float, kept: bool
) -> None:
    box = (slice(1, 7), slice(5, 5 + rows), slice(2, 28))
    edema, signals, volume = scene(
        [(box, 2.0, 0.92)], unsuppressed=unsuppressed, likely=likely, water_share=0.25, yellow=True
    )
    volume.bones[volume.bones == 2] = 101
    signals.contrast[volume.bones == 101] = other_contrast
    assert left_of(edema, signals, volume).any() == kept


@pytest.mark.parametrize(
    ("rows", "noise", "t1", "kept"),
    [(30, 0.4, 0.8, True), (8, 0.4, 0.8, False), (30, 0.6, 0.8, False), (30, 0.4, 0.9, False)],
    ids=["much of an end", "little of it", "within the scatter", "lost little T1"],
)
def test_what_takes_up_much_of_a_bone_s_end_may_be_a_little_dry(
    rows: int, noise: float, t1: float, kept: bool
) -> None:
    box = (slice(1, 7), slice(5, 5 + rows), slice(2, 28))
    share = 1.15 * (1 - t1) / 1.6
    edema, signals, volume = scene([(box, 1.6, t1)], likely=0.77, noise=noise, water_share=share)
    volume.yellow[..., :16] = True
    assert left_of(edema, signals, volume).any() == kept


def test_red_marrow_of_the_pelvis_is_no_rest_of_a_lesion() -> None:
    edema, signals, volume = scene([(LESION, 1.6, 0.7)], likely=0.8, noise=0.4, yellow=True)
    for red, open_to_doubt in (((), True), ((1,), False)):
        kept, doubtful, _ = without_satellites(edema, signals, volume, MarrowKinds(red=red), EdemaSettings())
        assert not kept.any()
        assert doubtful.any() == open_to_doubt


@pytest.mark.parametrize(
    ("yellow", "unsuppressed", "water_share", "kept"),
    [(True, 0.0, 0.3, True), (False, 0.0, 0.3, False), (True, 0.03, 0.3, False), (True, 0.0, 0.2, False)],
    ids=["clear", "may be red marrow", "bright fat nearby", "little water"],
)
def test_the_network_may_doubt_what_is_clear_in_the_end_of_a_bone(
    yellow: bool, unsuppressed: float, water_share: float, kept: bool
) -> None:
    edema, signals, volume = scene(
        [(LESION, 1.2, 0.8)],
        likely=0.55,
        noise=0.5,
        yellow=yellow,
        unsuppressed=unsuppressed,
        water_share=water_share,
    )
    assert signals.t1 is not None
    signals.t1[~edema] = 0.8
    found = left_of(edema, signals, volume)
    assert found.any() == kept


@pytest.mark.parametrize(
    ("contrast", "t1", "kept"),
    [(4.8, 0.67, True), (4.2, 0.7, False), (4.8, 0.55, False), (4.8, 0.7, False)],
    ids=["alike", "dimmer", "darker on T1", "hardly darker on T1"],
)
def test_what_is_like_a_sure_lesion_of_its_bone_is_more_of_it_beyond_the_growth_scar(
    contrast: float, t1: float, kept: bool
) -> None:
    beyond = (slice(2, 5), slice(28, 38), slice(5, 17))
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (beyond, contrast, t1)], water_share=0.1, likely=0.95)
    signals.likely[beyond] = 0.72
    found = left_of(edema, signals, volume)
    assert found[LESION].all()
    assert found[beyond].any() == kept


@pytest.mark.parametrize(
    ("contrast", "likely", "unsuppressed", "kept"),
    [
        (1.6, 0.65, 0.0, True),
        (1.4, 0.65, 0.0, False),
        (1.6, 0.55, 0.0, False),
        (1.6, 0.65, 0.03, False),
    ],
)
def test_what_is_like_a_smaller_sure_lesion_of_its_bone_is_edema_though_dry_where_all_fat_is_suppressed(
    contrast: float, likely: float, unsuppressed: float, kept: bool
) -> None:
    """Muscle that is bright itself makes all water of an exam look little."""
    small, large = (slice(2, 6), slice(2, 12), slice(2, 12)), (slice(1, 7), slice(15, 38), slice(2, 28))
    pieces = [(small, 2.0, 0.93), (large, contrast, 0.91)]
    edema, signals, volume = scene(pieces, likely=0.95, water_share=0.1, unsuppressed=unsuppressed)
    signals.likely[large] = likely
    found = left_of(edema, signals, volume)
    assert found[large].any() == kept


@pytest.mark.parametrize(
    ("t1", "around", "likely", "kept"),
    [
        (0.6, 0.55, 0.7, False),
        (0.6, 0.65, 0.7, True),
        (0.6, 0.55, 0.8, True),
        (0.48, 0.4, 0.8, False),  # as dark as muscle besides
        (0.48, 0.55, 0.8, True),
        (0.48, 0.4, 0.95, True),
        (0.96, 0.9, 0.85, False),  # as bright as fat
        (0.96, 0.9, 0.95, True),
    ],
)
def test_what_is_doubted_and_lighter_on_t1_than_the_marrow_around_is_no_edema_where_marrow_may_be_red(
    t1: float, around: float, likely: float, kept: bool
) -> None:
    small = (slice(2, 5), slice(10, 30), slice(40, 50))
    edema, signals, volume = scene([(LESION, 6.0, 0.6), (small, 6.0, t1)], water_share=0.2)
    signals.likely[small] = likely
    assert signals.t1 is not None
    signals.t1[(volume.bones == 2) & ~edema] = around
    assert left_of(edema, signals, volume)[small].any() == kept


@pytest.mark.parametrize(
    ("likely", "ended", "reaching", "kept"),
    [
        (0.7, (2,), False, False),
        (0.8, (2,), False, True),
        (0.7, (), False, True),  # no end of the bone is seen
        (0.7, (2,), True, True),
    ],
)
def test_what_is_doubted_and_reaches_no_end_of_its_bone_is_red_marrow(
    likely: float, ended: tuple[int, ...], reaching: bool, kept: bool
) -> None:
    pieces = [(LESION, 4.0, 0.6), (BESIDE, 4.0, 0.6)]
    edema, signals, volume = scene(pieces, likely=likely, water_share=0.25)
    volume.yellow[:, :11] = reaching
    kinds = MarrowKinds((1,), ended=ended)
    assert left_of(edema, signals, volume, kinds)[BESIDE].any() == kept


@pytest.mark.parametrize(
    ("contrast", "likely", "rows", "kept"),
    [
        (3.0, 0.7, 12, False),
        (5.0, 0.7, 12, True),  # as bright as the lesion of the end
        (3.0, 0.8, 12, True),
        (3.0, 0.7, 5, True),  # a lesion fades at its border
    ],
)
def test_weaker_marrow_beyond_a_bone_s_end_that_touches_a_lesion_is_red(
    contrast: float, likely: float, rows: int, kept: bool
) -> None:
    beyond = (slice(2, 6), slice(20, 20 + rows), slice(5, 25))
    end = (slice(2, 6), slice(5, 20), slice(5, 25))
    edema, signals, volume = scene([(end, 6.0, 0.6), (beyond, contrast, 0.6)], water_share=0.25)
    volume.yellow[:, :20] = True
    signals.likely[beyond] = likely
    found, _, dropped_ml = without_satellites(edema, signals, volume, MarrowKinds(), EdemaSettings())
    assert found[end].mean() > 0.95
    assert (found[beyond].mean() > 0.9) == kept
    assert ("red marrow" in dropped_ml) != kept


def test_the_least_volume_beyond_an_end_may_be_nothing() -> None:
    edema, signals, volume = scene([(LESION, 6.0, 0.6)], water_share=0.25)
    settings = EdemaSettings(part=PartRules(beyond_ml=0.0))
    assert without_satellites(edema, signals, volume, MarrowKinds(), settings)[0][LESION].all()


@pytest.mark.parametrize(
    ("steepness", "likely", "kept"), [(0.45, 0.8, False), (0.55, 0.8, True), (0.45, 0.88, True)]
)
def test_red_marrow_in_the_end_of_a_bone_is_told_by_a_sure_lesion_elsewhere(
    steepness: float, likely: float, kept: bool
) -> None:
    """The lesion has 6.0 of contrast for the 0.4 of T1 that it lost."""
    contrast = steepness * (6.0 / 0.4) * 0.3
    pieces = [(LESION, 6.0, 0.6), (BESIDE, contrast, 0.7)]
    edema, signals, volume = scene(pieces, yellow=True, likely=0.95, water_share=0.2)
    signals.likely[BESIDE] = likely
    left = left_of(edema, signals, volume)
    assert left[LESION].all()
    assert bool(left[BESIDE].any()) == kept
