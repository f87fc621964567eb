"""Turn a result into napari layers in patient orientation.

napari draws a layer right only where its axes run along the world's. So every image is turned to
(z, y, x) of the LPS patient system, all increasing, with `scale` and `translate` in mm; an oblique
image is resampled on such a grid for display. The true grid stays in the layer's metadata.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bmetk import ExamResult
from bmetk.exam import Exam, Segmentation, Series
from bmetk.image import (
    Grid,
    LabelMap,
    ScalarImage,
    resample_labels,
    resample_scalar,
)

LayerData = tuple[npt.NDArray[np.generic], dict[str, Any], str]

AXES = ("z", "y", "x")
"""Names of the axes of every layer: towards the head, the back, the patient's left."""

EDEMA_COLOUR = "#d55e00"
# Okabe and Ito's colours, which the colour-blind tell apart, without the one of edema (and black).
_COLOURS = ("#56b4e9", "#009e73", "#f0e442", "#0072b2", "#cc79a7", "#e69f00")
_RATIO_WINDOW = (0.0, 4.0)  # 1 is normal fatty marrow


def exam_layers(result: ExamResult, *, shown: bool = True) -> list[LayerData]:
    """Make the layers of one exam, from the back to the front.

    Parameters
    ----------
    result : result of one exam; T1 and fluid-sensitive series become layers if they are in memory
    shown : False hides all of them at first
    """
    layers = _series_layers(result)
    if result.ratio is not None:
        layers.append(
            _image("ratio", result.ratio, result, visible=shown and not layers, contrast_limits=_RATIO_WINDOW)
        )
    if result.probability is not None:
        look: dict[str, Any] = {
            "visible": False,
            "colormap": "inferno",
            "blending": "additive",
            "opacity": 0.6,
        }
        layers.append(_image("probability", result.probability, result, contrast_limits=(0.0, 1.0), **look))
    layers.append(_labels("bones", result.bones, result, visible=False))
    layers.append(_labels("regions", result.regions, result, visible=shown, opacity=0.25))
    if result.edema is not None:
        edema = LabelMap(result.edema.array.astype(np.uint8), result.edema.grid)
        colours = {1: EDEMA_COLOUR}
        layers.append(_label_layer("edema", edema, result, colours, visible=shown, opacity=0.6))
    return layers


def exam_title(exam: Exam) -> str:
    """Name an exam by day, joint and side, without identity."""
    day = exam.date.isoformat() if exam.date else "undated"
    return " ".join([day, exam.joint.value, *([exam.side.value] if exam.side else [])])


def native_plane(grid: Grid) -> int:
    """Axis of the patient that the slices are stacked along: 0 is z (axial), 1 is y, 2 is x."""
    return 2 - _nearest_axes(grid).index(0)


def _series_layers(result: ExamResult) -> list[LayerData]:
    """Show the series that were analysed, T1 in register, where they are still in memory."""
    exam = result.exam
    if exam.fluid is None:
        return []
    layers = [_series("fluid", exam.fluid, exam.fluid.image, result, visible=True)]
    if exam.t1 is not None:
        aligned = resample_scalar(exam.t1.image, exam.fluid.image.grid, result.alignment)
        layers.insert(0, _series("T1", exam.t1, aligned, result, visible=False))
    return layers


def _series(role: str, series: Series, image: ScalarImage, result: ExamResult, *, visible: bool) -> LayerData:
    window = np.percentile(image.array, [1.0, 99.5])
    name = role if role == "T1" else series.contrast.value.upper().replace("_", " ")
    limits = (float(window[0]), float(max(window[1], window[0] + 1.0)))
    return _image(role, image, result, title=name, visible=visible, contrast_limits=limits)


def _image(
    role: str, image: ScalarImage, result: ExamResult, *, title: str | None = None, **look: Any
) -> LayerData:
    grid = _display_grid(image.grid)
    shown = image if grid is image.grid else resample_scalar(image, grid)
    array = np.nan_to_num(shown.array)
    options = {"colormap": "gray", **look}
    return _turned(array, grid), {**_placement(role, title or role, image.grid, result), **options}, "image"


def _labels(role: str, segmentation: Segmentation, result: ExamResult, **look: Any) -> LayerData:
    meaning = segmentation.present()
    colours = {value: _COLOURS[rank % len(_COLOURS)] for rank, value in enumerate(meaning)}
    told = pd.DataFrame(
        [(value, label.name, label.side.value if label.side else "") for value, label in meaning.items()],
        columns=["index", role.removesuffix("s"), "side"],
    )
    return _label_layer(role, segmentation.labels, result, colours, features=told, **look)


def _label_layer(
    role: str, labels: LabelMap, result: ExamResult, colours: dict[int, str], **look: Any
) -> LayerData:
    from napari.utils import DirectLabelColormap

    grid = _display_grid(labels.grid)
    shown = labels if grid is labels.grid else resample_labels(labels, grid)
    colormap = DirectLabelColormap(color_dict=dict([(None, "transparent"), *colours.items()]))
    placement = _placement(role, role, labels.grid, result)
    return _turned(shown.array, grid), {**placement, "colormap": colormap, **look}, "labels"


def _placement(role: str, title: str, grid: Grid, result: ExamResult) -> dict[str, Any]:
    """Say where a layer lies and what it is; ``grid`` is the true one, before any display resampling."""
    display = _display_grid(grid)
    order = _nearest_axes(display)[::-1]
    first_mm = display.to_world(np.where(_backwards(display), np.asarray(display.shape) - 1, 0))
    return {
        "name": f"{exam_title(result.exam)}: {title}",
        "scale": tuple(display.spacing_mm[axis] for axis in order),
        "translate": tuple(float(mm) for mm in first_mm[::-1]),
        "units": ("mm", "mm", "mm"),
        "axis_labels": AXES,
        "metadata": {"bmetk_role": role, "bmetk_result": result, "affine_lps": grid.affine},
    }


def _turned(array: npt.NDArray[np.generic], grid: Grid) -> npt.NDArray[np.generic]:
    """Turn an array to (z, y, x), all increasing; a view, in memory that cannot be written to."""
    flips = tuple(slice(None, None, -1 if back else 1) for back in _backwards(grid))
    return array[flips].transpose(_nearest_axes(grid)[::-1])


def _nearest_axes(grid: Grid) -> tuple[int, int, int]:
    """Find the array axis that runs along x, along y and along z of the patient, each once."""
    along = np.abs(grid.axes)
    best = max(
        permutations(range(3)),
        key=lambda axes: float(sum(along[world, axis] for world, axis in enumerate(axes))),
    )
    return best[0], best[1], best[2]


def _backwards(grid: Grid) -> npt.NDArray[np.bool_]:
    """Tell for each array axis whether it runs against its nearest axis of the patient."""
    backwards = np.zeros(3, dtype=bool)
    for world, axis in enumerate(_nearest_axes(grid)):
        backwards[axis] = grid.axes[world, axis] < 0
    return backwards


def _display_grid(grid: Grid) -> Grid:
    """Return the grid itself if it runs along the patient's axes, else an upright one that encloses it.

    Upright enough is: no voxel is shown further off than half the smallest spacing.
    """
    order = _nearest_axes(grid)
    upright = np.zeros((3, 3))
    for world, axis in enumerate(order):
        upright[world, axis] = np.sign(grid.axes[world, axis])
    corners = np.array(np.meshgrid(*((0.0, n - 1.0) for n in grid.shape), indexing="ij")).reshape(3, -1).T
    corners_mm = grid.to_world(corners)
    straight_mm = grid.centre_mm + (corners - (np.asarray(grid.shape) - 1) / 2) * grid.spacing_mm @ upright.T
    if np.abs(corners_mm - straight_mm).max() <= min(grid.spacing_mm) / 2:
        return grid
    low, high = corners_mm.min(axis=0), corners_mm.max(axis=0)
    spacing = np.array([grid.spacing_mm[axis] for axis in order])
    shape = np.ceil((high - low) / spacing).astype(int) + 1
    z, y, x = (int(n) for n in shape[::-1])
    dx, dy, dz = (float(mm) for mm in spacing)
    return Grid.from_axes((z, y, x), (dz, dy, dx), np.eye(3)[:, ::-1], low)
