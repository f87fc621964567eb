"""Say where to begin: lay every template over the coarse bones by correlation, and take the best few.

The overlap at all shifts at once is a cross-correlation (D. Barnea and H. Silverman, 1972,
doi:10.1109/TC.1972.5008923), here summed over the classes and done by Fourier transforms on an 8 mm grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import Pose, Template, load_template
from bmetk.bones.fit import Fit, begin
from bmetk.bones.locate import CoarseBones
from bmetk.image import Grid

Volume = NDArray[np.float32]

FALSE_BONE = 0.15
"""Cost of a template's voxel that lies on background, against the gain of one that lies on its bone."""
FAINT = 0.2
"""Probabilities below this count as none."""
SEARCH_MM = 8.0
SCALES = (0.92, 1.06)
END_MM = 40.0
"""Length of bone end that says where a knee is."""
SPREAD_MM = {Joint.KNEE: 45.0, Joint.ANKLE: 60.0}
"""How far the joint lies from the middle of the view, as one standard deviation."""
ENOUGH_ML = 3.0
"""Coarse volume from which on a class counts as seen."""

CLASSES_OF_JOINT: dict[Joint, tuple[str, ...]] = {
    Joint.HIP: ("femur", "pelvis"),
    Joint.KNEE: ("femur", "tibia", "fibula", "patella"),
    Joint.ANKLE: (
        "tibia",
        "fibula",
        "talus",
        "calcaneus",
        "navicular",
        "cuboid",
        "cuneiforms",
        "metatarsals",
        "phalanges",
    ),
}
"""Classes that each template explains; the foot's is that of the ankle."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A template laid over the coarse bones, with the overlap it reached, mL."""

    fit: Fit
    overlap_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Coarse bones, halved, as gains to correlate with: class, slice, row, column."""

    gains: Volume
    classes: tuple[str, ...]
    grid: Grid


def likely_joints(coarse: CoarseBones) -> tuple[Joint, ...]:
    """List the templates that may be there, most likely first; empty when there is hardly any bone."""
    bone_ml = float((1 - coarse.probabilities[0]).sum(dtype=np.float64)) * coarse.grid.voxel_ml
    if bone_ml < ENOUGH_ML:
        return ()
    seen = coarse.volumes_ml()
    foot = sum(seen[name] for name in CLASSES_OF_JOINT[Joint.ANKLE][2:])
    knee = seen["patella"] + 0.5 * min(seen["femur"], seen["tibia"])
    votes = {Joint.HIP: seen["pelvis"], Joint.KNEE: knee, Joint.ANKLE: foot}
    order = sorted(votes, key=lambda joint: -votes[joint])
    return tuple(j for j in order if votes[j] > 0.2 * max(votes.values()))


def candidates(coarse: CoarseBones, joint: Joint, sides: Sequence[Side]) -> list[Candidate]:
    """Lay the templates of a joint over the coarse bones: the best place of each side and starting angle."""
    search = _prepare(coarse, CLASSES_OF_JOINT[joint])
    found = []
    for side in sides:
        template = load_template(joint, side)
        for start in template.starts:
            tried = [_lay(search, template, start, scale) for scale in SCALES]
            found.append(max(tried, key=lambda c: c.overlap_ml))
    return sorted(found, key=lambda c: -c.overlap_ml)


def _prepare(coarse: CoarseBones, classes: tuple[str, ...]) -> _Search:
    index = [coarse.classes.index(name) for name in classes]
    share = np.where(coarse.probabilities[index] < FAINT, 0, coarse.probabilities[index])
    seen = coarse.covered.astype(np.float32)
    gains = share - FALSE_BONE * (seen - share) * seen
    factor = np.maximum(np.round(SEARCH_MM / np.asarray(coarse.grid.spacing_mm)).astype(int), 1)
    pads = [(0, int(-n % f)) for n, f in zip(gains.shape[1:], factor, strict=True)]
    padded = np.pad(gains, [(0, 0), *pads])
    k, s, r, c = padded.shape
    a, b, d = (int(f) for f in factor)
    pooled = padded.reshape(k, s // a, a, r // b, b, c // d, d).mean((2, 4, 6))
    affine = coarse.grid.affine.copy()
    affine[:3, 3] = coarse.grid.to_world((factor - 1) / 2)
    affine[:3, :3] *= factor
    return _Search(
        pooled.astype(np.float32), classes, Grid((pooled.shape[1], pooled.shape[2], pooled.shape[3]), affine)
    )


def _lay(search: _Search, template: Template, start: tuple[Pose, ...], scale: float) -> Candidate:
    """Find the shift with the largest overlap."""
    laid = begin(template, start, np.zeros(3), scale)
    volumes, corner = _rasterize(search, laid)
    size = [
        fft.next_fast_len(int(a + b - 1), real=True)
        for a, b in zip(search.gains.shape[1:], volumes.shape[1:], strict=True)
    ]
    axes = (1, 2, 3)
    spectrum = fft.rfftn(search.gains, size, axes) * np.conj(fft.rfftn(volumes, size, axes))
    score = fft.irfftn(spectrum.sum(0), size) * _centred(search, laid, corner, size)
    peak = np.array(np.unravel_index(int(np.argmax(score)), score.shape))
    shift = np.where(peak >= search.gains.shape[1:], peak - np.array(size), peak)
    offset = search.grid.to_world(shift) - corner
    return Candidate(begin(template, start, offset, scale), float(score.max()) * search.grid.voxel_ml)


def _centred(
    search: _Search, laid: Fit, corner: NDArray[np.float64], size: Sequence[int]
) -> NDArray[np.float64]:
    """Weigh each shift by how near it brings the joint to the middle of the view, 0 to 1.

    Whoever plans a knee or a foot puts it there; a hip may lie to one side.
    """
    spread = SPREAD_MM.get(laid.template.joint)
    if spread is None:
        return np.ones((1, 1, 1))
    gap = _joint_centre(laid) - corner - search.grid.centre_mm
    weights = []
    for axis, (count, room) in enumerate(zip(size, search.gains.shape[1:], strict=True)):
        shift = np.arange(count)
        shift = np.where(shift >= room, shift - count, shift)
        direction = search.grid.axes[:, axis]
        away = shift * search.grid.spacing_mm[axis] + (search.grid.origin_mm + gap) @ direction
        weights.append(np.exp(-0.5 * (away / spread) ** 2))
    return np.asarray(weights[0][:, None, None] * weights[1][None, :, None] * weights[2][None, None, :])


def _joint_centre(laid: Fit) -> NDArray[np.float64]:
    """Find the middle of a knee between femur and tibia, or of a foot among its bones."""
    placed = {b.name: p.apply(b.inner) for p, b in zip(laid.poses, laid.template.bodies, strict=True)}
    if laid.template.joint is not Joint.KNEE:
        return np.asarray(np.mean([points.mean(0) for points in placed.values()], axis=0))
    femur, tibia = placed["femur"], placed["tibia"]
    ends = [femur[femur[:, 2] < femur[:, 2].min() + END_MM], tibia[tibia[:, 2] > tibia[:, 2].max() - END_MM]]
    return np.asarray(np.mean([end.mean(0) for end in ends], axis=0))


def _rasterize(search: _Search, laid: Fit) -> tuple[Volume, NDArray[np.float64]]:
    """Fill a grid like the search's with each class of the template: share of each voxel, and its corner."""
    bodies = laid.template.bodies
    index = [search.grid.to_index(p.apply(b.inner)) for p, b in zip(laid.poses, bodies, strict=True)]
    low = np.round(np.min([i.min(0) for i in index], axis=0)).astype(int)
    shape = np.round(np.max([i.max(0) for i in index], axis=0)).astype(int) - low + 1
    volumes = np.zeros((len(search.classes), *shape), np.float32)
    for body, pose, where in zip(bodies, laid.poses, index, strict=True):
        cell = np.ravel_multi_index(tuple((np.round(where).astype(int) - low).T), tuple(shape))
        share = body.inner_ml * pose.stretch.prod() / search.grid.voxel_ml
        filled = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape) * share
        volumes[search.classes.index(body.coarse)] += filled.astype(np.float32)
    return np.minimum(volumes, 1.0), search.grid.to_world(low)
