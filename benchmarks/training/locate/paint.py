"""Paint random MR exams from the labelled anatomies of ``library.py``.

The recipe is that of SynthSeg (Billot et al. 2023, doi:10.1016/j.media.2023.102789): contrast, pose, shape, resolution,
shading and noise are drawn at random, wider than clinical images vary. Here the contrast mostly stays T1-like, the
cortical bone stays a thin dark shell, and the exam is a series: thick slices in a random plane with a field of view
that cuts the anatomy. The picture is then brought to the network's LPS grid as `bmetk.bones.locate` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

QUANTUM = 20.0
OTHER_BONE = 13
GRID_MM = 4.0
MAX_POINTS = 420_000
MAX_VOXELS = 130_000


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Fields of one library file; volumes are (z, y, x)."""

    joint: str
    planes: Tensor
    """Signed distance and distance to the second bone, mm, shape (1, 2, Z, Y, X)."""
    label: Tensor
    depth: Tensor
    origin: Tensor
    spacing: float
    depth_origin: Tensor
    focus: np.ndarray
    cortex: np.ndarray
    hollow: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What the network sees, and the answer: all (Z, Y, X), 4 mm."""

    image: np.ndarray
    covered: np.ndarray
    label: np.ndarray
    joint: str


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A series: its voxel axes in the world (columns of ``axes``: slice, row, column), mm."""

    shape: tuple[int, int, int]
    spacing: np.ndarray
    axes: np.ndarray
    thickness: float


def load_anatomy(path: Path) -> Anatomy:
    """Read a library file."""
    with np.load(path) as f:
        planes = np.stack([f["distance"].astype(np.float32), f["second"].astype(np.float32)]) / QUANTUM
        return Anatomy(
            joint=path.stem.split("_")[0],
            planes=torch.from_numpy(planes)[None],
            label=torch.from_numpy(f["label"]),
            depth=torch.from_numpy(f["depth"].astype(np.float32))[None, None],
            origin=torch.from_numpy(f["origin"].astype(np.float32)),
            spacing=float(f["spacing"]),
            depth_origin=torch.from_numpy(f["depth_origin"].astype(np.float32)),
            focus=f["focus"].astype(float),
            cortex=f["cortex"].astype(float),
            hollow=f["hollow"].astype(float),
        )


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
    order = {0: (1, 2, 0), 1: (0, 2, 1), 2: (2, 1, 0)}[int(rng.integers(3))]  # coronal, sagittal, axial
    spacing = np.array([rng.uniform(3.0, 7.5), *([rng.uniform(1.8, 2.8)] * 2)])
    axes = np.eye(3)[:, list(order)] * np.array([1, rng.choice([-1, 1]), 1])
    oblique = abs(rng.normal(0, 7)) if rng.random() < 0.75 else rng.uniform(10, 40)
    axes = turn(rng, oblique) @ axes
    thickness = spacing[0] * rng.uniform(0.65, 1.0)
    shape = np.maximum(np.round(wide[list(order)] / spacing), (6, 24, 24))
    crowd = 2 * shape.prod() / MAX_POINTS
    if crowd > 1:
        spacing[1:] *= crowd**0.5
        shape[1:] = np.round(shape[1:] / crowd**0.5)
    return View((int(shape[0]), int(shape[1]), int(shape[2])), spacing, axes, thickness), wide


def field(shape: tuple[int, ...], spacing: np.ndarray, scale_mm: float, gen: torch.Generator) -> Tensor:
    """Make a smooth random field of unit variance about, one bump every ``scale_mm``."""
    coarse = [max(2, int(np.ceil(n * s / scale_mm)) + 1) for n, s in zip(shape, spacing, strict=True)]
    noise = torch.randn((1, 1, *coarse), generator=gen)
    return nnf.interpolate(noise, size=shape, mode="trilinear", align_corners=True)[0, 0] * 1.5


def sample_volume(volume: Tensor, index: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample (1, C, Z, Y, X) at voxel indices (..., 3) ordered x, y, z; edges go on outside."""
    size = torch.tensor(volume.shape[:1:-1], dtype=torch.float32)
    scaled = index.reshape(1, 1, 1, -1, 3) * (2 / (size - 1)) - 1
    out = nnf.grid_sample(volume, scaled, mode=mode, padding_mode="border", align_corners=True)
    return out[0, :, 0, 0].reshape(volume.shape[1], *index.shape[:-1])


def nearest_label(label: Tensor, index: Tensor) -> Tensor:
    """Look labels up at the nearest voxel."""
    top = torch.tensor(label.shape[::-1]) - 1
    i = torch.minimum(torch.clamp(torch.round(index), min=0).long(), top)
    flat = (i[..., 2] * label.shape[1] + i[..., 1]) * label.shape[2] + i[..., 0]
    return label.reshape(-1)[flat]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """How series indices map to the anatomy: linear, plus a smooth bend given on a coarse grid."""

    to_world: Tensor
    """(3, 4): series index (slice, row, column) to world, mm."""
    to_anatomy: Tensor
    """(3, 4): world to anatomy, mm."""
    bend: Tensor
    """(1, 3, a, b, c), mm, over the series' box."""
    shape: tuple[int, int, int]

    def straight(self, index: Tensor) -> Tensor:
        """Map series indices (..., 3) to anatomy mm (x, y, z) without the bend."""
        matrix = self.to_anatomy[:, :3] @ self.to_world[:, :3]
        shift = self.to_anatomy[:, :3] @ self.to_world[:, 3] + self.to_anatomy[:, 3]
        return torch.addmm(shift, index.reshape(-1, 3), matrix.T).reshape(index.shape)

    def series_points(self, index: Tensor) -> Tensor:
        """Map the whole series' points, shape (S, R, C, 3), to anatomy mm; the bend is interpolated, not sampled."""
        moved = nnf.interpolate(self.bend, size=index.shape[:3], mode="trilinear", align_corners=True)[0]
        return self.straight(index) + moved.permute(1, 2, 3, 0)

    def anatomy_points(self, index: Tensor) -> Tensor:
        """Map series indices (..., 3) to anatomy mm (x, y, z)."""
        points = self.straight(index)
        size = torch.tensor(self.shape, dtype=torch.float32)
        scaled = (index * (2 / (size - 1)) - 1).flip(-1).reshape(1, 1, 1, -1, 3)
        moved = nnf.grid_sample(self.bend, scaled, mode="bilinear", padding_mode="border", align_corners=True)
        return points + moved[0, :, 0, 0].T.reshape(points.shape)


def place(
    anatomy: Anatomy,
    view: View,
    wide: np.ndarray,
    rng: np.random.Generator,
    gen: torch.Generator,
    hard: float,
) -> Placement:
    """Put the series somewhere over the anatomy."""
    focus = anatomy.focus[rng.integers(len(anatomy.focus))]
    if anatomy.joint == "hip":
        focus = anatomy.focus[rng.integers(2, 5)] if wide[0] >= 300 else anatomy.focus[rng.integers(2)]
    focus = focus + rng.normal(0, 14 if anatomy.joint != "hip" else 22, 3)
    linear = draw_pose(anatomy.joint, rng, hard)
    half = (np.array(view.shape) - 1) / 2
    to_world = np.concatenate([view.axes * view.spacing, -(view.axes * view.spacing) @ half[:, None]], 1)
    to_world[:, 3] += rng.uniform(-GRID_MM / 2, GRID_MM / 2, 3)
    inverse = np.linalg.inv(linear)
    to_anatomy = np.concatenate([inverse, focus[:, None]], 1)
    coarse = [max(3, int(n * s / 45) + 2) for n, s in zip(view.shape, view.spacing, strict=True)]
    amount = abs(rng.normal(0, 3.0 if anatomy.joint != "foot" else 2.0))
    bend = torch.randn((1, 3, *coarse), generator=gen) * amount
    return Placement(
        torch.from_numpy(to_world).float(), torch.from_numpy(to_anatomy).float(), bend, view.shape
    )


@dataclass(frozen=True, slots=True)
class Contrast:
    """Intensity of each tissue; fat is near 1 on T1."""

    fat: float
    marrow: float
    muscle: float
    cortex: float
    fluid: float
    cartilage: float
    air: float


def draw_contrast(rng: np.random.Generator, hard: float) -> Contrast:
    """Draw mostly T1-like contrast, some proton density, a few fat-suppressed or arbitrary ones."""
    kind = rng.random() * (0.8 + 0.2 * hard)
    cortex, air = rng.uniform(0, 0.15), abs(rng.normal(0, 0.015))
    if kind < 0.8:
        muscle = rng.uniform(0.15, 0.42)
        marrow = rng.uniform(max(0.55, muscle + 0.2), 1.05)
        return Contrast(1.0, marrow, muscle, cortex, rng.uniform(0.08, 0.45), rng.uniform(0.2, 0.65), air)
    if kind < 0.94:
        marrow = rng.uniform(0.55, 1.05)
        return Contrast(
            1.0, marrow, rng.uniform(0.25, 0.65), cortex, rng.uniform(0.4, 1.3), rng.uniform(0.35, 0.95), air
        )
    if kind < 0.97:
        muscle = rng.uniform(0.25, 0.6)
        marrow = rng.uniform(0.08, 0.3)
        return Contrast(
            marrow * rng.uniform(0.5, 1.5), marrow, muscle, cortex * 0.5, 1.0, rng.uniform(0.3, 0.8), air
        )
    fat, marrow, muscle, fluid, cartilage = rng.uniform(0.15, 1.1, 5)
    return Contrast(fat, marrow, muscle, cortex, fluid, cartilage, air)


def soften(value: Tensor) -> Tensor:
    """Clip a ramp to 0 to 1."""
    return torch.clamp(value + 0.5, 0, 1)


def paint_soft(
    points: Tensor,
    depth: Tensor,
    fields: list[Tensor],
    tissue: Contrast,
    anatomy: Anatomy,
    rng: np.random.Generator,
    hard: float,
) -> Tensor:
    """Paint muscle, septa, vessels, subcutaneous fat, viscera and air."""
    small, middle, large, other = fields
    muscle = tissue.muscle * (1 + rng.uniform(0, 0.12) * small)
    if rng.random() < 0.75:  # intermuscular fat
        muscle = torch.where(
            torch.abs(middle) < rng.uniform(0.02, 0.22),
            torch.tensor(tissue.fat * rng.uniform(0.7, 1.0)),
            muscle,
        )
    levels = torch.tensor(
        np.where(rng.random(8) < 0.5, rng.uniform(0.7, 1.1, 8) * tissue.fat, rng.uniform(0.05, 1.0, 8)),
        dtype=torch.float32,
    )
    steps = torch.clamp(((small if rng.random() < 0.5 else middle) * rng.uniform(1, 2.5) + 4).long(), 0, 7)
    blobs = levels[steps]
    muscle = torch.where(other > rng.uniform(2.4 - 1.8 * hard, 2.6), blobs, muscle)
    scale = {"hip": 1.0, "knee": 0.55, "foot": 0.3}[anatomy.joint]
    lean = torch.from_numpy(rng.normal(0, 0.35 * scale, 3)).float()
    centre = torch.from_numpy(anatomy.focus.mean(0)).float()
    level = depth + (points - centre) @ lean + large * rng.uniform(0, 14) * scale
    thick = rng.uniform(4, 60) * scale
    fat = thick + rng.uniform(2, 60) * scale
    soft = torch.where(level < thick, muscle, torch.tensor(tissue.fat) * (1 + 0.04 * small))
    if anatomy.joint == "hip" and rng.random() < 0.85:
        middle_at, radii = torch.from_numpy(anatomy.hollow).float().reshape(2, 3) + 0.0
        r = (((points - middle_at) / (radii * rng.uniform(0.8, 1.15))) ** 2).sum(-1) + 0.3 * large
        viscera = torch.where(
            other > rng.uniform(-0.8, 0.8), blobs, torch.tensor(tissue.fat * rng.uniform(0.75, 1.0))
        )
        soft = torch.where(r < 1, viscera, soft)
    vessel = (middle**2 + other**2) < rng.uniform(0.0, 0.03)
    soft = torch.where(
        vessel, torch.tensor(rng.choice([0.05, 0.1, rng.uniform(0.2, 1.2)]), dtype=torch.float32), soft
    )
    return torch.where(level < fat, soft, torch.tensor(tissue.air))


def paint_marrow(
    label: Tensor,
    points: Tensor,
    fields: list[Tensor],
    tissue: Contrast,
    anatomy: Anatomy,
    rng: np.random.Generator,
    hard: float,
) -> Tensor:
    """Paint marrow: a level of its own for each bone, red marrow, edema."""
    small, middle, large, other = fields
    gain = rng.normal(1, 0.07, OTHER_BONE + 1)
    if rng.random() < 0.15:
        gain[rng.integers(1, OTHER_BONE)] *= rng.uniform(0.4, 0.9)
    gain[OTHER_BONE] *= rng.uniform(0.45, 1.0)
    if anatomy.joint == "hip":
        gain[5] *= rng.uniform(0.6, 1.0)
    marrow = torch.from_numpy(tissue.marrow * np.clip(gain, 0.2, 1.4)).float()[label.long()]
    marrow = marrow * (1 + rng.uniform(0, 0.1) * small)
    if rng.random() < 0.5:
        red = soften(2 * (large - rng.uniform(-0.5, 1.5)))
        marrow = marrow * (1 - red * rng.uniform(0.1, 0.4))
    dark = tissue.muscle * rng.uniform(0.7, 1.3)
    for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.3 * hard else 0):
        centre = torch.from_numpy(
            anatomy.focus[rng.integers(len(anatomy.focus))] + rng.normal(0, 25, 3)
        ).float()
        radius = rng.uniform(8, 30) * (0.7 if anatomy.joint == "foot" else 1)
        r = torch.sqrt(((points - centre) ** 2).sum(-1)) / radius + 0.2 * middle
        lesion = soften((1 - r) * rng.uniform(1, 5)) * rng.uniform(0.3, 1)
        marrow = marrow + (dark - marrow) * lesion
    return marrow


def paint(
    anatomy: Anatomy,
    where: Placement,
    view: View,
    rng: np.random.Generator,
    gen: torch.Generator,
    hard: float,
) -> Tensor:
    """Paint the series, thick slices averaged from two thin ones, shape ``view.shape``."""
    s, r, c = view.shape
    offset = view.thickness / view.spacing[0] / 4
    slices = (torch.arange(s)[:, None] + torch.tensor([-offset, offset])).reshape(-1).float()
    index = torch.stack(
        torch.meshgrid(slices, torch.arange(r).float(), torch.arange(c).float(), indexing="ij"), -1
    )
    points = where.series_points(index)
    spot = (points - anatomy.origin) / anatomy.spacing
    distance, second = sample_volume(anatomy.planes, spot)
    label = nearest_label(anatomy.label, spot)
    sparse = sample_volume(anatomy.depth, (points[:, ::3, ::3] - anatomy.depth_origin) / 8.0)
    depth = nnf.interpolate(sparse[None], size=index.shape[:3], mode="trilinear", align_corners=True)[0, 0]
    shape, spacing = tuple(index.shape[:3]), view.spacing / (2, 1, 1)
    scale = {"hip": 1.0, "knee": 0.75, "foot": 0.55}[anatomy.joint]
    scales = (rng.uniform(6, 14), rng.uniform(14, 34), rng.uniform(50, 110), rng.uniform(20, 60))
    fields = [field(shape, spacing, x * scale, gen) for x in scales]
    tissue = draw_contrast(rng, hard)
    soft = paint_soft(points, depth, fields, tissue, anatomy, rng, hard)
    gap = soften((rng.uniform(2.0, 6.0) - distance - second) / 1.5) * (rng.random() < 0.9)
    gap_value = torch.where(
        distance < rng.uniform(0.5, 2.5), torch.tensor(tissue.cartilage), torch.tensor(tissue.fluid)
    )
    soft = soft + (gap_value - soft) * gap
    z = points[..., 2]
    knots = anatomy.cortex
    thick = rng.uniform(0.8, 1.6)
    shell = torch.from_numpy(
        np.interp(np.linspace(knots[0, 0], knots[-1, 0], 256), knots[:, 0], knots[:, 1]) * thick
    ).float()
    step = (knots[-1, 0] - knots[0, 0]) / 255
    cortex = shell[torch.clamp((z - knots[0, 0]) / step, 0, 255).long()]
    small = anatomy.joint == "foot"
    cortex = (
        torch.clamp(cortex * torch.where(label >= 6, 0.8, 1.0), max=5.6)
        if small
        else torch.clamp(cortex, max=5.6)
    )
    edge = 1.6
    outside = soften(distance / edge)
    inner = soften(-(distance + cortex) / edge)
    marrow = paint_marrow(label, points, fields, tissue, anatomy, rng, hard)
    image = outside * soft + inner * marrow + torch.clamp(1 - outside - inner, 0, 1) * tissue.cortex
    return image.reshape(s, 2, r, c).mean(1)


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


def blur_rows(image: Tensor, sigma: float) -> Tensor:
    """Blur rows and columns by a Gaussian, sigma in voxels."""
    if sigma < 0.2:
        return image
    reach = max(1, int(np.ceil(2.5 * sigma)))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).float() / sigma) ** 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, -1).float()
    padded = nnf.pad(image[:, None], (reach, reach, reach, reach), mode="replicate")
    padded = nnf.conv2d(padded, kernel[..., None, :])
    return nnf.conv2d(padded, kernel[..., None])[:, 0]


def normalize(image: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Scale as `bmetk.bones.locate` does: fat near 1, 0 outside of the field of view."""
    values = image[covered]
    if values.size == 0:
        return np.zeros_like(image)
    body = values[values > 0.1 * np.quantile(values, 0.99)]
    top = float(np.quantile(body, 0.95)) if body.size else 1.0
    return np.where(covered, np.clip(image / max(top, 1e-6), 0, 2), 0).astype(np.float32)


def simulate(anatomy: Anatomy, seed: list[int], hard: float = 1.0) -> Sample:
    """Paint one exam on the network's grid; ``hard`` from 0 to 1 widens contrast, turns, clutter and noise."""
    rng = np.random.default_rng(seed)
    gen = torch.Generator().manual_seed(int(rng.integers(2**62)))
    view, wide = draw_view(anatomy.joint, rng)
    where = place(anatomy, view, wide, rng, gen, hard)
    series = acquire(paint(anatomy, where, view, rng, gen, hard), view, rng, gen, hard)
    fine = float(view.spacing[1])
    series = blur_rows(series, 0.42 * np.sqrt(max(GRID_MM**2 - fine**2, 0)) / fine * rng.uniform(0.8, 1.25))
    corners = (
        np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]) * np.array(view.shape) - 0.5
    )
    matrix = where.to_world.numpy().astype(float)
    world = corners @ matrix[:, :3].T + matrix[:, 3]
    low, high = world.min(0), world.max(0)
    low, high = trim(low, high, rng)
    count = np.maximum(np.ceil((high - low) / GRID_MM).astype(int), 8)
    start = (low + high) / 2 - (count - 1) / 2 * GRID_MM
    axes = [torch.from_numpy(start[k] + GRID_MM * np.arange(count[k])).float() for k in (2, 1, 0)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    inverse = torch.from_numpy(np.linalg.inv(matrix[:, :3])).float()
    index = (torch.stack([x, y, z], -1) - torch.from_numpy(matrix[:, 3]).float()) @ inverse.T
    size = torch.tensor(view.shape).float()
    covered = ((index >= -0.5) & (index <= size - 0.5)).all(-1)
    image = sample_volume(series[None, None], index.flip(-1))[0]
    spot = (where.anatomy_points(index) - anatomy.origin) / anatomy.spacing
    label = nearest_label(anatomy.label, spot)
    label[sample_volume(anatomy.planes[:, :1], spot)[0] > 0] = 0
    label[label == OTHER_BONE] = 0
    inside = covered.numpy()
    return Sample(
        normalize(image.numpy(), inside),
        inside,
        np.where(inside, label.numpy(), 0).astype(np.uint8),
        anatomy.joint,
    )


def trim(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut the longest axes until the view fits the training size."""
    low, high = low.copy(), high.copy()
    while np.prod((high - low) / GRID_MM) > MAX_VOXELS:
        axis = int(np.argmax(high - low))
        part = 0.1 * (high - low)[axis]
        share = rng.random()
        low[axis] += part * share
        high[axis] -= part * (1 - share)
    return low, high
