"""Rigid alignment of two series of one exam by mutual information.

The patient moves a little between series. The contrasts differ, so that only the statistical
dependence of the two intensities can be maximised: Mattes mutual information,
doi:10.1109/TMI.2003.809072.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from bmetk.errors import SettingsError
from bmetk.exam import Check, CheckStatus
from bmetk.image import Grid, RigidTransform, ScalarImage
from bmetk.registration.overlap import overlap_fraction, require_overlap

CHECK_NAME = "registration"
_STATIONS = (0.25, 0.5, 0.75)
_SHORT_STEP = 0.4


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """How two series of one exam are aligned.

    Parameters
    ----------
    levels_mm : in-plane spacing of each resolution level, mm, coarse to fine
    samples : voxels that the similarity rests on at each level
    bins : bins an axis of the joint histogram
    iterations : optimiser steps a level, at most
    minimal_gain : share by which the similarity must rise, or the identity is kept
    usual_shift_mm, gain_a_mm : an alignment that moves the middle of the view further than the first must
        raise the similarity by the second more for each further mm, or what lies nearest to the identity is
        taken: patients who moved so far gain 0.2 to 2 by it, a false maximum 0.02 to 0.07
    minimal_shift_mm : alignments that move nothing further than this are not applied
    maximal_shift_mm, maximal_angle_deg : beyond these a result is not believed
    minimal_overlap : least common share of the smaller field of view, 0 to 1
    reliable_overlap : below this share the alignment is not attempted
    seed : of the voxel sampling
    """

    levels_mm: tuple[float, ...] = (4.0, 2.0, 1.2)
    samples: int = 16000
    bins: int = 32
    iterations: int = 60
    minimal_gain: float = 0.01
    usual_shift_mm: float = 3.0
    gain_a_mm: float = 0.03
    minimal_shift_mm: float = 0.3
    maximal_shift_mm: float = 20.0
    maximal_angle_deg: float = 12.0
    minimal_overlap: float = 0.1
    reliable_overlap: float = 0.3
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.levels_mm or min(self.levels_mm) <= 0:
            raise SettingsError(f"registration levels must be above 0 mm, got {self.levels_mm}")
        if self.samples < 100 or self.bins < 5 or self.iterations < 1:
            raise SettingsError(
                f"registration needs 100 samples, 5 bins and 1 iteration or more, got {self.samples}, "
                f"{self.bins}, {self.iterations}"
            )
        if min(self.minimal_gain, self.usual_shift_mm, self.gain_a_mm) < 0:
            raise SettingsError(
                "registration.minimal_gain, usual_shift_mm and gain_a_mm must be 0 or more, got "
                f"{self.minimal_gain}, {self.usual_shift_mm}, {self.gain_a_mm}"
            )

    def is_gained(self, similarity: tuple[float, float], shift_mm: float) -> bool:
        """Tell whether similarity, before and after, rose by enough to move the middle of the view so far."""
        due = self.minimal_gain + self.gain_a_mm * max(shift_mm - self.usual_shift_mm, 0.0)
        return similarity[1] > similarity[0] * (1 + due)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the moving image lies under the fixed one.

    ``transform`` maps fixed world to moving world. The similarities are mutual information in
    nats, before (identity) and after; they are 0 where they were not computed.
    """

    transform: RigidTransform
    kept_identity: bool
    similarity_before: float
    similarity_after: float
    check: Check


def register_rigid(
    fixed: ScalarImage, moving: ScalarImage, settings: RegistrationSettings | None = None
) -> Alignment:
    """Align two series of one exam, or keep them as they are where that is best.

    Parameters
    ----------
    fixed : ScalarImage, the fluid-sensitive series
    moving : ScalarImage, the T1-weighted series, on any grid
    settings : RegistrationSettings

    Raises
    ------
    SeriesMismatchError
        If the fields of view miss each other.

    References
    ----------
    Mattes et al., IEEE Trans Med Imaging 2003, doi:10.1109/TMI.2003.809072.
    """
    chosen = settings or RegistrationSettings()
    share = require_overlap(fixed.grid, moving.grid, chosen.minimal_overlap)
    if share < chosen.reliable_overlap:
        return _left_alone(
            CheckStatus.WARN, share, f"the series share {share:.0%} of their fields of view: not aligned"
        )
    for what, image in (("fixed", fixed), ("moving", moving)):
        if min(image.grid.shape) < 3 or float(np.ptp(np.nan_to_num(image.array))) == 0.0:
            message = (
                f"the {what} series ({image.grid.describe()}) has too few slices or no contrast: not aligned"
            )
            return _left_alone(CheckStatus.WARN, None, message)
    try:
        with _one_thread():
            found, before, after = _optimise(fixed, moving, chosen)
    except RuntimeError:  # SimpleITK's only error type: too few samples inside the moving image
        return _left_alone(
            CheckStatus.WARN, None, "the similarity of the series could not be computed: not aligned"
        )
    return _judge(fixed.grid, moving.grid, found, (before, after), chosen)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let SimpleITK add up in one order, so that the same input always gives the same result."""
    usual = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(usual)


def _left_alone(
    status: CheckStatus, value: float | None, message: str, before: float = 0.0, after: float = 0.0
) -> Alignment:
    check = Check(CHECK_NAME, status, value, message)
    return Alignment(RigidTransform.identity(), True, before, after, check)


def _judge(
    fixed: Grid,
    moving: Grid,
    found: RigidTransform,
    similarity: tuple[float, float],
    settings: RegistrationSettings,
) -> Alignment:
    """Accept a found alignment, keep the identity, or refuse the result."""
    before, after = similarity
    shift = float(found.displacement_mm(_common_corners(fixed, moving)).max())
    moved = f"{shift:.1f} mm and {found.angle_deg:.1f} degrees"
    if shift > settings.maximal_shift_mm or found.angle_deg > settings.maximal_angle_deg:
        return _left_alone(
            CheckStatus.WARN, shift, f"alignment by {moved} is implausible and not applied", before, after
        )
    if overlap_fraction(fixed, moving, found) < settings.reliable_overlap:
        return _left_alone(
            CheckStatus.WARN, shift, f"alignment by {moved} loses the overlap: not applied", before, after
        )
    if (
        not settings.is_gained(similarity, _middle_shift_mm(found, fixed, moving))
        or shift < settings.minimal_shift_mm
    ):
        return _left_alone(CheckStatus.OK, 0.0, "the series are aligned as acquired", before, before)
    check = Check(CHECK_NAME, CheckStatus.OK, shift, f"aligned by {moved}")
    return Alignment(found, False, before, after, check)


def _common_corners(fixed: Grid, moving: Grid) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """LPS mm of the corners of the smaller field of view, shape (8, 3)."""
    smaller = min((fixed, moving), key=lambda grid: grid.voxel_ml * float(np.prod(grid.shape)))
    corners = np.array([[s, r, c] for s in (0, 1) for r in (0, 1) for c in (0, 1)])
    return smaller.to_world(corners * (np.asarray(smaller.shape) - 1))


def _middle_shift_mm(found: RigidTransform, fixed: Grid, moving: Grid) -> float:
    return float(found.displacement_mm(_common_corners(fixed, moving).mean(axis=0, keepdims=True))[0])


def _prepared(image: ScalarImage) -> sitk.Image:
    """Clip the brightest voxels, which would squeeze tissue into a few bins; no NaN is left."""
    array = np.nan_to_num(image.array, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(array[:, ::2, ::2], (1.0, 99.0))
    if high <= low:
        low, high = float(array.min()), float(array.max())
    return image.with_array(np.clip((array - low) / (high - low), 0, 1)).to_sitk()


def _coarser(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Average down to about ``spacing_mm`` along each axis that is finer; slices stay apart."""
    factors = [max(1, int(spacing_mm / s + 0.5)) for s in image.GetSpacing()]
    factors = [min(f, max(1, n // 8)) for f, n in zip(factors, image.GetSize(), strict=True)]
    shrink = sitk.BinShrinkImageFilter()
    shrink.SetNumberOfThreads(1)
    shrink.SetShrinkFactors(factors)
    coarse = shrink.Execute(image)
    widths = [min(s, spacing_mm) * 0.7 for s in coarse.GetSpacing()]
    smooth: sitk.Image = sitk.SmoothingRecursiveGaussian(coarse, widths)
    return smooth


def _optimise(
    fixed: ScalarImage, moving: ScalarImage, settings: RegistrationSettings
) -> tuple[RigidTransform, float, float]:
    """Search from the identity, level by level; similarities are at the finest level."""
    whole = (_prepared(fixed), _prepared(moving))
    centre = _common_corners(fixed.grid, moving.grid).mean(axis=0)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(tuple(float(v) for v in centre))
    identity = sitk.Euler3DTransform(transform)
    for spacing in settings.levels_mm:
        pair = (_coarser(whole[0], spacing), _coarser(whole[1], spacing))
        _method(pair[0], transform, spacing, settings).Execute(*pair)  # moves the transform in place
    judge = _by_differences(_method(pair[0], identity, spacing, settings, every_voxel=True))
    before = -float(judge.MetricEvaluate(*pair))
    after = _similarity(judge, pair, transform)
    rough = (_coarser(whole[0], 2 * spacing), _coarser(whole[1], 2 * spacing))
    for nearer in _nearer(rough, pair, transform, spacing, settings):
        reached = _similarity(judge, pair, nearer)
        if reached > after:
            transform, after = nearer, reached
    shift = _middle_shift_mm(_rigid(transform), fixed.grid, moving.grid)
    if shift > settings.usual_shift_mm and not settings.is_gained((before, after), shift):
        transform = identity
        _refine(transform, pair, spacing, settings)
        after = _similarity(judge, pair, transform)
    return _rigid(transform), before, after


def _refine(
    transform: sitk.Euler3DTransform,
    pair: tuple[sitk.Image, sitk.Image],
    spacing_mm: float,
    settings: RegistrationSettings,
) -> None:
    """Climb to the nearest maximum in short steps; moves the transform in place."""
    _by_differences(_method(pair[0], transform, _SHORT_STEP * spacing_mm, settings)).Execute(*pair)


def _similarity(
    judge: sitk.ImageRegistrationMethod, pair: tuple[sitk.Image, sitk.Image], transform: sitk.Euler3DTransform
) -> float:
    judge.SetInitialTransform(transform, inPlace=True)
    return -float(judge.MetricEvaluate(*pair))


def _nearer(
    rough: tuple[sitk.Image, sitk.Image],
    pair: tuple[sitk.Image, sitk.Image],
    found: sitk.Euler3DTransform,
    spacing_mm: float,
    settings: RegistrationSettings,
) -> Iterator[sitk.Euler3DTransform]:
    """Look back on the way from the identity, and yield what lies better: a long step may have passed it.

    Where chemical shift doubles the outline of fat, a second, lower maximum lies some millimetres beyond.
    """
    sampled = _by_differences(_method(rough[0], sitk.Euler3DTransform(found), spacing_mm, settings))
    stations = []
    for share in (*_STATIONS, 1.0):
        station = sitk.Euler3DTransform(found)
        station.SetParameters([share * value for value in found.GetParameters()])
        stations.append((_similarity(sampled, rough, station), share, station))
    _, share, best = max(stations)
    if share == 1.0:
        return
    yield best
    refined = sitk.Euler3DTransform(best)
    _refine(refined, pair, spacing_mm, settings)
    yield refined


def _by_differences(method: sitk.ImageRegistrationMethod) -> sitk.ImageRegistrationMethod:
    """Take gradients from neighbours: the filter smooths by the distance of slices, and leads astray."""
    method.MetricUseMovingImageGradientFilterOff()
    method.MetricUseFixedImageGradientFilterOff()
    return method


def _method(
    fixed: sitk.Image,
    start: sitk.Euler3DTransform,
    spacing_mm: float,
    settings: RegistrationSettings,
    *,
    every_voxel: bool = False,
) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(settings.bins)
    if not every_voxel:
        method.SetMetricSamplingStrategy(method.RANDOM)
        share = settings.samples / float(np.prod(fixed.GetSize()))
        method.SetMetricSamplingPercentage(min(1.0, share), seed=settings.seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=spacing_mm,
        minStep=0.02,
        numberOfIterations=settings.iterations,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=True)
    return method


def _rigid(transform: sitk.Euler3DTransform) -> RigidTransform:
    """Convert from SimpleITK, with the rotation made exactly orthogonal."""
    matrix = np.asarray(transform.GetMatrix(), dtype=np.float64).reshape(3, 3)
    u, _, v = np.linalg.svd(matrix)
    origin = np.asarray(transform.TransformPoint((0.0, 0.0, 0.0)))
    return RigidTransform(u @ v, origin)
