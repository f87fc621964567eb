"""Give the coarse bones to the bones of a template that lies over them.

The network tells bone from no bone better than bone from bone. So a template is first laid over bone of any
class, and then each voxel of bone goes to the template's bone that is nearest, as in iterative closest
points (Besl and McKay 1992, doi:10.1109/34.121791), unless the network names another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bmetk.bones.fit import Fit, Stiffness
from bmetk.bones.locate import CoarseBones
from bmetk.bones.outline import CoarseEvidence, gather, settle

HINT = 0.5
"""Share of the gain that depends on the class which the network names."""
BONY = 0.15
"""Probability of any bone from which on a voxel is given to one."""
NAMED_MM = 4.0
"""How much nearer a bone must be for each factor e that the network finds its class less probable."""
LEAST_SHARE = 0.02
"""Probability below which all classes count alike."""
REACH_MM = 25.0


def pool_classes(coarse: CoarseBones, names: tuple[str, ...]) -> CoarseBones:
    """Let bone of any class count for each of some classes, that of its own class most."""
    bone = 1 - coarse.probabilities[0]
    pooled = np.zeros_like(coarse.probabilities)
    for name in names:
        number = coarse.classes.index(name)
        pooled[number] = (1 - HINT) * bone + HINT * coarse.probabilities[number]
    pooled[0] = coarse.probabilities[0]
    return replace(coarse, probabilities=pooled)


def share_out(coarse: CoarseBones, fit: Fit, reach_mm: float = REACH_MM) -> CoarseBones:
    """Give all bone to the classes of the template's nearest bones, those that the network names first.

    Bone further than ``reach_mm`` from every bone of the template belongs to none of them.
    """
    bone = 1 - coarse.probabilities[0]
    index = np.nonzero(bone > BONY)
    points = coarse.grid.to_world(np.stack(index, axis=-1))
    bodies = fit.template.bodies
    classes = sorted({coarse.classes.index(body.coarse) for body in bodies})
    cost = np.full((len(classes), len(points)), np.inf)
    for row, number in enumerate(classes):
        inner = [
            pose.apply(body.inner)
            for pose, body in zip(fit.poses, bodies, strict=True)
            if coarse.classes.index(body.coarse) == number
        ]
        filled = np.concatenate(inner)
        low, high = filled.min(0) - reach_mm, filled.max(0) + reach_mm
        near = np.flatnonzero(np.all((points > low) & (points < high), axis=1))
        away, _ = cKDTree(filled).query(points[near], distance_upper_bound=reach_mm)
        named = coarse.probabilities[number][index][near] / bone[index][near]
        cost[row, near] = away - NAMED_MM * np.log(np.maximum(named, LEAST_SHARE))
    owner = np.asarray(classes)[cost.argmin(axis=0)]
    reached = np.isfinite(cost.min(axis=0))
    shared = np.zeros_like(coarse.probabilities)
    place = tuple(axis[reached] for axis in index)
    shared[(owner[reached], *place)] = bone[place]
    shared[0] = 1 - shared[1:].sum(axis=0)
    return replace(coarse, probabilities=shared)


def settle_sharing(
    coarse: CoarseBones,
    fit: Fit,
    inside: NDArray[np.float32],
    stiffness: Stiffness,
    reaches_mm: Sequence[Sequence[float]],
    share_mm: float = REACH_MM,
) -> tuple[Fit, CoarseEvidence]:
    """Settle a fit on bone that is shared out anew between rounds, each of some steps of a given reach."""
    evidence = gather(share_out(coarse, fit, share_mm), inside)
    for reach_mm in reaches_mm:
        fit = settle(fit, evidence, [stiffness] * len(reach_mm), reach_mm)
        evidence = gather(share_out(coarse, fit, share_mm), inside)
    return fit, evidence
