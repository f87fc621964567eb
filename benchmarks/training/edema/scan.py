"""One exam of a painted stack: T1 and a fluid-sensitive series with everything that a scanner adds, as the network sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from paint import Painted, Stack, paint
from scipy import ndimage

from bmetk.anatomy import BONE_LABELS
from bmetk.edema.contrast import water_to_muscle
from bmetk.edema.describe import RED_BONES, UNKNOWN_RED, Told, describe
from bmetk.edema.normalize import normalise
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.volume import MarrowVolume, depth_below_surface
from bmetk.exam import Acquisition, Contrast
from bmetk.image import Grid
from bmetk.simulate.fields import NoiseField, smoothstep
from bmetk.simulate.signal import Sequence, tissue_signal
from bmetk.simulate.tissue import Relaxation, Tissue, draw_relaxation

FULL = 250.0


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What the network is told, float32 (S, C, R, K), with the truth and the given bones, (S, R, K)."""

    told: np.ndarray
    edema: np.ndarray
    bones: np.ndarray


def load_stack(path: Path) -> Stack:
    """Read what ``stacks.py`` wrote."""
    with np.load(path) as data:
        parts = {Tissue(int(t)): p for t, p in zip(data["tissues"], data["parts"], strict=True)}
        return Stack(
            parts,
            data["marrow"],
            data["bones"],
            data["articular"],
            data["yellow"],
            data["affine"],
            float(data["thickness"]),
            str(data["joint"]),
        )


def scan_stack(stack: Stack, rng: np.random.Generator) -> Scan:
    """Paint a stack anew, scan it, and prepare it as the edema step does."""
    names = {v: BONE_LABELS[v].name for v in np.unique(stack.bones) if v}
    painted = paint(stack, rng, names)
    field_t = float(rng.choice((1.5, 3.0)))
    relaxation = _relaxation(field_t, rng)
    t1_sequence, fluid_sequence = _sequences(field_t, rng)
    gain = _coil(stack, rng)
    grid = Grid(stack.bones.shape, stack.affine)
    snr = float(np.exp(rng.uniform(np.log(9), np.log(70))))
    blur = rng.uniform(0.15, 0.65)
    images = []
    for number, sequence in enumerate((t1_sequence, fluid_sequence)):
        signal = _signal(painted, relaxation, sequence, stack, rng)
        if number == 0:
            signal = _displaced(signal, stack, rng)
        images.append(_receive(signal, gain[number], _white(relaxation, sequence) / snr, blur, rng))
    bones = _given_bones(stack, rng)
    t1, fluid = images
    depth = depth_below_surface(bones, grid)
    inside = bones > 0
    yellow = _given_ends(stack, inside, rng)
    known = t1 if rng.random() > 0.05 else None
    volume = MarrowVolume(grid, known, fluid, bones, depth * inside, np.ones_like(inside), inside, yellow)
    normal = normalise(volume, EdemaSettings())
    if rng.random() < 0.1:
        normal = replace(normal, muscle=None)
    acquisition = Acquisition(
        tr_ms=fluid_sequence.tr_ms,
        te_ms=fluid_sequence.te_ms,
        ti_ms=fluid_sequence.ti_ms,
        field_strength_t=field_t,
    )
    ratio = water_to_muscle(fluid_sequence.contrast, acquisition if rng.random() < 0.8 else Acquisition())
    fatty = [v for v, name in names.items() if name not in RED_BONES]
    told = describe(normal, ratio, fatty)
    if rng.random() < 0.2:
        told[:, Told.RED] = np.where(inside, UNKNOWN_RED, 0)
    return Scan(told, painted.edema, bones)


def _relaxation(field_t: float, rng: np.random.Generator) -> dict[Tissue, Relaxation]:
    """Draw a person's times more widely than the simulator does."""
    drawn = draw_relaxation(field_t, rng)
    for tissue, t1, t2 in (
        (Tissue.EDEMA_WATER, (0.85, 1.25), (0.8, 1.25)),
        (Tissue.RED_MARROW, (0.88, 1.5), (0.78, 1.15)),
        (Tissue.MUSCLE, (0.75, 1.1), (0.85, 1.1)),
        (Tissue.YELLOW_MARROW, (0.94, 1.1), (0.94, 1.3)),
    ):
        old = drawn[tissue]
        wide = rng.uniform(*t1), rng.uniform(*t2)
        drawn[tissue] = replace(old, t1_ms=old.t1_ms * wide[0], t2_ms=old.t2_ms * wide[1])
    muscle, red = drawn[Tissue.MUSCLE], drawn[Tissue.RED_MARROW]
    drawn[Tissue.MUSCLE] = replace(muscle, density=muscle.density * rng.uniform(0.95, 1.25))
    drawn[Tissue.RED_MARROW] = replace(red, fat=float(rng.uniform(0.35, 0.6)))
    return drawn


def _sequences(field_t: float, rng: np.random.Generator) -> tuple[Sequence, Sequence]:
    """Draw the two pulse sequences; the T1 is a gradient echo or nearly PD now and then."""
    t1 = Sequence(Contrast.T1, float(rng.uniform(380, 900)), float(rng.uniform(7, 22)))
    kind = rng.random()
    if kind < 0.06:
        t1 = Sequence(Contrast.T1, float(rng.uniform(900, 1500)), float(rng.uniform(8, 25)))
    elif kind < 0.1:
        t1 = Sequence(
            Contrast.T1,
            float(rng.uniform(12, 30)),
            float(rng.uniform(2, 4)),
            None,
            float(rng.uniform(20, 40)),
        )
    kind = rng.random()
    if kind < 0.55:
        null = (140, 185) if field_t == 1.5 else (195, 245)
        return t1, Sequence(
            Contrast.STIR,
            float(rng.uniform(2800, 6500)),
            float(rng.uniform(20, 75)),
            float(rng.uniform(*null)),
        )
    contrast = Contrast.FS_PD if kind < 0.78 else Contrast.FS_T2 if kind < 0.95 else Contrast.DIXON_WATER
    te = rng.uniform(18, 45) if contrast is Contrast.FS_PD else rng.uniform(45, 90)
    return t1, Sequence(contrast, float(rng.uniform(2200, 5800)), float(te))


def _signal(
    painted: Painted,
    relaxation: dict[Tissue, Relaxation],
    sequence: Sequence,
    stack: Stack,
    rng: np.random.Generator,
) -> np.ndarray:
    """Add up fat and water, suppress the fat as the sequence does, shift it along the frequency axis."""
    fat, water = np.zeros(stack.bones.shape, np.float32), np.zeros(stack.bones.shape, np.float32)
    for tissue, part in painted.parts.items():
        signal = np.float32(tissue_signal(relaxation[tissue], sequence) / FULL)
        share = np.float32(relaxation[tissue].fat)
        if share > 0:
            fat += part * (signal * share)
        if share < 1:
            water += part * (signal * (1 - share))
    fat *= _survival(sequence.contrast, stack, rng)
    shift, axis = rng.normal(0, 0.6), int(rng.integers(1, 3))
    moved = ndimage.shift(fat, [shift if k == axis else 0 for k in range(3)], order=1, mode="nearest")
    return np.abs(water + moved)


def _survival(contrast: Contrast, stack: Stack, rng: np.random.Generator) -> np.ndarray | np.float32:
    """Say what part of the fat signal is left; where the field is off, frequency-selective suppression fails."""
    if contrast in (Contrast.T1, Contrast.STIR):
        return np.float32(1)
    residual = 0.02 if contrast is Contrast.DIXON_WATER else rng.uniform(0.04, 0.16)
    if rng.random() > 0.35:
        return np.float32(residual)
    noise, bias = NoiseField.draw(rng, rng.uniform(30, 80)), rng.uniform(0, 1.2)
    coarse = (slice(None), slice(None, None, 6), slice(None, None, 6))
    index = np.stack(np.meshgrid(*[np.arange(n) for n in stack.bones.shape], indexing="ij"), -1)[coarse]
    points = index @ stack.affine[:3, :3].T + stack.affine[:3, 3]
    middle = points.reshape(-1, 3).mean(0)
    far = np.linalg.norm(points - middle, axis=-1) / (0.5 * np.ptp(points.reshape(-1, 3), axis=0).max())
    patches = smoothstep(noise.at(points) + 1.6 * (far - 1) + bias - 0.6, 0.2, 1.4)
    size = [n / m for n, m in zip(stack.bones.shape, patches.shape, strict=True)]
    patches = ndimage.zoom(patches, size, order=1)
    return np.asarray(residual + (1 - residual) * rng.uniform(0.15, 0.8) * patches, np.float32)


def _white(relaxation: dict[Tissue, Relaxation], sequence: Sequence) -> float:
    """Return the signal that noise is a share of."""
    if sequence.contrast.is_fluid_sensitive:
        water = abs(tissue_signal(relaxation[Tissue.EDEMA_WATER], sequence))
        return 0.6 * water + 0.15 * abs(tissue_signal(relaxation[Tissue.FLUID], sequence))
    return abs(tissue_signal(relaxation[Tissue.SUBCUTANEOUS_FAT], sequence))


def _displaced(image: np.ndarray, stack: Stack, rng: np.random.Generator) -> np.ndarray:
    """Leave T1 a little beside the fluid series, as registration does."""
    error_mm = rng.normal(0, 0.3, 3) * (3 if rng.random() < 0.08 else 1)
    return ndimage.shift(image, error_mm / stack.spacing, order=1, mode="nearest")


def _coil(stack: Stack, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the coil's gain for both series: mostly common, a little of each one's own."""
    shape = stack.bones.shape
    x = [
        np.linspace(-1, 1, n, dtype=np.float32).reshape([-1 if k == a else 1 for k in range(3)])
        for a, n in enumerate(shape)
    ]

    def smooth(amount: float) -> np.ndarray:
        a, b, c = rng.normal(0, amount, 3), rng.normal(0, 0.6 * amount, 3), rng.normal(0, 0.5 * amount, 3)
        field = sum(a[k] * x[k] + b[k] * x[k] ** 2 for k in range(3))
        field = field + c[0] * x[0] * x[1] + c[1] * x[1] * x[2] + c[2] * x[0] * x[2]
        return np.asarray(np.broadcast_to(field, shape), np.float32)

    common = smooth(float(rng.choice((0.05, 0.2, 0.4))))
    return np.exp(common), np.exp(common + smooth(0.05))


def _receive(
    signal: np.ndarray, gain: np.ndarray, noise: float, blur: float, rng: np.random.Generator
) -> np.ndarray:
    """Blur to the acquired pixel and add Rician noise with its grain."""
    image = ndimage.gaussian_filter(signal, (0, blur, blur), truncate=3.0) * gain
    grain = rng.uniform(0.3, 0.6)
    real, imaginary = (
        ndimage.gaussian_filter(
            rng.standard_normal(signal.shape, dtype=np.float32), (0, grain, grain), truncate=3.0
        )
        for _ in range(2)
    )
    level = noise * rng.uniform(0.6, 1.0) / max(float(real.std()), 1e-6)
    return np.asarray(np.hypot(image + level * real, level * imaginary), np.float32)


def _given_bones(stack: Stack, rng: np.random.Generator) -> np.ndarray:
    """Bend and shift the outline of the bones as found ones are wrong, or cut the mask off."""
    shape, spacing = stack.bones.shape, stack.spacing
    amount = rng.uniform(0.1, 0.8)
    coarse = [max(2, int(n * s / 14)) for n, s in zip(shape, spacing, strict=True)]
    index = list(np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij"))
    for axis in (1, 2):
        wave = ndimage.zoom(
            rng.standard_normal(coarse), [n / c for n, c in zip(shape, coarse, strict=True)], order=1
        )
        index[axis] = index[axis] + (1.3 * amount / spacing[axis] * wave).astype(np.float32)
    bones = ndimage.map_coordinates(stack.bones, index, order=0, mode="nearest")
    thick = float(rng.normal(0, 0.35))
    if thick < -0.15:
        bones = np.where(depth_below_surface(bones, Grid(shape, stack.affine)) > -thick - 0.45, bones, 0)
    elif thick > 0.3:
        grown = ndimage.grey_dilation(bones, footprint=np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]]))
        bones = np.where(bones > 0, bones, grown)
    if rng.random() < 0.12:
        bones = _cut(bones, rng)
    return np.asarray(bones, np.uint8)


def _given_ends(stack: Stack, inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tell the ends of long bones a few millimetres too long or too short, or not at all, as for bones of a user's."""
    if rng.random() < 0.1:
        return np.zeros_like(inside)
    shift = rng.normal(0, 2.5, 3) / stack.spacing
    moved = ndimage.shift(stack.yellow.astype(np.float32), shift, order=1, mode="nearest")
    return np.asarray(ndimage.binary_dilation(moved > 0.5, np.ones((1, 3, 3)), iterations=3) & inside)


def _cut(bones: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Keep one side of a plane through the middle of the bones, as a hand-drawn region does."""
    inside = np.argwhere(bones > 0)
    middle, size = inside[rng.integers(len(inside))], np.maximum(np.ptp(inside, axis=0), 1)
    normal = rng.normal(size=3) / size
    index = np.stack(np.meshgrid(*[np.arange(n) for n in bones.shape], indexing="ij"), -1)
    kept = np.where((index - middle) @ normal > 0, bones, 0)
    return kept if np.count_nonzero(kept) > 0.2 * len(inside) else bones
