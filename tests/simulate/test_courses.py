"""The packaged courses say what was published."""

from __future__ import annotations

import json

import pytest

from bmetk.anatomy import REGIONS_OF_JOINT, Joint, Region, Side
from bmetk.errors import UnknownNameError
from bmetk.simulate.courses import clinical, course, course_facts, course_ids


@pytest.fixture
def published(shared):
    return {entry["id"]: entry for entry in json.loads((shared / "COURSES.json").read_text())["courses"]}


@pytest.mark.parametrize("course_id", course_ids())
def test_exams_agree_with_the_publication(course_id, published):
    facts = published[course_id]
    exams = course(course_id).exams
    assert len(exams) == len(facts["exams"])
    for exam, fact in zip(exams, facts["exams"], strict=True):
        expected = {(fact["side"], name) if isinstance(name, str) else tuple(name) for name in fact["edema"]}
        assert (exam.joint, exam.side) == (fact["joint"], fact["side"])
        assert {(lesion.side, region) for lesion in exam.lesions for region in lesion.regions} == expected


@pytest.mark.parametrize("course_id", course_ids())
def test_clinical_facts_and_citation_agree_with_the_publication(course_id, published):
    assert list(clinical(course_id)) == published[course_id]["clinical"]
    assert course_facts(course_id)["citation"] == published[course_id]["citation"]


@pytest.mark.parametrize("course_id", course_ids())
def test_months_between_exams_are_kept(course_id):
    exams = course(course_id, seed=5).exams
    months = [exam.date.year * 12 + exam.date.month for exam in exams]
    expected = [exam["month"] for exam in course_facts(course_id)["exams"]]
    assert [month - months[0] for month in months] == [month - expected[0] for month in expected]


@pytest.mark.parametrize("course_id", course_ids())
def test_one_body_many_scans(course_id):
    exams = course(course_id).exams
    assert len({exam.subject for exam in exams}) == 1
    assert len({exam.protocol for exam in exams}) == len(exams)
    assert len({exam.pose for exam in exams}) == len(exams)


def test_age_at_onset_is_kept():
    patient = course("costa-2025")
    assert patient.exams[0].date.year - patient.exams[0].subject.birth_year == 57


def test_signs_are_kept():
    hip, knee, _ = course("koutserimpas-2025").exams
    assert hip.signs.effusion > 0.5
    assert hip.lesions[0].spare_medial_head
    assert knee.lesions[0].subchondral_fracture


def test_remnant_is_smaller_and_lies_where_the_lesion_was():
    before, after, *_, recovered = course("vaishya-tmo-hip-talus").exams
    assert after.lesions[0].fill < 0.6 * before.lesions[0].fill
    assert after.lesions[0].seed == before.lesions[0].seed
    assert recovered.lesions == ()


def test_lesion_crosses_only_to_a_neighbour():
    foot = course("costa-2025").exams[2]
    rays = [(Region(f"metatarsal_{n}"), Region(f"proximal_phalanx_{n}")) for n in (2, 3, 4)]
    assert [lesion.regions for lesion in foot.lesions] == rays
    assert all(lesion.side is Side.LEFT for lesion in foot.lesions)


def test_regions_belong_to_the_joint():
    for course_id in course_ids():
        for exam in course(course_id).exams:
            shown = REGIONS_OF_JOINT[Joint(exam.joint)]
            assert all(region in shown for lesion in exam.lesions for region in lesion.regions)


def test_seed_gives_another_body_and_the_same_seed_the_same():
    assert course("costa-2025", 1) == course("costa-2025", 1)
    assert course("costa-2025", 1).exams[0].subject != course("costa-2025", 2).exams[0].subject


def test_coarse_widens_voxels_alone():
    fine, coarse = course("costa-2025").exams[0], course("costa-2025", coarse=2).exams[0]
    assert coarse.protocol.t1.in_plane_mm == pytest.approx(2 * fine.protocol.t1.in_plane_mm)
    assert coarse.lesions == fine.lesions
    assert coarse.protocol.field_of_view_mm == fine.protocol.field_of_view_mm


def test_unknown_course_is_named():
    with pytest.raises(UnknownNameError, match="no course 'nobody'; known are jimenez"):
        course("nobody")
