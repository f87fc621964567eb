import numpy as np
import pytest
from scipy import ndimage

from bmetk.image import spread_numbers, stretch_in_plane


@pytest.mark.parametrize(("rows", "columns"), [(61, 23), (20, 90), (37, 41), (1, 8)])
def test_stretching_agrees_with_scipy(rows: int, columns: int) -> None:
    array = np.random.default_rng(3).random((4, 37, 41)).astype(np.float32)
    factors = [1, rows / 37, columns / 41]
    expected = ndimage.zoom(array, factors, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(stretch_in_plane(array, rows, columns), expected, atol=1e-5)


def test_one_row_is_repeated() -> None:
    array = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    assert np.array_equal(stretch_in_plane(array, 3, 5), np.repeat(array, 3, axis=1))


def test_numbers_spread_to_the_nearest_place_within_some_distance() -> None:
    numbers = np.array([[1, 0, 0, 0, 0, 2]], np.uint8)
    assert spread_numbers(numbers, (1.0, 2.0)).tolist() == [[1, 1, 1, 2, 2, 2]]
    assert spread_numbers(numbers, (1.0, 2.0), 2.0).tolist() == [[1, 1, 0, 0, 2, 2]]
    assert not spread_numbers(np.zeros((2, 3), np.uint8), (1.0, 1.0)).any()
