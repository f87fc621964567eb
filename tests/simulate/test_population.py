"""Random populations are wide, plausible and never mixed."""

from __future__ import annotations

from collections import Counter

import pytest

from bmetk.anatomy import REGIONS_OF_JOINT, Joint, Side
from bmetk.errors import UnknownNameError
from bmetk.exam import Contrast, Plane
from bmetk.simulate.population import (
    Episode,
    exam_population,
    necrosis_population,
    population,
    random_exam,
    random_patient,
    retest_pair,
    retest_population,
)
from bmetk.simulate.spec import LesionSpec


@pytest.fixture(scope="module")
def exams():
    return [random_exam(seed) for seed in range(400)]


@pytest.fixture(scope="module")
def patients():
    return [random_patient(seed) for seed in range(150)]


def test_same_seed_same_exam_and_patient():
    assert random_exam(7) == random_exam(7)
    assert random_patient(7) == random_patient(7)
    assert random_exam(7) != random_exam(8)


def test_joints_follow_the_published_order(exams):
    counts = Counter(exam.joint for exam in exams)
    assert counts[Joint.HIP] > counts[Joint.KNEE] > counts[Joint.ANKLE] > counts[Joint.FOOT] > 20


def test_every_plane_contrast_field_and_maker_occurs(exams):
    protocols = [exam.protocol for exam in exams]
    assert {protocol.plane for protocol in protocols} == {Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL}
    assert {protocol.fluid.contrast for protocol in protocols} == {
        Contrast.STIR,
        Contrast.FS_PD,
        Contrast.FS_T2,
    }
    assert {protocol.field_strength_t for protocol in protocols} == {1.5, 3.0}
    assert len({protocol.manufacturer for protocol in protocols}) == 6


def test_protocols_stay_in_range(exams):
    for protocol in (exam.protocol for exam in exams):
        low, high = (140, 180) if protocol.field_strength_t == 1.5 else (200, 240)
        assert protocol.fluid.ti_ms is None or low <= protocol.fluid.ti_ms <= high
        assert 0.3 <= protocol.t1.in_plane_mm <= 1.02
        assert 3 <= protocol.t1.thickness_mm <= 6
        assert 0 <= protocol.t1.gap_mm <= 0.2 * protocol.t1.thickness_mm + 0.05
        assert 12 <= protocol.snr <= 60
        assert protocol.field_of_view_mm / protocol.t1.in_plane_mm <= 449


def test_only_a_few_lose_fat_suppression(exams):
    failed = sum(exam.protocol.fat_suppression_failure > 0 for exam in exams)
    assert 0.04 < failed / len(exams) < 0.18


def test_lesions_lie_in_the_joint_and_on_its_side(exams):
    for exam in exams:
        for lesion in exam.lesions:
            assert lesion.side is not Side.BOTH
            assert exam.side in (lesion.side, Side.BOTH)
            assert set(lesion.regions) <= set(REGIONS_OF_JOINT[exam.joint])


def test_healthy_exam_has_no_lesion():
    assert all(random_exam(seed, healthy=True).lesions == () for seed in range(20))


def test_joint_can_be_asked_for():
    assert {random_exam(seed, Joint.FOOT).joint for seed in range(20)} == {Joint.FOOT}


def test_retest_changes_the_scan_and_not_the_patient():
    for seed in range(20):
        test, retest = retest_pair(seed)
        assert (test.subject, test.lesions, test.signs) == (retest.subject, retest.lesions, retest.signs)
        assert (test.joint, test.side) == (retest.joint, retest.side)
        assert test.pose != retest.pose
        assert test.protocol != retest.protocol
        assert test.date < retest.date


def test_patients_have_two_to_six_exams_in_time_order(patients):
    assert {len(patient.exams) for patient in patients} == {2, 3, 4, 5, 6}
    for patient in patients:
        dates = [exam.date for exam in patient.exams]
        assert dates == sorted(dates)
        assert len({exam.subject for exam in patient.exams}) == 1


def test_most_patients_migrate_and_some_resolve(patients):
    seen = [{(exam.joint, lesion.side) for exam in p.exams for lesion in exam.lesions} for p in patients]
    assert sum(len(places) > 1 for places in seen) > 0.6 * len(patients)
    assert sum(any(not exam.lesions for exam in patient.exams) for patient in patients) > 0.1 * len(patients)


def test_men_outnumber_women_about_three_to_one(patients):
    women = sum(patient.exams[0].subject.sex == "F" for patient in patients)
    assert 0.15 < women / len(patients) < 0.35


def test_episode_rises_peaks_and_resolves():
    lesion = LesionSpec((REGIONS_OF_JOINT[Joint.HIP][0],), Side.LEFT, fill=0.8, strength=0.6)
    episode = Episode(Joint.HIP, Side.LEFT, onset_month=4, duration_months=8.0, lesions=(lesion,))
    assert episode.lesions_at(4) == ()
    assert episode.lesions_at(6.5)[0] == lesion
    assert episode.lesions_at(9)[0].fill < lesion.fill
    assert episode.lesions_at(12) == ()


def test_populations_share_no_patient():
    development = {p.exams[0].subject.seed for p in population("development", 50)}
    test = {p.exams[0].subject.seed for p in population("test", 50)}
    assert development.isdisjoint(test)
    sick = {exam.subject.seed for exam in exam_population("test", 30)}
    healthy = {exam.subject.seed for exam in exam_population("test", 30, healthy=True)}
    assert sick.isdisjoint(healthy)
    assert len(retest_population("test", 3, Joint.KNEE)) == 3


def test_a_population_goes_on_where_its_first_subjects_end():
    assert population("test", 4)[2:] == population("test", 2, first=2)
    assert exam_population("test", 4, healthy=True)[2:] == exam_population("test", 2, healthy=True, first=2)
    assert necrosis_population("test", 4)[2:] == necrosis_population("test", 2, first=2)
    assert retest_population("test", 4)[2:] == retest_population("test", 2, first=2)


def test_unknown_population_is_named():
    with pytest.raises(UnknownNameError, match="no population 'training'; known are development, test"):
        population("training", 1)


def test_both_hips_are_never_scanned_in_sagittal_slices():
    planes = {
        exam.protocol.plane
        for exam in exam_population("development", 60, Joint.HIP)
        if exam.side is Side.BOTH
    }
    assert planes == {Plane.CORONAL, Plane.AXIAL}
