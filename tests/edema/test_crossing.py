"""What crosses a border between regions of a bone is doubtful near the border, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.anatomy import Label, Side
from bmetk.edema.crossing import BORDER_MM, HIP_BORDER_MM, claims
from bmetk.edema.uncertainty import IntervalModel
from bmetk.exam import Segmentation
from bmetk.image import LabelMap, Mask
from bmetk.tracking import TrackingSettings
from tests.conftest import make_grid

SHAPE, SPACING_MM = (12, 30, 30), (4.2, 1.0, 1.0)
MEDIAL, LATERAL, OTHER = 1, 2, 3
MEANING = {
    MEDIAL: Label("medial_femoral_condyle", Side.LEFT, "femur"),
    LATERAL: Label("lateral_femoral_condyle", Side.LEFT, "femur"),
    OTHER: Label("patella", Side.LEFT, "patella"),
}


def scene(plane: str, axis: int, reach: int) -> tuple[Mask, Segmentation]:
    """Divide a block across an axis; edema fills the lateral half and ``reach`` voxels of the medial one."""
    grid = make_grid(plane, SHAPE, SPACING_MM)
    place = np.indices(SHAPE)[axis]
    half = SHAPE[axis] // 2
    labels = np.where(place < half, MEDIAL, LATERAL).astype(np.uint8)
    return Mask(place >= half - reach, grid), Segmentation(LabelMap(labels, grid), MEANING)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal", "oblique"])
@pytest.mark.parametrize("axis", [1, 2])
def test_what_lies_within_reach_of_the_border_may_belong_to_the_other_side(plane: str, axis: int) -> None:
    edema, regions = scene(plane, axis, reach=8)
    layer_ml = edema.grid.voxel_ml * edema.array.size / SHAPE[axis]
    found = claims(edema, regions)
    for value in (MEDIAL, LATERAL):
        assert found[value].lost_ml == pytest.approx(BORDER_MM * layer_ml, rel=0.01)
        assert found[value].gained_ml == pytest.approx(BORDER_MM * layer_ml, rel=0.01)


def test_one_slice_beyond_the_border_is_in_doubt_by_the_part_within_reach() -> None:
    edema, regions = scene("sagittal", 0, reach=1)
    slice_ml = edema.grid.voxel_ml * SHAPE[1] * SHAPE[2]
    lost_ml = claims(edema, regions)[MEDIAL].lost_ml
    assert lost_ml == pytest.approx(BORDER_MM / SPACING_MM[0] * slice_ml, rel=0.01)
    low, _ = IntervalModel().interval_ml(slice_ml, slice_ml, slice_ml, claims(edema, regions)[MEDIAL])
    assert low < TrackingSettings().sure_share * slice_ml


def test_edema_far_from_any_border_is_claimed_by_none() -> None:
    edema, regions = scene("axial", 1, reach=0)
    far = Mask(edema.array & (np.indices(SHAPE)[1] > 22), edema.grid)
    assert claims(far, regions)[LATERAL].lost_ml == 0
    assert claims(far, regions)[MEDIAL].gained_ml == 0


def test_a_bone_of_one_region_has_no_border() -> None:
    edema, regions = scene("axial", 1, reach=3)
    alone = LabelMap(np.where(regions.labels.array > 0, OTHER, 0).astype(np.uint8), edema.grid)
    assert claims(edema, Segmentation(alone, MEANING)) == {}


def test_borders_about_the_femoral_head_are_surer() -> None:
    edema, regions = scene("coronal", 1, reach=8)
    hip = {
        MEDIAL: Label("femoral_neck", Side.LEFT, "femur"),
        LATERAL: Label("femoral_head", Side.LEFT, "femur"),
    }
    layer_ml = edema.grid.voxel_ml * edema.array.size / SHAPE[1]
    found = claims(edema, Segmentation(regions.labels, hip))
    assert found[MEDIAL].lost_ml == pytest.approx(HIP_BORDER_MM * layer_ml, rel=0.01)
