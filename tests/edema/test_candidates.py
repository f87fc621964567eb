"""Rules that tell a lesion from a mimic, on boxes of voxels with known signs."""

import numpy as np
import pytest

from bmetk.edema.candidates import Signs, without_mimics
from bmetk.edema.settings import EdemaSettings
from bmetk.image import Grid

SHAPE = (6, 60, 60)
GRID = Grid.from_axes(SHAPE, (3.0, 1.0, 1.0), np.eye(3)[:, ::-1], np.zeros(3))
LARGE, SMALL = np.s_[1:5, 5:30, 5:30], np.s_[2:4, 45:52, 45:52]


def signs(bright, faint, *, unsuppressed=-1.0, same_bone=True):
    contrast = np.zeros(SHAPE, np.float32)
    contrast[LARGE], contrast[SMALL] = bright, faint
    excess = np.full(SHAPE, -1.0, np.float32)
    excess[SMALL] = unsuppressed
    bones = np.ones(SHAPE, np.uint8)
    if not same_bone:
        bones[:, 40:] = 2
    deep = np.full(SHAPE, 9.0, np.float32)
    certain = contrast > 0
    return Signs(deep, contrast, np.zeros(SHAPE, bool), certain, np.ones(SHAPE, np.float32), excess, bones)


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


def test_bright_marrow_that_lost_no_t1_signal_is_unsuppressed_fat():
    large, small, message = kept(signs(3.0, 2.5, unsuppressed=0.2))
    assert large
    assert not small
    assert "unsuppressed fat" in message
