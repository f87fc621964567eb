"""Make the library of bodies that the training images of `bmetk.edema` are scanned from.

Run from the project root, before or beside ``train.py`` (which picks up stacks as they appear)::

    python benchmarks/training/edema/stacks.py --out /tmp/stacks --count 200

Bodies are those of `bmetk.simulate` under seeds that no other population uses (3 700 000 and on), without edema,
cut into the slices of a random protocol: the edema is painted anew each time one is scanned. A stack is one ``.npz``:

- ``parts`` uint8, shape (T, S, R, C): mean share of each tissue in the slice, in steps of 1/250; ``tissues`` (T,)
- ``marrow`` uint8, shape (S, R, C): mean share of marrow, red or yellow, whatever it holds
- ``bones`` uint8: labels of `bmetk.anatomy`; ``articular`` uint8: nearness to a joint surface, 0 to 255
- ``yellow`` bool, shape (S, R, C): regions whose marrow is yellow in an adult
- ``affine`` (4, 4): index to LPS, mm; ``thickness``: mm; ``joint``
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bmetk.anatomy import REGION_LABELS, YELLOW_REGIONS, Joint, Side
from bmetk.image import Grid, LabelMap, RigidTransform, crop_box, crop_grid
from bmetk.simulate.acquire import fine_grid, sample_slices
from bmetk.simulate.body import build_body
from bmetk.simulate.exam import label_bones, plan_view
from bmetk.simulate.lesion import label_regions
from bmetk.simulate.population import random_exam
from bmetk.simulate.spec import ExamSpec
from bmetk.simulate.subject import PosedSubject, pose_subject

FIRST_SEED = 3_700_000
PIXEL_MM = 0.9
MARGIN_MM = 22.0
MAX_VOXELS = 5e6
LEAST_SHARE = 3


def draw_exam(number: int) -> ExamSpec:
    """Draw a body with its protocol: mostly one hip in view, and much red marrow more often than people have."""
    spec = random_exam(FIRST_SEED + number, healthy=True)
    rng = np.random.default_rng([FIRST_SEED + number, 7])
    if spec.side is Side.BOTH and rng.random() < 0.8:
        side = (Side.RIGHT, Side.LEFT)[int(rng.integers(2))]
        spec = replace(spec, side=side, protocol=replace(spec.protocol, field_of_view_mm=220.0))
    signs = replace(spec.signs, effusion=float(rng.uniform(0, 1)), osteonecrosis=None)
    if rng.random() < 0.06:
        side = Side.RIGHT if spec.side is Side.BOTH else spec.side
        signs = replace(signs, osteonecrosis=side)
    return replace(spec, signs=signs, subject=replace(spec.subject, red_marrow=float(rng.uniform(0, 0.8))))


def make_stack(number: int) -> dict[str, np.ndarray]:
    """Build one body and cut it into slices."""
    spec = draw_exam(number)
    subject = pose_subject(spec)
    series = replace(spec.protocol.fluid, in_plane_mm=PIXEL_MM)
    view = plan_view(spec, subject)
    whole = view.grid(series)
    distance = series.thickness_mm + series.gap_mm
    spec = replace(spec, protocol=replace(spec.protocol, fluid=series))
    bones, _ = label_bones(spec, subject, whole)
    ends = [v for v, label in REGION_LABELS.items() if label.name in YELLOW_REGIONS]
    yellow = np.isin(label_regions(subject, LabelMap(bones, whole)).array, ends)
    box = crop_box(bones > 0, whole, MARGIN_MM)
    box = (slice(None), box[1], box[2])
    grid = crop_grid(whole, box)
    fine = fine_grid([grid], 0.95 * PIXEL_MM, float(np.clip(distance / 2.8, 0.8, 1.8)), MAX_VOXELS)
    body = build_body(spec, subject, fine)
    still = RigidTransform.identity()

    def sliced(volume: np.ndarray) -> np.ndarray:
        return sample_slices(volume.astype(np.float32), fine, grid, series.thickness_mm, still)

    parts = {t: np.round(sliced(p)).astype(np.uint8) for t, p in body.tissues.parts.items()}
    parts = {t: p for t, p in parts.items() if p.max() > LEAST_SHARE}
    return {
        "parts": np.stack(list(parts.values())),
        "tissues": np.array([int(t) for t in parts]),
        "marrow": np.round(sliced(body.marrow)).astype(np.uint8),
        "bones": bones[box],
        "yellow": yellow[box],
        "articular": articular(subject, grid),
        "affine": grid.affine,
        "thickness": np.array(series.thickness_mm),
        "joint": np.array(spec.joint.value),
    }


def articular(subject: PosedSubject, grid: Grid) -> np.ndarray:
    """Mark the pixels that hold a joint surface, 0 to 255."""
    marked = np.zeros(grid.shape, np.uint8)
    for bone in subject.bones:
        index = np.round(grid.to_index(bone.surface.vertices)).astype(int)
        inside = ((index >= 0) & (index < grid.shape)).all(1)
        s, r, c = index[inside].T
        np.maximum.at(marked, (s, r, c), (255 * bone.articular[inside]).astype(np.uint8))
    return marked


def main() -> None:
    """Read the arguments and make what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--joints", nargs="*", default=[j.value for j in Joint], help="others are left out")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for number in range(given.first, given.count, given.step):
        path = given.out / f"{number:04d}.npz"
        if path.exists() or draw_exam(number).joint.value not in given.joints:
            continue
        start = time.time()
        stack = make_stack(number)
        temporary = path.with_suffix(".part.npz")
        np.savez_compressed(temporary, **stack)
        temporary.rename(path)
        print(path.name, stack["joint"], stack["bones"].shape, f"{time.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
