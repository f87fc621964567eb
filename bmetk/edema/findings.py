"""Observations a reader would report: each is what was measured, none is a diagnosis."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from bmetk.anatomy import Label, Region, Side
from bmetk.edema.effusion import joint_effusions
from bmetk.edema.necrosis import double_lines
from bmetk.edema.segment import EdemaMap
from bmetk.edema.volume import BoolArray
from bmetk.exam import Finding, Segmentation
from bmetk.image import ScalarImage, crop_box, crop_grid

_HEAD_EDEMA_SHARE = 0.15
_SPARED_SHARE = 0.05
_LINE_ML = 0.05
_LINE_DEPTH_MM = 10.0


def observe_findings(
    t1: ScalarImage | None, fluid: ScalarImage, bones: Segmentation, regions: Segmentation, found: EdemaMap
) -> tuple[Finding, ...]:
    """Observe joint fluid, the femoral heads, a dark line within the edema, and signs of osteonecrosis.

    Parameters
    ----------
    t1 : ScalarImage on the grid of ``fluid``; None if there is none
    fluid : ScalarImage
    bones, regions : Segmentation on the same grid
    found : EdemaMap on the same grid

    Raises
    ------
    GridMismatchError
        If the images do not share a grid.
    """
    for what, grid in (("bones", bones.grid), ("regions", regions.grid), ("edema", found.edema.grid)):
        fluid.grid.require_match(grid, f"fluid series and {what}")
    findings = joint_effusions(t1, fluid, bones, regions)
    findings += _spared_heads(regions, found)
    if t1 is not None:
        findings += _dark_line(t1, fluid, regions, found)
        findings += double_lines(t1, fluid, regions, found.edema)
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


def _dark_line(t1: ScalarImage, fluid: ScalarImage, regions: Segmentation, found: EdemaMap) -> list[Finding]:
    """Look for thin low signal on both series inside the edema, near the surface of the bone."""
    if not found.edema:
        return []
    box = crop_box(found.edema.array, fluid.grid, 5.0)
    grid = crop_grid(fluid.grid, box)
    edema, labels = found.edema.array[box], regions.labels.array[box]
    size = [1] + [2 * max(1, round(2.0 / s)) + 1 for s in grid.spacing_mm[1:]]
    closed = ndimage.binary_closing(edema, np.ones(size, dtype=bool)) & (labels > 0)
    dark = closed.copy()
    for image in (t1.array[box], fluid.array[box]):
        around = ndimage.grey_closing(image, size=size)
        dark &= image < 0.6 * around
    depth = _surface_depth(labels > 0, grid.spacing_mm)
    dark &= (depth > 2.0) & (depth < _LINE_DEPTH_MM)
    volume_ml = float(np.count_nonzero(dark)) * grid.voxel_ml
    message = (
        f"{volume_ml:.2f} mL of thin low signal on both series within the edema, 2 to 10 mm below the surface"
    )
    label = _main_label(labels[edema], regions)
    return [
        Finding(
            "subchondral_line", label.side if label else None, volume_ml >= _LINE_ML, volume_ml, "mL", message
        )
    ]


def _surface_depth(
    bone: BoolArray, spacing: tuple[float, float, float]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    padded = np.pad(bone, 1, mode="edge")
    return np.asarray(ndimage.distance_transform_edt(padded, sampling=spacing))[1:-1, 1:-1, 1:-1]


def _main_label(
    values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], regions: Segmentation
) -> Label | None:
    named = values[values > 0]
    return regions.meaning[int(np.bincount(named).argmax())] if named.size else None
