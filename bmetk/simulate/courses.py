"""Five published courses of migratory osteoporosis as patients to simulate.

The facts (month, joint, side, regions, signs) lie in ``data/courses.json``, each with its citation;
strength, extent, body, protocol and dates are drawn here from the seed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib import resources
from math import ceil
from typing import Any

import numpy as np

from bmetk.anatomy import BONE_OF_REGION, Joint, Region, Side
from bmetk.errors import UnknownNameError
from bmetk.exam import Plane
from bmetk.simulate.protocols import CLINICAL, coarsen, draw_pose, draw_protocol
from bmetk.simulate.spec import ExamSpec, LesionSpec, PatientSpec, SignSpec, SubjectSpec

Facts = Mapping[str, Any]

_EFFUSION = {"marked": 0.7, "mild": 0.35}
_NO_EFFUSION = 0.1
# Mean length of a month: exams that a report dates one month apart lie 30 or 31 days apart.
_DAYS_A_MONTH = 30.4375
_LANGUAGES = {"jimenez-martin-2019": "es", "koutserimpas-2025": "el", "costa-2025": "pt"}
_FILL = {Joint.HIP: (0.75, 0.9), Joint.KNEE: (0.5, 0.7), Joint.ANKLE: (0.6, 0.8), Joint.FOOT: (0.55, 0.75)}
_STRENGTH = (0.6, 0.8)
_SMALLER_FILL = 0.45
_SMALLER_STRENGTH = 0.8
# The planes in which the reports show each joint; an axial slab would miss much of the metaphyses.
_PLANES = {
    Joint.HIP: (Plane.CORONAL,),
    Joint.KNEE: (Plane.CORONAL, Plane.SAGITTAL),
    Joint.ANKLE: (Plane.SAGITTAL, Plane.CORONAL),
    Joint.FOOT: (Plane.SAGITTAL, Plane.AXIAL),
}


@cache
def _facts() -> Mapping[str, Facts]:
    """Read the packaged facts, by course id."""
    text = resources.files("bmetk.simulate").joinpath("data", "courses.json").read_text(encoding="utf-8")
    return {course["id"]: course for course in json.loads(text)["courses"]}


def course_ids() -> tuple[str, ...]:
    """List the ids of the published courses."""
    return tuple(_facts())


def course_facts(course_id: str) -> Facts:
    """Give the published facts of a course: citation, patient, exams, clinical.

    Raises
    ------
    UnknownNameError
        If there is no such course.
    """
    if course_id not in _facts():
        raise UnknownNameError(f"no course {course_id!r}; known are {', '.join(course_ids())}")
    return _facts()[course_id]


def clinical(course_id: str) -> tuple[Facts, ...]:
    """List the treatments, scores, laboratory values and outcomes that the report gives."""
    return tuple(course_facts(course_id)["clinical"])


def course(course_id: str, seed: int = 0, *, coarse: float = 1.0) -> PatientSpec:
    """Turn a published course into a patient to simulate.

    Parameters
    ----------
    course_id : one of `course_ids`
    seed : another body, lesion shapes and scanners for each seed; 0 or more
    coarse : factor that widens voxels, 1 or more; about 2 is right for quick tests

    Raises
    ------
    UnknownNameError
        If there is no such course.
    """
    facts = course_facts(course_id)
    rng = np.random.default_rng([seed, zlib.crc32(course_id.encode())])
    start_year = int(rng.integers(2008, 2014))
    start_month, day = int(rng.integers(12)), int(rng.integers(1, 28))
    onset = date_after(start_year, start_month, day)
    subject = _subject(rng, facts["patient"], start_year)
    exams = tuple(
        _exam(rng, exam, subject, onset + timedelta(days=ceil(_DAYS_A_MONTH * exam["month"])), coarse)
        for exam in facts["exams"]
    )
    return PatientSpec(course_id, exams, _LANGUAGES.get(course_id, "en"))


def date_after(year: int, months: int, day: int) -> date:
    """Give the date that lies ``months`` after January of ``year``; ``day`` is at most 28."""
    return date(year + months // 12, months % 12 + 1, day)


def _subject(rng: np.random.Generator, patient: Facts, start_year: int) -> SubjectSpec:
    return SubjectSpec(
        seed=int(rng.integers(1, 2**31)),
        sex=patient["sex"],
        birth_year=start_year - patient["age"],
        scale=round(float(rng.uniform(0.97, 1.06)), 3),
        red_marrow=round(float(rng.uniform(0.05, 0.35)), 2),
    )


def _exam(rng: np.random.Generator, facts: Facts, subject: SubjectSpec, day: date, coarse: float) -> ExamSpec:
    joint, side = Joint(facts["joint"]), Side(facts["side"])
    plane = _PLANES[joint][int(rng.integers(len(_PLANES[joint])))]
    if joint is Joint.ANKLE and any(
        "cuneiform" in name for edema in facts["edema"] for name in edema["regions"]
    ):
        plane = Plane.SAGITTAL  # coronal slices about an ankle end behind the cuneiforms
    protocol = draw_protocol(rng, joint, side, CLINICAL, plane)
    return ExamSpec(
        joint=joint,
        side=side,
        date=day,
        subject=subject,
        lesions=tuple(_lesion(rng, facts, edema, subject) for edema in facts["edema"]),
        signs=SignSpec(effusion=_EFFUSION.get(facts["signs"].get("effusion"), _NO_EFFUSION)),
        pose=draw_pose(rng, joint, CLINICAL),
        protocol=coarsen(protocol, coarse),
        seed=int(rng.integers(1, 2**31)),
    )


def _lesion(rng: np.random.Generator, facts: Facts, edema: Facts, subject: SubjectSpec) -> LesionSpec:
    """Draw a lesion; the same bone of the same patient keeps its seed, so that a remnant lies in place."""
    joint, side = Joint(facts["joint"]), Side(edema["side"])
    regions = tuple(Region(name) for name in edema["regions"])
    smaller = facts.get("smaller", False)
    fill = rng.uniform(*_FILL[joint]) * (_SMALLER_FILL if smaller else 1.0)
    strength = rng.uniform(*_STRENGTH) * (_SMALLER_STRENGTH if smaller else 1.0)
    place = f"{side.value} {BONE_OF_REGION[regions[0]].value} {regions[0].value}"
    return LesionSpec(
        regions=regions,
        side=side,
        strength=round(float(strength), 3),
        fill=round(float(fill), 3),
        edge_mm=round(float(rng.uniform(3.0, 6.0)), 2),
        texture=round(float(rng.uniform(0.08, 0.2)), 3),
        seed=zlib.crc32(place.encode(), subject.seed) % 2**31,
        spare_medial_head=bool(facts["signs"].get("medial_head_spared", False)),
        subchondral_fracture=bool(facts["signs"].get("subchondral_fracture", False)),
    )
