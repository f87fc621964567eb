"""Dice of the found edema with each of the four readings of the three real sacroiliac cases.

Run ``python benchmarks/si_readers.py FOLDER``, FOLDER holding one folder a case with ``t1``,
``stir``, ``bone_region`` and the readings as ``.nii.gz``. Beside it stand reader against reader, and the same
reader twice. ``--draws N`` tells how steady that is: each case N times under another coil's gain, and N times
with part of the region alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from bmetk.anatomy import Label
from bmetk.edema import EdemaMap, segment_edema
from bmetk.exam import Segmentation
from bmetk.image import LabelMap, Mask, ScalarImage
from bmetk.image.itk import labels_from_sitk, scalar_from_sitk
from bmetk.validation.score import dice

READINGS = tuple(f"reader{reader}_trial{trial}" for reader in (1, 2) for trial in (1, 2))
BETWEEN, WITHIN = ((0, 2), (0, 3), (1, 2), (1, 3)), ((0, 1), (2, 3))
"""Readings of two readers, and of one."""
GAIN_SPREAD = 0.15
"""Standard deviation of a drawn gain's logarithm; it changes over a third of the slices, a fifth of a row."""
WINDOW_SHARE = 0.6
"""Share of the region's columns that a drawn window keeps."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Both series, the region that readers were asked to look at, and what they drew."""

    t1: ScalarImage
    stir: ScalarImage
    region: npt.NDArray[np.uint8]
    readings: tuple[npt.NDArray[np.bool_], ...]


def load(folder: Path) -> Case:
    """Read one case."""
    names = ("t1", "stir", "bone_region", *READINGS)
    images = {name: sitk.ReadImage(str(folder / f"{name}.nii.gz")) for name in names}
    t1, stir = scalar_from_sitk(images["t1"]), scalar_from_sitk(images["stir"])
    readings = tuple(labels_from_sitk(images[n]).array > 0 for n in READINGS)
    return Case(t1, stir, labels_from_sitk(images["bone_region"]).array, readings)


def with_other_gain(case: Case, rng: np.random.Generator) -> Case:
    """Multiply each series by a smooth gain of its own."""
    series = []
    for image in (case.t1, case.stir):
        shape = image.grid.shape
        drawn = ndimage.gaussian_filter(rng.normal(size=shape), (shape[0] / 3, shape[1] / 5, shape[2] / 5))
        gain = np.exp(GAIN_SPREAD * drawn / drawn.std())
        series.append(image.with_array((image.array * gain).astype(np.float32)))
    return replace(case, t1=series[0], stir=series[1])


def in_window(case: Case, rng: np.random.Generator) -> Case:
    """Keep some of the region's columns alone, and what was read there."""
    columns = np.flatnonzero(case.region.any(axis=(0, 1)))
    first, width = columns[0], columns[-1] - columns[0]
    start = int(first + rng.uniform() * (1 - WINDOW_SHARE) * width)
    region = np.zeros_like(case.region)
    kept = slice(start, int(start + WINDOW_SHARE * width))
    region[..., kept] = case.region[..., kept]
    return replace(case, region=region, readings=tuple(r & (region > 0) for r in case.readings))


def run_case(case: Case) -> tuple[EdemaMap, float]:
    """Segment one case; return the map and the seconds it took."""
    grid = case.stir.grid
    bones = Segmentation(LabelMap(case.region, grid), {1: Label("label_1", None, "label_1")})
    start = time.perf_counter()
    found = segment_edema(case.t1, case.stir, bones, Mask(np.ones(grid.shape, bool), grid))
    return found, time.perf_counter() - start


def agreement(readings: tuple[npt.NDArray[np.bool_], ...], pairs: tuple[tuple[int, int], ...]) -> float:
    """Mean Dice of some pairs of readings."""
    return float(np.mean([dice(readings[a], readings[b]) for a, b in pairs]))


def report_draws(case: Case, vary: Callable[[Case, np.random.Generator], Case], draws: int) -> str:
    """Say the mean Dice with the readings over some draws, and the lowest, beside reader against reader."""
    own, readers = [], []
    for seed in range(draws):
        drawn = vary(case, np.random.default_rng(seed))
        found, _ = run_case(drawn)
        own.append(float(np.mean([dice(found.edema.array, reading) for reading in drawn.readings])))
        readers.append(agreement(drawn.readings, BETWEEN))
    name = vary.__name__.replace("_", " ")
    between = float(np.mean(readers))
    return f"{name}: mean {np.mean(own):.3f}, lowest {min(own):.3f} (reader against reader {between:.3f})"


def main() -> None:
    """Print one line a case, and two more where draws are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=0, metavar="N")
    args = parser.parse_args()
    for folder in sorted(path for path in args.folder.iterdir() if path.is_dir()):
        case = load(folder)
        found, seconds = run_case(case)
        scores = [dice(found.edema.array, reading) for reading in case.readings]
        between, within = (agreement(case.readings, pairs) for pairs in (BETWEEN, WITHIN))
        volumes = " ".join(f"{reading.sum() * found.edema.grid.voxel_ml:.1f}" for reading in case.readings)
        print(
            f"{folder.name}: Dice {' '.join(f'{s:.3f}' for s in scores)} mean {np.mean(scores):.3f} "
            f"(reader against reader {between:.3f}, a reader against himself {within:.3f}); "
            f"{found.edema.volume_ml:.1f} mL, readers {volumes} mL; {seconds:.1f} s"
        )
        for vary in (with_other_gain, in_window) if args.draws > 0 else ():
            print(f"  {report_draws(case, vary, args.draws)}", flush=True)


if __name__ == "__main__":
    main()
