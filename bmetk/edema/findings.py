"""Observations a reader would report: each is what was measured, none is a diagnosis."""

from __future__ import annotations

import numpy as np

from bmetk.anatomy import Region, Side
from bmetk.edema.contour import head_contours
from bmetk.edema.contrast import contrast_of, joint_fluid_to_muscle
from bmetk.edema.effusion import joint_effusions
from bmetk.edema.fracture import subchondral_line
from bmetk.edema.necrosis import osteonecrosis_signs
from bmetk.edema.segment import EdemaMap
from bmetk.exam import Finding, Protocol, Segmentation
from bmetk.image import ScalarImage

_HEAD_EDEMA_SHARE = 0.15
_SPARED_SHARE = 0.12


def observe_findings(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bones: Segmentation,
    regions: Segmentation,
    found: EdemaMap,
    *,
    protocol: Protocol | None = None,
) -> tuple[Finding, ...]:
    """Observe joint fluid, the femoral heads, a dark line within the edema, and signs of osteonecrosis.

    Parameters
    ----------
    t1 : ScalarImage on the grid of ``fluid``; None if there is none
    fluid : ScalarImage
    bones, regions : Segmentation on the same grid
    found : EdemaMap on the same grid
    protocol : Protocol of ``fluid``; a STIR if it is not known

    Raises
    ------
    GridMismatchError
        If the images do not share a grid.
    """
    for what, grid in (("bones", bones.grid), ("regions", regions.grid), ("edema", found.edema.grid)):
        fluid.grid.require_match(grid, f"fluid series and {what}")
    to_muscle = joint_fluid_to_muscle(*contrast_of(protocol))
    findings = joint_effusions(t1, fluid, bones, regions, to_muscle, found.shading)
    findings += head_contours(bones, regions)
    findings += _spared_heads(regions, found)
    if t1 is not None:
        findings += subchondral_line(t1, fluid, bones, regions, found)
        findings += osteonecrosis_signs(t1, fluid, regions, found.edema)
    return tuple(findings)


def _spared_heads(regions: Segmentation, found: EdemaMap) -> list[Finding]:
    """Compare the medial quarter of each edematous femoral head with the rest of it."""
    findings = []
    for value, label in regions.present().items():
        if label.name != Region.FEMORAL_HEAD.value or label.side not in (Side.RIGHT, Side.LEFT):
            continue
        head = np.argwhere(regions.labels.array == value)
        edema = found.edema.array[tuple(head.T)]
        if edema.mean() < _HEAD_EDEMA_SHARE:
            continue
        x = regions.grid.to_world(head)[:, 0]
        medial = x >= np.quantile(x, 0.75) if label.side is Side.RIGHT else x <= np.quantile(x, 0.25)
        share = float(edema[medial].mean())
        message = (
            f"{share:.0%} of the medial quarter of the femoral head is edematous, "
            f"{edema.mean():.0%} of the whole head"
        )
        findings.append(
            Finding("medial_head_spared", label.side, share < _SPARED_SHARE, share, "fraction", message)
        )
    return findings
