"""Scan the bodies of ``bodies.py``: series of random contrast, pose, geometry, field of view and faults.

The recipe is that of SynthSeg (Billot et al. 2023, doi:10.1016/j.media.2023.102789): what varies is drawn
wider than clinical images vary, but every tissue lies where a body has it. Contrast is mostly T1-like.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from series import (
    Placement,
    View,
    acquire,
    draw_close_view,
    draw_foot_view,
    draw_pose,
    draw_view,
    field,
    nearest_label,
    normalize,
    place_view,
    sample_volume,
    turn,
)
from torch import Tensor

HEAD_MM = 88.0
"""From the middle of the pelvis to a femoral head."""

# Tissue by number (`bmetk.simulate.tissue.Tissue`): intensity on T1 and on proton density, fat being 1.
LOOKS = {
    0: ((0.72, 1.12), (0.65, 1.1)),  # yellow marrow
    1: ((0.30, 0.75), (0.40, 0.80)),  # red marrow
    2: ((0.12, 0.45), (0.50, 1.00)),  # edema water
    3: ((0.00, 0.08), (0.00, 0.10)),  # cortex
    4: ((0.22, 0.65), (0.45, 1.00)),  # cartilage
    5: ((0.06, 0.40), (0.50, 1.40)),  # fluid
    6: ((0.02, 0.20), (0.03, 0.25)),  # ligament
    7: ((0.15, 0.45), (0.30, 0.70)),  # muscle
    8: ((0.90, 1.15), (0.80, 1.15)),  # subcutaneous fat
    9: ((0.80, 1.10), (0.70, 1.10)),  # fat between muscles
    10: ((0.02, 0.60), (0.05, 1.10)),  # vein
    11: ((0.00, 0.40), (0.00, 0.60)),  # artery
    12: ((0.20, 0.50), (0.35, 0.80)),  # nerve
    13: ((0.15, 0.60), (0.20, 0.70)),  # skin
    14: ((0.06, 0.35), (0.50, 1.40)),  # urine
    15: ((0.10, 0.70), (0.30, 1.00)),  # bowel
    16: ((0.15, 0.55), (0.30, 0.90)),  # disc
    17: ((0.03, 0.30), (0.05, 0.40)),  # sclerosis
    18: ((0.12, 0.45), (0.50, 1.00)),  # granulation tissue
}
FOOT_UNIT_MM = 60.0
"""Coordinates in a foot are told in this unit."""
DEPTH_LIMIT_MM = 15.0
UNTOLD_DEPTH = 0.02
SHELLED = 0.8
"""Share of close scans with ligaments, capsule and the like laid around the bones at random."""
SCARRED = 0.5
"""Share of scans with dark sheets through the marrow, as growth scars and fracture lines are."""
SHIFTED = 0.6
"""Share of scans in which fat lies beside its place, by up to ``LARGEST_SHIFT_MM``, as its resonance makes it."""
LARGEST_SHIFT_MM = 1.8
FATTY = (0, 8, 9)
MARROW = (0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class ScannedBody:
    """One file of the library, volumes as (z, y, x).

    ``frame`` is for the foot network, ``depth`` (3, z, y, x) with its spacing for the closer network.
    """

    joint: str
    parts: np.ndarray
    tissues: np.ndarray
    label: Tensor
    origin: Tensor
    spacing: float
    centre: np.ndarray
    frame: np.ndarray | None
    depth: Tensor | None
    depth_spacing: float

    @property
    def is_close(self) -> bool:
        """Whether it is for one of the closer networks."""
        return self.frame is not None or self.depth is not None


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A series: image and labels of shape (S, R, C); ``told`` (3, S, R, C) is what a first fit would tell."""

    image: np.ndarray
    label: np.ndarray
    view: View
    told: np.ndarray | None


def load_body(path: Path) -> ScannedBody:
    """Read a library file."""
    with np.load(path) as f:
        return ScannedBody(
            joint=path.stem.split("_")[0],
            parts=f["parts"],
            tissues=f["tissues"],
            label=torch.from_numpy(f["label"]),
            origin=torch.from_numpy(f["origin"].astype(np.float32)),
            spacing=float(f["spacing"]),
            centre=f["centre"].astype(float),
            frame=f.get("frame"),
            depth=torch.from_numpy(f["depth"]).float()[None] / 127 if "depth" in f else None,
            depth_spacing=float(f.get("depth_spacing", 0)),
        )


def draw_look(rng: np.random.Generator) -> dict[int, float]:
    """Draw the intensity of each tissue: T1-like, in between, proton density, fat-suppressed or anything."""
    kind = rng.random()
    mix = 0.0 if kind < 0.72 else rng.random() if kind < 0.82 else 1.0
    look = {}
    for tissue, (t1, density) in LOOKS.items():
        low, high = (a + (b - a) * mix for a, b in zip(t1, density, strict=True))
        look[tissue] = float(rng.uniform(low, high))
    if 0.92 < kind < 0.96:
        for tissue in FATTY:
            look[tissue] *= float(rng.uniform(0.05, 0.35))
    if kind >= 0.96:
        look = {tissue: float(rng.uniform(0, 1.2)) for tissue in look} | {3: look[3], 6: look[6]}
    return look


def mix_tissues(body: ScannedBody, rng: np.random.Generator, gen: torch.Generator) -> Tensor:
    """Give every voxel the signal of its tissues, shape (2, 1, Z, Y, X): of water, then of fat."""
    look = draw_look(rng)
    shape = body.parts.shape[1:]
    uneven = (
        1 + rng.uniform(0, 0.12) * field(shape, np.full(3, body.spacing), rng.uniform(8, 60), gen).numpy()
    )
    if rng.random() < SCARRED:
        uneven = uneven * draw_scars(shape, body.spacing, rng, gen)
    image = np.zeros((2, *shape), np.float32)
    for tissue, part in zip(body.tissues, body.parts, strict=True):
        signal = np.float32(look[int(tissue)] / 250)
        image[int(tissue) in FATTY] += signal * part if int(tissue) not in MARROW else signal * part * uneven
    return torch.from_numpy(image)[:, None]


def draw_scars(
    shape: tuple[int, ...], spacing: float, rng: np.random.Generator, gen: torch.Generator
) -> np.ndarray:
    """Draw wavy dark sheets of any direction, mostly level, some tens of mm apart; 1 where there is none."""
    normal = (
        np.array([rng.normal(0, 0.3), rng.normal(0, 0.3), 1.0]) if rng.random() < 0.75 else rng.normal(size=3)
    )
    normal /= np.linalg.norm(normal)
    z, y, x = (spacing * np.arange(n, dtype=np.float32) for n in shape)
    height = normal[2] * z[:, None, None] + normal[1] * y[:, None] + normal[0] * x
    height = (
        height + rng.uniform(0.5, 5) * field(shape, np.full(3, spacing), rng.uniform(12, 60), gen).numpy()
    )
    period = rng.uniform(14, 70)
    away = np.abs((height + rng.uniform(0, period)) % period - period / 2)
    line = np.exp(-((away / max(rng.uniform(0.5, 1.5), 0.6 * spacing)) ** 2))
    if rng.random() < 0.6:
        line = line * (
            field(shape, np.full(3, spacing), rng.uniform(8, 25), gen).numpy() > rng.uniform(-1, 0.5)
        )
    return np.asarray(1 - rng.uniform(0.2, 0.95) * line, np.float32)


def add_fat(volume: Tensor, spot: Tensor, spacing: float, rng: np.random.Generator) -> Tensor:
    """Sample water, and fat a little beside it along one direction of the image: the chemical shift."""
    shift = torch.zeros(3)
    if rng.random() < SHIFTED:
        axis = 1 + int(rng.integers(2))
        step = spot.movedim(axis, 0)
        along = (step[-1] - step[0]).reshape(-1, 3).mean(0)
        shift = along / along.norm() * float(rng.uniform(-1, 1) * LARGEST_SHIFT_MM / spacing)
    return sample_volume(volume[:1], spot)[0] + sample_volume(volume[1:], spot + shift)[0]


def draw_focus(body: ScannedBody, wide: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw where the middle of the view lies."""
    if body.is_close:
        seen = torch.unique(body.label)
        index = torch.nonzero(body.label == seen[int(rng.integers(1, len(seen)))])
        z, y, x = index[int(rng.integers(len(index)))].tolist()
        return body.origin.numpy() + body.spacing * np.array([x, y, z]) + rng.normal(0, 15, 3)
    if body.joint == "hip":
        aside = rng.choice([-HEAD_MM, HEAD_MM]) if wide[0] < 300 else 0.0
        return body.centre + [aside, 0, 0] + rng.normal(0, 22, 3)
    if body.joint == "foot" and rng.random() < 0.6:
        index = torch.nonzero(body.label >= 6)
        z, y, x = index[int(rng.integers(len(index)))].tolist()
        return body.origin.numpy() + body.spacing * np.array([x, y, z]) + rng.normal(0, 10, 3)
    return body.centre + rng.normal(0, 14, 3)


def widen_view(view: View, rng: np.random.Generator) -> View:
    """Now and then leave much air around a knee or foot, as a head coil's field of view does."""
    if rng.random() > 0.3:
        return view
    grow = rng.uniform(1.1, 1.7)
    s, r, c = view.shape
    return View((s, int(r * grow), int(c * grow)), view.spacing, view.axes, view.thickness)


def guess_frame(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay the coordinates of a foot about as wrong as a first fit does."""
    wrong = 1.0 if rng.random() < 0.85 else 2.2
    moved = turn(rng, wrong * rng.normal(0, 5)) * np.exp(wrong * rng.normal(0, 0.04)) @ frame
    moved[:, 3] += wrong * rng.normal(0, 3.5, 3)
    return np.asarray(moved)


def tell_coordinates(
    frame: np.ndarray, where: Placement, shape: tuple[int, int, int], rng: np.random.Generator
) -> np.ndarray:
    """Tell every pixel's coordinates in the foot, about as well as they are known."""
    unit = np.array([[0.0, 0.0, 0.0, 1.0]])
    chain = [np.concatenate([m, unit]) for m in (where.to_anatomy.numpy(), where.to_world.numpy())]
    to_foot = guess_frame(frame, rng) @ chain[0] @ chain[1]
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    placed = np.tensordot(to_foot[:, :3], index, 1) + to_foot[:, 3, None, None, None]
    return np.asarray(placed / FOOT_UNIT_MM, np.float32)


def tell_depth(
    body: ScannedBody, where: Placement, points: Tensor, rng: np.random.Generator, gen: torch.Generator
) -> np.ndarray:
    """Tell every pixel's depth in the bones, each of which a first fit has laid and shaped a little wrong.

    ``points`` (S, R, C, 3) are those of the pixels in the body's own mm.
    """
    if body.depth is None:
        raise ValueError("the body has no depth: make it with bodies.py --close")
    wrong = float(rng.choice([0.4, 1.0, 2.0], p=[0.15, 0.6, 0.25]))
    scale = abs(float(torch.linalg.det(where.to_anatomy[:, :3]))) ** (-1 / 3)
    middle = points.reshape(-1, 3).mean(0)
    shape = points.shape[:3]
    told = torch.full((3, *shape), -1.0)
    for channel in range(3):
        if rng.random() < UNTOLD_DEPTH:
            continue
        turned = torch.from_numpy(turn(rng, wrong * rng.normal(0, 3))).float()
        shift = torch.from_numpy(wrong * rng.normal(0, 2, 3)).float()
        about = middle + torch.from_numpy(rng.normal(0, 20, 3)).float()
        coarse = [max(2, n // every + 1) for n, every in zip(shape, (5, 20, 20), strict=True)]
        bend = torch.randn((1, 3, *coarse), generator=gen) * wrong * abs(rng.normal(0, 2))
        bent = torch.nn.functional.interpolate(bend, size=shape, mode="trilinear", align_corners=True)[0]
        spot = (points - about) @ turned.T + about + shift + bent.permute(1, 2, 3, 0)
        index = (spot - body.origin) / body.depth_spacing
        depth = sample_volume(body.depth[:, channel : channel + 1], index)[0] * scale
        told[channel] = torch.clamp(depth + wrong * rng.normal(0, 0.8) / DEPTH_LIMIT_MM, -1, 1)
    return told.numpy()


def wrap_bones(
    body: ScannedBody,
    image: Tensor,
    points: Tensor,
    spacing: np.ndarray,
    rng: np.random.Generator,
    gen: torch.Generator,
) -> Tensor:
    """Lay shells of uneven thickness around the bones: what lies there is mostly dark, as cortical bone is.

    ``image`` (S, R, C) at ``points`` (S, R, C, 3) in the body's own mm.
    """
    if body.depth is None or rng.random() > SHELLED:
        return image
    shape = tuple(image.shape)
    free = nearest_label(body.label, (points - body.origin) / body.spacing) == 0
    depth = sample_volume(body.depth, (points - body.origin) / body.depth_spacing).amax(0) * DEPTH_LIMIT_MM
    for _ in range(int(rng.integers(1, 4))):
        rough = field(shape, spacing, rng.uniform(12, 60), gen)
        reach = rng.uniform(-3, 4) + rng.uniform(0, 4) * rough
        level = rng.uniform(0, 0.3) if rng.random() < 0.7 else rng.uniform(0.1, 0.9)
        inside = torch.clamp(depth + torch.clamp(reach, max=9.0) + 0.5, 0, 1) * free
        image = image + inside * rng.uniform(0.6, 1.0) * (level - image)
    return image


def scan_body(body: ScannedBody, rng: np.random.Generator, gen: torch.Generator, hard: float) -> Scan:
    """Scan one series."""
    wide = np.zeros(3)
    if body.frame is not None:
        view = draw_foot_view(rng)
    elif body.depth is not None:
        view = draw_close_view(body.joint, rng)
    else:
        view, wide = draw_view(body.joint, rng)
    if body.joint != "hip":
        view = widen_view(view, rng)
    linear = draw_pose(body.joint, rng, hard)
    amount = abs(rng.normal(0, 2.5 if body.joint != "foot" else 1.6))
    where = place_view(view, draw_focus(body, wide, rng), linear, amount, gen)
    volume = mix_tissues(body, rng, gen)
    s, r, c = view.shape
    offset = view.thickness / view.spacing[0] / 4
    slices = (torch.arange(s)[:, None] + torch.tensor([-offset, offset])).reshape(-1).float()
    axes = (torch.arange(r).float(), torch.arange(c).float())
    index = torch.stack(torch.meshgrid(slices, *axes, indexing="ij"), -1)
    spot = (where.series_points(index) - body.origin) / body.spacing
    image = add_fat(volume, spot, body.spacing, rng)
    apart = np.array([view.spacing[0] / 2, *view.spacing[1:]])
    image = wrap_bones(body, image, spot * body.spacing + body.origin, apart, rng, gen)
    image = image.reshape(s, 2, r, c).mean(1)
    image = acquire(image, view, rng, gen, hard).numpy()
    middle = torch.stack(torch.meshgrid(torch.arange(s).float(), *axes, indexing="ij"), -1)
    points = where.series_points(middle)
    label = nearest_label(body.label, (points - body.origin) / body.spacing)
    told = None
    if body.frame is not None:
        told = tell_coordinates(body.frame, where, view.shape, rng)
    elif body.depth is not None:
        told = tell_depth(body, where, points, rng, gen)
    return Scan(normalize(image), label.numpy().astype(np.uint8), view, told)
