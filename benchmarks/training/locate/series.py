"""Geometry and faults of a random series: where its slices lie in a body, and what the scanner adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

MAX_POINTS = 420_000
MAX_FOOT_POINTS = MAX_CLOSE_POINTS = 700_000


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A series: its voxel axes in the world (columns of ``axes``: slice, row, column), mm."""

    shape: tuple[int, int, int]
    spacing: np.ndarray
    axes: np.ndarray
    thickness: float


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """How series indices map to the anatomy: linear, plus a smooth bend given on a coarse grid."""

    to_world: Tensor
    """(3, 4): series index (slice, row, column) to world, mm."""
    to_anatomy: Tensor
    """(3, 4): world to anatomy, mm."""
    bend: Tensor
    """(1, 3, a, b, c), mm, over the series' box."""

    def straight(self, index: Tensor) -> Tensor:
        """Map series indices (..., 3) to anatomy mm (x, y, z) without the bend."""
        matrix = self.to_anatomy[:, :3] @ self.to_world[:, :3]
        shift = self.to_anatomy[:, :3] @ self.to_world[:, 3] + self.to_anatomy[:, 3]
        return torch.addmm(shift, index.reshape(-1, 3), matrix.T).reshape(index.shape)

    def series_points(self, index: Tensor) -> Tensor:
        """Map the whole series' points, shape (S, R, C, 3), to anatomy mm."""
        moved = nnf.interpolate(self.bend, size=index.shape[:3], mode="trilinear", align_corners=True)[0]
        return self.straight(index) + moved.permute(1, 2, 3, 0)


def turn(rng: np.random.Generator, degrees: float) -> np.ndarray:
    """Return a turn of the given size about a random axis."""
    u = rng.normal(size=3)
    u /= np.linalg.norm(u)
    k = np.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])
    a = np.radians(degrees)
    return np.eye(3) + np.sin(a) * k + (1 - np.cos(a)) * k @ k


def draw_pose(joint: str, rng: np.random.Generator, hard: float) -> np.ndarray:
    """Draw the linear map from anatomy to world: mirror, size, turn."""
    mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0, 1.0])
    size = np.diag(rng.uniform(0.82, 1.2) * rng.normal(1, 0.035, 3))
    small = turn(rng, hard * (abs(rng.normal(0, 11)) if rng.random() < 0.88 else rng.uniform(20, 50)))
    if joint == "foot":
        pitch = np.radians(rng.uniform(-35, 25))
        c, s = np.cos(pitch), np.sin(pitch)
        small = small @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if joint != "hip":
        roll = np.radians(rng.normal(0, 15))
        c, s = np.cos(roll), np.sin(roll)
        small = small @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.asarray(small @ size @ mirror)


def draw_view(joint: str, rng: np.random.Generator) -> tuple[View, np.ndarray]:
    """Draw the series' geometry, and the LPS extent it covers, mm."""
    if joint == "hip" and rng.random() < 0.55:
        wide = np.array([rng.uniform(300, 420), rng.uniform(100, 230), rng.uniform(170, 390)])
    elif joint == "hip":
        wide = np.array([rng.uniform(110, 240), rng.uniform(90, 220), rng.uniform(130, 260)])
    elif joint == "knee":
        wide = np.array([rng.uniform(80, 190), rng.uniform(100, 200), rng.uniform(90, 240)])
    else:
        wide = np.array([rng.uniform(65, 170), rng.uniform(90, 300), rng.uniform(80, 240)])
    spacing = np.array([rng.uniform(3.0, 7.5), *([rng.uniform(1.8, 2.8)] * 2)])
    return turn_view(wide, spacing, MAX_POINTS, rng), wide


def draw_foot_view(rng: np.random.Generator) -> View:
    """Draw the geometry of a part of a foot, seen closely."""
    wide = np.array([rng.uniform(55, 130), rng.uniform(70, 200), rng.uniform(55, 150)])
    spacing = np.array([rng.uniform(2.5, 6.5), *([rng.uniform(0.95, 1.55)] * 2)])
    return turn_view(wide, spacing, MAX_FOOT_POINTS, rng)


def draw_close_view(joint: str, rng: np.random.Generator) -> View:
    """Draw the geometry of a part of a joint, seen closely."""
    if joint == "hip":
        wide = np.array([rng.uniform(100, 260), rng.uniform(90, 200), rng.uniform(110, 260)])
        pixel = rng.uniform(1.2, 1.95)
    elif joint == "foot":
        return draw_foot_view(rng)
    else:
        wide = np.array([rng.uniform(80, 150), rng.uniform(90, 160), rng.uniform(90, 220)])
        pixel = rng.uniform(0.95, 1.7)
    return turn_view(wide, np.array([rng.uniform(2.5, 7.5), pixel, pixel]), MAX_CLOSE_POINTS, rng)


def turn_view(wide: np.ndarray, spacing: np.ndarray, most: int, rng: np.random.Generator) -> View:
    """Draw plane and obliquity of a series with some extent in LPS, mm, and at most so many points."""
    order = {0: (1, 2, 0), 1: (0, 2, 1), 2: (2, 1, 0)}[int(rng.integers(3))]  # coronal, sagittal, axial
    axes = np.eye(3)[:, list(order)] * np.array([1, rng.choice([-1, 1]), 1])
    oblique = abs(rng.normal(0, 7)) if rng.random() < 0.75 else rng.uniform(10, 40)
    axes = turn(rng, oblique) @ axes
    thickness = spacing[0] * rng.uniform(0.65, 1.0)
    shape = np.maximum(np.round(wide[list(order)] / spacing), (6, 24, 24))
    crowd = 2 * shape.prod() / most
    if crowd > 1:
        spacing[1:] *= crowd**0.5
        shape[1:] = np.round(shape[1:] / crowd**0.5)
    return View((int(shape[0]), int(shape[1]), int(shape[2])), spacing, axes, thickness)


def place_view(
    view: View,
    focus: np.ndarray,
    linear: np.ndarray,
    amount: float,
    gen: torch.Generator,
) -> Placement:
    """Put the middle of a series at ``focus`` of a body that is posed by ``linear`` and bent by ``amount``."""
    half = (np.array(view.shape) - 1) / 2
    to_world = np.concatenate([view.axes * view.spacing, -(view.axes * view.spacing) @ half[:, None]], 1)
    inverse = np.linalg.inv(linear)
    to_anatomy = np.concatenate([inverse, focus[:, None]], 1)
    coarse = [max(3, int(n * s / 45) + 2) for n, s in zip(view.shape, view.spacing, strict=True)]
    bend = torch.randn((1, 3, *coarse), generator=gen) * amount
    return Placement(torch.from_numpy(to_world).float(), torch.from_numpy(to_anatomy).float(), bend)


def field(shape: tuple[int, ...], spacing: np.ndarray, scale_mm: float, gen: torch.Generator) -> Tensor:
    """Make a smooth random field of unit variance about, one bump every ``scale_mm``."""
    coarse = [max(2, int(np.ceil(n * s / scale_mm)) + 1) for n, s in zip(shape, spacing, strict=True)]
    noise = torch.randn((1, 1, *coarse), generator=gen)
    return nnf.interpolate(noise, size=shape, mode="trilinear", align_corners=True)[0, 0] * 1.5


def sample_volume(volume: Tensor, index: Tensor) -> Tensor:
    """Sample (1, C, Z, Y, X) at voxel indices (..., 3) ordered x, y, z; edges go on outside."""
    size = torch.tensor(volume.shape[:1:-1], dtype=torch.float32)
    scaled = index.reshape(1, 1, 1, -1, 3) * (2 / (size - 1)) - 1
    out = nnf.grid_sample(volume, scaled, mode="bilinear", padding_mode="border", align_corners=True)
    return out[0, :, 0, 0].reshape(volume.shape[1], *index.shape[:-1])


def nearest_label(label: Tensor, index: Tensor) -> Tensor:
    """Look labels up at the nearest voxel."""
    top = torch.tensor(label.shape[::-1]) - 1
    i = torch.minimum(torch.clamp(torch.round(index), min=0).long(), top)
    flat = (i[..., 2] * label.shape[1] + i[..., 1]) * label.shape[2] + i[..., 0]
    return label.reshape(-1)[flat]


def acquire(image: Tensor, view: View, rng: np.random.Generator, gen: torch.Generator, hard: float) -> Tensor:
    """Add what the scanner adds: shading, gamma, in-plane blur, ghosts, noise."""
    shape = tuple(image.shape)
    if rng.random() < 0.9:
        image = image * torch.exp(
            field(shape, view.spacing, rng.uniform(100, 250), gen) * rng.uniform(0, 0.3)
        )
    if rng.random() < 0.35:  # surface coil
        axis, strength = int(rng.integers(3)), rng.uniform(-1.2, 1.2)
        ramp = torch.linspace(-0.5, 0.5, shape[axis]).reshape([-1 if k == axis else 1 for k in range(3)])
        image = image * torch.exp(ramp * strength)
    if rng.random() < 0.5:
        image = torch.clamp(image, min=0) ** rng.uniform(0.75, 1.35)
    if rng.random() < 0.2:
        axis = int(rng.integers(1, 3))
        image = image + rng.uniform(0.02, 0.12) * torch.roll(image, int(rng.integers(5, shape[axis])), axis)
    noise = hard * abs(rng.normal(0, 0.04))
    real = image + noise * torch.randn(shape, generator=gen)
    return torch.sqrt(real**2 + (noise * torch.randn(shape, generator=gen)) ** 2).float()


def normalize(image: np.ndarray) -> np.ndarray:
    """Scale as `bmetk.bones.slices` does: fat near 1."""
    body = image[image > 0.1 * np.quantile(image, 0.99)]
    top = float(np.quantile(body, 0.95)) if body.size else 1.0
    return np.clip(image / max(top, 1e-6), 0, 2).astype(np.float32)
