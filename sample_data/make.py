"""Simulate the sample patient anew from its recipe: `make sample`, or run this file."""

from __future__ import annotations

from pathlib import Path

from bmetk.simulate.sample import check_sample, make_sample

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    make_sample(folder, lambda stage, done: print(f"{stage} {done:.0%}", flush=True))  # noqa: T201
    print(f"{check_sample(folder) / 1e6:.1f} MB")  # noqa: T201
