"""A femoral head whose top has sunk is told from a round one."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.anatomy import Bone, Region, Side, bone_value, region_value
from bmetk.anatomy.names import BONE_LABELS, REGION_LABELS
from bmetk.edema.contour import head_contours
from bmetk.exam import Segmentation
from bmetk.image import LabelMap, crop_grid
from tests.edema.phantom import slices

RADIUS_MM = 23.0
UP = np.array([0.0, -0.33, 0.944])


def femur(sunk_mm: float, *, plane: str = "coronal", shown: int = 28) -> tuple[Segmentation, Segmentation]:
    """Draw a right femoral head and neck in so many slices."""
    whole = slices(plane)
    grid = crop_grid(whole, (slice(0, shown), *(slice(0, n) for n in whole.shape[1:])))
    points = grid.world_coordinates()
    round_ = np.linalg.norm(points, axis=-1) < RADIUS_MM
    head = round_ & (points @ UP < RADIUS_MM - sunk_mm)
    neck = (np.hypot(points[..., 1], points[..., 2] + 0.4 * points[..., 0]) < 12) & (points[..., 0] < -15)
    bone, region = bone_value(Bone.FEMUR, Side.RIGHT), region_value(Region.FEMORAL_HEAD, Side.RIGHT)
    labels = np.where(head | neck, np.uint8(bone), np.uint8(0))
    parts = np.where(head, np.uint8(region), np.uint8(0))
    return (
        Segmentation(LabelMap(labels, grid), {bone: BONE_LABELS[bone]}),
        Segmentation(LabelMap(parts, grid), {region: REGION_LABELS[region]}),
    )


@pytest.mark.parametrize("plane", ["coronal", "sagittal", "axial"])
@pytest.mark.parametrize("sunk_mm", [0.0, 1.0, 4.0])
def test_how_far_the_top_has_sunk_is_measured_in_any_plane(plane: str, sunk_mm: float) -> None:
    (finding,) = head_contours(*femur(sunk_mm, plane=plane))
    assert finding.side is Side.RIGHT
    assert finding.value == pytest.approx(sunk_mm, abs=1.1)
    assert finding.present == (sunk_mm == 4.0)


def test_a_head_whose_top_is_out_of_view_is_not_judged() -> None:
    assert head_contours(*femur(0.0, plane="axial", shown=16)) == []


def test_without_a_head_nothing_is_told() -> None:
    bones, regions = femur(0.0)
    empty = LabelMap(np.zeros_like(regions.labels.array), regions.grid)
    assert head_contours(bones, Segmentation(empty, regions.meaning)) == []
