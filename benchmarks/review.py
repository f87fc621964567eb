"""What the review window costs: opening, scrolling, a stroke, memory, for a 320x320x40 exam with all layers.

And opening a course of eight such exams, one of them shown; its events follow after that, beside the window.

Run on a screen, or a virtual one::

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/review.py

Each figure is told twice: by the clock, and as processor time, which other work hardly changes.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from bmetk.anatomy import BONE_LABELS, REGION_LABELS, Bone, Joint, Region, Side, bone_value, region_value
from bmetk.edema import EdemaMap, find_lesions, measure_regions
from bmetk.exam import Contrast, Exam, ExamResult, Patient, Plane, Segmentation, Series
from bmetk.image import Grid, LabelMap, Mask, ScalarImage
from bmetk.review import open_review, with_exams
from napari_bmetk import open_dock
from napari_bmetk._reader import review_layers
from napari_bmetk._tools import Tool

SHAPE, SPACING_MM = (40, 320, 320), (3.5, 0.5, 0.5)
EXAMS = 8
LIMITS = {
    "open, s": 5.0,
    "open a course, s": 10.0,
    "frames a second": 5.0,
    "stroke, s": 0.5,
    "memory, MB": 1500.0,
}
CORONAL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@contextmanager
def clocked(figures: dict[str, tuple[float, float]], name: str, count: int = 1) -> Iterator[None]:
    wall, own = perf_counter(), process_time()
    yield
    figures[name] = (perf_counter() - wall) / count, (process_time() - own) / count


def synthetic() -> ExamResult:
    """Two large condyles with five lesions."""
    grid = Grid.from_axes(SHAPE, SPACING_MM, CORONAL, (0, 0, 0))
    rng = np.random.default_rng(4)
    world = grid.world_coordinates() - grid.centre_mm
    bone = np.linalg.norm(world, axis=-1) < 62
    centres = [(20, 0, 10), (-25, 5, 0), (0, -10, 30), (10, 20, -30), (-15, -20, -20)]
    edema = np.zeros(SHAPE, dtype=bool)
    for number, centre in enumerate(centres):
        edema |= np.linalg.norm(world - centre, axis=-1) < 9 + 2 * number
    edema &= bone
    lateral = region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.LEFT)
    medial = region_value(Region.MEDIAL_FEMORAL_CONDYLE, Side.LEFT)
    femur = bone_value(Bone.FEMUR, Side.LEFT)
    regions = Segmentation(
        LabelMap(np.where(bone & (world[..., 0] > 0), lateral, np.where(bone, medial, 0)), grid),
        REGION_LABELS,
    )
    ratio = ScalarImage(np.where(edema, 3.0, bone * 1.0) + rng.normal(0, 0.1, SHAPE) * bone, grid)
    probability, mask = ScalarImage(edema * 0.9, grid), Mask(edema, grid)
    found = EdemaMap(mask, probability, ratio)
    signal = ScalarImage(200 * np.where(bone, ratio.array, 0.5) + rng.normal(0, 10, SHAPE), grid)
    series = Series(signal, Contrast.STIR, Plane.CORONAL)
    everywhere = Mask(np.ones(SHAPE, dtype=bool), grid)
    return ExamResult(
        exam=Exam(
            Joint.KNEE,
            Side.LEFT,
            t1=replace(series, contrast=Contrast.T1),
            fluid=series,
            patient=Patient("phantom"),
            date=date(2024, 3, 1),
        ),
        bones=Segmentation(LabelMap(np.where(bone, femur, 0), grid), BONE_LABELS),
        regions=regions,
        edema=mask,
        probability=probability,
        ratio=ratio,
        measurements=measure_regions(found, regions, everywhere),
        lesions=find_lesions(found, regions),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version="0",
    )


def drawn(viewer: napari.Viewer) -> None:
    """Let everything that waits be done; that draws the picture once, if anything of it changed."""
    del viewer
    QApplication.processEvents()
    QApplication.processEvents()


def window() -> napari.Viewer:
    """Open napari itself."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1500, 950)  # noqa: SLF001
    drawn(viewer)
    return viewer


def wait_for_events(viewer: napari.Viewer, figures: dict[str, tuple[float, float]]) -> None:
    """Let the course be followed, which goes on beside the window."""
    course = open_dock(viewer).session.course
    with clocked(figures, "events after it, s"):
        while course.is_behind:
            drawn(viewer)


def scroll(viewer: napari.Viewer, figures: dict[str, tuple[float, float]], name: str) -> None:
    """Go through thirty slices as wheel, keys and slider do; every one must have been drawn."""
    frames: list[object] = []
    canvas = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001
    canvas.events.draw.connect(frames.append)
    slices = range(5, 35)
    with clocked(figures, name, len(slices)):
        for at in slices:
            viewer.dims.set_current_step(1, at)
            drawn(viewer)
    canvas.events.draw.disconnect(frames.append)
    if len(frames) < len(slices):
        raise RuntimeError(f"{len(frames)} of {len(slices)} frames were drawn: the figure would be too good")


def measure(folder: Path, exam: Exam) -> dict[str, tuple[float, float]]:
    figures: dict[str, tuple[float, float]] = {}
    viewer = window()
    with clocked(figures, "open, s"):
        dock = open_dock(viewer)
        review = with_exams(open_review(folder), [exam])
        for data in review_layers(review):
            viewer.add_layer(Layer.create(*data))
        dock.go_to_worst()
        drawn(viewer)
    wait_for_events(viewer, figures)
    scroll(viewer, figures, "frame, s")
    shown = [layer for layer in viewer.layers if not layer.visible]
    for layer in shown:
        layer.visible = True
    drawn(viewer)
    scroll(viewer, figures, "frame of 7 visible layers, s")
    for layer in shown:
        layer.visible = False
    dock.review.take_tool(Tool.PAINT)
    layer = dock.tools.target()
    told: list[None] = []
    dock.session.measured.connect(lambda: told.append(None))
    with clocked(figures, "stroke, s", 5):
        for number in range(5):
            layer.paint((200, 18 + number, 150), 1)  # in bone, clear of the lesions
            dock.session.take_edits()
            drawn(viewer)
    if len(told) < 5:
        raise RuntimeError(f"{len(told)} of 5 strokes were measured: the figure would be too good")
    with clocked(figures, "undo, s"):
        dock.session.undo()
        drawn(viewer)
    viewer.close()
    return figures


def measure_course(folder: Path) -> dict[str, tuple[float, float]]:
    figures: dict[str, tuple[float, float]] = {}
    viewer = window()
    with clocked(figures, "open a course, s"):
        dock = open_dock(viewer)
        for data in review_layers(open_review(folder)):
            viewer.add_layer(Layer.create(*data))
        dock.go_to_worst()
        drawn(viewer)
    if len(dock.session.results) < EXAMS:
        raise RuntimeError(f"{len(dock.session.results)} of {EXAMS} exams were opened")
    viewer.close()
    return figures


def main() -> int:
    from bmetk.export import save_result

    with tempfile.TemporaryDirectory() as scratch:
        result = synthetic()
        save_result(result, Path(scratch) / "knee")
        for month in range(1, EXAMS + 1):
            of_month = replace(result, exam=replace(result.exam, date=date(2024, month, 1)))
            save_result(of_month, Path(scratch) / "course" / f"{month}_knee_left")
        figures = measure(Path(scratch) / "knee", result.exam)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures |= measure_course(Path(scratch) / "course")
    for name, (wall, own) in figures.items():
        print(f"{name:30} {wall:8.3f} by the clock {own:8.3f} of processor time")
    print(f"memory, MB                     {peak_mb:8.0f} at most, the phantom in memory included")
    failed = [
        name
        for name, value in (
            ("open, s", figures["open, s"][0]),
            ("open a course, s", figures["open a course, s"][0]),
            ("frames a second", -1 / figures["frame, s"][0]),
            ("stroke, s", figures["stroke, s"][0]),
            ("memory, MB", peak_mb),
        )
        if value > (-LIMITS[name] if value < 0 else LIMITS[name])
    ]
    print("too slow or too large: " + ", ".join(failed) if failed else "within every limit")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
