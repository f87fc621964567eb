"""Grids, transforms and resampling are exact where exactness is known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from bmetk.errors import GridMismatchError, RegistrationError
from bmetk.image import (
    Grid,
    LabelMap,
    Mask,
    RigidTransform,
    ScalarImage,
    field_of_view,
    isotropic_grid,
    resample_labels,
    resample_mask,
    resample_scalar,
)
from bmetk.image.itk import grid_from_sitk, transform_to_sitk
from tests.conftest import make_grid


def rotation(angle_deg=12.0, axis=2):
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    matrix = np.eye(3)
    a, b = [k for k in range(3) if k != axis]
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def ramp(grid):
    """Intensity that is linear in the world: 100 + 2x - y + 3z, so that linear interpolation is exact."""
    return ScalarImage(100 + grid.world_coordinates() @ [2.0, -1.0, 3.0], grid)


def ball(grid, radius_mm, centre_mm=None):
    centre = grid.centre_mm if centre_mm is None else np.asarray(centre_mm)
    return Mask(np.linalg.norm(grid.world_coordinates() - centre, axis=-1) <= radius_mm, grid)


def test_index_and_world_are_inverse(grid, rng):
    index = rng.uniform(-5, 50, (40, 3))
    np.testing.assert_allclose(grid.to_index(grid.to_world(index)), index, atol=1e-9)


def test_spacing_axes_and_origin_rebuild_the_grid(grid):
    again = Grid.from_axes(grid.shape, grid.spacing_mm, grid.axes, grid.origin_mm)
    assert again.matches(grid)
    assert grid.voxel_ml == pytest.approx(np.prod(grid.spacing_mm) / 1000)


def test_a_grid_half_a_voxel_off_does_not_match(grid):
    moved = Grid(grid.shape, grid.affine + np.pad(grid.affine[:3, 2:3] / 2, ((0, 1), (3, 0))))
    assert not moved.matches(grid)
    with pytest.raises(GridMismatchError, match="do not share a grid"):
        moved.require_match(grid, "two images")


@pytest.mark.parametrize(
    "affine",
    [np.zeros((4, 4)), np.eye(3), np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])],
)
def test_singular_and_sheared_affines_are_refused(affine):
    with pytest.raises(GridMismatchError):
        Grid((2, 2, 2), affine)


def test_a_grid_cannot_be_changed(grid):
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 5


def test_itk_bridge_keeps_every_voxel_in_place(grid, rng):
    image = ScalarImage(rng.normal(size=grid.shape), grid)
    itk = image.to_sitk()
    assert grid_from_sitk(itk).matches(grid)
    for s, r, c in ((0, 0, 0), (3, 5, 7), (15, 39, 35)):
        np.testing.assert_allclose(
            itk.TransformIndexToPhysicalPoint((c, r, s)), grid.to_world((s, r, c)), atol=1e-6
        )
        assert itk[c, r, s] == image.array[s, r, c]


def test_resampling_a_ramp_is_exact_inside(grid):
    target = isotropic_grid(grid, 1.3)
    inside = field_of_view(grid, target).array
    result = resample_scalar(ramp(grid), target)
    edge = np.all((grid.to_index(target.world_coordinates()) >= 0), axis=-1)
    edge &= np.all(grid.to_index(target.world_coordinates()) <= np.asarray(grid.shape) - 1, axis=-1)
    np.testing.assert_allclose(result.array[edge], ramp(target).array[edge], atol=0.01)
    assert inside[edge].all()


def test_resampling_follows_the_transform_from_fixed_to_moving(grid):
    transform = RigidTransform.about(grid.centre_mm, rotation(7.0, 0), (3.0, -2.0, 1.0))
    target = isotropic_grid(grid, 2.0)
    moved = transform.apply(target.world_coordinates())
    index = grid.to_index(moved)
    inside = np.all((index >= 0) & (index <= np.asarray(grid.shape) - 1), axis=-1)
    result = resample_scalar(ramp(grid), target, transform)
    expected = 100 + moved @ [2.0, -1.0, 3.0]
    np.testing.assert_allclose(result.array[inside], expected[inside], atol=0.02)


def test_resampling_agrees_with_simpleitk(grid, rng):
    image = ScalarImage(rng.normal(size=grid.shape), grid)
    transform = RigidTransform.about(grid.centre_mm, rotation(5.0, 1), (1.0, 2.0, -3.0))
    target = isotropic_grid(grid, 2.5)
    empty = ScalarImage(np.zeros(target.shape), target).to_sitk()
    theirs = sitk.Resample(image.to_sitk(), empty, transform_to_sitk(transform), sitk.sitkLinear, 0.0)
    index = grid.to_index(transform.apply(target.world_coordinates()))
    inside = np.all((index >= 0.01) & (index <= np.asarray(grid.shape) - 1.01), axis=-1)
    ours = resample_scalar(image, target, transform).array
    np.testing.assert_allclose(ours[inside], sitk.GetArrayFromImage(theirs)[inside], atol=1e-4)


def test_labels_are_carried_by_the_nearest_voxel_and_never_mixed(grid, rng):
    labels = LabelMap(rng.choice([0, 7, 101], size=grid.shape), grid)
    result = resample_labels(labels, isotropic_grid(grid, 1.1))
    assert set(result.values()) <= {7, 101}


def test_a_mask_keeps_its_volume_when_resampled(grid):
    radius = 14.0
    mask = ball(grid, radius)
    fine = resample_mask(mask, isotropic_grid(grid, 0.5))
    assert mask.volume_ml == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.05)
    assert fine.volume_ml == pytest.approx(mask.volume_ml, rel=0.02)


def test_field_of_view_reaches_half_a_voxel_beyond_the_centres(grid):
    volume_ml = np.prod(grid.shape) * grid.voxel_ml
    wide = isotropic_grid(grid, 1.0, margin_mm=10)
    assert field_of_view(grid, grid).array.all()
    assert field_of_view(grid, wide).volume_ml == pytest.approx(volume_ml, rel=0.03)


def test_isotropic_grid_covers_the_same_volume_about_the_same_centre(grid):
    cubic = isotropic_grid(grid, 1.5)
    np.testing.assert_allclose(cubic.centre_mm, grid.centre_mm, atol=1e-9)
    np.testing.assert_allclose(
        np.asarray(cubic.shape) * 1.5, np.asarray(grid.shape) * grid.spacing_mm, atol=0.76
    )


def test_transforms_compose_and_invert(rng):
    one = RigidTransform.about((5, 6, 7), rotation(20, 0), (1, 2, 3))
    two = RigidTransform.about((-4, 0, 9), rotation(-35, 2), (0, -8, 2))
    points = rng.normal(scale=50, size=(30, 3))
    np.testing.assert_allclose(two.after(one).apply(points), two.apply(one.apply(points)), atol=1e-9)
    np.testing.assert_allclose(one.inverse().apply(one.apply(points)), points, atol=1e-9)
    assert one.angle_deg == pytest.approx(20)
    assert RigidTransform.identity().displacement_mm(points).max() == 0


def test_a_matrix_that_is_no_rotation_is_refused():
    for matrix in (np.diag([1.0, 1.0, -1.0]), 2 * np.eye(3)):
        with pytest.raises(RegistrationError):
            RigidTransform(matrix, np.zeros(3))


def test_images_refuse_an_array_of_another_shape_and_cannot_be_changed(grid):
    with pytest.raises(GridMismatchError, match="array of shape"):
        ScalarImage(np.zeros((2, 2, 2)), grid)
    with pytest.raises(ValueError, match="read-only"):
        ScalarImage(np.zeros(grid.shape), grid).array[0, 0, 0] = 1


def test_label_maps_hold_whole_numbers_alone(grid):
    with pytest.raises(GridMismatchError, match="whole numbers"):
        LabelMap(np.full(grid.shape, 0.5), grid)
    assert LabelMap(np.full(grid.shape, 3.0), grid).values() == (3,)


def test_masks_combine_on_one_grid_only(grid):
    mask = ball(grid, 10.0)
    assert (mask & ~mask).volume_ml == 0
    assert (mask | ~mask).volume_ml == pytest.approx(np.prod(grid.shape) * grid.voxel_ml)
    with pytest.raises(GridMismatchError):
        _ = mask & ball(isotropic_grid(grid, 2.0), 10.0)


def test_a_grid_contains_what_lies_in_its_voxels():
    grid = make_grid("coronal", (8, 40, 30), (4.0, 0.5, 1.0))
    inside = [[0, 0, 0], [-0.4, 39.4, 10], [7.4, 20, 29.4]]
    outside = [[-0.6, 0, 0], [3, 39.6, 10], [3, 20, 30.2]]
    assert grid.contains(grid.to_world(inside)).all()
    assert not grid.contains(grid.to_world(outside)).any()
