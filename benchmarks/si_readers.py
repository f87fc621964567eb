"""Dice of the found edema with each of the four readings of the three real sacroiliac cases.

Run ``python benchmarks/si_readers.py FOLDER``, FOLDER holding one folder a case with ``t1``,
``stir``, ``bone_region`` and the readings as ``.nii.gz``. Beside it stand reader against reader, and the same
reader twice.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from bmetk.anatomy import Label
from bmetk.edema import EdemaMap, segment_edema
from bmetk.exam import Segmentation
from bmetk.image import LabelMap, Mask
from bmetk.image.itk import labels_from_sitk, scalar_from_sitk

READINGS = tuple(f"reader{reader}_trial{trial}" for reader in (1, 2) for trial in (1, 2))
BETWEEN, WITHIN = ((0, 2), (0, 3), (1, 2), (1, 3)), ((0, 1), (2, 3))
"""Readings of two readers, and of one."""


def dice(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Return the Dice coefficient of two masks; 1 when both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 1.0 if total == 0 else 2 * int((first & second).sum()) / total


def run_case(folder: Path) -> tuple[EdemaMap, list[npt.NDArray[np.bool_]], float]:
    """Segment one case; return the map, the readings and the seconds it took."""
    images = {
        n: sitk.ReadImage(str(folder / f"{n}.nii.gz")) for n in ("t1", "stir", "bone_region", *READINGS)
    }
    t1, stir = scalar_from_sitk(images["t1"]), scalar_from_sitk(images["stir"])
    region = labels_from_sitk(images["bone_region"])
    bones = Segmentation(LabelMap(region.array, stir.grid), {1: Label("label_1", None, "label_1")})
    start = time.perf_counter()
    found = segment_edema(t1, stir, bones, Mask(np.ones(stir.grid.shape, bool), stir.grid))
    seconds = time.perf_counter() - start
    return found, [labels_from_sitk(images[n]).array > 0 for n in READINGS], seconds


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for folder in sorted(path for path in parser.parse_args().folder.iterdir() if path.is_dir()):
        found, readings, seconds = run_case(folder)
        scores = [dice(found.edema.array, reading) for reading in readings]
        between, within = (
            float(np.mean([dice(readings[a], readings[b]) for a, b in pairs])) for pairs in (BETWEEN, WITHIN)
        )
        volumes = " ".join(f"{reading.sum() * found.edema.grid.voxel_ml:.1f}" for reading in readings)
        print(
            f"{folder.name}: Dice {' '.join(f'{s:.3f}' for s in scores)} mean {np.mean(scores):.3f} "
            f"(reader against reader {between:.3f}, a reader against himself {within:.3f}); "
            f"{found.edema.volume_ml:.1f} mL, readers {volumes} mL; {seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
