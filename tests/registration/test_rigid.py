"""Alignment of two series against known movements."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from bmetk.errors import SeriesMismatchError, SettingsError
from bmetk.exam import CheckStatus
from bmetk.image import Grid, RigidTransform, ScalarImage
from bmetk.registration import RegistrationSettings, overlap_fraction, register_rigid, require_overlap, rigid
from tests.registration.phantom import acquire, limb, slices

T1, STIR = limb()
GRIDS = [("axial", 0.0), ("coronal", 0.0), ("sagittal", 0.0), ("coronal", 17.0)]
POINTS = np.array([[x, y, z] for x in (-30, 30) for y in (-25, 25) for z in (-30, 30)], dtype=float)


def moved(shift_mm: tuple[float, float, float], angles_deg: tuple[float, float, float]) -> RigidTransform:
    rotation = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    return RigidTransform.about((0, 0, 0), rotation, shift_mm)


@pytest.mark.parametrize(("plane", "oblique"), GRIDS)
def test_shift_is_recovered_within_0_6_mm_less_than_a_pixel(plane: str, oblique: float) -> None:
    truth = moved((2.0, -1.5, 1.0), (0, 0, 0))
    grid = slices(plane, oblique)
    found = register_rigid(acquire(STIR, grid, None, 1), acquire(T1, grid, truth.inverse(), 2))
    error = np.linalg.norm(found.transform.apply(POINTS) - truth.apply(POINTS), axis=1)
    assert error.mean() < 0.6
    assert found.similarity_after > found.similarity_before
    assert not found.kept_identity


def test_a_step_that_went_past_the_best_place_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As beyond fat whose outline chemical shift doubles: the search ends at twice the true way."""
    truth, real = moved((3.0, 0.0, 0.0), (0, 0, 0)), rigid._method
    steps = RegistrationSettings().levels_mm

    class Astray:
        def __init__(self, transform: sitk.Euler3DTransform, method: sitk.ImageRegistrationMethod) -> None:
            self.transform, self.method = transform, method

        def __getattr__(self, name: str) -> object:
            return getattr(self.method, name)

        def Execute(self, *_pair: sitk.Image) -> None:  # noqa: N802  SimpleITK's name
            self.transform.SetParameters((0.0, 0.0, 0.0, 6.0, 0.0, 0.0))

    def method(fixed, start, spacing_mm, settings, **options):
        made = real(fixed, start, spacing_mm, settings, **options)
        return Astray(start, made) if spacing_mm in steps else made

    monkeypatch.setattr(rigid, "_method", method)
    grid = slices("coronal")
    found = register_rigid(acquire(STIR, grid, None, 1), acquire(T1, grid, truth.inverse(), 2))
    error = np.linalg.norm(found.transform.apply(POINTS) - truth.apply(POINTS), axis=1)
    assert error.mean() < 0.6


def test_a_far_maximum_hardly_higher_than_the_start_gives_way_to_the_nearest() -> None:
    """A shift of 7 mm is believed for what it gains; if it must gain more, what is near is taken."""
    truth, grid = moved((7.0, 0.0, 0.0), (0, 0, 0)), slices("coronal")
    pair = acquire(STIR, grid, None, 1), acquire(T1, grid, truth.inverse(), 2)
    believed = register_rigid(*pair)
    assert np.linalg.norm(believed.transform.apply(POINTS) - truth.apply(POINTS), axis=1).mean() < 1.0
    gain = believed.similarity_after / believed.similarity_before - 1
    demanding = RegistrationSettings(gain_a_mm=2 * gain)
    doubted = register_rigid(*pair, demanding)
    shift = np.linalg.norm(doubted.transform.apply(POINTS) - POINTS, axis=1).mean()
    assert shift < demanding.usual_shift_mm + 1.0


def test_what_an_alignment_must_gain_is_not_negative() -> None:
    with pytest.raises(SettingsError, match="gain_a_mm must be 0 or more"):
        RegistrationSettings(gain_a_mm=-0.1)


def test_large_motion_between_planes_is_recovered_within_1_mm() -> None:
    truth = moved((6.0, -4.0, 3.0), (3.0, -2.0, 3.0))
    fixed = acquire(STIR, slices("coronal"), None, 1)
    found = register_rigid(fixed, acquire(T1, slices("sagittal"), truth.inverse(), 2))
    assert np.linalg.norm(found.transform.apply(POINTS) - truth.apply(POINTS), axis=1).mean() < 1.0


@pytest.mark.parametrize(("plane", "oblique"), GRIDS[2:])
def test_identity_is_kept_when_aligned(plane: str, oblique: float) -> None:
    grid = slices(plane, oblique)
    found = register_rigid(acquire(STIR, grid, None, 1), acquire(T1, grid, None, 2))
    assert found.kept_identity
    assert found.check.status is CheckStatus.OK
    np.testing.assert_array_equal(found.transform.rotation, np.eye(3))


def test_registration_gives_the_same_result_twice() -> None:
    grid = slices("sagittal")
    pair = acquire(STIR, grid, None, 1), acquire(T1, grid, moved((1, 1, 0), (0, 0, 1)), 2)
    first, second = register_rigid(*pair), register_rigid(*pair)
    np.testing.assert_array_equal(first.transform.translation_mm, second.transform.translation_mm)


def test_implausible_motion_is_refused() -> None:
    grid = slices("coronal")
    pair = acquire(STIR, grid, None, 1), acquire(T1, grid, moved((6, 0, 0), (0, 0, 0)), 2)
    found = register_rigid(*pair, RegistrationSettings(maximal_shift_mm=2.0))
    assert found.kept_identity
    assert found.check.status is CheckStatus.WARN


def test_empty_image_is_left_alone_with_a_warning() -> None:
    grid = slices("coronal")
    empty = ScalarImage(np.zeros(grid.shape), grid)
    found = register_rigid(acquire(STIR, grid, None, 1), empty)
    assert found.kept_identity
    assert found.check.status is CheckStatus.WARN


def test_fields_of_view_that_miss_each_other_are_refused() -> None:
    grid = slices("axial")
    affine = grid.affine.copy()
    affine[:3, 3] += (400, 0, 0)
    with pytest.raises(SeriesMismatchError, match="400 mm apart"):
        require_overlap(grid, Grid(grid.shape, affine))


def test_overlap_is_a_share_of_the_smaller_field_of_view() -> None:
    large, small = slices("axial"), slices("axial", shape=(10, 96, 96))
    assert overlap_fraction(large, small) == pytest.approx(1.0, abs=0.1)
    assert overlap_fraction(small, large) == pytest.approx(1.0, abs=0.01)
