"""Pages that open without a network: one file each, images and style inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bmetk import __version__
from bmetk.anatomy import Side
from bmetk.exam import Exam, ExamResult, RegionMeasurement, Series
from bmetk.report import words
from bmetk.tracking import Event, LesionTrack, Timeline, TrackingSettings, detection_limit_ml

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 110


def exam_page(result: ExamResult) -> str:
    """Write the page of one exam.

    Parameters
    ----------
    result : with its source images, as `bmetk.pipeline.analyze` gives it; without them (read back
        from a folder) the overlays are drawn on the ratio image

    Returns
    -------
    str
        One HTML document that refers to no other file; no name, ID or birth date is in it.
    """
    from bmetk.report.overlay import overlay_figure

    return _template("exam.html").render(
        result=result,
        exam=result.exam,
        title=_exam_title(result.exam),
        overlay=_embedded(overlay_figure(result), "jpeg"),
        series=[line for line in map(_series_line, (result.exam.t1, result.exam.fluid)) if line],
        regions=[(region, _is_edematous(region)) for region in result.measurements],
        edematous=[region for region in result.measurements if _is_edematous(region)],
        imaged=sum(region.edema_ml is not None for region in result.measurements),
        seconds=sum(result.seconds.values()),
    )


def timeline_page(timeline: Timeline, *, exam_pages: Collection[str] = ()) -> str:
    """Write the page of a patient's course.

    Parameters
    ----------
    timeline : Timeline
    exam_pages : names of the exams whose folder beside this page holds a ``report.html``
    """
    from bmetk.report.body_map import body_map_figure
    from bmetk.report.chart import regions_with_edema, timeline_figure

    return _template("timeline.html").render(
        timeline=timeline,
        version=__version__,
        exam_pages=set(exam_pages),
        chart=_embedded(timeline_figure(timeline)),
        body_map=_embedded(body_map_figure(timeline)),
        rows=regions_with_edema(timeline),
        tracks=_told_tracks(timeline),
        change=_change,
        probability=_probability,
    )


def _told_tracks(timeline: Timeline) -> list[LesionTrack]:
    """Select the tracks of lesions in regions that have an event: the others are specks."""
    told = {(event.region, event.side) for event in timeline.events}
    return [track for track in timeline.lesions if any((name, track.side) in told for name in track.regions)]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bmetk.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("spoken", "sided", "volume", "interval", "percent", "span", "day"):
        environment.filters[name] = getattr(words, name)
    environment.globals["sided"] = words.sided
    environment.globals["interval"] = words.interval
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _embedded(figure: Figure, kind: Literal["png", "jpeg"] = "png") -> str:
    """Draw a figure as a data URL (RFC 2397); JPEG keeps noisy slices a quarter of the size."""
    stream = io.BytesIO()
    packing = {"quality": 90, "subsampling": 0} if kind == "jpeg" else {}
    figure.savefig(stream, format=kind, dpi=_DPI, pil_kwargs=packing)
    return f"data:image/{kind};base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _exam_title(exam: Exam) -> str:
    if exam.side is Side.BOTH:
        return f"Both {exam.joint.value}s"
    return " ".join(filter(None, (exam.side, exam.joint.value))).capitalize()


def _series_line(series: Series | None) -> str:
    if series is None:
        return ""
    taken = series.acquisition
    times = (("TR", taken.tr_ms), ("TE", taken.te_ms), ("TI", taken.ti_ms))
    said = [f"{name} {value:.0f} ms" for name, value in times if value is not None]
    grid = series.image.grid
    _, row_mm, column_mm = grid.spacing_mm
    size = (
        f"{grid.shape[0]} slices every {grid.spacing_mm[0]:.1f} mm, pixels {row_mm:.2f} × {column_mm:.2f} mm"
    )
    return ", ".join([f"{words.contrast_name(series.contrast)}, {series.plane.value}", *said, size])


def _is_edematous(region: RegionMeasurement) -> bool:
    limit_ml = detection_limit_ml(region.bone_ml, TrackingSettings())
    return region.edema_ml is not None and region.edema_ml >= limit_ml


def _probability(event: Event) -> str:
    """Write how likely an event is real; above 99.9 % no nine is counted."""
    if event.probability is None:
        return "–"
    return "> 99.9 %" if event.probability > 0.999 else f"{100 * event.probability:.1f} %"


def _change(event: Event) -> str:
    """Write the change of volume in terms of the smallest detectable one."""
    if event.change_over_sdc is None:
        return "–"
    return f"{event.change_over_sdc:+.1f}".replace("-", "−")
