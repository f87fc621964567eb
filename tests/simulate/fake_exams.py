"""An exam without simulation: analytic arrays where a scanner would have put a patient."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from bmetk.anatomy import (
    BONE_LABELS,
    REGION_LABELS,
    Bone,
    Joint,
    Region,
    Side,
    bone_value,
    region_value,
)
from bmetk.exam import Acquisition, Contrast, Plane, Segmentation, Series
from bmetk.image import LabelMap, Mask, RigidTransform, ScalarImage
from bmetk.simulate.spec import (
    ExamSpec,
    LesionSpec,
    SimulatedExam,
    SubjectSpec,
    Truth,
)
from tests.conftest import make_grid

PLANES = {
    "axial": Plane.AXIAL,
    "coronal": Plane.CORONAL,
    "sagittal": Plane.SAGITTAL,
    "oblique": Plane.OBLIQUE,
}


def fake_spec(**changes):
    spec = ExamSpec(
        joint=Joint.KNEE,
        side=Side.RIGHT,
        date=date(2024, 3, 1),
        subject=SubjectSpec(seed=7),
        lesions=(LesionSpec((Region.LATERAL_FEMORAL_CONDYLE,), Side.RIGHT),),
        seed=11,
    )
    return replace(spec, **changes)


def _truth(grid, joint, side):
    bone, region = (
        (Bone.TALUS, Region.TALUS)
        if joint in (Joint.ANKLE, Joint.FOOT)
        else (Bone.FEMUR, Region.LATERAL_FEMORAL_CONDYLE)
    )
    inside = np.zeros(grid.shape, bool)
    inside[1:-1, 2:-2, 3:-3] = True
    edema = inside.copy()
    edema[:, : grid.shape[1] // 2] = False
    bones = LabelMap(inside * bone_value(bone, side), grid)
    regions = LabelMap(inside * region_value(region, side), grid)
    return Truth(
        Segmentation(bones, BONE_LABELS),
        Segmentation(regions, REGION_LABELS),
        Mask(edema, grid),
        ScalarImage(edema * 0.6, grid),
        RigidTransform.identity(),
    )


def fake_exam(spec=None, plane="coronal", shape=(6, 24, 20)):
    """Make an exam whose intensity encodes the voxel index."""
    spec = spec or fake_spec()
    grid = make_grid(plane, shape)
    s, r, c = np.indices(shape)
    ramp = ScalarImage(s * 500.0 + r * 20.0 + c, grid)

    def series(contrast, tr_ms, te_ms, ti_ms=None):
        acquisition = Acquisition(tr_ms, te_ms, ti_ms, None, spec.protocol.field_strength_t)
        return Series(ramp, contrast, PLANES[plane], acquisition)

    protocol = spec.protocol
    return SimulatedExam(
        spec,
        series(Contrast.T1, protocol.t1.tr_ms, protocol.t1.te_ms),
        series(protocol.fluid.contrast, protocol.fluid.tr_ms, protocol.fluid.te_ms, protocol.fluid.ti_ms),
        (series(Contrast.LOCALIZER, 20.0, 5.0), series(Contrast.T2, 3000.0, 90.0)),
        _truth(grid, spec.joint, Side.RIGHT if spec.side is Side.BOTH else spec.side),
    )
