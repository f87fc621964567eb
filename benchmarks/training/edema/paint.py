"""Edema and its mimics, painted into the slices of a body that has none.

Everything is drawn on points of a coarse grid through the slice's thickness, so that a slice shows the mean of what
it cuts through. What a pixel holds stays a share of tissue: images are made of it by `scan.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bmetk.edema.describe import RED_BONES
from bmetk.simulate.fields import NoiseField, smoothstep
from bmetk.simulate.tissue import Tissue

FULL = 250.0
STEP = 3
"""The coarse grid has every third pixel."""
ACROSS = (-0.33, 0.0, 0.33)
"""Depths at which a slice is looked at, as shares of its thickness."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A body without edema, cut into slices; see ``stacks.py``."""

    parts: dict[Tissue, np.ndarray]
    marrow: np.ndarray
    bones: np.ndarray
    articular: np.ndarray
    yellow: np.ndarray
    affine: np.ndarray
    thickness: float
    joint: str

    @property
    def spacing(self) -> np.ndarray:
        """Distances of slices, rows and columns, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """Shares of tissue, steps of 1/250, and where edema is; shape (S, R, C) each."""

    parts: dict[Tissue, np.ndarray]
    edema: np.ndarray


class Canvas:
    """Points of the slices on the coarse grid, and what is drawn on them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        s, r, c = stack.bones.shape
        rows, columns = np.arange(0, r + STEP, STEP), np.arange(0, c + STEP, STEP)
        index = np.stack(np.meshgrid(np.arange(s), rows, columns, indexing="ij"), -1).astype(np.float64)
        across = stack.thickness / stack.spacing[0]
        self.layers = [self._world(index + [a * across, 0, 0]) for a in ACROSS]
        self.place = [np.arange(s), np.arange(r) / STEP, np.arange(c) / STEP]

    def _world(self, index: np.ndarray) -> np.ndarray:
        return index @ self.stack.affine[:3, :3].T + self.stack.affine[:3, 3]

    def world(self, voxels: np.ndarray) -> np.ndarray:
        """Map voxel indices to mm."""
        return self._world(np.asarray(voxels, np.float64))

    def fine(self, coarse: np.ndarray) -> np.ndarray:
        """Interpolate from the coarse grid to pixels, float32."""
        result = coarse
        for axis in (1, 2):
            low = np.minimum(np.floor(self.place[axis]).astype(int), result.shape[axis] - 2)
            weight = (
                (self.place[axis] - low)
                .astype(np.float32)
                .reshape([-1 if k == axis else 1 for k in range(3)])
            )
            first, second = np.take(result, low, axis), np.take(result, low + 1, axis)
            result = first + weight * (second - first)
        return np.asarray(result, np.float32)

    def mean(self, function) -> np.ndarray:
        """Average a function of position through each slice, on pixels."""
        return self.fine(np.mean([function(points) for points in self.layers], axis=0, dtype=np.float32))


def paint(stack: Stack, rng: np.random.Generator, names: dict[int, str]) -> Painted:
    """Lay red marrow, edema, fracture lines, vessels and cysts into the marrow of a stack."""
    canvas = Canvas(stack)
    parts = {t: p.astype(np.float32) for t, p in stack.parts.items()}
    zero = np.zeros(stack.bones.shape, np.float32)
    for tissue in (
        Tissue.YELLOW_MARROW,
        Tissue.RED_MARROW,
        Tissue.EDEMA_WATER,
        Tissue.SCLEROSIS,
        Tissue.VEIN,
        Tissue.FLUID,
    ):
        parts.setdefault(tissue, zero.copy())
    _redden(parts, stack, canvas, rng, names)
    member, water = _edema(stack, canvas, rng)
    soft = parts[Tissue.YELLOW_MARROW] + parts[Tissue.RED_MARROW]
    parts[Tissue.EDEMA_WATER] += soft * water
    for tissue in (Tissue.YELLOW_MARROW, Tissue.RED_MARROW):
        parts[tissue] *= 1 - water
    marrow = stack.marrow / FULL
    edema = (marrow >= 0.5) & (member >= 0.5)
    if rng.random() < 0.25 and edema.any():
        _replace(parts, Tissue.SCLEROSIS, 0.9 * _line(stack, canvas, edema, rng))
    for _ in range(int(rng.choice((0, 0, 0, 1, 2, 4)))):
        _replace(parts, Tissue.VEIN, rng.uniform(0.5, 1.0) * _vessel(stack, canvas, rng))
    for _ in range(int(rng.choice((0, 0, 0, 0, 1, 2)))):
        _replace(parts, Tissue.FLUID, rng.uniform(0.6, 1.0) * _cyst(stack, canvas, rng))
    return Painted(parts, edema)


def _replace(parts: dict[Tissue, np.ndarray], tissue: Tissue, share: np.ndarray) -> None:
    """Put a tissue in place of a share of the marrow."""
    for old in (Tissue.YELLOW_MARROW, Tissue.RED_MARROW, Tissue.EDEMA_WATER):
        parts[tissue] += parts[old] * share
        parts[old] *= 1 - share


def _redden(
    parts: dict[Tissue, np.ndarray],
    stack: Stack,
    canvas: Canvas,
    rng: np.random.Generator,
    names: dict[int, str],
) -> None:
    """Change the amount and the pattern of red marrow, less so in bones that hold little."""
    yellow, red = parts[Tissue.YELLOW_MARROW], parts[Tissue.RED_MARROW]
    soft = yellow + red
    share = np.where(soft > 0, red / np.maximum(soft, 1), 0)
    kind = rng.random()
    spare = 1 - _ends(stack, rng) * (rng.uniform(0.85, 1) if rng.random() < 0.85 else rng.uniform(0, 1))
    if kind < 0.2:
        share = share * 0
    elif kind < 0.4:
        share = share * rng.uniform(0, 1.4)
    elif kind < 0.65:
        share = np.maximum(share * rng.uniform(0, 1), _metaphyses(stack, canvas, spare, rng))
    elif kind < 0.87:
        noise = NoiseField.draw(rng, rng.uniform(8, 40)), NoiseField.draw(rng, rng.uniform(4, 9))
        start, width, amount = rng.uniform(-0.5, 1.5), rng.uniform(0.7, 2.5), rng.uniform(0.2, 0.9)
        patches = canvas.mean(
            lambda p: smoothstep(noise[0].at(p) + 0.35 * noise[1].at(p), start, start + width)
        )
        share = np.maximum(share * rng.uniform(0, 1), amount * patches * spare)
    else:
        share = share + rng.uniform(0, 0.5) * spare
    fatty = [v for v, name in names.items() if name not in RED_BONES]
    share = np.where(np.isin(stack.bones, fatty), rng.uniform(0, 0.35) * share, share)
    parts[Tissue.RED_MARROW] = soft * np.clip(share, 0, 0.95)
    parts[Tissue.YELLOW_MARROW] = soft - parts[Tissue.RED_MARROW]


def _ends(stack: Stack, rng: np.random.Generator) -> np.ndarray:
    """Mark the ends of long bones, with a border that is sharp or soft, 0 to 1."""
    width = rng.uniform(0.5, 7) / stack.spacing[1]
    return ndimage.gaussian_filter(stack.yellow.astype(np.float32), (0, width, width), truncate=2.5)


def _metaphyses(stack: Stack, canvas: Canvas, spare: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fill metaphysis, shaft and flat bones with red marrow, more or less evenly, up to a plane sometimes."""
    noise = NoiseField.draw(rng, rng.uniform(6, 30))
    uneven = canvas.mean(lambda p: 1 + 0.35 * noise.at(p)) if rng.random() < 0.7 else 1.0
    amount = rng.uniform(0.15, 0.95) * spare * uneven
    if rng.random() < 0.5:
        middle = canvas.world(np.argwhere(stack.bones > 0).mean(0))
        normal = np.array([0, 0, rng.choice([-1.0, 1.0])]) + rng.normal(0, 0.25, 3)
        start, width = rng.uniform(-30, 30), rng.uniform(2, 25)
        amount = amount * canvas.mean(lambda p: smoothstep((p - middle) @ normal - start, 0, width))
    return np.clip(amount, 0, 0.95)


def _edema(stack: Stack, canvas: Canvas, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw none to four lesions: their membership, and the share of marrow that water replaces."""
    member = np.zeros(stack.bones.shape, np.float32)
    water = np.zeros(stack.bones.shape, np.float32)
    strength = float(rng.choice((rng.uniform(0.15, 0.45), rng.uniform(0.3, 0.95))))
    for _ in range(int(rng.choice((0, 1, 2, 3, 4), p=(0.27, 0.4, 0.19, 0.09, 0.05)))):
        own = float(np.clip(strength * np.exp(rng.normal(0, 0.2)), 0.15, 0.97))
        one = _lesion(stack, canvas, rng)
        texture = NoiseField.draw(rng, rng.uniform(5, 14)), NoiseField.draw(rng, rng.uniform(2.5, 5))
        amount = max(0.0, float(rng.uniform(-0.2, 0.35)))
        uneven = canvas.mean(lambda p, t=texture: 0.7 * t[0].at(p) + 0.7 * t[1].at(p))
        member = np.maximum(member, one)
        water = np.maximum(water, own * one * np.clip(1 + amount * uneven, 0, 2))
    return member, np.clip(water, 0, 0.97)


def _lesion(stack: Stack, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Draw one lesion: a wobbly lump or sausage, in one bone mostly, cut off by a plane sometimes."""
    marrow = stack.marrow > 125
    values = np.unique(stack.bones[marrow])
    bone = int(rng.choice(values))
    inside = marrow & (stack.bones == bone)
    first = _spot(stack, canvas, inside, rng, 0.65)
    second = _spot(stack, canvas, inside, rng, 0.3) if rng.random() < 0.4 else first
    reach = float(np.cbrt(np.count_nonzero(inside) * np.prod(stack.spacing)))
    radius = float(np.exp(rng.uniform(np.log(3.0), np.log(max(5.0, 0.75 * reach)))))
    second = first + (second - first) * min(1.0, 1.5 * radius / max(np.linalg.norm(second - first), 1e-6))
    squash = np.exp(rng.normal(0, 0.25, 3))
    noise = (
        NoiseField.draw(rng, max(3.0, radius * rng.uniform(0.5, 1.2))),
        NoiseField.draw(rng, max(2.5, radius / 4)),
    )
    wobble, width = radius * rng.uniform(0.05, 0.45), rng.uniform(0.6, 8.0) / 3.4
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    cut = rng.uniform(-0.2, 0.8) * radius if rng.random() < 0.35 else None
    blunt = rng.uniform(0.3, 4.0)

    def member(points: np.ndarray) -> np.ndarray:
        along = second - first
        t = np.clip((points - first) @ along / max(float(along @ along), 1e-9), 0, 1)
        distance = np.linalg.norm((points - first - t[..., None] * along) * squash, axis=-1)
        distance = distance + wobble * (noise[0].at(points) + 0.25 * noise[1].at(points))
        field = 1 / (1 + np.exp(np.clip((distance - radius) / width, -30, 30)))
        if cut is not None:
            field = field * smoothstep((points - first) @ normal - cut, blunt, -blunt)
        return np.asarray(field, np.float32)

    field = canvas.mean(member)
    return field if rng.random() < 0.25 else field * (stack.bones == bone)


def _spot(
    stack: Stack, canvas: Canvas, inside: np.ndarray, rng: np.random.Generator, near_joint: float
) -> np.ndarray:
    """Choose a point of a bone's marrow, near its joint surface with some chance, mm."""
    voxels = np.argwhere(inside)
    if rng.random() < near_joint:
        surface = ndimage.binary_dilation(stack.articular > 150, np.ones((1, 7, 7), bool)) & inside
        if surface.any():
            voxels = np.argwhere(surface)
    return canvas.world(voxels[rng.integers(len(voxels))])


def _line(stack: Stack, canvas: Canvas, edema: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a thin wavy sheet within the edema, more or less along the joint surface, 0 to 1."""
    spot = _spot(stack, canvas, edema, rng, 0.9)
    centre = canvas.world(np.argwhere(stack.bones == stack.bones[tuple(np.argwhere(edema)[0])]).mean(0))
    normal = (spot - centre) + 0.3 * np.linalg.norm(spot - centre) * rng.normal(size=3)
    normal /= max(float(np.linalg.norm(normal)), 1e-6)
    wave, radius, thin = NoiseField.draw(rng, 8.0), rng.uniform(5, 14), rng.uniform(0.5, 1.1)
    curve = rng.uniform(0, 0.03)

    def sheet(points: np.ndarray) -> np.ndarray:
        height = (points - spot) @ normal
        flat = np.linalg.norm(points - spot - height[..., None] * normal, axis=-1)
        height = height + 0.8 * wave.at(points) + curve * flat**2
        return np.asarray(
            np.exp(-((height / thin) ** 2)) * smoothstep(flat, radius, 0.7 * radius), np.float32
        )

    return _sharp(canvas, spot, radius, sheet)


def _vessel(stack: Stack, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Draw a thin bent tube that starts at the surface of a bone, 0 to 1."""
    marrow = stack.marrow > 125
    start = _spot(stack, canvas, marrow & ~ndimage.binary_erosion(marrow, np.ones((1, 5, 5), bool)), rng, 0)
    way = rng.normal(size=3)
    way /= np.linalg.norm(way)
    length, radius, wave = rng.uniform(6, 35), rng.uniform(0.5, 1.4), NoiseField.draw(rng, 15.0)

    def tube(points: np.ndarray) -> np.ndarray:
        t = np.clip((points - start) @ way, -length / 2, length / 2)
        distance = np.linalg.norm(points - start - t[..., None] * way, axis=-1) + 0.7 * wave.at(points)
        return smoothstep(distance, radius + 0.4, radius - 0.4)

    return _sharp(canvas, start, length / 2 + 2, tube)


def _cyst(stack: Stack, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Draw a round cyst, 0 to 1."""
    spot, radius = _spot(stack, canvas, stack.marrow > 125, rng, 0.7), rng.uniform(1.2, 5.0)
    return _sharp(
        canvas,
        spot,
        radius + 1,
        lambda p: smoothstep(np.linalg.norm(p - spot, axis=-1), radius + 0.5, radius - 0.5),
    )


def _sharp(canvas: Canvas, spot: np.ndarray, reach: float, function) -> np.ndarray:
    """Average a fine function through the slices on every pixel of a box around a spot; 0 elsewhere."""
    stack = canvas.stack
    result = np.zeros(stack.bones.shape, np.float32)
    middle = np.linalg.solve(stack.affine[:3, :3], spot - stack.affine[:3, 3])
    low = np.maximum(np.floor(middle - reach / stack.spacing - 1).astype(int), 0)
    high = np.minimum(np.ceil(middle + reach / stack.spacing + 2).astype(int), result.shape)
    if (high <= low).any():
        return result
    index = np.stack(
        np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1
    )
    across = stack.thickness / stack.spacing[0]
    values = [function(canvas.world(index + np.array([a * across, 0, 0]))) for a in (-0.4, -0.2, 0, 0.2, 0.4)]
    result[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = np.mean(values, axis=0)
    return result
