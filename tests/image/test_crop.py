"""Boxes of voxels lie where their mask does."""

import numpy as np

from bmetk.image import crop_box, crop_grid
from tests.conftest import make_grid


def test_a_box_holds_the_mask_and_its_margin_within_the_image():
    grid = make_grid("coronal", (8, 40, 30), (4.0, 0.5, 1.0))
    mask = np.zeros(grid.shape, bool)
    mask[3:5, 1:10, 20:29] = True
    assert crop_box(mask, grid, 2.0) == (slice(2, 6), slice(0, 14), slice(18, 30))


def test_a_cropped_grid_keeps_its_voxels_in_place():
    grid = make_grid("sagittal", (8, 40, 30), (4.0, 0.5, 1.0))
    box = (slice(2, 6), slice(0, 14), slice(18, 30))
    part = crop_grid(grid, box)
    assert part.shape == (4, 14, 12)
    np.testing.assert_allclose(part.to_world([1, 2, 3]), grid.to_world([3, 2, 21]))
