"""Train the profile network of `bmetk.bones.profile` on simulated lines across cortical bone.

    python benchmarks/training/profile/train.py --out bmetk/bones/data/profile.npz

A line is a row of layers with random thickness and intensity: marrow (in one of three darkened by edema or
red marrow), cortical bone, and outside of it fat, muscle, cartilage, fluid, tendon, air or another bone. It
is blurred as a voxel does that is cut at an angle, shaded and made noisy. Nothing here was scanned. Needs
PyTorch; 4 minutes. ``train.log`` is the log of the packaged weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy import fft
from torch import nn

SEED = 20261
FINE_MM = 0.25
HALF_MM = 24.0
X = np.arange(-HALF_MM, HALF_MM, FINE_MM, dtype=np.float32)
STEP_MM, REACH_MM, SHIFT_MM = 0.5, 10.0, 8.0
PLACES = int(2 * SHIFT_MM / STEP_MM) + 1
SEEN_STEPS = 64


def outside_levels(rng: np.random.Generator, shape: tuple[int, ...], fat: np.ndarray) -> np.ndarray:
    """Draw intensities of what lies outside: muscle, fat, cartilage, fluid, tendon, anything."""
    kind = rng.choice(6, size=shape, p=(0.32, 0.28, 0.14, 0.1, 0.08, 0.08))
    levels = np.stack(
        [
            rng.uniform(0.15, 0.6, shape),
            fat * rng.uniform(0.85, 1.1, shape),
            rng.uniform(0.25, 0.9, shape),
            rng.uniform(0.08, 0.8, shape),
            rng.uniform(0.0, 0.15, shape),
            rng.uniform(0.0, 1.3, shape),
        ]
    )
    return np.take_along_axis(levels, kind[None], 0)[0]


def draw_lines(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw sharp lines on the fine grid, border at 0, shape (count, len(X))."""
    one = (count, 1)
    fat = rng.uniform(0.85, 1.6, one)
    thin = rng.random(one) < 0.7
    cortex = np.where(thin, rng.uniform(0.3, 2.2, one), rng.uniform(1.5, 7.0, one))
    dark = rng.uniform(0.0, 0.2, one)
    chord = np.where(rng.random(one) < 0.35, rng.uniform(3, 16, one), 60.0) + 2 * cortex
    x = np.broadcast_to(X, (count, len(X)))
    marrow = rng.uniform(0.75, 1.15, one) + rng.normal(0, 0.05, one) * x / 10
    value = np.where(x < 0, marrow, 0.0)
    lesion = rng.random(one) < 0.33
    level = rng.uniform(0.15, 0.9, one)
    start, end = rng.uniform(-30, 2, one), rng.uniform(-12, 8, one)
    edge = rng.uniform(0.5, 6, one)
    with np.errstate(over="ignore"):
        soft = 1 / (1 + np.exp(-(x - start) / edge)) / (1 + np.exp((x - end) / edge))
    share = np.where(lesion, soft * rng.uniform(0.3, 1.0, one), 0.0)
    value = np.where(x < 0, value * (1 - share) + level * share, value)
    value = np.where((x < 0) & (x > -cortex), dark, value)
    far = x < -chord
    beyond = outside_levels(rng, one, fat)
    value = np.where(far, beyond, np.where((x < -chord + cortex) & (x < 0), dark, value))
    return outside(rng, value, x, fat, dark, marrow)


def outside(
    rng: np.random.Generator,
    value: np.ndarray,
    x: np.ndarray,
    fat: np.ndarray,
    dark: np.ndarray,
    marrow: np.ndarray,
) -> np.ndarray:
    """Paint up to five layers outside; every third line meets another bone."""
    count = len(x)
    thick = np.where(
        rng.random((count, 5)) < 0.35, rng.uniform(0.4, 2.5, (count, 5)), rng.exponential(9.0, (count, 5))
    )
    levels = outside_levels(rng, (count, 5), fat)
    bone = rng.random(count) < 0.33  # cartilage or fluid, cortical bone, marrow
    thick[bone, 0] = rng.uniform(1.0, 8.0, bone.sum())
    levels[bone, 0] = rng.uniform(0.1, 0.9, bone.sum())
    thick[bone, 1] = rng.uniform(0.3, 2.5, bone.sum())
    levels[bone, 1] = dark[bone, 0]
    thick[bone, 2] = rng.uniform(5, 30, bone.sum())
    levels[bone, 2] = marrow[bone, 0] * rng.uniform(0.6, 1.1, bone.sum())
    border = np.cumsum(thick, axis=1)
    painted = np.broadcast_to(levels[:, -1:], x.shape)
    for k in (3, 2, 1, 0):
        painted = np.where(x < border[:, k : k + 1], levels[:, k : k + 1], painted)
    air = rng.random((count, 1)) < 0.06
    painted = np.where(air & (x > rng.uniform(2, 20, (count, 1))), 0.0, painted)
    return np.where(x >= 0, painted, value)


def blur(lines: np.ndarray, sigma: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Blur each line by its own Gaussian and box, mm."""
    f = np.fft.rfftfreq(lines.shape[1], FINE_MM)
    kernel = (np.exp(-2 * (np.pi * f * sigma[:, None]) ** 2) * np.sinc(f * box[:, None])).astype(np.float32)
    return fft.irfft(fft.rfft(lines.astype(np.float32), axis=1) * kernel, lines.shape[1], axis=1)


def simulate(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (count, 42), as `bmetk.bones.profile.features` makes them, and places (count,)."""
    lines = draw_lines(rng, count)
    in_plane = rng.uniform(0.3, 1.1, count)
    slice_mm = rng.uniform(3.0, 6.5, count)
    cosine = np.where(rng.random(count) < 0.15, 1.0, np.abs(rng.normal(0, 0.45, count))).clip(0, 1)
    box = np.sqrt((in_plane * np.sqrt(1 - cosine**2)) ** 2 + (slice_mm * cosine) ** 2)
    # A thick slice that a curved or slanted border crosses blurs it in plane too.
    curved = np.abs(rng.normal(0, 0.5, count)) + 0.15 * slice_mm * np.abs(rng.normal(0, 0.5, count))
    lines = blur(lines, np.hypot(0.35 * in_plane, curved), box)
    lines = lines * rng.uniform(0.6, 1.45, (count, 1)) * (1 + rng.normal(0, 0.01, (count, 1)) * X)
    noise = rng.normal(0, 1, lines.shape)
    noise = blur(noise, np.maximum(0.4 * in_plane, 0.3), np.full(count, 0.1))
    noise /= noise.std(1, keepdims=True)
    lines = np.abs(lines + noise * np.abs(rng.normal(0, 0.05, (count, 1))))
    shift = rng.uniform(-SHIFT_MM - 0.25, SHIFT_MM + 0.25, count)
    at = np.arange(-REACH_MM, REACH_MM + STEP_MM / 2, STEP_MM) - shift[:, None]
    index = (at + HALF_MM) / FINE_MM
    low = np.floor(index).astype(int)
    part = index - low
    rows = np.arange(count)[:, None]
    profile = lines[rows, low] * (1 - part) + lines[rows, low + 1] * part
    place = np.clip(np.round((shift + SHIFT_MM) / STEP_MM), 0, PLACES - 1).astype(np.int64)
    return np.concatenate([np.clip(profile, 0, 2), box[:, None] / 5], 1).astype(np.float32), place


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=1024)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    net = nn.Sequential(nn.Linear(42, 128), nn.ReLU(), nn.Linear(128, 96), nn.ReLU(), nn.Linear(96, PLACES))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, given.steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    total, block = 0.0, None
    for n in range(given.steps):
        if n % SEEN_STEPS == 0 or block is None:
            block = simulate(rng, SEEN_STEPS // 4 * given.batch)
        chosen = rng.integers(len(block[1]), size=given.batch)  # every line is seen four times
        loss = loss_of(net(torch.from_numpy(block[0][chosen])), torch.from_numpy(block[1][chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += float(loss.detach())
        if (n + 1) % 500 == 0:
            print(f"step {n + 1} loss {total / 500:.4f}", flush=True)
            total = 0.0
            save(net, given.out)
    save(net, given.out)
    report(net)


def report(net: nn.Sequential) -> None:
    """Print how far off the place is on lines that were not trained on."""
    x, y = simulate(np.random.default_rng(SEED + 1), 20000)
    with torch.no_grad():
        p = net(torch.from_numpy(x)).softmax(1).numpy()
    places = np.arange(PLACES) * STEP_MM - SHIFT_MM
    off = np.abs(p @ places - places[y])
    best = np.abs(places[p.argmax(1)] - places[y])
    print(f"unseen lines: mean off {off.mean():.2f} mm, median {np.median(off):.2f}")
    print(f"most probable place: mean off {best.mean():.2f} mm, median {np.median(best):.2f}")


def save(net: nn.Sequential, path: Path) -> None:
    """Write the weights as the package reads them."""
    weights = {}
    for number, layer in enumerate(m for m in net if isinstance(m, nn.Linear)):
        weights[f"weight{number}"] = layer.weight.detach().numpy().T.astype(np.float16)
        weights[f"bias{number}"] = layer.bias.detach().numpy().astype(np.float16)
    np.savez_compressed(path, allow_pickle=False, **weights)


if __name__ == "__main__":
    main()
