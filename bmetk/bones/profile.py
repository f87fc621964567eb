"""Where the outer border of the cortical bone lies on a line across it: a small network on profiles.

A line runs from the marrow through the dark cortical bone into whatever lies outside. The network reads 41
intensities and how thick the voxels are along the line, and gives a probability to each place of the
border. It was trained on simulated lines only (`benchmarks/training/profile`), of random contrast,
thickness, blur and noise, with marrow that edema has darkened among them. Searching along normals is
the way of Cootes et al. (1995, doi:10.1006/cviu.1995.1004).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from bmetk.bones.surfaces import Points
from bmetk.image import ScalarImage

Floats = NDArray[np.float32]

STEP_MM = 0.5
REACH_MM = 10.0
"""A profile runs from this far inside to this far outside."""
SHIFT_REACH_MM = 8.0
"""Largest distance at which the border is recognised."""
PLACES_MM = np.arange(-SHIFT_REACH_MM, SHIFT_REACH_MM + STEP_MM / 2, STEP_MM)
_ALONG = np.arange(-REACH_MM, REACH_MM + STEP_MM / 2, STEP_MM)
BRIGHTEST = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class ProfileNetwork:
    """Weights and biases of a perceptron with rectified layers."""

    layers: tuple[tuple[Floats, Floats], ...]

    def log_likelihood(self, inputs: Floats) -> Floats:
        """Return the log-probability of each place of the border, (N, F) to (N, 33)."""
        value = inputs
        for number, (weight, bias) in enumerate(self.layers):
            value = value @ weight + bias
            if number < len(self.layers) - 1:
                value = np.maximum(value, 0)
        value = value - value.max(1, keepdims=True)
        return np.asarray(value - np.log(np.exp(value).sum(1, keepdims=True)), np.float32)


@cache
def load_network() -> ProfileNetwork:
    """Load the packaged weights, once."""
    source = files("bmetk.bones") / "data" / "profile.npz"
    with as_file(source) as path, np.load(path, allow_pickle=False) as data:
        count = len(data.files) // 2
        pairs = [
            (data[f"weight{n}"].astype(np.float32), data[f"bias{n}"].astype(np.float32)) for n in range(count)
        ]
    return ProfileNetwork(tuple(pairs))


def sample_profiles(image: ScalarImage, points: Points, normals: Points) -> tuple[Floats, NDArray[np.bool_]]:
    """Sample lines through points along their normals, inside first.

    Returns
    -------
    profiles : shape (N, 41), in the image's own intensities
    seen : shape (N,)
        Whether the middle half of the line lies in the acquired volume.
    """
    lines = points[:, None] + _ALONG[:, None] * normals[:, None]
    index = image.grid.to_index(lines)
    values = map_coordinates(image.array, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    middle = np.abs(_ALONG) <= REACH_MM / 2
    seen = image.grid.contains(lines[:, middle]).all(axis=1)
    return values.astype(np.float32), np.asarray(seen, bool)


def resolution_mm(image: ScalarImage, normals: Points) -> Floats:
    """Return the size of a voxel along each normal, mm, shape (N,)."""
    along = normals @ image.grid.axes
    return np.asarray(np.sqrt(((along * image.grid.spacing_mm) ** 2).sum(1)), np.float32)


def features(profiles: Floats, marrow: Floats, voxel_mm: Floats) -> Floats:
    """Scale profiles (N, 41) by the marrow's intensity (N,) and add the voxel's size (N,): (N, 42)."""
    scaled = np.clip(profiles / np.maximum(marrow, 1e-6)[:, None], 0, BRIGHTEST)
    return np.concatenate([scaled, voxel_mm[:, None] / 5.0], axis=1).astype(np.float32)
