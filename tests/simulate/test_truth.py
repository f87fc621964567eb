"""The truth of an exam survives its files and counts what was drawn."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bmetk.anatomy import REGIONS_OF_JOINT, Joint, Region, Side
from bmetk.errors import UnreadableFileError
from bmetk.exam import Series
from bmetk.image import Grid, RigidTransform, ScalarImage
from bmetk.simulate.truth import expected_regions, measure_truth, read_truth, write_truth
from tests.simulate.fake_exams import fake_exam, fake_spec

VOXEL_ML = 3.5 * 0.9 * 1.1 / 1000


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal", "oblique"])
def test_truth_survives_its_files(plane, tmp_path):
    exam = fake_exam(plane=plane)
    write_truth(exam, tmp_path / "truth")
    back = read_truth(tmp_path / "truth")
    assert back.truth.edema.grid.matches(exam.truth.edema.grid)
    np.testing.assert_array_equal(back.truth.edema.array, exam.truth.edema.array)
    np.testing.assert_array_equal(back.truth.water_fraction.array, exam.truth.water_fraction.array)
    for name in ("bones", "regions"):
        mine, theirs = getattr(back.truth, name), getattr(exam.truth, name)
        np.testing.assert_array_equal(mine.labels.array, theirs.labels.array)
        assert mine.present() == theirs.present()
    assert (back.joint, back.side, back.date) == (exam.spec.joint, exam.spec.side, exam.spec.date)
    assert back.expected == ((Side.RIGHT, Region.LATERAL_FEMORAL_CONDYLE),)


def test_volumes_count_voxels():
    measured = {m.region: m for m in measure_truth(fake_exam())}
    assert set(measured) == {region.value for region in REGIONS_OF_JOINT[Joint.KNEE]}
    condyle = measured["lateral_femoral_condyle"]
    assert condyle.coverage == 1.0
    assert condyle.bone_ml == pytest.approx(4 * 20 * 14 * VOXEL_ML)
    assert condyle.edema_ml == pytest.approx(4 * 10 * 14 * VOXEL_ML)
    assert condyle.edema_fraction == pytest.approx(0.5)


def test_region_out_of_view_has_no_volume():
    patella = {m.region: m for m in measure_truth(fake_exam())}["patella"]
    assert (patella.coverage, patella.bone_ml, patella.edema_ml) == (0.0, None, None)


def test_part_that_t1_does_not_show_is_not_counted():
    exam = fake_exam()
    grid = exam.t1.image.grid
    half = Grid((grid.shape[0], grid.shape[1], grid.shape[2] // 2), grid.affine)
    t1 = Series(ScalarImage(np.zeros(half.shape), half), exam.t1.contrast, exam.t1.plane)
    condyle = {m.region: m for m in measure_truth(replace(exam, t1=t1))}["lateral_femoral_condyle"]
    assert condyle.coverage == pytest.approx(0.5)
    assert condyle.bone_ml == pytest.approx(4 * 20 * 7 * VOXEL_ML)


def test_motion_before_t1_moves_its_view():
    exam = fake_exam()
    aside = RigidTransform(np.eye(3), exam.t1.image.grid.axes[:, 2] * 1.1 * 10)
    moved = replace(exam, truth=replace(exam.truth, motion=aside))
    condyle = {m.region: m for m in measure_truth(moved)}["lateral_femoral_condyle"]
    assert condyle.coverage == pytest.approx(0.5)


def test_motion_survives_its_file(tmp_path):
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    exam = fake_exam()
    write_truth(
        replace(exam, truth=replace(exam.truth, motion=RigidTransform(turn, np.array([1.0, 2.0, 3.0])))),
        tmp_path,
    )
    np.testing.assert_array_equal(read_truth(tmp_path).truth.motion.rotation, turn)


def test_both_hips_are_measured_side_by_side():
    measured = measure_truth(fake_exam(fake_spec(joint=Joint.HIP, side=Side.BOTH)))
    assert [m.side for m in measured] == [Side.RIGHT] * 5 + [Side.LEFT] * 5


def test_healthy_exam_expects_nothing(tmp_path):
    spec = fake_spec(lesions=())
    assert expected_regions(spec) == ()
    write_truth(fake_exam(spec), tmp_path)
    assert read_truth(tmp_path).expected == ()


def test_document_names_labels_and_schema(tmp_path):
    write_truth(fake_exam(), tmp_path)
    document = json.loads((tmp_path / "truth.json").read_text())
    assert document["schema"] == "bmetk.truth/1"
    assert document["labels"]["bones"] == {"1": {"name": "femur", "side": "right"}}


def test_damaged_truth_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"truth\.json"):
        read_truth(tmp_path)
    write_truth(fake_exam(), tmp_path)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(UnreadableFileError, match="simulate it again"):
        read_truth(tmp_path)
