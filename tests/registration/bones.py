"""A bone-like body of known shape, drawn anywhere on any grid."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from bmetk.image import Grid, Mask, RigidTransform, ScalarImage
from tests.conftest import make_grid

SHAPE, SPACING = (26, 110, 110), (3.5, 0.8, 0.8)


def grid_of(plane: str, centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Grid:
    return make_grid(plane, SHAPE, SPACING, centre_mm)


def depth_mm(points_mm: np.ndarray) -> np.ndarray:
    """Depth below the surface of two unequal condyles on a shaft, mm; below 0 outside."""
    balls = [((-14.0, 0.0, -8.0), 17.0), ((13.0, 4.0, -6.0), 14.0), ((0.0, -10.0, 4.0), 13.0)]
    depths = [radius - np.linalg.norm(points_mm - centre, axis=-1) for centre, radius in balls]
    shaft = np.minimum(11.0 - np.linalg.norm(points_mm[..., :2], axis=-1), points_mm[..., 2] + 5.0)
    return np.max([*depths, shaft], axis=0)


def turned(angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> RigidTransform:
    """From the world of the body at rest to where it lies."""
    return RigidTransform.about((0, 0, 0), Rotation.from_euler("xyz", angles_deg, True).as_matrix(), shift_mm)


def bone_at(place: RigidTransform, grid: Grid) -> Mask:
    return Mask(depth_mm(place.inverse().apply(grid.world_coordinates())) > 0, grid)


def image_at(place: RigidTransform, grid: Grid, gain: float = 1.0) -> ScalarImage:
    """Bright marrow within a dark cortex of 2 mm, in grey muscle."""
    depth = depth_mm(place.inverse().apply(grid.world_coordinates()))
    marrow = np.clip((depth - 2.0) / 0.8 + 0.5, 0, 1)
    muscle = 0.4 * np.clip(-depth / 0.8 + 0.5, 0, 1)
    return ScalarImage((gain * 600 * (marrow + muscle)).astype(np.float32), grid)


def surface_points() -> np.ndarray:
    """Points of the surface at rest, for the distance between two movements."""
    axis = np.arange(-30.0, 31.0, 2.0)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return points[np.abs(depth_mm(points)) < 1.0]
