"""Bones registered between two simulated exams of one person, against where they really lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np

from bmetk.bones.surfaces import distance, index_surface
from bmetk.exam import ExamResult
from bmetk.image import Grid, RigidTransform
from bmetk.image.grid import FloatArray
from bmetk.registration import register_bone
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.spec import ExamSpec
from bmetk.simulate.subject import PosedBone, pose_subject
from bmetk.tracking.frames import Bone, bone_view
from bmetk.validation.table import Figure, figure
from bmetk.validation.truth import true_result

WRONG_MM = 3.0
"""A bone that lies further off than this is locked in a wrong place."""
_WORTH_ML = 2.0


@dataclass(frozen=True, slots=True)
class BonePair:
    """One bone of a pair of exams.

    ``distance_mm`` is the median distance of the carried surface's vertices from the true surface,
    ``worst_mm`` how far the vertex that is most off lies from where it belongs; both are infinite where the
    registration was ``refused``. ``seconds`` are of one processor, for both views and the registration.
    """

    name: str
    bone: str
    refused: bool
    distance_mm: float
    worst_mm: float
    seconds: float


def score_registration(task: tuple[str, tuple[ExamSpec, ExamSpec]]) -> tuple[BonePair, ...]:
    """Simulate two exams of one person and register every bone that both show, given the true outlines.

    What is measured is the registration alone: the series of each exam are laid on each other as they were
    moved in truth.
    """
    name, specs = task
    results, posed = [], []
    for spec in specs:
        simulated = simulate_exam(spec)
        result = true_result(simulated, name)
        results.append((result, simulated.truth.motion))
        posed.append({_key(bone): bone for bone in pose_subject(spec).bones if bone.part is None})
    return tuple(
        pair
        for bone in sorted(posed[0].keys() & posed[1].keys())
        for pair in _score(name, bone, results, [posed[0][bone], posed[1][bone]])
    )


def _key(bone: PosedBone) -> Bone:
    return bone.name, bone.side


def _score(
    name: str, bone: Bone, results: Sequence[tuple[ExamResult, RigidTransform]], posed: Sequence[PosedBone]
) -> Iterator[BonePair]:
    shown = [_aligned(result, motion) for result, motion in results]
    if not all(_shows(result, bone) for result in shown):
        return
    start = process_time()
    found = register_bone(bone_view(shown[0], bone), bone_view(shown[1], bone))
    seconds = process_time() - start
    title = f"{bone[1]} {bone[0]}"
    if found.transform is None:
        yield BonePair(name, title, True, float("inf"), float("inf"), seconds)
        return
    true = posed[1].to_body.inverse().after(posed[0].to_body)
    points = _in_both_views(posed[0].surface.vertices, true, [result.bones.grid for result in shown])
    carried, real = found.transform.apply(points), true.apply(points)
    away = distance(index_surface(posed[0].surface), true.inverse().apply(carried))
    worst = float(np.linalg.norm(carried - real, axis=1).max())
    yield BonePair(name, title, False, float(np.median(away)), worst, seconds)


def _aligned(result: ExamResult, motion: RigidTransform) -> ExamResult:
    return replace(result, alignment=motion)


def _shows(result: ExamResult, bone: Bone) -> bool:
    values = [v for v, label in result.bones.present().items() if (label.name, label.side) == bone]
    return any(result.bones.labels.mask(value).volume_ml >= _WORTH_ML for value in values)


def _in_both_views(points_mm: FloatArray, move: RigidTransform, views: Sequence[Grid]) -> FloatArray:
    seen = points_mm[views[0].contains(points_mm) & views[1].contains(move.apply(points_mm))]
    return seen if len(seen) else points_mm


def registration_figures(pairs: Sequence[BonePair]) -> Iterator[Figure]:
    """Surface distance, refusals, wrong places that were not refused, and seconds of one processor."""
    kept = [pair for pair in pairs if not pair.refused]
    part = "between exams"
    yield from figure(part, "bone surface distance", (pair.distance_mm for pair in kept), "mm", "median")
    yield from figure(part, "bone surface distance", (pair.distance_mm for pair in kept), "mm", "max")
    wrong = sum(pair.worst_mm > WRONG_MM for pair in kept)
    yield Figure(part, f"bones more than {WRONG_MM:.0f} mm off, not refused", wrong, "bones", len(kept))
    yield Figure(part, "bones refused", len(pairs) - len(kept), "bones", len(pairs))
    yield from figure(part, "a bone", (pair.seconds for pair in pairs), "s")
