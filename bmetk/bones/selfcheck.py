"""Does what was found look like a hip, a knee, a foot? Checks of the geometry that regions rest on.

Each measures something that every adult has within narrow limits, so that a joint that was laid wrong or
bent out of shape is told in the quality of the exam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import sided
from bmetk.bones.fit import Fit
from bmetk.bones.marks import limb_surfaces
from bmetk.bones.shape_model import LimbLandmarks, fit_sphere, load_limb_model
from bmetk.bones.surfaces import Points, Surface, vertex_normals
from bmetk.exam import Check, CheckStatus
from bmetk.image import Grid

IN_VIEW_SHARE = 0.5
"""A part counts where at least so much of it is in view."""
OVERLAP_MM = 1.5
"""Bones reach into each other from this depth on."""
MOST_OVERLAP = 0.08
"""Share of a bone's surface in view that may lie in a neighbour."""
_NEAR_MM = 12.0


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a measure of normal anatomy lies between; the text takes the measured value."""

    low: float
    high: float
    text: str


_HIP = {
    "head_sphere": _Limits(0.0, 1.5, "femoral head departs {:.1f} mm from a sphere"),
    "head_radius": _Limits(17.0, 30.0, "femoral head has a radius of {:.1f} mm"),
    "neck_axis": _Limits(1.1, 2.7, "femoral head lies {:.1f} of its radii beside the axis of the shaft"),
    "hip_joint": _Limits(0.0, 6.0, "centres of head and socket lie {:.1f} mm apart"),
}
_KNEE = {
    "condyles": _Limits(55.0, 105.0, "epicondyles lie {:.0f} mm apart"),
    "notch_plane": _Limits(
        0.44, 0.62, "intercondylar notch lies at {:.2f} of the width from the medial side"
    ),
    "plateau": _Limits(-9.0, 11.0, "tibial plateau leans {:.0f} degrees to the side"),
    "knee_joint": _Limits(1.0, 16.0, "condyles and plateaus lie {:.1f} mm apart"),
}
_WORDS = {CheckStatus.OK: "", CheckStatus.WARN: ": not as in an adult; look at the outlines"}


def check_geometry(fit: Fit, surfaces: Sequence[Surface], view: Grid) -> Iterator[Check]:
    """Measure the joints in view, and whether bones reach into each other.

    Parameters
    ----------
    surfaces : of each body of the fit, LPS mm
    view : grid of the series
    """
    if fit.template.joint is not Joint.ANKLE:
        measure = _measure_hip if fit.template.joint is Joint.HIP else _measure_knee
        limits = _HIP if fit.template.joint is Joint.HIP else _KNEE
        for side in sided(fit.template.side):
            yield from _limb_checks(limb_surfaces(fit, surfaces, side), side, view, measure, limits)
    yield from _overlaps(fit, surfaces, view)


def _limb_checks(
    bones: Mapping[str, Surface],
    side: Side,
    view: Grid,
    measure: Callable[[Mapping[str, Surface], LimbLandmarks, Grid], Mapping[str, float]],
    limits: Mapping[str, _Limits],
) -> Iterator[Check]:
    marks = load_limb_model().landmarks(bones, side.value)
    for name, value in measure(bones, marks, view).items():
        limit = limits[name]
        status = CheckStatus.OK if limit.low <= value <= limit.high else CheckStatus.WARN
        message = f"{side.value} {limit.text.format(value)}{_WORDS[status]}"
        yield Check(f"geometry_{name}_{side.value}", status, round(float(value), 3), message)


def _measure_hip(bones: Mapping[str, Surface], marks: LimbLandmarks, view: Grid) -> dict[str, float]:
    head = bones["femur"].vertices[load_limb_model().marks["femur"]["head"]]
    if not _is_in_view(head, view):
        return {}
    centre, radius = fit_sphere(head)
    rough = float(np.sqrt(((np.linalg.norm(head - centre, axis=1) - radius) ** 2).mean()))
    arm = marks.head_center - marks.femur_axis_point
    beside = float(np.linalg.norm(arm - (arm @ marks.femur_axis) * marks.femur_axis))
    apart = min(np.linalg.norm(socket - centre) for socket in _sockets(bones["pelvis"]))
    return {
        "head_sphere": rough,
        "head_radius": radius,
        "neck_axis": beside / radius,
        "hip_joint": float(apart),
    }


def _sockets(pelvis: Surface) -> Iterator[Points]:
    """Fit a sphere to the socket of either hip bone; the second one's vertices follow the first one's."""
    model = load_limb_model()
    socket, count = model.marks["hip_bone"]["acetabulum"], len(model.parts["hip_bone"].mean)
    for first in (0, count):
        yield fit_sphere(pelvis.vertices[first + socket])[0]


def _measure_knee(bones: Mapping[str, Surface], marks: LimbLandmarks, view: Grid) -> dict[str, float]:
    ends = np.stack([marks.medial_epicondyle, marks.lateral_epicondyle, marks.notch])
    found = {}
    if _is_in_view(ends, view):
        across = marks.lateral_epicondyle - marks.medial_epicondyle
        width = float(np.linalg.norm(across))
        found["condyles"] = width
        found["notch_plane"] = float((marks.notch - marks.medial_epicondyle) @ across) / width**2
    plateaus = np.stack([marks.medial_plateau, marks.lateral_plateau])
    if _is_in_view(plateaus, view):
        along = plateaus[1] - plateaus[0]
        found["plateau"] = float(np.degrees(np.arcsin(along @ marks.tibia_axis / np.linalg.norm(along))))
    if found.keys() >= {"condyles", "plateau"}:
        away, _ = cKDTree(bones["femur"].vertices).query(plateaus)
        found["knee_joint"] = float(away.mean())
    return found


def _overlaps(fit: Fit, surfaces: Sequence[Surface], view: Grid) -> Iterator[Check]:
    """Tell how much of each bone's surface lies in another bone."""
    shown = []
    for body, surface in zip(fit.template.bodies, surfaces, strict=True):
        here = surface.vertices[body.sample]
        here = here[view.contains(here)]
        if len(here):
            shown.append((body.key, here, surface))
    worst, pair = 0.0, ("", "")
    for name, points, _ in shown:
        for other, _, surface in shown:
            if name != other and (share := _share_within(points, surface)) > worst:
                worst, pair = share, (name, other)
    if worst <= MOST_OVERLAP:
        yield Check("geometry_overlap", CheckStatus.OK, round(worst, 3), "the bones lie apart")
    else:
        words = " and ".join(name.replace("_", " ") for name in pair)
        message = f"{words} reach into each other: look at their outlines"
        yield Check("geometry_overlap", CheckStatus.WARN, round(worst, 3), message)


def _share_within(points: Points, surface: Surface) -> float:
    """Tell the share of points that lie deeper in a surface than `OVERLAP_MM`."""
    low, high = surface.vertices.min(0), surface.vertices.max(0)
    close = np.all((points > low) & (points < high), axis=1)
    if not close.any():
        return 0.0
    gap, near = cKDTree(surface.vertices).query(points[close], distance_upper_bound=_NEAR_MM)
    hit = np.isfinite(gap)
    facing = vertex_normals(surface)[near[hit]]
    depth = ((surface.vertices[near[hit]] - points[close][hit]) * facing).sum(1)
    return float(np.count_nonzero(depth > OVERLAP_MM)) / len(points)


def _is_in_view(points: Points, view: Grid) -> bool:
    return bool(view.contains(points).mean() >= IN_VIEW_SHARE)
