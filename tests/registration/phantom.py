"""A limb with contrast inversion between two series, exact on any grid."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bmetk.image import Grid, RigidTransform, ScalarImage, resample_scalar

AXES = {
    "axial": np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]).T,
    "coronal": np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]]).T,
    "sagittal": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T,
}
_ELLIPSOIDS = (
    ((0, 0, 0), (75, 60, 90), 1),
    ((0, 0, 0), (68, 52, 90), 2),
    ((5, -10, 25), (32, 24, 22), 4),
    ((5, -10, 25), (30, 22, 20), 3),
    ((0, -5, -28), (30, 22, 24), 4),
    ((0, -5, -28), (28, 20, 22), 3),
    ((30, 20, 0), (6, 6, 90), 5),
    ((-20, 30, 10), (10, 8, 60), 5),
    ((8, -36, 5), (14, 5, 14), 4),
    ((8, -36, 5), (12, 4, 12), 3),
    ((0, -10, 0), (26, 20, 3), 6),
)
_T1 = np.array([0, 0.9, 0.35, 0.8, 0.05, 0.3, 0.25])
_STIR = np.array([0, 0.1, 0.45, 0.12, 0.05, 0.7, 0.95])


def limb() -> tuple[ScalarImage, ScalarImage]:
    """Return T1 and STIR of the phantom on a fine grid."""
    grid = Grid.from_axes((90, 110, 110), (1.5, 1.5, 1.5), np.eye(3), (-82, -82, -67))
    points = grid.world_coordinates()
    tissue = np.zeros(grid.shape, int)
    for centre, radii, value in _ELLIPSOIDS:
        tissue[(((points - np.array(centre)) / np.array(radii)) ** 2).sum(-1) < 1] = value
    t1, stir = (ScalarImage(ndimage.gaussian_filter(table[tissue], 0.6), grid) for table in (_T1, _STIR))
    return t1, stir


def slices(plane: str, oblique_deg: float = 0.0, shape: tuple[int, int, int] = (30, 192, 192)) -> Grid:
    """Lay thick slices about the phantom's centre."""
    turn = Rotation.from_euler("xyz", [oblique_deg, 0.7 * oblique_deg, -0.5 * oblique_deg], degrees=True)
    axes = turn.as_matrix() @ AXES[plane]
    spacing = (4.2, 0.85, 0.85)
    return Grid.from_axes(shape, spacing, axes, -axes @ ((np.array(shape) - 1) / 2 * np.array(spacing)))


def acquire(source: ScalarImage, grid: Grid, move: RigidTransform | None, seed: int) -> ScalarImage:
    """Average over the slice thickness and add noise; ``move`` maps grid world to source world."""
    total = np.zeros(grid.shape)
    for offset in (-0.33, 0.0, 0.33):
        affine = grid.affine.copy()
        affine[:3, 3] += affine[:3, 0] * offset
        total += resample_scalar(source, Grid(grid.shape, affine), move).array
    noise = np.random.default_rng(seed).normal(0, 20, grid.shape)
    return ScalarImage(total * 1000 / 3 + np.abs(noise), grid)
