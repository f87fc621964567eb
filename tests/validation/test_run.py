"""Scores of exams and patients, with an analysis that is known to be right or wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from bmetk.anatomy import Joint, Region, Side
from bmetk.config import Settings
from bmetk.errors import BonesNotFoundError
from bmetk.exam import Check, CheckStatus, ExamResult, Segmentation
from bmetk.image import LabelMap
from bmetk.simulate.spec import LesionSpec
from bmetk.validation.run import run_all, score_bones, score_exam
from tests.simulate.fake_exams import fake_spec
from tests.validation.standins import StandIn, find_half

KNEE = fake_spec()
ANKLE = fake_spec(
    joint=Joint.ANKLE, date=date(2024, 9, 1), seed=12, lesions=(LesionSpec((Region.TALUS,), Side.RIGHT),)
)
# The fake exam: 4 x 10 x 14 voxels of edema in 4 x 20 x 14 of bone, of 3.5 x 0.9 x 1.1 mm.
VOXEL_ML = 3.5 * 0.9 * 1.1 / 1000
EDEMA_ML, BONE_ML = 560 * VOXEL_ML, 1120 * VOXEL_ML


def refuse(truth: ExamResult) -> ExamResult:
    raise BonesNotFoundError("no bone was found")


def test_an_analysis_that_finds_the_truth_has_full_score(stand_in: StandIn) -> None:
    score = score_exam(("first", KNEE, Settings()))
    assert (score.name, score.failure, score.found_side) == ("first", "", "right")
    assert score.true_ml == score.found_ml == pytest.approx(EDEMA_ML)
    assert score.dice == 1.0
    (bone,) = score.bones
    assert (bone.bone, bone.side, bone.dice, bone.boundary_mm) == ("femur", "right", 1.0, 0.0)
    assert bone.true_ml == pytest.approx(BONE_ML)
    (region,) = score.regions
    assert (region.region, region.side) == ("lateral_femoral_condyle", "right")
    assert region.true_ml == region.found_ml == region.low_ml == region.high_ml == pytest.approx(EDEMA_ML)
    assert score.seconds == {"bones": 2.0, "edema": 1.0}
    assert score.peak_mb > 10


def test_half_of_the_edema_is_two_thirds_of_dice_and_half_of_the_volume(stand_in: StandIn) -> None:
    stand_in.find = find_half
    score = score_exam(("e", KNEE, Settings()))
    assert score.dice == pytest.approx(2 / 3)
    assert score.found_ml == pytest.approx(EDEMA_ML / 2)
    assert score.regions[0].found_ml == pytest.approx(EDEMA_ML / 2)


def test_the_analysis_is_told_nothing_of_the_truth(stand_in: StandIn) -> None:
    score_exam(("e", KNEE, Settings()))
    (exam,) = stand_in.told
    assert exam.bones is None
    assert (exam.joint, exam.side, exam.date) == (KNEE.joint, KNEE.side, KNEE.date)


def test_a_refused_exam_keeps_the_sentence_and_scores_nothing(stand_in: StandIn) -> None:
    stand_in.find = refuse
    score = score_exam(("e", KNEE, Settings()))
    assert (score.failure, score.dice, score.bones, score.regions) == ("no bone was found", 0.0, (), ())


@pytest.mark.parametrize(("status", "flagged"), [(CheckStatus.OK, False), (CheckStatus.WARN, True)])
def test_a_bone_is_flagged_where_its_own_check_warns(
    stand_in: StandIn, status: CheckStatus, flagged: bool
) -> None:
    checks = (Check("bone_femur_right", status, 0.5, ""), Check("bone_femur_left", CheckStatus.FAIL, 0.1, ""))
    stand_in.find = lambda truth: replace(truth, quality=checks)
    assert score_exam(("e", KNEE, Settings())).bones[0].flagged is flagged


def test_a_region_that_the_analysis_does_not_measure_has_no_volume_found(stand_in: StandIn) -> None:
    stand_in.find = lambda truth: replace(truth, measurements=())
    (region,) = score_exam(("e", KNEE, Settings())).regions
    assert region.true_ml == pytest.approx(EDEMA_ML)
    assert (region.found_ml, region.low_ml, region.high_ml) == (None, None, None)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("jobs", [1, 2])
def test_answers_keep_the_order_of_the_tasks_and_progress_is_told(jobs: int) -> None:
    told: list[tuple[str, float]] = []
    answers = run_all(abs, [-3, 1, -2], jobs, "exams", lambda stage, share: told.append((stage, share)))
    assert answers == (3, 1, 2)
    assert told == [("exams", pytest.approx(n / 3)) for n in (1, 2, 3)]


def shifted(truth: ExamResult) -> ExamResult:
    """Find every bone one row too far down."""
    labels = truth.bones.labels
    moved = LabelMap(np.roll(labels.array, 1, axis=1), labels.grid)
    return replace(truth, bones=Segmentation(moved, truth.bones.meaning))


def test_bones_are_scored_alone_and_the_worst_is_shown(stand_in: StandIn) -> None:
    stand_in.find = shifted
    score = score_bones(("b", KNEE, Settings()))
    (bone,) = score.bones
    assert 0.9 < bone.dice < 1.0
    assert (score.found_side, score.regions, score.true_ml) == ("right", (), 0.0)
    assert score.worst is not None
    assert score.worst.image.shape == score.worst.true.shape == score.worst.found.shape
    assert np.array_equal(score.worst.found, np.roll(score.worst.true, 1, axis=0))
    assert set(score.seconds) == {"bones"}
    assert score.untold == "knee right"


def test_bones_that_are_not_found_keep_the_sentence(stand_in: StandIn) -> None:
    stand_in.find = refuse
    score = score_bones(("b", KNEE, Settings()))
    assert score.failure == "no bone was found"
    assert score.bones == ()
