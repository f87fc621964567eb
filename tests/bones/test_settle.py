"""Bones moved to the borders that the fluid-sensitive series shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import marching_cubes

from bmetk.anatomy import Bone, Joint, Side
from bmetk.bones import FoundBone, FoundBones, settle_on_fluid
from bmetk.bones.surfaces import Surface
from bmetk.exam import CheckStatus
from bmetk.image import Grid, RigidTransform, ScalarImage

HERE = RigidTransform.identity()
RADII_MM = np.array([24.0, 20.0, 28.0])


def coronal() -> Grid:
    """Give a coronal grid: slices run forwards, rows down, columns to the left."""
    axes = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    return Grid.from_axes((15, 110, 100), (4.0, 0.8, 0.8), axes, np.array([-40.0, 30.0, 44.0]))


def ball(centre_mm: np.ndarray, larger_mm: float = 0.0) -> Surface:
    """Give the surface of an ellipsoid."""
    axes = np.meshgrid(*(np.arange(-32.0, 33.0, 2.0),) * 3, indexing="ij")
    depth = 1 - np.sqrt(
        sum((axis / radius) ** 2 for axis, radius in zip(axes, RADII_MM + larger_mm, strict=True))
    )
    vertices, faces, *_ = marching_cubes(depth, 0.0, spacing=(2.0, 2.0, 2.0))
    return Surface(vertices.astype(np.float64) - 32.0 + centre_mm, faces[:, ::-1].astype(np.int64))


def found_at(centre_mm: np.ndarray, view: Grid, larger_mm: float = 0.0) -> FoundBones:
    """Give bones of which one is found, at a place, and too large all around."""
    talus = FoundBone("talus", Bone.TALUS, Side.LEFT, ball(centre_mm, larger_mm), 0.9)
    return FoundBones(Joint.ANKLE, Side.LEFT, (talus,), (), {}, (), {}, view)


def scan(grid: Grid, noise: float = 0.0) -> ScalarImage:
    """Scan an ellipsoid of dark marrow in the middle of the view, in muscle but for its lower end."""
    away = grid.world_coordinates() - grid.centre_mm
    outside = np.clip((np.sqrt(((away / RADII_MM) ** 2).sum(-1)) - 1) * 24 / 0.8 + 0.5, 0, 1)
    muscle = np.where(away[..., 2] > -18, 100.0, 15.0)
    image = 10 + outside * muscle + np.random.default_rng(1).normal(0, noise, grid.shape)
    return ScalarImage(image.astype(np.float32), grid)


@pytest.mark.parametrize("shift", [(1.6, 0.0), (-0.7, 1.1), (0.0, 0.0)])
def test_bones_move_to_where_tissue_brightens_around_them(shift: tuple[float, float]) -> None:
    grid = coronal()
    beside = grid.axes[:, 1:] @ np.array(shift)
    settled = settle_on_fluid(found_at(grid.centre_mm + beside, grid), scan(grid, noise=12.0), HERE)
    centre = settled.transform.inverse().apply(grid.centre_mm + beside)
    assert np.abs(centre - grid.centre_mm).max() < 0.3
    assert settled.checks[0].status is CheckStatus.OK
    assert settled.checks[0].value == pytest.approx(np.hypot(*shift), abs=0.3)


def test_the_alignment_that_was_known_stays_part_of_the_answer() -> None:
    grid = coronal()
    turned = RigidTransform(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([5.0, -3.0, 40.0]))
    found = found_at(grid.centre_mm + grid.axes[:, 2], grid)
    surface = found.structures[0].surface
    moved = Surface(turned.apply(surface.vertices), surface.faces)
    talus = FoundBone("talus", Bone.TALUS, Side.LEFT, moved, 0.9)
    there = FoundBones(Joint.ANKLE, Side.LEFT, (talus,), (), {}, (), {}, grid)
    settled = settle_on_fluid(there, scan(grid), turned)
    centre = settled.transform.inverse().apply(moved.vertices.mean(0))
    assert np.abs(centre - grid.centre_mm).max() < 0.3


def test_a_picture_without_borders_moves_nothing_and_that_is_said() -> None:
    grid = coronal()
    even = ScalarImage(np.full(grid.shape, 100, np.float32), grid)
    settled = settle_on_fluid(found_at(grid.centre_mm, grid), even, HERE)
    assert settled.transform is HERE
    assert settled.checks[0].status is CheckStatus.WARN


def test_bones_out_of_view_are_left_and_said() -> None:
    grid = coronal()
    far = found_at(grid.centre_mm + 300.0, grid)
    settled = settle_on_fluid(far, scan(grid), HERE)
    assert settled.transform is HERE
    assert settled.checks[0].status is CheckStatus.WARN
    assert settled.checks[0].value is None


def test_a_shift_at_the_end_of_the_search_is_not_believed() -> None:
    grid = coronal()
    beside = grid.axes[:, 2] * 3.2
    settled = settle_on_fluid(found_at(grid.centre_mm + beside, grid), scan(grid), HERE)
    assert settled.transform is HERE
    assert "look at the outlines" in settled.checks[0].message


@pytest.mark.parametrize(
    ("joint", "larger_mm", "is_believed"),
    [
        (Joint.ANKLE, 0.0, True),
        (Joint.ANKLE, 0.9, False),
        (Joint.ANKLE, -0.9, False),
        (Joint.HIP, 0.9, True),
    ],
)
def test_among_small_bones_outlines_that_do_not_fit_tell_no_shift(
    joint: Joint, larger_mm: float, is_believed: bool
) -> None:
    grid = coronal()
    found = replace(found_at(grid.centre_mm + grid.axes[:, 2], grid, larger_mm), joint=joint)
    settled = settle_on_fluid(found, scan(grid), HERE)
    assert (settled.transform is not HERE) == is_believed
