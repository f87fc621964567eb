"""A joint of two bones with marrow, cortex, muscle, joint fluid, a vessel, noise and shading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from bmetk.anatomy import Label, Side
from bmetk.exam import Contrast, Plane, Protocol, Segmentation
from bmetk.image import Grid, LabelMap, Mask, ScalarImage

AXES = {
    "axial": np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]).T,
    "coronal": np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]]).T,
    "sagittal": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T,
}
BONES = ((0.0, 0.0, 26.0), (0.0, 0.0, -26.0))
RADII = np.array([30.0, 24.0, 24.0])
MEANING = {
    1: Label("femur", Side.RIGHT, "femur"),
    2: Label("tibia", Side.RIGHT, "tibia"),
}
# T1 and fluid signal: fatty marrow, muscle, cortex, joint fluid, edema water, red marrow, fat. Red marrow is
# 1.07 times as bright as muscle by the inversion-recovery equation (T1 550, T2 50; TE 45, TI 160 ms), here
# 1.13.
_SIGNALS = {
    "marrow": (700, 60),
    "muscle": (230, 150),
    "cortex": (40, 10),
    "fluid": (200, 900),
    "water": (280, 480),
    "red": (450, 170),
    "fat": (800, 60),
}

FS_T2 = Protocol(Contrast.FS_T2, Plane.CORONAL, (4.0, 0.9, 0.9))


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """Both series with the truth, on one grid."""

    t1: ScalarImage
    fluid: ScalarImage
    bones: Segmentation
    edema: Mask
    covered: Mask


def slices(plane: str, oblique_deg: float = 0.0) -> Grid:
    """Lay thick slices about the joint."""
    turn = Rotation.from_euler("xyz", [oblique_deg, 0.7 * oblique_deg, -0.5 * oblique_deg], degrees=True)
    axes = turn.as_matrix() @ AXES[plane]
    shape, spacing = (28, 144, 144), (4.0, 0.9, 0.9)
    return Grid.from_axes(shape, spacing, axes, -axes @ ((np.array(shape) - 1) / 2 * np.array(spacing)))


def joint(  # noqa: PLR0915
    grid: Grid,
    *,
    strength: float = 0.7,
    radius_mm: float = 13.0,
    red: bool = False,
    vessel: bool = False,
    shading: float = 0.3,
    noise: float = 15.0,
    seed: int = 0,
) -> Phantom:
    """Image the joint; ``strength`` 0 is healthy."""
    points = grid.world_coordinates()
    rng = np.random.default_rng(seed)
    shape = [np.sqrt((((points - np.array(c)) / RADII) ** 2).sum(-1)) for c in BONES]
    outside_mm = [(s - 1) * RADII.min() for s in shape]
    labels = np.select([outside_mm[0] < 0, outside_mm[1] < 0], [1, 2], 0)
    inside_mm = -np.minimum(*outside_mm)
    limb = np.hypot(points[..., 0] / 62, points[..., 1] / 56)
    weights: dict[str, np.ndarray] = {name: np.zeros(grid.shape) for name in _SIGNALS}
    weights["fat"] = ((limb < 1) & (limb > 0.86)).astype(float)
    weights["muscle"] = (limb <= 0.86).astype(float)
    gap = (np.abs(points[..., 2]) < 6) & (np.hypot(points[..., 0], points[..., 1]) < 24)
    for name, share in (
        ("fluid", gap.astype(float)),
        ("cortex", np.clip(inside_mm / 0.8 + 0.5, 0, 1)),
        ("marrow", np.clip((inside_mm - 1.2) / 0.8, 0, 1)),
    ):
        weights = {key: value * (1 - share) for key, value in weights.items()}
        weights[name] = weights[name] + share
    centre = np.array([6.0, 3.0, 16.0])
    membership = 1 / (1 + np.exp((np.linalg.norm(points - centre, axis=-1) - radius_mm) / 0.8))
    membership *= labels == 1
    if red:
        patch = np.clip((-points[..., 2] - 30) / 8, 0, 1) * 0.5 * (labels == 2)
        weights["red"] += weights["marrow"] * patch
        weights["marrow"] *= 1 - patch
    if vessel:
        tube = (np.hypot(points[..., 0] + 8, points[..., 1] - 4) < 1.2) & (labels == 1)
        weights["water"] += weights["marrow"] * tube
        weights["marrow"] *= ~tube
    weights["water"] += weights["marrow"] * membership * strength
    weights["marrow"] = weights["marrow"] * (1 - membership * strength)
    coil = np.exp(shading * (points[..., 0] / 60 + 0.5 * points[..., 2] / 60))
    images = []
    for channel in (0, 1):
        signal = sum(weights[name] * _SIGNALS[name][channel] for name in _SIGNALS) * coil
        real, imaginary = (rng.normal(0, noise, grid.shape) for _ in range(2))
        images.append(ScalarImage(np.hypot(signal + real, imaginary), grid))
    truth = (membership >= 0.5) & (inside_mm > 1.2) & (strength > 0)
    return Phantom(
        images[0],
        images[1],
        Segmentation(LabelMap(labels.astype(np.uint8), grid), MEANING),
        Mask(truth, grid),
        Mask(np.ones(grid.shape, dtype=bool), grid),
    )


def dice(first: Mask, second: Mask) -> float:
    both = np.count_nonzero(first.array & second.array)
    return 2 * both / (np.count_nonzero(first.array) + np.count_nonzero(second.array))
