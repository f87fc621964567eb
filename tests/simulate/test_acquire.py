"""Grids, slice profile and noise of the acquisition."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.exam import Contrast, Plane
from bmetk.image import Grid, RigidTransform
from bmetk.simulate.acquire import View, draw_motion, fine_grid, plane_axes, receive, sample_slices, shift_fat
from bmetk.simulate.spec import SeriesSpec

SERIES = SeriesSpec(Contrast.T1, 500, 10, in_plane_mm=1.0, thickness_mm=3.0, gap_mm=1.0)


@pytest.mark.parametrize("plane", list(Plane))
@pytest.mark.parametrize("obliquity", [0.0, 14.0, -9.0])
def test_plane_axes_are_orthonormal(plane: Plane, obliquity: float) -> None:
    axes = plane_axes(plane, obliquity)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-12)


def test_slices_of_each_plane_run_along_its_normal() -> None:
    for plane, normal in ((Plane.SAGITTAL, 0), (Plane.CORONAL, 1), (Plane.AXIAL, 2)):
        assert abs(plane_axes(plane, 0.0)[normal, 0]) == 1


def test_slice_distance_is_thickness_plus_gap_and_the_view_is_centred() -> None:
    view = View(plane_axes(Plane.SAGITTAL, 12.0), np.array([10.0, -20.0, 30.0]), (80.0, 120.0, 120.0))
    grid = view.grid(SERIES)
    assert grid.spacing_mm == pytest.approx((4.0, 1.0, 1.0))
    assert grid.centre_mm == pytest.approx([10.0, -20.0, 30.0])
    assert grid.shape == (20, 120, 120)


def test_fine_grid_covers_the_slices_and_keeps_within_its_budget() -> None:
    target = View(plane_axes(Plane.CORONAL, 20.0), np.zeros(3), (80.0, 120.0, 120.0)).grid(SERIES)
    fine = fine_grid([target], 0.6, 1.3, 4e5)
    index = fine.to_index(target.to_world([[0, 0, 0], [19, 119, 119]]))
    assert index.min() >= 0
    assert np.all(index <= np.array(fine.shape) - 1)
    assert np.prod(fine.shape) < 5e5


@pytest.mark.parametrize("plane", [Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL, Plane.OBLIQUE])
def test_linear_ramp_is_sampled_exactly(plane: Plane) -> None:
    target = View(plane_axes(plane, 7.0), np.array([5.0, 6.0, 7.0]), (40.0, 60.0, 60.0)).grid(SERIES)
    fine = fine_grid([target], 1.1, 1.3, 1e7)
    gradient = np.array([0.3, -0.2, 0.5])
    volume = (fine.world_coordinates() @ gradient).astype(np.float32)
    still = sample_slices(volume, fine, target, 3.0, RigidTransform.identity())
    inner = (slice(2, -2),) * 3
    assert still[inner] == pytest.approx((target.world_coordinates() @ gradient)[inner], abs=0.02)


def test_motion_moves_the_body_and_not_the_slices() -> None:
    target = View(plane_axes(Plane.CORONAL, 0.0), np.zeros(3), (40.0, 60.0, 60.0)).grid(SERIES)
    fine = fine_grid([target], 1.0, 1.0, 1e7)
    ball = (np.linalg.norm(fine.world_coordinates(), axis=-1) < 12).astype(np.float32)
    motion = RigidTransform.about(np.zeros(3), np.eye(3), (3.0, 0.0, -2.0))
    moved = sample_slices(ball, fine, target, 3.0, motion)
    centre = (target.world_coordinates() * moved[..., None]).sum((0, 1, 2)) / moved.sum()
    assert centre == pytest.approx([3.0, 0.0, -2.0], abs=0.1)


def test_box_profile_averages_over_the_slice_thickness() -> None:
    grid = Grid.from_axes((41, 4, 4), (1.0, 1.0, 1.0), np.eye(3), np.zeros(3))
    target = Grid.from_axes((1, 4, 4), (5.0, 1.0, 1.0), np.eye(3), (20.0, 0.0, 0.0))
    volume = np.zeros(grid.shape, np.float32)
    volume[20] = 1.0
    assert sample_slices(volume, grid, target, 5.0, RigidTransform.identity(), box=True) == pytest.approx(
        np.full(target.shape, 0.2), abs=1e-6
    )


def test_noise_in_air_is_rayleigh() -> None:
    rng = np.random.default_rng(1)
    zero = np.zeros((4, 128, 128), np.float32)
    air = receive(zero, np.ones_like(zero), 5.0, 1.0, rng)
    assert air.mean() / air.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.03)


def test_magnitude_of_a_negative_signal_is_positive() -> None:
    signal = np.full((1, 64, 64), -100.0, np.float32)
    image = receive(signal, np.ones_like(signal), 1.0, 0.8, np.random.default_rng(2))
    assert image.mean() == pytest.approx(100.0, rel=0.02)


def test_fat_is_displaced_by_the_chemical_shift() -> None:
    fat = np.zeros((1, 1, 20), np.float32)
    fat[0, 0, 8] = 1.0
    shifted = shift_fat(fat, 1.5, 2)
    assert shifted[0, 0, 9] == pytest.approx(0.5)
    assert shifted[0, 0, 10] == pytest.approx(0.5)


def test_motion_is_of_the_size_asked_for() -> None:
    sizes = [
        np.linalg.norm(draw_motion(1.0, np.zeros(3), np.random.default_rng(seed)).translation_mm)
        for seed in range(30)
    ]
    assert 0.5 < np.mean(sizes) < 1.3
