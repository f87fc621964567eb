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

With ``--close`` they are on a finer grid, for the network of `bmetk.bones.closer`: ``label`` is 1 and the colour of
the bone, plus 128 in the marrow; ``depth`` int8, shape (3, z, y, x), on a grid of ``depth_spacing`` with the same
origin, holds the distances to the bones of each colour, positive inside, 127 being ``DEPTH_LIMIT_MM``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import coarse_class
from bmetk.bones.closer import COLOUR_COUNT, DEPTH_LIMIT_MM, colour_of, depth_mm
from bmetk.bones.foot_frame import FOOT_CLASSES, foot_class, foot_frame
from bmetk.bones.locate import CLASSES
from bmetk.bones.surfaces import voxelize
from bmetk.image import Grid
from bmetk.simulate.body import build_body
from bmetk.simulate.population import random_exam
from bmetk.simulate.spec import ExamSpec
from bmetk.simulate.subject import PosedSubject, pose_subject
from bmetk.simulate.tissue import Tissue

FIRST_SEED = 3_000_000
FIRST_FOOT_SEED = 3_500_000
FIRST_CLOSE_SEED = 3_600_000
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
CLOSE_EXTENT_MM = {
    "hip": ((-215, 215), (-130, 140), (-190, 170)),
    "knee": ((-85, 85), (-90, 100), (-150, 150)),
    "foot": FOOT_EXTENT_MM,
}
CLOSE_SPACING_MM = {"hip": 1.6, "knee": 1.2, "foot": FOOT_SPACING_MM}
DEPTH_STEP = 2
"""The grid of the distances is this much coarser."""
MARROW = 128
FULL = 250
"""A whole share of a tissue."""
TOE_BEND_DEG = (-60.0, 40.0)
"""Abduction drawn for a foot, 0.4 of which bends the toes."""


def pose_body(seed: int, joint: str, number: int) -> tuple[ExamSpec, PosedSubject]:
    """Draw a body of a joint; a hip has both sides in view."""
    spec = random_exam(seed, JOINTS[joint], healthy=number % 4 == 0)
    if joint == "hip":
        spec = replace(spec, side=Side.BOTH)
    return spec, pose_subject(spec)


def make_body(joint: str, number: int) -> dict[str, np.ndarray]:
    """Build one body."""
    spec, subject = pose_body(FIRST_SEED + number, joint, number)
    classes = {bone.name: CLASSES.index(coarse_class(bone.bone)) for bone in subject.bones}
    return fill_body(spec, subject, classes, EXTENT_MM[joint], SPACING_MM[joint])


def pose_foot(seed: int, number: int) -> tuple[ExamSpec, PosedSubject]:
    """Draw a foot with bent toes."""
    spec = random_exam(seed, (Joint.ANKLE, Joint.FOOT)[number % 2], healthy=number % 4 == 0)
    bend = np.random.default_rng(seed).uniform(*TOE_BEND_DEG)
    spec = replace(spec, pose=replace(spec.pose, abduction_deg=float(bend)))
    subject = pose_subject(spec)
    return spec, replace(subject, centre_mm=next(iter(subject.feet.values())).ankle_point)


def make_foot(_joint: str, number: int) -> dict[str, np.ndarray]:
    """Build one foot for the foot network."""
    spec, subject = pose_foot(FIRST_FOOT_SEED + number, number)
    classes = {bone.name: FOOT_CLASSES.index(foot_class(bone.name)) for bone in subject.bones}
    middles = {bone.name: bone.surface.vertices.mean(0) for bone in subject.bones}
    body = fill_body(spec, subject, classes, FOOT_EXTENT_MM, FOOT_SPACING_MM)
    return body | {"frame": foot_frame(middles, spec.side)}


def make_close(joint: str, number: int) -> dict[str, np.ndarray]:
    """Build one hip, knee or foot for the closer network."""
    seed = FIRST_CLOSE_SEED + number
    spec, subject = pose_foot(seed, number) if joint == "foot" else pose_body(seed, joint, number)
    colours = {
        bone.name: 1 + colour_of(bone.name if joint == "foot" else bone.bone.value) for bone in subject.bones
    }
    spacing = CLOSE_SPACING_MM[joint]
    body = fill_body(spec, subject, colours, CLOSE_EXTENT_MM[joint], spacing)
    label, step = body["label"], DEPTH_STEP * spacing
    depth = [signed_depth(label == 1 + colour, step) for colour in range(COLOUR_COUNT)]
    cortex = body["parts"][list(body["tissues"]).index(int(Tissue.CORTEX))]
    label[(label > 0) & (cortex < FULL // 2)] += MARROW
    return body | {"depth": np.stack(depth), "depth_spacing": np.array(step)}


def signed_depth(inside: np.ndarray, spacing: float) -> np.ndarray:
    """Measure the distance to the border on a coarser grid, positive inside, -127 to 127 at the limits."""
    coarse = inside[::DEPTH_STEP, ::DEPTH_STEP, ::DEPTH_STEP]
    depth = depth_mm(coarse, spacing) / DEPTH_LIMIT_MM
    return np.round(np.clip(depth, -1, 1) * 127).astype(np.int8)


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
    parser.add_argument("--first", type=int, default=0)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--foot", action="store_true", help="feet for the foot network")
    kind.add_argument("--close", action="store_true", help="every joint for the closer network")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    make = make_foot if given.foot else make_close if given.close else make_body
    for number in range(given.first, given.first + given.count):
        for joint in ("foot",) if given.foot else ("foot", "knee", "hip"):
            path = given.out / f"{joint}_{number:04d}.npz"
            if path.exists():
                continue
            start = time.time()
            partial = path.with_suffix(".tmp.npz")
            np.savez(partial, **(make(joint, number)))
            partial.rename(path)
            print(f"{path.name} {path.stat().st_size / 1e6:.0f} MB, {time.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
