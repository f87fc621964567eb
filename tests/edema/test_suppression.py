"""Fat that escaped its suppression is taken off, and what holds no fat stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmetk.edema import EdemaMap, segment_edema
from bmetk.edema.normalize import normalise
from bmetk.edema.segment import _cropped
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.suppression import check_fat_suppression, unsuppressed_nearby, without_escaped_fat
from bmetk.exam import CheckStatus, Contrast
from bmetk.image import ScalarImage
from tests.edema.phantom import FS_T2, Phantom, dice, joint, slices

WIDE = EdemaSettings(shading_margin_mm=50.0)
FULL_FAT = 700.0
"""T1 signal of fatty marrow."""
ESCAPED = 420.0
"""What fatty marrow has where nothing of it is suppressed, seven times the signal that it should have."""


def in_fat(phantom: Phantom) -> Phantom:
    """Lay the bones into fat where muscle and joint fluid were."""
    soft = (phantom.bones.labels.array == 0) & (phantom.t1.array > 100)
    t1, fluid = np.where(soft, 800.0, phantom.t1.array), np.where(soft, 60.0, phantom.fluid.array)
    return replace(phantom, t1=phantom.t1.with_array(t1), fluid=phantom.fluid.with_array(fluid))


def with_escaped_fat(phantom: Phantom) -> ScalarImage:
    """Let fat escape below a plane through the lesion, gradually over 20 mm."""
    height = phantom.fluid.grid.world_coordinates()[..., 2]
    field = 1 / (1 + np.exp((height - 12.0) / 5.0))
    fat = np.clip((phantom.t1.array - 250.0) / (FULL_FAT - 250.0), 0, 1.2)
    return phantom.fluid.with_array(phantom.fluid.array + ESCAPED * field * fat)


def found_in(phantom: Phantom) -> EdemaMap:
    bright = with_escaped_fat(phantom)
    images = phantom.t1, bright, phantom.bones, phantom.covered
    return segment_edema(*images, settings=WIDE, protocol=FS_T2)


@pytest.mark.parametrize("plane", ["coronal", "sagittal"])
def test_a_lesion_is_found_where_fat_escaped_its_suppression(plane: str) -> None:
    phantom = in_fat(joint(slices(plane), shading=0.0))
    found = found_in(phantom)
    assert dice(found.edema, phantom.edema) > 0.85
    (check,) = (check for check in found.checks if check.name == "fat_suppression")
    assert check.status is CheckStatus.FAIL


def test_fat_that_escaped_its_suppression_is_no_edema() -> None:
    phantom = in_fat(joint(slices("coronal"), strength=0.0, shading=0.0))
    found = found_in(phantom)
    assert found.edema.volume_ml == 0


def test_most_of_what_escaped_is_taken_off_marrow_and_nothing_off_a_lesion() -> None:
    phantom = in_fat(joint(slices("coronal"), shading=0.0))
    bright = with_escaped_fat(phantom)
    box = (slice(None),) * 3
    volume = _cropped(phantom.t1, bright, phantom.bones, phantom.covered, None, box)
    normal = normalise(volume, WIDE)
    check = check_fat_suppression(normal.volume, Contrast.FS_T2, WIDE)
    nearby = unsuppressed_nearby(normal.volume, Contrast.FS_T2)
    cleaned = without_escaped_fat(volume, normal, nearby, check)
    # Fat more than 20 mm away is not near.
    deep = (volume.depth_mm > 2.0) & (volume.depth_mm < 10.0) & ~phantom.edema.array
    deep &= bright.array > 2 * phantom.fluid.array
    assert deep.any()
    good, escaped, left = (
        float(np.median(image[deep])) for image in (phantom.fluid.array, bright.array, cleaned.fluid)
    )
    assert escaped > 4 * good
    assert 0.8 * good < left < good + 0.25 * (escaped - good)
    lesion = phantom.edema.array & (volume.depth_mm > 2.0)
    assert np.median(cleaned.fluid[lesion]) > 0.8 * np.median(phantom.fluid.array[lesion])
    # The inversion recovery of STIR suppresses fat wherever the field is.
    assert check_fat_suppression(normal.volume, Contrast.STIR, WIDE) is None
    assert without_escaped_fat(volume, normal, nearby, None) is volume
