"""Make the library of bodies that the training images of `bmetk.bones.slices` are scanned from.

Run from the project root, before or beside ``train.py`` (which picks up bodies as they appear)::

    python benchmarks/training/locate/bodies.py --out /tmp/bodies --count 80

Bodies are those of `bmetk.simulate` under seeds that no other population uses (3 000 000 and on), in random
poses, with the lesions and the effusion of the day; nothing here was scanned. A body is one ``.npz`` on an
isotropic LPS grid:

- ``parts`` uint8, shape (T, Z, Y, X): share of each tissue, in steps of 1/250; ``tissues`` (T,): which
- ``label`` uint8: class of the bone, an index into ``CLASSES``
- ``origin``, ``spacing``: of the grid, mm; ``centre``: where an exam of this joint is centred
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import coarse_class
from bmetk.bones.locate import CLASSES
from bmetk.bones.surfaces import voxelize
from bmetk.image import Grid
from bmetk.simulate.body import build_body
from bmetk.simulate.population import random_exam
from bmetk.simulate.subject import pose_subject

FIRST_SEED = 3_000_000
EXTENT_MM = {
    "hip": ((-215, 215), (-130, 140), (-210, 210)),
    "knee": ((-90, 90), (-95, 105), (-165, 165)),
    "foot": ((-75, 75), (-215, 110), (-95, 175)),
}
"""Around the centre of the exam: x, y, z, LPS."""
SPACING_MM = {"hip": 2.0, "knee": 1.5, "foot": 1.4}
JOINTS = {"hip": Joint.HIP, "knee": Joint.KNEE, "foot": Joint.ANKLE}


def make_body(joint: str, number: int) -> dict[str, np.ndarray]:
    """Build one body."""
    spec = random_exam(FIRST_SEED + number, JOINTS[joint], healthy=number % 4 == 0)
    if joint == "hip":
        spec = replace(spec, side=Side.BOTH)
    subject = pose_subject(spec)
    spacing = SPACING_MM[joint]
    low, high = np.array(EXTENT_MM[joint], float).T
    count = np.ceil((high - low) / spacing).astype(int)
    origin = subject.centre_mm + low
    shape = (int(count[2]), int(count[1]), int(count[0]))
    grid = Grid.from_axes(shape, (spacing,) * 3, np.eye(3)[:, ::-1], origin)
    tissues = build_body(spec, subject, grid).tissues
    label = np.zeros(shape, np.uint8)
    for bone in subject.bones:
        label[voxelize(bone.surface, grid.affine, shape)] = CLASSES.index(coarse_class(bone.bone))
    used = [tissue for tissue, part in tissues.parts.items() if part.any()]
    return {
        "parts": np.stack([tissues.parts[tissue] for tissue in used]),
        "tissues": np.array([int(tissue) for tissue in used]),
        "label": label,
        "origin": origin,
        "spacing": np.array(spacing),
        "centre": subject.centre_mm,
    }


def main() -> None:
    """Read the arguments and fill the library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=80)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        for joint in ("foot", "knee", "hip"):
            path = given.out / f"{joint}_{number:04d}.npz"
            if path.exists():
                continue
            start = time.time()
            partial = path.with_suffix(".tmp.npz")
            np.savez(partial, **make_body(joint, number))
            partial.rename(path)
            print(f"{path.name} {path.stat().st_size / 1e6:.0f} MB, {time.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
