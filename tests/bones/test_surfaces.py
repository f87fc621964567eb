"""Surfaces on analytic spheres, on axial and oblique grids."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bmetk.bones.surfaces import (
    Surface,
    clearance,
    merge,
    mirror_x,
    signed_distance,
    transform,
    vertex_normals,
    volume_ml,
    voxelize,
)

RADIUS_MM = 20.0
SPHERE_ML = 4 / 3 * np.pi * RADIUS_MM**3 / 1000
CENTER = np.array([31.0, -12.0, 55.0])
SHAPE = (30, 100, 104)


def sphere(center=CENTER, radius=RADIUS_MM, n=60):
    """Build a closed sphere of n bands of latitude and 2n of longitude."""
    polar, around = np.meshgrid(np.pi * np.arange(1, n) / n, np.pi * np.arange(2 * n) / n, indexing="ij")
    ring = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1)
    points = np.concatenate([ring.reshape(-1, 3), [[0, 0, 1], [0, 0, -1]]])
    i, j = np.meshgrid(np.arange(n - 2), np.arange(2 * n), indexing="ij")
    a, b = i * 2 * n + j, i * 2 * n + (j + 1) % (2 * n)
    c, d = a + 2 * n, b + 2 * n
    j, last = np.arange(2 * n), (n - 2) * 2 * n
    k = (j + 1) % (2 * n)
    faces = [
        np.stack([a, c, b], -1).reshape(-1, 3),
        np.stack([b, c, d], -1).reshape(-1, 3),
        np.stack([np.full(2 * n, len(points) - 2), j, k], -1),
        np.stack([np.full(2 * n, len(points) - 1), last + k, last + j], -1),
    ]
    return Surface(points * radius + center, np.concatenate(faces).astype(np.int32))


def grid(angles, spacing=(2.0, 0.5, 0.5)):
    """Build an affine whose middle voxel is at the sphere's centre, turned by Euler angles in degrees."""
    affine = np.eye(4)
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()[:, ::-1]
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = CENTER - affine[:3, :3] @ (np.array(SHAPE) / 2 - (0.1, 0.2, 0.3))
    return affine


GRIDS = [grid((0, 0, 0)), grid((20, -35, 50)), grid((90, 0, 0)), grid((5, 80, 10), (2.0, 0.5, -0.5))]


def truth(affine):
    """Return the exact signed distance to the sphere at the voxel centres."""
    voxels = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    return np.linalg.norm(voxels @ affine[:3, :3].T + affine[:3, 3] - CENTER, axis=-1) - RADIUS_MM


@pytest.mark.parametrize("affine", GRIDS)
def test_voxels_fill_a_sphere_on_any_grid(affine):
    mask = voxelize(sphere(), affine, SHAPE)
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    assert mask.sum() * voxel_ml == pytest.approx(SPHERE_ML, rel=0.01)
    off = truth(affine)
    assert mask[off < -0.05].all()
    assert not mask[off > 0.05].any()


@pytest.mark.parametrize("affine", GRIDS)
def test_signed_distance_of_a_sphere_is_exact_in_the_band(affine):
    found, exact = signed_distance(sphere(), affine, SHAPE, band_mm=4.0), truth(affine)
    np.testing.assert_allclose(found, np.clip(exact, -4, 4), atol=0.1)


def test_surface_on_voxel_centres_does_not_leak():
    corners = np.array([[x, y, z] for x in (2, 6) for y in (2, 6) for z in (2, 6)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    cube = Surface(corners, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32))
    assert volume_ml(cube) == pytest.approx(0.064)
    assert voxelize(cube, np.eye(4), (9, 9, 9)).sum() == 4**3


def test_surface_that_leaves_the_grid_is_cut():
    affine = GRIDS[1]
    whole = voxelize(sphere(), affine, SHAPE)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ (10, 50, 60)
    part = voxelize(sphere(), moved, SHAPE)
    np.testing.assert_array_equal(part[:20, :50, :44], whole[10:, 50:, 60:])
    moved[:3, 3] += 1000
    assert not voxelize(sphere(), moved, SHAPE).any()
    assert (signed_distance(sphere(), moved, SHAPE, 3.0) == 3.0).all()


def test_volume_survives_mirror_and_turn():
    ball = sphere()
    assert volume_ml(ball) == pytest.approx(SPHERE_ML, rel=0.005)
    mirrored = mirror_x(ball, 10.0)
    assert volume_ml(mirrored) == pytest.approx(volume_ml(ball))
    np.testing.assert_allclose(mirrored.vertices.mean(0), [2 * 10 - 31, -12, 55], atol=1e-6)
    assert volume_ml(transform(ball, GRIDS[2])) == pytest.approx(volume_ml(ball) * 0.5)


def test_merged_surfaces_add_up():
    both = merge([sphere(), sphere(CENTER + (50, 0, 0))])
    assert volume_ml(both) == pytest.approx(2 * volume_ml(sphere()))


def test_normals_of_a_sphere_point_outwards():
    ball = sphere()
    np.testing.assert_allclose(vertex_normals(ball), (ball.vertices - CENTER) / RADIUS_MM, atol=0.03)


def test_clearance_is_the_gap_between_spheres():
    other = sphere(CENTER + (0, 0, 47.0))
    assert clearance(other, sphere(), (0, 0, 1)) == pytest.approx(7.0, abs=0.3)


def test_wrong_shape_names_the_shape():
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        Surface(np.zeros((4, 2)), np.zeros((1, 3), np.int32))
