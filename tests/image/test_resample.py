import numpy as np
import pytest
from scipy import ndimage

from bmetk.image import stretch_in_plane


@pytest.mark.parametrize(("rows", "columns"), [(61, 23), (20, 90), (37, 41), (1, 8)])
def test_stretching_agrees_with_scipy(rows: int, columns: int) -> None:
    array = np.random.default_rng(3).random((4, 37, 41)).astype(np.float32)
    factors = [1, rows / 37, columns / 41]
    expected = ndimage.zoom(array, factors, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(stretch_in_plane(array, rows, columns), expected, atol=1e-5)


def test_one_row_is_repeated() -> None:
    array = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    assert np.array_equal(stretch_in_plane(array, 3, 5), np.repeat(array, 3, axis=1))
