"""Train the edema network of `bmetk.edema` on painted stacks of simulated bodies only.

    PYTHONPATH=.:benchmarks/training python benchmarks/training/edema/train.py --library /tmp/stacks --out /tmp/run --minutes 60

Some processes paint and scan, one learns. ``last.pt`` holds the running mean of the weights, ``log.jsonl`` the log.
Needs PyTorch 2.13 (see ``README.md``).
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing as mp
import os
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty

import numpy as np
import torch
from paint import Stack
from scan import load_stack, scan_stack
from shipped import read_weights
from slice_net import SliceNet
from torch import Tensor
from torch.nn import functional as nnf

from bmetk.anatomy import Joint
from bmetk.edema.describe import CHANNELS

SIZE = 112
BATCH = 10
FRESH = 3
PATCHES = 10
POOL = 1500
LEAST_POOL = 120
EMA = 0.995
OUTSIDE = 0.05
OVERLAP = 0.25
TAKEN = {Joint.KNEE: 0.6}
"""Chance that a stack is taken when it is drawn: knees are many, and their edema is the easiest."""


def patches_of(stack: Stack, seed: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scan a stack once and cut patches out of it: told (C, n, n) half, target (2, n, n) edema and bone."""
    rng = np.random.default_rng(seed)
    scan = scan_stack(stack, rng)
    bone, edema = scan.bones > 0, scan.edema & (scan.bones > 0)
    middles = np.argwhere(bone)
    lesions = np.argwhere(edema)
    result = []
    for number in range(PATCHES):
        among = lesions if len(lesions) and number % 2 else middles
        s, r, c = among[rng.integers(len(among))]
        shift = rng.integers(-30, 31, 2)
        told = cut(scan.told[s], (r + shift[0], c + shift[1])).astype(np.float16)
        target = cut(np.stack([scan.edema[s], bone[s]]), (r + shift[0], c + shift[1])).astype(bool)
        result.append((told, target))
    return result


def cut(image: np.ndarray, middle: tuple[int, int]) -> np.ndarray:
    """Cut a square patch about a pixel, moved inside where it can be, else padded with zeros."""
    result = np.zeros((image.shape[0], SIZE, SIZE), image.dtype)
    windows = []
    for place, size in zip(middle, image.shape[1:], strict=True):
        low = int(np.clip(place - SIZE // 2, 0, max(size - SIZE, 0)))
        windows.append(slice(low, min(low + SIZE, size)))
    part = image[:, windows[0], windows[1]]
    result[:, : part.shape[1], : part.shape[2]] = part
    return result


def scan_forever(library: Path, seed: int, queue: mp.Queue) -> None:
    """Fill the queue."""
    os.setsid()
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    number = 0
    while True:
        files = sorted(library.glob("[0-9][0-9][0-9][0-9].npz"))
        stack = load_stack(files[int(rng.integers(len(files)))])
        if rng.random() > TAKEN.get(Joint(stack.joint), 1.0):
            continue
        queue.put(patches_of(stack, [seed, number]))
        number += 1


def batch_of(pool: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor, Tensor]:
    """Draw patches, the newest first, turned and mirrored at random."""
    inputs, targets = [], []
    for k in range(BATCH):
        told, target = pool[k if k < FRESH else int(np.random.randint(len(pool)))]
        turns, mirror = int(np.random.randint(4)), np.random.random() < 0.5
        told, target = (np.rot90(a, turns, (1, 2)) for a in (told, target))
        if mirror:
            told, target = told[..., ::-1], target[..., ::-1]
        inputs.append(np.ascontiguousarray(told, np.float32))
        targets.append(np.ascontiguousarray(target, np.float32))
    if np.random.random() < 0.5:  # the slice above and the one below may change places
        for told in inputs:
            for first in (0, 3, 6):
                told[[first, first + 2]] = told[[first + 2, first]]
    x = torch.from_numpy(np.stack(inputs)).contiguous(memory_format=torch.channels_last)
    y = torch.from_numpy(np.stack(targets))
    return x, y[:, 0], y[:, 1]


def loss_of(logits: Tensor, edema: Tensor, bone: Tensor) -> tuple[Tensor, float]:
    """Cross-entropy plus one minus the Dice within the bones; and the hard Dice."""
    weight = OUTSIDE + (1 - OUTSIDE) * bone
    entropy = (
        nnf.binary_cross_entropy_with_logits(logits, edema, weight=weight, reduction="sum") / weight.sum()
    )
    p, true = logits.sigmoid() * bone, edema * bone
    dice = (2 * (p * true).sum() + 50) / (p.sum() + true.sum() + 50)
    hard = (p > 0.5).float()
    overlap = (2 * (hard * true).sum() + 1) / (hard.sum() + true.sum() + 1)
    return 3 * entropy + OVERLAP * (1 - dice), float(overlap)


def train(given: argparse.Namespace) -> None:
    """Run the training."""
    torch.manual_seed(given.seed)
    np.random.seed(given.seed)
    torch.set_num_threads(given.threads)
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=16)
    for k in range(given.scanners):
        context.Process(target=scan_forever, args=(given.library, given.seed + k, queue), daemon=True).start()
    net = SliceNet(CHANNELS, 1).to(memory_format=torch.channels_last)
    with torch.no_grad():
        net.last.bias.fill_(-2.0)
    if given.resume:
        net.load_state_dict(read_weights(given.resume))
    mean = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=given.rate, weight_decay=1e-4)
    given.out.mkdir(parents=True, exist_ok=True)
    pool: list[tuple[np.ndarray, np.ndarray]] = []
    start = saved = time.time()
    step, scans = 0, 0
    losses: list[tuple[float, float]] = []
    with (given.out / "log.jsonl").open("a") as log:
        while (elapsed := time.time() - start) < 60 * given.minutes:
            share = elapsed / (60 * given.minutes)
            rate = given.rate * min(1.0, (step + 1) / 40) * max(0.01, 0.5 * (1 + np.cos(np.pi * share)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            scans += refill(queue, pool)
            x, edema, bone = batch_of(pool)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(x)
            loss, overlap = loss_of(logits[:, 0].float(), edema, bone)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimizer.step()
            step += 1
            keep = min(EMA, (1 + step) / (10 + step))
            with torch.no_grad():
                for a, b in zip(mean.parameters(), net.parameters(), strict=True):
                    a.lerp_(b, 1 - keep)
            losses.append((float(loss.detach()), overlap))
            if step % 50 == 0:
                middle = np.mean(losses, axis=0)
                row = {"step": step, "seconds": round(elapsed), "scans": scans}
                row |= {"loss": round(float(middle[0]), 4), "dice": round(float(middle[1]), 3)}
                log.write(json.dumps(row) + "\n")
                log.flush()
                losses = []
            if time.time() - saved > 60:
                saved = time.time()
                torch.save(mean.state_dict(), given.out / "last.pt")
    torch.save(mean.state_dict(), given.out / "last.pt")


def refill(queue: mp.Queue, pool: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """Put what was scanned in front of the pool, mixed, and wait only while there is too little."""
    count = 0
    while len(pool) < LEAST_POOL:
        pool[:0] = queue.get()
        count += 1
    with suppress(Empty):
        pool[:0] = queue.get_nowait()
        count += 1
    head = pool[:60]
    np.random.shuffle(head)  # type: ignore[arg-type]
    pool[: len(head)] = head
    del pool[POOL:]
    return count


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=61)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scanners", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
