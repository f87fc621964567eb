"""Fixtures of every test: the data beside the project, seeded randomness, grids in every plane."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from bmetk.image import Grid

PROJECT = Path(__file__).resolve().parents[1]

mpl.use("Agg")  # no screen is needed to draw a figure

# Unit LPS directions of increasing slice, row and column index, as columns.
AXES = {
    "axial": np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    "coronal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "sagittal": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


def make_grid(
    plane: str,
    shape: tuple[int, int, int] = (16, 40, 36),
    spacing_mm: tuple[float, float, float] = (3.5, 0.9, 1.1),
    centre_mm: tuple[float, float, float] = (12.0, -7.0, 31.0),
) -> Grid:
    """Lay a grid in one plane (`axial`, `coronal`, `sagittal`, `oblique`) about a centre."""
    axes = _tilt() @ AXES["coronal"] if plane == "oblique" else AXES[plane]
    first_voxel = np.asarray(centre_mm) - axes @ ((np.asarray(shape) - 1) * spacing_mm / 2)
    return Grid.from_axes(shape, spacing_mm, axes, first_voxel)


def _tilt() -> np.ndarray:
    """Tilt by 17 degrees about x, then by 11 degrees about z."""
    x, z = np.deg2rad([17.0, 11.0])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_x


@pytest.fixture(scope="session")
def project() -> Path:
    """Root of the source tree."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real data and anatomy beside the project; `BMETK_SHARED` names another place."""
    folder = Path(os.environ.get("BMETK_SHARED", PROJECT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("shared/ is not beside the project: real data cannot be tested")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Draw random numbers that are the same in every run."""
    return np.random.default_rng(20261122)


@pytest.fixture(params=["axial", "coronal", "sagittal", "oblique"])
def grid(request: pytest.FixtureRequest) -> Grid:
    """A grid in each plane in turn."""
    return make_grid(request.param)
