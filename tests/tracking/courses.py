"""Results without images, and the five published courses built from them.

What each course must give is written down here by hand from the reports (`../shared/COURSES.json`),
with volumes of a plausible size; month 0 is 15 January 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from bmetk.anatomy import BONE_OF_REGION, REGIONS_OF_JOINT, Joint, Region, Side
from bmetk.exam import Exam, ExamResult, Lesion, Patient, RegionMeasurement, Segmentation
from bmetk.image import Grid, LabelMap

RIGHT, LEFT, BOTH = Side.RIGHT, Side.LEFT, Side.BOTH
REGION_ML = 60.0
SMALL_REGION_ML = 5.0
SUBJECT = Patient("subject-1")


def in_month(month: int) -> date:
    return date(2015 + month // 12, month % 12 + 1, 15)


def measurement(region: str, side: Side | None, edema_ml: float, coverage: float = 1.0) -> RegionMeasurement:
    large = region in (*REGIONS_OF_JOINT[Joint.HIP], *REGIONS_OF_JOINT[Joint.KNEE])
    bone_ml = REGION_ML if large else SMALL_REGION_ML
    bone = BONE_OF_REGION[Region(region)].value if region in set(Region) else region
    return RegionMeasurement(
        region,
        bone,
        side,
        coverage,
        bone_ml,
        edema_ml,
        0.9 * edema_ml,
        1.1 * edema_ml,
        edema_ml / bone_ml,
        2.0,
    )


def not_imaged(region: str, side: Side | None) -> RegionMeasurement:
    return RegionMeasurement(region, BONE_OF_REGION[Region(region)].value, side, 0.0)


def result_of(
    exam: Exam, measurements: tuple[RegionMeasurement, ...], lesions: tuple[Lesion, ...] = ()
) -> ExamResult:
    grid = Grid((1, 1, 1), np.eye(4))
    empty = Segmentation(LabelMap(np.zeros((1, 1, 1), np.uint8), grid), {})
    return ExamResult(
        exam,
        empty,
        empty,
        None,
        None,
        None,
        measurements,
        lesions,
        (),
        (),
        settings={},
        seconds={},
        version="0",
    )


def fake_result(
    joint: Joint,
    side: Side,
    day: date,
    edema: Mapping[str, float],
    *,
    coverage: Mapping[str, float] | None = None,
    patient: Patient = SUBJECT,
    lesions: tuple[Lesion, ...] = (),
) -> ExamResult:
    """An exam of every region of its joint.

    ``edema`` is in mL by region name, or by "right region" where both sides are shown.
    """
    sides = (RIGHT, LEFT) if side is BOTH else (side,)
    volume = {key if " " in key else f"{side} {key}": ml for key, ml in edema.items()}
    parts = coverage or {}
    measurements = tuple(
        measurement(region, each, volume.pop(f"{each} {region}", 0.0), parts.get(region, 1.0))
        for each in sides
        for region in REGIONS_OF_JOINT[joint]
    )
    assert not volume, f"not a region of the {joint}: {volume}"
    return result_of(Exam(joint, side, patient=patient, date=day), measurements, lesions)


def lesion(number: int, side: Side, regions: Mapping[str, float]) -> Lesion:
    bone = BONE_OF_REGION[Region(next(iter(regions)))].value
    volume_ml = sum(regions.values())
    return Lesion(number, volume_ml, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), dict(regions), bone, side, 2.5)


@dataclass(frozen=True)
class Course:
    """What is imaged, and what must be told of it.

    ``events`` are (month, kind, side, region, previously imaged); ``migrations`` are (month, side, region) of
    origin and target, with the relation.
    """

    exams: tuple[ExamResult, ...]
    events: tuple[tuple[int, str, str, str, bool], ...]
    migrations: tuple[tuple[tuple[int, str, str], tuple[int, str, str], str], ...]


def _exam(month: int, joint: Joint, side: Side, **edema: float) -> ExamResult:
    return fake_result(
        joint, side, in_month(month), {key.replace("__", " "): ml for key, ml in edema.items()}
    )


_LFC, _MFC = "lateral_femoral_condyle", "medial_femoral_condyle"

COURSES = {
    "jimenez-martin-2019": Course(
        exams=(
            _exam(2, Joint.KNEE, RIGHT, lateral_femoral_condyle=12.0),
            _exam(6, Joint.KNEE, RIGHT, medial_femoral_condyle=9.0),
            _exam(7, Joint.ANKLE, RIGHT, talus=3.0),
            _exam(10, Joint.KNEE, LEFT, medial_femoral_condyle=10.0),
            _exam(12, Joint.KNEE, LEFT, lateral_femoral_condyle=11.0),
            _exam(24, Joint.KNEE, LEFT, medial_femoral_condyle=3.0, lateral_femoral_condyle=4.0),
        ),
        events=(
            (2, "baseline", "right", _LFC, False),
            (6, "new", "right", _MFC, True),
            (6, "resolved", "right", _LFC, True),
            (7, "new", "right", "talus", False),
            (10, "new", "left", _MFC, False),
            (12, "resolved", "left", _MFC, True),
            (12, "new", "left", _LFC, True),
            (24, "recurrent", "left", _MFC, True),
            (24, "decreased", "left", _LFC, True),
        ),
        migrations=(
            ((2, "right", _LFC), (6, "right", _MFC), "same_bone"),
            ((6, "right", _MFC), (7, "right", "talus"), "same_limb"),
            ((7, "right", "talus"), (10, "left", _MFC), "contralateral"),
            ((10, "left", _MFC), (12, "left", _LFC), "same_bone"),
            ((12, "left", _LFC), (24, "left", _MFC), "same_bone"),
        ),
    ),
    "koutserimpas-2025": Course(
        exams=(
            _exam(
                2,
                Joint.HIP,
                BOTH,
                right__femoral_head=30.0,
                right__femoral_neck=20.0,
                right__intertrochanteric=15.0,
            ),
            _exam(6, Joint.KNEE, RIGHT, lateral_femoral_condyle=10.0),
            _exam(
                26,
                Joint.HIP,
                BOTH,
                left__femoral_head=28.0,
                left__femoral_neck=18.0,
                left__intertrochanteric=12.0,
            ),
        ),
        events=(
            (2, "baseline", "right", "femoral_head", False),
            (2, "baseline", "right", "femoral_neck", False),
            (2, "baseline", "right", "intertrochanteric", False),
            (6, "new", "right", _LFC, False),
            (26, "resolved", "right", "femoral_head", True),
            (26, "resolved", "right", "femoral_neck", True),
            (26, "resolved", "right", "intertrochanteric", True),
            (26, "new", "left", "femoral_head", True),
            (26, "new", "left", "femoral_neck", True),
            (26, "new", "left", "intertrochanteric", True),
        ),
        migrations=(
            ((2, "right", "femoral_head"), (6, "right", _LFC), "same_bone"),
            ((6, "right", _LFC), (26, "left", "femoral_head"), "contralateral"),
        ),
    ),
    "costa-2025": Course(
        exams=(
            _exam(1, Joint.KNEE, RIGHT, medial_femoral_condyle=8.0),
            _exam(4, Joint.KNEE, LEFT, medial_femoral_condyle=7.0),
            _exam(
                4,
                Joint.FOOT,
                LEFT,
                metatarsal_2=2.0,
                metatarsal_3=1.8,
                metatarsal_4=1.5,
                proximal_phalanx_2=0.6,
                proximal_phalanx_3=0.5,
                proximal_phalanx_4=0.4,
            ),
        ),
        events=(
            (1, "baseline", "right", _MFC, False),
            (4, "new", "left", _MFC, False),
            *(
                (4, "new", "left", region, False)
                for region in (
                    "metatarsal_2",
                    "metatarsal_3",
                    "metatarsal_4",
                    "proximal_phalanx_2",
                    "proximal_phalanx_3",
                    "proximal_phalanx_4",
                )
            ),
        ),
        migrations=(
            ((1, "right", _MFC), (4, "left", _MFC), "contralateral"),
            ((1, "right", _MFC), (4, "left", "metatarsal_2"), "contralateral"),
        ),
    ),
    "vaishya-tmo-hip-talus": Course(
        exams=(
            _exam(0, Joint.HIP, LEFT, femoral_head=25.0, femoral_neck=10.0),
            _exam(3, Joint.HIP, LEFT, femoral_head=8.0),
            _exam(7, Joint.ANKLE, LEFT, talus=3.5),
            _exam(13, Joint.ANKLE, LEFT),
        ),
        events=(
            (0, "baseline", "left", "femoral_head", False),
            (0, "baseline", "left", "femoral_neck", False),
            (3, "decreased", "left", "femoral_head", True),
            (3, "resolved", "left", "femoral_neck", True),
            (7, "new", "left", "talus", False),
            (13, "resolved", "left", "talus", True),
        ),
        migrations=(((0, "left", "femoral_head"), (7, "left", "talus"), "same_limb"),),
    ),
    "rmo-three-episodes": Course(
        exams=(
            _exam(
                0,
                Joint.FOOT,
                RIGHT,
                metatarsal_1=3.0,
                metatarsal_2=2.0,
                metatarsal_3=1.5,
                medial_cuneiform=1.0,
            ),
            _exam(24, Joint.HIP, LEFT, femoral_head=20.0, femoral_neck=12.0),
            _exam(96, Joint.ANKLE, LEFT, talus=3.5, navicular=2.0, medial_cuneiform=1.0),
        ),
        events=(
            (0, "baseline", "right", "metatarsal_1", False),
            (0, "baseline", "right", "metatarsal_2", False),
            (0, "baseline", "right", "metatarsal_3", False),
            (0, "baseline", "right", "medial_cuneiform", False),
            (24, "new", "left", "femoral_head", False),
            (24, "new", "left", "femoral_neck", False),
            (96, "new", "left", "talus", False),
            (96, "new", "left", "navicular", False),
            (96, "new", "left", "medial_cuneiform", False),
        ),
        migrations=(
            ((0, "right", "metatarsal_1"), (24, "left", "femoral_head"), "contralateral"),
            ((24, "left", "femoral_head"), (96, "left", "talus"), "same_limb"),
        ),
    ),
}
