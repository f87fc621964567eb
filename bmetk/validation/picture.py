"""The figures of a validation as one picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from bmetk.validation.run import ExamScore, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE = "#0072b2", "#d55e00"
_WORST = 6
"""Views shown."""
_AROUND_MM = 15.0


def draw_validation(exams: Sequence[ExamScore], healthy: Sequence[ExamScore]) -> bytes:
    """Draw Dice per bone, found against true volume, and the Bland-Altman plot, as PNG.

    Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8.
    """
    from matplotlib.figure import Figure

    page = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = page.subplots(1, 3, width_ratios=(1.4, 1, 1))
    _draw_bones(left, exams)
    done = [exam for exam in exams if not exam.failure]
    true, found = np.array([e.true_ml for e in done]), np.array([e.found_ml for e in done])
    _draw_volumes(middle, true, found, [e.found_ml for e in healthy if not e.failure])
    _draw_agreement(right, true, found)
    stream = BytesIO()
    page.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def draw_worst(what: str, views: Sequence[tuple[str, View]]) -> bytes:
    """Draw the worst of named views with their true and their found outline, as PNG."""
    from matplotlib.figure import Figure

    shown = sorted(views, key=lambda pair: pair[1].dice)[:_WORST]
    rows = max(1, -(-len(shown) // 3))
    page = Figure(figsize=(13, 4.8 * rows), layout="constrained")
    page.suptitle(f"{what}: true outline blue, found orange")
    for number, (name, view) in enumerate(shown, start=1):
        axes = page.add_subplot(rows, 3, number)
        axes.set_title(f"{name}: {view.title}, {view.dice:.2f}", fontsize=10)
        _draw_outlines(axes, view)
    stream = BytesIO()
    page.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _draw_outlines(axes: Axes, view: View) -> None:
    """Show the part of a slice about both outlines, millimetres square."""
    rows, columns = np.nonzero(view.true | view.found)
    margin = [round(_AROUND_MM / pixel) for pixel in view.pixel_mm]
    box = (
        slice(max(int(rows.min()) - margin[0], 0), int(rows.max()) + margin[0] + 1),
        slice(max(int(columns.min()) - margin[1], 0), int(columns.max()) + margin[1] + 1),
    )
    image = view.image[box]
    axes.imshow(
        image, cmap="gray", vmax=float(np.quantile(image, 0.99)), aspect=view.pixel_mm[0] / view.pixel_mm[1]
    )
    for mask, colour in ((view.true, _BLUE), (view.found, _ORANGE)):
        if mask[box].any():
            axes.contour(mask[box], [0.5], colors=colour, linewidths=1.2)
    axes.set_axis_off()


def _draw_bones(axes: Axes, exams: Sequence[ExamScore]) -> None:
    by_bone: dict[str, list[float]] = defaultdict(list)
    for exam in exams:
        for bone in exam.bones:
            by_bone[bone.bone].append(bone.dice)
    axes.set_title("Bones")
    axes.set_xlabel("Dice")
    axes.set_xlim(0, 1)
    if by_bone:
        names = list(reversed(by_bone))
        axes.boxplot([by_bone[name] for name in names], orientation="horizontal", widths=0.6)
        axes.set_yticks(range(1, len(names) + 1), [name.replace("_", " ") for name in names], fontsize=8)
    axes.grid(axis="x", alpha=0.3)


def _draw_volumes(
    axes: Axes,
    true: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    found: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    healthy: Sequence[float],
) -> None:
    top = max(1.0, *true, *found) if true.size else 1.0
    axes.plot([0, top], [0, top], color="0.6", linewidth=1)
    axes.scatter(true, found, s=18, color=_BLUE, label="with edema")
    axes.scatter(np.zeros(len(healthy)), healthy, s=18, color=_ORANGE, marker="x", label="healthy")
    axes.set_title("Edema volume")
    axes.set_xlabel("true, mL")
    axes.set_ylabel("found, mL")
    axes.legend(frameon=False)


def _draw_agreement(
    axes: Axes,
    true: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    found: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    difference = found - true
    axes.scatter((found + true) / 2, difference, s=18, color=_BLUE)
    if difference.size:
        spread = 1.96 * float(difference.std())
        for level in (-spread, 0.0, spread):
            axes.axhline(
                float(difference.mean()) + level, color="0.5", linewidth=1, linestyle=":" if level else "-"
            )
    axes.set_title("Bland-Altman")
    axes.set_xlabel("mean of found and true, mL")
    axes.set_ylabel("found - true, mL")
