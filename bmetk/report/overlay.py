"""The slices with most edema: T1, the fluid-sensitive series, and the same with what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.exam import ExamResult
from bmetk.image import Grid, LabelMap, Mask, ScalarImage, resample_scalar
from bmetk.report.display import Display, display_of
from bmetk.report.words import BONE_COLOUR, EDEMA_COLOUR, contrast_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN_MM = 18.0
_LEAST_ASPECT = 0.55  # a narrower view is widened, so that the surroundings are seen
_WIDTH_IN = 11.0
_GAP_IN = 0.06
_TITLE_IN = 0.28
_MAX_PANEL_IN = 4.2
_MAX_HEIGHT_IN = 16.0
_LEAST_SHARE = 0.02  # a region with less of all edema does not choose a slice
_SHARPNESS_PX = 0.6  # blur of a mask before its outline, so that voxel steps do not show

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    title: str
    image: ScalarImage
    bones: bool
    edema: bool


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Where to look: how slices are turned, and the rows and columns around the bones."""

    display: Display
    rows: slice
    columns: slice

    def of(self, array: npt.NDArray[_Scalar], number: int) -> npt.NDArray[_Scalar]:
        """Cut one slice out of a volume, as it is shown."""
        return self.display.turn(array[number])[self.rows, self.columns]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Height and width of what is shown, mm."""
        height_mm, width_mm = self.display.pixel_mm
        return (self.rows.stop - self.rows.start) * height_mm, (
            self.columns.stop - self.columns.start
        ) * width_mm


def slices_to_show(result: ExamResult, count: int) -> tuple[int, ...]:
    """Choose the slices with most edema, so that every edematous region is seen if it can be.

    Neighbouring slices come last. Without edema the slices run evenly through the bones.
    """
    if result.edema is None or not result.edema:
        shown = np.flatnonzero(result.bones.labels.array.any(axis=(1, 2)))
        shown = shown if shown.size else np.arange(result.bones.grid.shape[0])
        places = (np.arange(count) + 0.5) / count * len(shown)
        return tuple(sorted({int(shown[int(place)]) for place in places}))
    shares = _edema_shares(result.edema, result.regions.labels)
    chosen: list[int] = []
    for apart in (2, 1):
        while len(chosen) < count:
            number = _next_slice(shares, chosen, apart)
            if number is None:
                break
            chosen.append(number)
    return tuple(sorted(chosen))


def _edema_shares(edema: Mask, regions: LabelMap) -> npt.NDArray[np.float64]:
    """Edema of each region in each slice over that of the region's fullest slice, shape (slices, regions)."""
    slices, rows, columns = np.nonzero(edema.array)
    counts = np.zeros((edema.grid.shape[0], 256))
    np.add.at(counts, (slices, regions.array[slices, rows, columns]), 1)
    counts = counts[:, counts.sum(axis=0) >= _LEAST_SHARE * len(slices)]
    return np.asarray(counts / counts.max(axis=0))


def _next_slice(shares: npt.NDArray[np.float64], chosen: Sequence[int], apart: int) -> int | None:
    """Find the slice that shows most of what the chosen ones do not show well yet."""
    seen = shares[list(chosen)].max(axis=0, initial=0.0) >= 0.5
    scores = shares @ np.where(seen, 0.1, 1.0)
    for number in chosen:
        scores[max(0, number - apart + 1) : number + apart] = 0
    best = int(np.argmax(scores))
    return best if scores[best] > 0 else None


def overlay_figure(result: ExamResult, *, count: int = 4) -> Figure:
    """Draw the slices with most edema, one a row; the patient's right is on the viewer's left.

    Parameters
    ----------
    result : with the source images for the clean panels; without them, on the ratio image
    count : most slices to show
    """
    from matplotlib.figure import Figure

    panels = _panels(result)
    numbers = slices_to_show(result, count)
    view = _view(result, numbers)
    height_mm, width_mm = view.size_mm
    width_in = min((_WIDTH_IN - _GAP_IN * (len(panels) - 1)) / len(panels), _MAX_PANEL_IN)
    height_in = width_in * height_mm / width_mm
    if count > 1 and count * height_in > _MAX_HEIGHT_IN:
        return overlay_figure(result, count=count - 1)
    total_w = len(panels) * (width_in + _GAP_IN) - _GAP_IN
    total_h = len(numbers) * (height_in + _GAP_IN) - _GAP_IN + _TITLE_IN
    figure = Figure(figsize=(total_w, total_h), facecolor="white")
    for column, panel in enumerate(panels):
        limits = _window(panel.image, numbers, view)
        for row, number in enumerate(numbers):
            left = column * (width_in + _GAP_IN)
            top = total_h - _TITLE_IN - row * (height_in + _GAP_IN)
            box = (left / total_w, (top - height_in) / total_h, width_in / total_w, height_in / total_h)
            axes = figure.add_axes(box)
            _draw(axes, panel, result, view, number, limits)
            if row == 0:
                axes.set_title(panel.title, fontsize=10, pad=5)
    return figure


def _panels(result: ExamResult) -> list[_Panel]:
    grid, exam = result.bones.grid, result.exam
    panels = []
    if exam.t1 is not None:
        panels.append(_Panel(contrast_name(exam.t1.contrast), _on(exam.t1.image, grid, result), True, False))
    if exam.fluid is not None:
        name, image = contrast_name(exam.fluid.contrast), _on(exam.fluid.image, grid, result)
        panels.append(_Panel(name, image, False, False))
        panels.append(_Panel(f"{name} with bones and edema", image, True, True))
    if not panels:
        image = result.ratio or ScalarImage(np.zeros(grid.shape, np.float32), grid)
        panels.append(_Panel("Ratio of fluid-sensitive series to T1", image, False, False))
        panels.append(_Panel("with bones and edema", image, True, True))
    return panels


def _on(image: ScalarImage, grid: Grid, result: ExamResult) -> ScalarImage:
    return image if image.grid.matches(grid) else resample_scalar(image, grid, result.alignment)


def _view(result: ExamResult, numbers: Sequence[int]) -> _View:
    display = display_of(result.bones.grid)
    structures = result.bones.labels.array > 0
    if result.edema is not None:
        structures = structures | result.edema.array
    marked: npt.NDArray[np.bool_] = np.logical_or.reduce(structures[list(numbers)], axis=0)
    if not marked.any():
        marked = np.ones_like(marked)
    shown = display.turn(marked)
    height_mm, width_mm = display.pixel_mm
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    least_mm = _LEAST_ASPECT * max(np.ptp(rows) * height_mm, np.ptp(columns) * width_mm)
    return _View(
        display,
        _reach(rows, shown.shape[0], height_mm, least_mm),
        _reach(columns, shown.shape[1], width_mm, least_mm),
    )


def _reach(marked: npt.NDArray[np.intp], size: int, pixel_mm: float, least_mm: float) -> slice:
    """Reach from the first to the last marked pixel with a margin, but over ``least_mm`` at least."""
    first, last = int(marked[0]), int(marked[-1])
    margin = round(max(_MARGIN_MM, (least_mm - (last - first) * pixel_mm) / 2) / pixel_mm)
    return slice(max(0, first - margin), min(size, last + margin + 1))


def _window(image: ScalarImage, numbers: Sequence[int], view: _View) -> tuple[float, float]:
    shown = np.concatenate([view.of(image.array, number).ravel() for number in numbers])
    low, high = np.percentile(shown, (1, 99.9))
    return float(low), float(max(high, low + 1e-6))


def _draw(
    axes: Axes, panel: _Panel, result: ExamResult, view: _View, number: int, limits: tuple[float, float]
) -> None:
    height_mm, width_mm = view.size_mm
    extent = (0.0, width_mm, height_mm, 0.0)
    axes.imshow(
        view.of(panel.image.array, number),
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        extent=extent,
        interpolation="bilinear",
        aspect="auto",
    )
    if panel.bones:
        shown = view.of(result.bones.labels.array, number)
        for value in np.unique(shown[shown > 0]):
            _outline(axes, shown == value, extent, BONE_COLOUR, 0.8)
    if panel.edema and result.edema is not None:
        _fill(axes, view.of(result.edema.array, number), extent)
    axes.set_axis_off()
    _mark(axes, view, f"{number + 1} of {result.bones.grid.shape[0]}")


def _outline(
    axes: Axes, mask: npt.NDArray[np.bool_], extent: tuple[float, ...], colour: str, width: float
) -> None:
    from matplotlib.collections import LineCollection

    lines = list(_contours(mask, extent))
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width), autolim=False)


def _contours(mask: npt.NDArray[np.bool_], extent: tuple[float, ...]) -> Iterator[npt.NDArray[np.float64]]:
    from contourpy import contour_generator

    soft = ndimage.gaussian_filter(np.pad(mask, 2).astype(np.float32), _SHARPNESS_PX)
    scale = np.array([extent[1] / mask.shape[1], extent[2] / mask.shape[0]])
    for line in contour_generator(z=soft).lines(0.5):
        yield (np.asarray(line, dtype=np.float64) - 1.5) * scale


def _fill(axes: Axes, mask: npt.NDArray[np.bool_], extent: tuple[float, float, float, float]) -> None:
    from matplotlib.colors import to_rgb

    soft = ndimage.gaussian_filter(mask.astype(np.float32), _SHARPNESS_PX)
    tint = np.empty((*mask.shape, 4), np.float32)
    tint[..., :3] = to_rgb(EDEMA_COLOUR)
    tint[..., 3] = 0.38 * np.clip(2 * soft - 0.5, 0, 1)
    axes.imshow(tint, extent=extent, interpolation="bilinear", aspect="auto")
    _outline(axes, mask, extent, EDEMA_COLOUR, 1.0)


def _mark(axes: Axes, view: _View, label: str) -> None:
    """Write the orientation letters, the slice number and a scale bar of 2 cm."""
    shade = {"boxstyle": "round,pad=0.15", "facecolor": "black", "edgecolor": "none", "alpha": 0.45}
    display, (height_mm, width_mm) = view.display, view.size_mm
    letters = (
        (0.012, 0.5, display.left, "left", "center"),
        (0.988, 0.5, display.right, "right", "center"),
        (0.5, 0.985, display.top, "center", "top"),
        (0.5, 0.015, display.bottom, "center", "bottom"),
        (0.015, 0.985, label, "left", "top"),
    )
    for x, y, text, across, along in letters:
        axes.text(
            x,
            y,
            text,
            transform=axes.transAxes,
            color="white",
            fontsize=8,
            ha=across,
            va=along,
            bbox=shade,
        )
    y = height_mm * 0.965
    for colour, width in (("black", 4.5), ("white", 2.0)):
        axes.plot([width_mm - 24, width_mm - 4], [y, y], color=colour, linewidth=width)
    axes.text(width_mm - 14, y - 2.5, "2 cm", color="white", fontsize=7, ha="center", va="bottom", bbox=shade)
    axes.set_xlim(0, width_mm)
    axes.set_ylim(height_mm, 0)
