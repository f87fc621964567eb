"""Recognise joint and side: fit the templates that may be there to the coarse bones, and keep the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmetk.anatomy import Joint, Side
from bmetk.bones.assign import pool_classes, settle_sharing, share_out
from bmetk.bones.bodies import load_template
from bmetk.bones.fit import Fit, Stiffness, begin
from bmetk.bones.initial import CLASSES_OF_JOINT, Candidate, candidates, likely_joints
from bmetk.bones.locate import CoarseBones
from bmetk.bones.outline import CoarseEvidence, depth_in_view, gather, overlap, settle
from bmetk.errors import BonesNotFoundError

DECISIVE_LEAD = 0.03
"""By how much one side must fit better (Dice) for the picture to say which it is."""
SAME_PLACE_MM = 12.0
"""Two starts of one template that are nearer to each other are one."""
TRIED = 3
"""Places that are fitted, of each joint."""
FIRST_REACH_MM = ((35.0, 28.0), (24.0, 20.0), (16.0, 14.0))
LAST_REACH_MM = ((14.0, 12.0), (10.0, 8.0), (7.0, 7.0))
TOGETHER = Stiffness(shift_mm=2.0, turn_deg=3.0, stretch=0.02, group_stretch=0.06, modes=0.3, data_mm=8.0)
"""First the template moves as one."""
APART = {
    Joint.HIP: Stiffness(shift_mm=8.0, turn_deg=12.0, data_mm=8.0),
    Joint.KNEE: Stiffness(shift_mm=6.0, turn_deg=10.0, data_mm=8.0),
    Joint.ANKLE: Stiffness(shift_mm=3.0, turn_deg=6.0, stretch=0.03, data_mm=8.0),
}
"""Then each bone for itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Recognized:
    """The template that explains the coarse bones best.

    Parameters
    ----------
    agreement : Dice with the coarse bones
    mirrored_agreement : that of the same joint of the other side; 0 where both sides are one template
    """

    fit: Fit
    evidence: CoarseEvidence
    agreement: float
    mirrored_agreement: float

    @property
    def lead(self) -> float:
        """How much better the side fits than the other one."""
        return self.agreement - self.mirrored_agreement


def recognize(coarse: CoarseBones, joint: Joint | None = None, side: Side | None = None) -> Recognized:
    """Fit every likely joint on both sides.

    Parameters
    ----------
    joint : the only one to try, where its bones are seen at all
    side : the one to take; the other is fitted too, for a warning where it fits better

    Raises
    ------
    BonesNotFoundError
        If there are no coarse bones.
    """
    joints = likely_joints(coarse)
    if not joints:
        raise BonesNotFoundError(
            "no bone was recognised in the T1 series; check that it shows a hip, knee, ankle or foot with "
            "bright marrow, or give your own bones with --bones"
        )
    wanted = Joint.ANKLE if joint is Joint.FOOT else joint
    if wanted is not None:
        joints = (wanted,)
    found = [_recognize_side(coarse, each, side) for each in joints]
    return max(found, key=lambda r: r.agreement)


def _recognize_side(coarse: CoarseBones, joint: Joint, side: Side | None) -> Recognized:
    sides = (Side.LEFT, Side.RIGHT, Side.BOTH) if joint is Joint.HIP else (Side.LEFT, Side.RIGHT)
    pooled = pool_classes(coarse, CLASSES_OF_JOINT[joint])
    laid = _shortlist(candidates(pooled, joint, sides))
    inside = depth_in_view(coarse)
    tried = [_try(coarse, inside, fit) for fit in _distinct([_start(c) for c in laid])]
    # What the tags say of the side stands; the picture may only raise a doubt.
    told = [
        (a, fit) for a, fit in tried if side in (None, Side.BOTH) or fit.template.side in (side, Side.BOTH)
    ]
    best = max(told or tried, key=lambda pair: pair[0])
    others = [a for a, fit in tried if fit.template.side is not best[1].template.side]
    fit, evidence = settle_sharing(coarse, best[1], inside, APART[joint], LAST_REACH_MM)
    return Recognized(fit, evidence, best[0], max(others, default=0.0))


def _shortlist(laid: Sequence[Candidate]) -> list[Candidate]:
    """Keep the best place of each side, and the best of what is left."""
    first: dict[Side, Candidate] = {}
    for candidate in laid:
        first.setdefault(candidate.fit.template.side, candidate)
    rest = [c for c in laid if c not in first.values()]
    return [*first.values(), *rest[: max(TRIED - len(first), 0)]]


def _start(candidate: Candidate) -> Fit:
    """Begin with a candidate; a hip goes on with both sides, since a pelvis has two."""
    fit = candidate.fit
    if fit.template.joint is not Joint.HIP:
        return fit
    both = load_template(Joint.HIP, Side.BOTH)
    return begin(both, both.starts[0], fit.group.middle, float(fit.group.stretch[0]))


def _distinct(fits: Sequence[Fit]) -> list[Fit]:
    """Leave out those that begin with the same template where an earlier one does."""
    kept: list[Fit] = []
    for fit in fits:
        alike = (k for k in kept if k.template is fit.template)
        if all(np.linalg.norm(k.group.middle - fit.group.middle) > SAME_PLACE_MM for k in alike):
            kept.append(fit)
    return kept


def _try(coarse: CoarseBones, inside: NDArray[np.float32], fit: Fit) -> tuple[float, Fit]:
    """Settle one candidate as a whole."""
    for reach in FIRST_REACH_MM:
        fit = settle(fit, gather(share_out(coarse, fit), inside), [TOGETHER] * len(reach), reach)
    return overlap(fit, share_out(coarse, fit))[0], fit
