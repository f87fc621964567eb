"""Rigid registration of one bone between two exams.

Joints flex, so that each bone is a rigid body of its own. Surfaces first, then intensities in a narrow band
about them. What cannot be told is refused: a wrong transform would carry edema to the wrong place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bmetk.errors import SettingsError
from bmetk.exam import Check, CheckStatus
from bmetk.image import Mask, RigidTransform, ScalarImage
from bmetk.image.grid import FloatArray
from bmetk.registration.band import Band, band_of, match_bands
from bmetk.registration.outline import Outline, outline_of
from bmetk.registration.surface import (
    Equations,
    fit_surfaces,
    pair_surfaces,
    surface_equations,
    turned_starts,
    unsure_mm,
)

CHECK_NAME = "bone_registration"


@dataclass(frozen=True, slots=True)
class BoneRegistrationSettings:
    """How one bone is registered between two exams, and when the result is refused.

    Parameters
    ----------
    points : of each surface
    surface_steps, band_steps : of the two fits, at most
    band_points : of each surface that carry intensity profiles; 0 leaves intensities out
    maximal_distance_mm : median distance of the surfaces beyond which a result is refused
    minimal_seen : 0 to 1; so is one with less of both surfaces in the common field of view
    maximal_unsure_mm : and one whose least certain movement is less certain than this
    maximal_angle_deg : and one that turns the bone by more
    """

    points: int = 1500
    surface_steps: int = 30
    band_steps: int = 10
    band_points: int = 500
    maximal_distance_mm: float = 1.5
    minimal_seen: float = 0.35
    maximal_unsure_mm: float = 0.7
    maximal_angle_deg: float = 75.0

    def __post_init__(self) -> None:
        if self.points < 100 or self.surface_steps < 1 or self.band_steps < 0 or self.band_points < 0:
            raise SettingsError(
                f"bone registration needs 100 points and 1 surface step or more, got {self.points} and "
                f"{self.surface_steps}; band_steps and band_points must not be below 0"
            )


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class BoneView:
    """One bone as one exam shows it, ready to be registered.

    ``bands`` are its intensities by contrast; ``anchors_mm`` are points by name that lie at the same place of
    the bone in every exam (the centres of its regions), to start from.
    """

    outline: Outline
    bands: Mapping[str, Band]
    anchors_mm: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class BoneAlignment:
    """Where a bone of one exam lies in another; ``transform`` is None where it is refused.

    ``distance_mm`` is the median distance of the surfaces, ``seen`` the share of both in the common field of
    view, ``unsure_mm`` the standard error of the least certain movement, ``correlation`` that of the
    intensities, None where there were none to compare.
    """

    transform: RigidTransform | None
    distance_mm: float
    seen: float
    unsure_mm: float
    correlation: float | None
    check: Check

    def inverse(self) -> BoneAlignment:
        """Swap the two exams."""
        return self if self.transform is None else replace(self, transform=self.transform.inverse())


def view_bone(
    bone: Mask,
    images: Mapping[str, tuple[ScalarImage, RigidTransform | None]] | None = None,
    anchors_mm: Mapping[str, FloatArray] | None = None,
    settings: BoneRegistrationSettings | None = None,
) -> BoneView:
    """Prepare a bone for registration.

    Parameters
    ----------
    bone : Mask, shape (S, R, C)
    images : by contrast, an image and the movement from the world of the mask to that of the image
    anchors_mm : points by name, shape (3,), LPS mm, at the same place of the bone in every exam
    """
    chosen = settings or BoneRegistrationSettings()
    outline = outline_of(bone, chosen.points)
    few = outline.thinned(chosen.band_points)
    used = (images or {}) if chosen.band_points and len(few.points_mm) else {}
    bands = {name: band_of(image, few, move) for name, (image, move) in used.items()}
    return BoneView(outline, bands, anchors_mm or {})


def register_bone(
    fixed: BoneView, moving: BoneView, settings: BoneRegistrationSettings | None = None
) -> BoneAlignment:
    """Find the movement that carries a bone from one exam to another.

    Swapping the two gives the inverse, to the last digit: the pair is always fitted in one order.

    Parameters
    ----------
    fixed, moving : views of the same bone of the same side

    Returns
    -------
    BoneAlignment
        From the world of ``fixed`` to that of ``moving``; without transform where it is refused.
    """
    chosen = settings or BoneRegistrationSettings()
    if _order(moving) < _order(fixed):
        return _register(moving, fixed, chosen).inverse()
    return _register(fixed, moving, chosen)


def _order(view: BoneView) -> tuple[float, ...]:
    points = view.outline.points_mm
    return (float(len(points)), *points.sum(axis=0).tolist()) if len(points) else (0.0,)


def _register(fixed: BoneView, moving: BoneView, settings: BoneRegistrationSettings) -> BoneAlignment:
    if min(len(fixed.outline.points_mm), len(moving.outline.points_mm)) < 50:
        return _refused("too little of the bone's surface is in view")
    starts = turned_starts(fixed.outline, _shifts(fixed, moving))
    found = fit_surfaces(fixed.outline, moving.outline, starts, settings.surface_steps)
    contrast = next((name for name in fixed.bands if name in moving.bands), None)
    correlation = None
    if contrast is not None:
        bands = fixed.bands[contrast], moving.bands[contrast]
        found, correlation = _refine(fixed.outline, moving.outline, bands, found, settings)
    return _judge(fixed.outline, moving.outline, found, correlation, settings)


def _shifts(fixed: BoneView, moving: BoneView) -> list[RigidTransform]:
    """Start where common anchors meet, where the centres meet, and as the two were acquired."""
    common = [name for name in fixed.anchors_mm if name in moving.anchors_mm]
    shifts = [moving.outline.centre_mm - fixed.outline.centre_mm]
    if common:
        gaps = [moving.anchors_mm[name] - fixed.anchors_mm[name] for name in common]
        shifts.insert(0, np.mean(gaps, axis=0))
    return [RigidTransform(np.eye(3), shift) for shift in shifts]


def _refine(
    fixed: Outline,
    moving: Outline,
    bands: tuple[Band, Band],
    start: RigidTransform,
    settings: BoneRegistrationSettings,
) -> tuple[RigidTransform, float]:
    """Follow intensities and surfaces together, as long as the intensities agree better."""
    centre = moving.centre_mm
    found, best = start, match_bands(*bands, start, centre)
    damping = 1e-3
    for _ in range(settings.band_steps):
        if not len(best.misfit):
            break
        pairs = pair_surfaces(fixed, moving, found)
        equations = _joint_equations(best.rows, best.misfit, surface_equations(pairs, 4.0), centre)
        trial = equations.step(damping).after(found)
        match = match_bands(*bands, trial, centre)
        if match.correlation <= best.correlation:
            damping *= 10
            if damping > 1:
                break
            continue
        moved = trial.after(found.inverse()).displacement_mm(moving.points_mm[::50]).max()
        found, best, damping = trial, match, damping / 3
        if moved < 0.01:
            break
    return found, best.correlation


def _joint_equations(
    rows: FloatArray, misfit: FloatArray, surface: Equations, centre_mm: FloatArray
) -> Equations:
    """Add both normal equations; neighbouring samples err alike, so each counts for its independent ones."""
    shift = _about(surface, centre_mm)
    return Equations(
        rows.T @ rows / 20 + shift.matrix / 12, rows.T @ misfit / 20 + shift.vector / 12, centre_mm
    )


def _about(equations: Equations, centre_mm: FloatArray) -> Equations:
    """Express normal equations about another centre."""
    x, y, z = equations.centre_mm - centre_mm
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    change = np.eye(6)
    change[3:, :3] = -cross
    return Equations(change.T @ equations.matrix @ change, change.T @ equations.vector, centre_mm)


def _judge(
    fixed: Outline,
    moving: Outline,
    found: RigidTransform,
    correlation: float | None,
    settings: BoneRegistrationSettings,
) -> BoneAlignment:
    pairs = pair_surfaces(fixed, moving, found)
    if len(pairs.distance_mm) < 50:
        return _refused("the surfaces do not meet")
    distance, unsure = float(np.median(np.abs(pairs.distance_mm))), unsure_mm(pairs, 4.0)
    reasons = []
    if distance > settings.maximal_distance_mm:
        reasons.append(f"the surfaces lie {distance:.1f} mm apart")
    if pairs.seen < settings.minimal_seen:
        reasons.append(f"the exams share {pairs.seen:.0%} of the bone's surface")
    if unsure > settings.maximal_unsure_mm:
        reasons.append(f"the bone could slide or turn by {unsure:.1f} mm unseen")
    if found.angle_deg > settings.maximal_angle_deg:
        reasons.append(f"a turn by {found.angle_deg:.0f} degrees is implausible")
    if reasons:
        refused = _refused("; ".join(reasons), distance)
        return replace(
            refused, distance_mm=distance, seen=pairs.seen, unsure_mm=unsure, correlation=correlation
        )
    check = Check(CHECK_NAME, CheckStatus.OK, distance, f"surfaces {distance:.2f} mm apart")
    return BoneAlignment(found, distance, pairs.seen, unsure, correlation, check)


def _refused(reason: str, value: float | None = None) -> BoneAlignment:
    check = Check(CHECK_NAME, CheckStatus.FAIL, value, f"not registered: {reason}")
    return BoneAlignment(None, float("inf"), 0.0, float("inf"), None, check)
