"""Average the weights of two stages of one training, so that the second adds to the first and takes nothing away.

    python benchmarks/training/average.py --first /tmp/run3/last.pt --second /tmp/run4/last.pt --share 0.4 --out /tmp/mean.pt

Wortsman et al. 2022, doi:10.1109/CVPR52688.2022.00780.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from shipped import read_weights


def main() -> None:
    """Read the arguments and average."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--second", type=Path, required=True)
    parser.add_argument("--share", type=float, required=True, help="of the second, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    first, second = read_weights(given.first), read_weights(given.second)
    torch.save({name: torch.lerp(first[name], second[name], given.share) for name in first}, given.out)


if __name__ == "__main__":
    main()
