"""The five published courses, simulated when first asked for, and the patient that ships with bmetk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_bmetk import _texts as texts
from napari_bmetk import current_dock

if TYPE_CHECKING:
    from napari_bmetk._layers import LayerData

_COARSE = 1.6  # voxels that much wider than a clinic's: a sample is to be looked at soon


def shipped_patient() -> list[LayerData]:
    """Open the studies of the sample patient that ships with bmetk (npe2 sample contribution)."""
    from bmetk.simulate.sample import find_sample
    from napari_bmetk._reader import read_study

    current_dock()
    return read_study(find_sample() / "studies")


def course_sample(course_id: str) -> list[LayerData]:
    """Open a published course: at once if it was simulated before, else when the simulation is done.

    Until then a layer without anything in it stands in, since napari wants one.
    """
    from napari_bmetk._reader import read_study

    folder = _cache() / course_id
    dock = current_dock()
    if folder.is_dir():
        return read_study(folder)
    if dock is None:
        simulate(course_id, _cache(), lambda _stage, _share: None)
        return read_study(folder)
    name = texts.SAMPLE_WAITS.format(name=course_id)
    dock.simulate_sample(name, partial(simulate, course_id, _cache()))
    return [(np.empty((0, 3)), {"name": name, "metadata": {"bmetk_waits": course_id}}, "points")]


jimenez_martin = partial(course_sample, "jimenez-martin-2019")
koutserimpas = partial(course_sample, "koutserimpas-2025")
costa = partial(course_sample, "costa-2025")
vaishya = partial(course_sample, "vaishya-tmo-hip-talus")
three_episodes = partial(course_sample, "rmo-three-episodes")


def simulate(course_id: str, cache: Path, on_progress: Callable[[str, float], None]) -> Path:
    """Simulate a course into a folder of studies, whole or not at all.

    Raises
    ------
    bmetk.errors.BmetkError
        If the folder cannot be written.
    """
    from bmetk.simulate.courses import course
    from bmetk.simulate.patient import TRUTH_FOLDER, simulate_to

    shutil.rmtree(cache / TRUTH_FOLDER / course_id, ignore_errors=True)
    return simulate_to(course(course_id, coarse=_COARSE), cache, on_progress).folder


def _cache() -> Path:
    from napari_bmetk._places import spare_folder

    return spare_folder().parent / "samples"
