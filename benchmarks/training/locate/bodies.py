"""Make the library of bodies that the training images of `bmetk.bones.slices` are scanned from.

Run from the project root, before or beside ``train.py`` (which picks up bodies as they appear)::

    python benchmarks/training/locate/bodies.py --out /tmp/bodies --count 80

Bodies are those of `bmetk.simulate` under seeds that no other population uses (3 000 000 and on), in random
poses, with the lesions and the effusion of the day; nothing here was scanned. A body is one ``.npz`` on an
isotropic LPS grid:

- ``parts`` uint8, shape (T, Z, Y, X): share of each tissue, in steps of 1/250; ``tissues`` (T,): which
- ``label`` uint8: class of the bone, an index into ``CLASSES``
- ``origin``, ``spacing``: of the grid, mm; ``centre``: where an exam of this joint is centred

With ``--foot`` they are feet alone, on a finer grid, with bent toes, for the network of `bmetk.bones.foot`:
``label`` is an index into ``FOOT_CLASSES``, and ``frame`` (3, 4) carries LPS to the coordinates of the foot.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import coarse_class
from bmetk.bones.foot_frame import FOOT_CLASSES, foot_class, foot_frame
from bmetk.bones.locate import CLASSES
from bmetk.bones.surfaces import voxelize
from bmetk.image import Grid
from bmetk.simulate.body import build_body
from bmetk.simulate.population import random_exam
from bmetk.simulate.spec import ExamSpec
from bmetk.simulate.subject import PosedSubject, pose_subject

FIRST_SEED = 3_000_000
FIRST_FOOT_SEED = 3_500_000
EXTENT_MM = {
    "hip": ((-215, 215), (-130, 140), (-210, 210)),
    "knee": ((-90, 90), (-95, 105), (-165, 165)),
    "foot": ((-75, 75), (-215, 110), (-95, 175)),
}
"""Around the centre of the exam: x, y, z, LPS."""
SPACING_MM = {"hip": 2.0, "knee": 1.5, "foot": 1.4}
JOINTS = {"hip": Joint.HIP, "knee": Joint.KNEE, "foot": Joint.ANKLE}
FOOT_EXTENT_MM = ((-75, 75), (-225, 85), (-90, 90))
FOOT_SPACING_MM = 1.1
TOE_BEND_DEG = (-60.0, 40.0)
"""Abduction drawn for a foot, 0.4 of which bends the toes."""


def make_body(joint: str, number: int) -> dict[str, np.ndarray]:
    """Build one body."""
    spec = random_exam(FIRST_SEED + number, JOINTS[joint], healthy=number % 4 == 0)
    if joint == "hip":
        spec = replace(spec, side=Side.BOTH)
    subject = pose_subject(spec)
    classes = {bone.name: CLASSES.index(coarse_class(bone.bone)) for bone in subject.bones}
    return fill_body(spec, subject, classes, EXTENT_MM[joint], SPACING_MM[joint])


def make_foot(number: int) -> dict[str, np.ndarray]:
    """Build one foot for the foot network."""
    seed = FIRST_FOOT_SEED + number
    spec = random_exam(seed, (Joint.ANKLE, Joint.FOOT)[number % 2], healthy=number % 4 == 0)
    bend = np.random.default_rng(seed).uniform(*TOE_BEND_DEG)
    spec = replace(spec, pose=replace(spec.pose, abduction_deg=float(bend)))
    subject = pose_subject(spec)
    classes = {bone.name: FOOT_CLASSES.index(foot_class(bone.name)) for bone in subject.bones}
    subject = replace(subject, centre_mm=next(iter(subject.feet.values())).ankle_point)
    middles = {bone.name: bone.surface.vertices.mean(0) for bone in subject.bones}
    body = fill_body(spec, subject, classes, FOOT_EXTENT_MM, FOOT_SPACING_MM)
    return body | {"frame": foot_frame(middles, spec.side)}


def fill_body(
    spec: ExamSpec,
    subject: PosedSubject,
    classes: dict[str, int],
    extent_mm: tuple[tuple[int, int], ...],
    spacing: float,
) -> dict[str, np.ndarray]:
    """Put tissues and classes of a subject on a grid about its centre."""
    low, high = np.array(extent_mm, float).T
    count = np.ceil((high - low) / spacing).astype(int)
    origin = subject.centre_mm + low
    shape = (int(count[2]), int(count[1]), int(count[0]))
    grid = Grid.from_axes(shape, (spacing,) * 3, np.eye(3)[:, ::-1], origin)
    tissues = build_body(spec, subject, grid).tissues
    label = np.zeros(shape, np.uint8)
    for bone in subject.bones:
        label[voxelize(bone.surface, grid.affine, shape)] = classes[bone.name]
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
    parser.add_argument("--foot", action="store_true", help="feet for the foot network")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        for joint in ("foot",) if given.foot else ("foot", "knee", "hip"):
            path = given.out / f"{joint}_{number:04d}.npz"
            if path.exists():
                continue
            start = time.time()
            partial = path.with_suffix(".tmp.npz")
            np.savez(partial, **(make_foot(number) if given.foot else make_body(joint, number)))
            partial.rename(path)
            print(f"{path.name} {path.stat().st_size / 1e6:.0f} MB, {time.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
