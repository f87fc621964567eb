"""Rules that tell a lesion from a mimic, on boxes of voxels with known signs."""

import numpy as np
import pytest

from bmetk.edema.candidates import Signs, without_mimics
from bmetk.edema.settings import EdemaSettings
from bmetk.image import Grid

SHAPE = (6, 60, 60)
GRID = Grid.from_axes(SHAPE, (3.0, 1.0, 1.0), np.eye(3)[:, ::-1], np.zeros(3))
LARGE, SMALL = np.s_[1:5, 5:30, 5:30], np.s_[2:4, 45:52, 45:52]


def signs(bright, faint, *, unsuppressed=-1.0, same_bone=True, slope=1.0, measured=True, fatty=False):
    """Lay out a large and a small thing; ``slope`` is that of the small one against the large one's."""
    contrast = np.zeros(SHAPE, np.float32)
    contrast[LARGE], contrast[SMALL] = bright, faint
    excess = np.full(SHAPE, -1.0, np.float32)
    excess[SMALL] = unsuppressed
    bones = np.ones(SHAPE, np.uint8)
    if not same_bone:
        bones[:, 40:] = 2
    lost = 0.1 * contrast
    lost[SMALL] /= slope
    inside = np.ones(SHAPE, bool)
    inside[SMALL] = measured
    return Signs(
        depth_mm=np.full(SHAPE, 9.0, np.float32),
        contrast=contrast,
        fluid_like=np.zeros(SHAPE, bool),
        certain=contrast > 0,
        rim_lesion_mm=np.ones(SHAPE, np.float32),
        unsuppressed=excess,
        lost=lost,
        measured=inside,
        fatty=np.full(SHAPE, fatty),
        bones=bones,
    )


def kept(found):
    mask, check = without_mimics(found.contrast > 0, found, 0.3, GRID, EdemaSettings())
    return bool(mask[LARGE].all()), bool(mask[SMALL].any()), check.message


@pytest.mark.parametrize(
    ("faint", "same_bone", "stays"), [(1.0, True, False), (1.0, False, True), (2.5, True, True)]
)
def test_faint_spot_beside_a_large_bright_lesion_of_its_bone_is_dropped(faint, same_bone, stays):
    large, small, message = kept(signs(3.0, faint, same_bone=same_bone))
    assert large
    assert small is stays
    assert ("beside a lesion 0.29 mL" in message) is not stays


@pytest.mark.parametrize(
    ("slope", "same_bone", "stays"), [(0.6, False, False), (0.6, True, True), (1.0, False, True)]
)
def test_a_spot_that_lost_more_t1_for_its_brightness_than_the_lesion_is_red_marrow(slope, same_bone, stays):
    large, small, _ = kept(signs(3.0, 2.0, slope=slope, same_bone=same_bone))
    assert large
    assert small is stays


def test_in_a_bone_without_red_marrow_a_lesion_says_nothing_of_its_neighbours():
    _, small, _ = kept(signs(3.0, 2.0, slope=0.6, same_bone=False, fatty=True))
    assert small


@pytest.mark.parametrize(("slope", "stays"), [(4.0, False), (1.5, True)])
def test_what_lost_next_to_no_t1_beside_a_lesion_that_did_is_unsuppressed_fat(slope, stays):
    large, small, _ = kept(signs(3.0, 2.9, slope=slope, same_bone=False))
    assert large
    assert small is stays


def test_what_lies_outside_the_regions_is_not_counted_but_told():
    large, small, message = kept(signs(3.0, 2.5, measured=False))
    assert large
    assert not small
    assert "outside the regions 0.29 mL" in message


@pytest.mark.parametrize(("slope", "stays"), [(0.5, False), (1.0, True)])
def test_red_marrow_that_touches_a_lesion_is_told_apart_from_it(slope, stays):
    found = signs(3.0, 0.0)
    touching, far = np.s_[1:5, 5:30, 30:58], np.s_[1:5, 5:30, 40:58]
    found.contrast[touching], found.certain[touching] = 0.9, True
    found.lost[touching] = 0.09 / slope
    mask, _ = without_mimics(found.contrast > 0, found, 0.3, GRID, EdemaSettings())
    assert mask[LARGE].all()
    assert bool(mask[far].all()) is stays
    assert bool(mask[far].any()) is stays


def test_bright_marrow_that_lost_no_t1_signal_is_unsuppressed_fat():
    large, small, message = kept(signs(3.0, 2.5, unsuppressed=0.2))
    assert large
    assert not small
    assert "unsuppressed fat" in message
