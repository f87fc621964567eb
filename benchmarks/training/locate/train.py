"""Train the slice network of `bmetk.bones.slices` on scans of simulated bodies only.

    PYTHONPATH=benchmarks/training python benchmarks/training/locate/train.py --library /tmp/bodies --out /tmp/run --minutes 20

The network sees three neighbouring slices in a fixed orientation with their plane, and names the bone of each
pixel of the middle one. With ``--kind foot`` it is that of `bmetk.bones.foot`, which is told the coordinates of every
pixel in the foot in place of the joint; with ``--kind close`` that of `bmetk.bones.closer`, which is told the depth of every
pixel in the bones of a first fit, and tells the marrow too. Some processes scan, one learns. ``last.pt`` holds the running mean of the weights,
``log.jsonl`` the log. Needs PyTorch 2.13 (see ``README.md``).
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing as mp
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import numpy as np
import torch
from scan import ScannedBody, load_body, scan_body
from shipped import read_weights
from slice_net import SliceNet
from torch import Tensor, nn
from torch.nn import functional as nnf

CLASSES = 13
FOOT_CLASSES = 21
CLOSE_CLASSES = 4
MARROW = 128
"""Added to the label of the closer network where a bone is marrow."""
INPUTS = 10
"""Three slices, the field of view, three planes; then three joints, coordinates in the foot, or depths."""
JOINTS = ("hip", "knee", "foot")
UNTOLD = 0.2
BATCH = 10
FRESH = 3
SIZE = 96
POOL = 160
SHARES = {
    "any": {"hip": 0.28, "knee": 0.27, "foot": 0.45},
    "foot": {"foot": 1},
    "close": {"hip": 0.4, "knee": 0.25, "foot": 0.35},
}
SERIES = 2
"""Series scanned of a body while it is at hand."""
EMA = 0.995
FOREGROUND = 2.5
PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A series as the network sees it: image and labels (S, R, C), told (3, S, R, C), in the fixed orientation."""

    image: np.ndarray
    label: np.ndarray
    plane: int
    joint: str
    told: np.ndarray | None

    def tell(self, s: int, into: np.ndarray, window: tuple[slice, slice], part: tuple[slice, slice]) -> None:
        """Write what is told of a slice beside its picture into (3, R, C): else the joint, everywhere."""
        if self.told is None:
            into[JOINTS.index(self.joint)] = np.random.random() > UNTOLD
        else:
            into[:, *window] = self.told[:, s, *part]


def scan_stack(body: ScannedBody, seed: list[int], hard: float) -> Stack:
    """Scan one series."""
    rng = np.random.default_rng(seed)
    gen = torch.Generator().manual_seed(int(rng.integers(2**62)))
    scan = scan_body(body, rng, gen, hard)
    arrays = [scan.image, scan.label] + ([] if scan.told is None else [scan.told])
    plane = 2 - int(np.argmax(np.abs(scan.view.axes[:, 0])))
    down = scan.view.axes[:, 1] @ (np.array([0, 1, 0]) if plane == 0 else np.array([0, 0, -1]))
    image, label, *told = (np.ascontiguousarray(a[..., ::-1, :] if down < 0 else a) for a in arrays)
    return Stack(image, label, plane, body.joint, told[0] if told else None)


def batch_of(pool: list[Stack]) -> tuple[Tensor, Tensor, Tensor]:
    """Draw slices of different series, those with bone first, cut or padded to one size."""
    inputs = np.zeros((BATCH, INPUTS, SIZE, SIZE), np.float32)
    labels = np.zeros((BATCH, SIZE, SIZE), np.int64)
    for k in range(BATCH):
        stack = pool[k if k < FRESH else int(np.random.randint(len(pool)))]
        image, label = stack.image, stack.label
        bony = label.any((1, 2)) + 0.1
        s = int(np.random.choice(len(image), p=bony / bony.sum()))
        near = [min(max(s + d, 0), len(image) - 1) for d in (-1, 0, 1)]
        (into_r, from_r), (into_c, from_c) = (fit(n, SIZE) for n in image.shape[1:])
        inputs[k, :3, into_r, into_c] = image[near][:, from_r, from_c] * np.exp(np.random.normal(0, 0.1))
        inputs[k, 3, into_r, into_c] = 1
        inputs[k, 4 + stack.plane] = 1
        stack.tell(s, inputs[k, 7:], (into_r, into_c), (from_r, from_c))
        labels[k, into_r, into_c] = label[s][from_r, from_c]
        if stack.plane != 2 and np.random.random() < 0.5:  # a mirrored body is a body
            inputs[k], labels[k] = inputs[k, :, :, ::-1].copy(), labels[k, :, ::-1].copy()
    x = torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last)
    return x, torch.from_numpy(labels), x[:, 3] > 0


def fit(size: int, room: int) -> tuple[slice, slice]:
    """Place a row of one length into another at random: where it goes, and what of it."""
    take = min(size, room)
    into, out = np.random.randint(room - take + 1), np.random.randint(size - take + 1)
    return slice(into, into + take), slice(out, out + take)


def loss_of(logits: Tensor, label: Tensor, inside: Tensor, classes: int) -> Tensor:
    """Add weighted cross-entropy and one minus the mean Dice of the classes present; then those of the marrow."""
    logs = logits[:, :classes].float().log_softmax(1).permute(1, 0, 2, 3).flatten(1)
    truth, seen = (label % MARROW).flatten(), inside.flatten().float()
    weight = torch.where(truth > 0, FOREGROUND, 1.0) * seen
    entropy = -(logs.gather(0, truth[None])[0] * weight).sum() / weight.sum()
    p = logs.exp() * seen
    both = torch.zeros(classes).index_add(0, truth, p.gather(0, truth[None])[0])
    count = torch.zeros(classes).index_add(0, truth, seen)
    here = count > 12
    dice = (2 * both[here] + 1) / (p.sum(1)[here] + count[here] + 1)
    bone, true = (1 - p[0]) * seen, (truth > 0) * seen  # any bone at all: the first thing to learn
    union = (2 * (bone * true).sum() + 1) / (bone.sum() + true.sum() + 1)
    loss = entropy + 0.7 * (1 - dice.mean()) + 0.7 * (1 - union)
    if logits.shape[1] == classes:
        return loss
    told, true = logits[:, classes].flatten().float(), (label >= MARROW).flatten().float()
    entropy = (
        nnf.binary_cross_entropy_with_logits(told, true, reduction="none") * weight
    ).sum() / weight.sum()
    p = told.sigmoid() * seen
    return loss + entropy + 0.7 * (1 - (2 * (p * true).sum() + 1) / (p.sum() + (true * seen).sum() + 1))


def scan_forever(library: Path, seed: int, queue: mp.Queue, hard: float, kind: str) -> None:
    """Fill the queue."""
    os.setsid()
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    number = 0
    while True:
        joint = str(rng.choice(list(SHARES[kind]), p=list(SHARES[kind].values())))
        files = sorted(library.glob(f"{joint}_[0-9][0-9][0-9][0-9].npz"))
        body = load_body(files[int(rng.integers(len(files)))])
        for _ in range(SERIES):
            queue.put(scan_stack(body, [seed, number], hard))
            number += 1


def train(given: argparse.Namespace) -> None:
    """Run the training."""
    torch.manual_seed(given.seed)
    np.random.seed(given.seed)
    torch.set_num_threads(given.threads)
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=16)
    for k in range(given.scanners):
        context.Process(
            target=scan_forever,
            args=(given.library, given.seed + k, queue, given.hard, given.kind),
            daemon=True,
        ).start()
    classes = {"any": CLASSES, "foot": FOOT_CLASSES, "close": CLOSE_CLASSES}[given.kind]
    net = SliceNet(INPUTS, classes + (given.kind == "close")).to(memory_format=torch.channels_last)
    if given.resume:
        resume(net, read_weights(given.resume))
    mean = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=given.rate, weight_decay=1e-4)
    given.out.mkdir(parents=True, exist_ok=True)
    pool: list[Stack] = []
    start = saved = time.time()
    step, losses = 0, []
    overlaps: list[list[float]] = []
    with (given.out / "log.jsonl").open("a") as log:
        while (elapsed := time.time() - start) < 60 * given.minutes:
            share = elapsed / (60 * given.minutes)
            rate = given.rate * min(1.0, (step + 1) / 40) * max(0.01, 0.5 * (1 + np.cos(np.pi * share)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            refill(queue, pool)
            x, label, inside = batch_of(pool)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(x)
            loss = loss_of(logits, label, inside, classes)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimizer.step()
            step += 1
            keep = min(EMA, (1 + step) / (10 + step))
            with torch.no_grad():
                for a, b in zip(mean.parameters(), net.parameters(), strict=True):
                    a.lerp_(b, 1 - keep)
            losses.append(float(loss.detach()))
            overlaps.append(overlap(logits.detach()[:, :classes], label % MARROW, inside))
            if step % 50 == 0:
                row = {"step": step, "seconds": round(elapsed), "loss": round(float(np.mean(losses)), 3)}
                row |= {"bone": round(float(np.mean([o[0] for o in overlaps])), 3)}
                row |= {"dice": round(float(np.mean([v for o in overlaps for v in o[1:]])), 3)}
                log.write(json.dumps(row) + "\n")
                log.flush()
                losses, overlaps = [], []
            if time.time() - saved > 60:
                saved = time.time()
                torch.save(mean.state_dict(), given.out / "last.pt")
    torch.save(mean.state_dict(), given.out / "last.pt")


def resume(net: SliceNet, weights: dict[str, Tensor]) -> None:
    """Go on from weights; those of the other task lend all but their last layer and what they are told."""
    if weights["last.weight"].shape != net.last.weight.shape:
        weights = {key: value for key, value in weights.items() if not key.startswith("last.")}
        weights["down.0.0.weight"][:, 7:] = 0
    net.load_state_dict(weights, strict=False)


def overlap(logits: Tensor, label: Tensor, inside: Tensor) -> list[float]:
    """Dice of each bone present."""
    found = logits.argmax(1) * inside
    bones = range(1, logits.shape[1])
    both = [((found == k) & (label == k)).sum() for k in bones]
    total = [(found == k).sum() + (label == k).sum() for k in bones]
    bone = [float(2 * ((found > 0) & (label > 0)).sum() / ((found > 0).sum() + (label > 0).sum() + 1))]
    return bone + [
        float(2 * a / t) for a, t, k in zip(both, total, bones, strict=True) if (label == k).sum() > 30
    ]


def refill(queue: mp.Queue, pool: list[Stack]) -> None:
    """Put what was scanned in front of the pool, and wait only while there is too little."""
    while len(pool) < 16:
        pool.insert(0, queue.get())
    with suppress(Empty):
        pool.insert(0, queue.get_nowait())
    del pool[POOL:]


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=20261)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--hard", type=float, default=0.5, help="clutter, turns and noise, 0 to 1")
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--kind", choices=list(SHARES), default="any", help="which network, see `bodies.py`")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scanners", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
