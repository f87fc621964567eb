"""Real files of several makers are read as they are, and faulty ones named."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from bmetk.anatomy import Joint, Side
from bmetk.dicom import load_exam, load_image, load_labels, scan
from bmetk.errors import GeometryError, InputError, UnreadableFileError
from bmetk.exam import Contrast, Plane
from bmetk.image import LabelMap, ScalarImage
from bmetk.image.itk import scalar_from_sitk

BAD = {
    "bad_gantrytilting_001": "gantry tilt",
    "bad_notavolume_001": "at one position",
    "bad_slicecount_001": "has 2 slices",
    "bad_sliceincrement_001": "a slice is missing",
    "bad_sliceincrement_002": "a slice is missing",
    "bad_sliceorientation_001": "mixes 2 slice orientations",
}


@pytest.mark.parametrize(("name", "fault"), BAD.items())
def test_faulty_series_are_refused_by_name_of_the_fault(shared, name, fault):
    with pytest.raises(GeometryError, match=fault):
        load_image(shared / "data" / "dicom_quirks" / name)
    with pytest.raises(InputError, match=fault):
        load_exam(shared / "data" / "dicom_quirks" / name)


def test_knee_has_three_echoes_and_no_fluid_sensitive_series(shared):
    folder = shared / "data" / "knee_t2_mese_dicom"
    volumes = list(scan(folder).volumes())
    assert [volume.contrast.contrast for volume in volumes] == [Contrast.PD, Contrast.PD, Contrast.T2]
    assert {(v.plane, v.site.joint, v.site.side) for v in volumes} == {
        (Plane.SAGITTAL, Joint.KNEE, Side.RIGHT)
    }
    exam = load_exam(folder)
    assert exam.fluid is None
    assert exam.t1.acquisition.te_ms == pytest.approx(6.312)
    assert exam.t1.image.grid.spacing_mm == pytest.approx((4.0, 0.625, 0.625), abs=1e-3)


@pytest.mark.parametrize(
    "name", ["ge_anatomical_001_implicit", "hitachi_anatomical_001", "siemens_anatomical_001"]
)
def test_regular_series_equals_the_reader_of_simpleitk(shared, name):
    folder = shared / "data" / "dicom_quirks" / name
    expected = scalar_from_sitk(sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))))
    image = load_image(folder).image
    assert image.grid.matches(expected.grid)
    np.testing.assert_array_equal(image.array, expected.array)


@pytest.mark.parametrize("codec", ["j2k", "jpeg", "jpegls", "rle"])
def test_lossless_codecs_are_decoded(shared, codec):
    image = load_image(shared / "data" / "dicom_quirks" / f"generic_compressed_{codec}_001").image
    assert image.grid.shape == (4, 256, 256)
    assert 0 <= image.array.min() < image.array.max() <= 255


@pytest.mark.parametrize("name", ["philips_enhanced_anatomical_001", "siemens_multiframe_anatomical_001"])
def test_enhanced_multi_frame_is_one_volume(shared, name):
    assert load_image(shared / "data" / "dicom_quirks" / name).image.grid.shape == (8, 256, 256)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
def test_image_files_read_back_in_place(grid, rng, tmp_path, suffix):
    image = ScalarImage(rng.normal(size=grid.shape), grid)
    path = tmp_path / f"image.{suffix}"
    sitk.WriteImage(image.to_sitk(), str(path))
    series = load_image(path)
    np.testing.assert_array_equal(series.image.array, image.array)
    np.testing.assert_allclose(series.image.grid.affine, grid.affine, atol=1e-3)
    assert series.contrast is Contrast.OTHER


def test_label_files_read_back_and_other_numbers_are_refused(grid, rng, tmp_path):
    labels = LabelMap(rng.integers(0, 9, grid.shape), grid)
    sitk.WriteImage(labels.to_sitk(), str(tmp_path / "labels.nii.gz"))
    np.testing.assert_array_equal(load_labels(tmp_path / "labels.nii.gz").array, labels.array)
    halves = ScalarImage(labels.array / 2, grid)
    sitk.WriteImage(halves.to_sitk(), str(tmp_path / "halves.nii.gz"))
    with pytest.raises(UnreadableFileError, match="no label map"):
        load_labels(tmp_path / "halves.nii.gz")


def test_images_of_other_dimensions_are_refused(tmp_path):
    stack = sitk.JoinSeries([sitk.Image(5, 6, 7, sitk.sitkFloat32)] * 2)
    sitk.WriteImage(stack, str(tmp_path / "four.nii.gz"))
    sitk.WriteImage(sitk.Image(9, 8, 1, sitk.sitkFloat32), str(tmp_path / "one.mha"))
    for name, fault in (("four.nii.gz", "4 dimensions"), ("one.mha", "single slice")):
        with pytest.raises(UnreadableFileError, match=fault):
            load_image(tmp_path / name)


def test_damaged_image_files_are_refused(tmp_path):
    (tmp_path / "bad.nrrd").write_text("no image")
    with pytest.raises(UnreadableFileError, match="cannot be read as an image"):
        load_image(tmp_path / "bad.nrrd")
    (tmp_path / "other.xyz").write_text("no image")
    with pytest.raises(UnreadableFileError, match="holds no image"):
        load_image(tmp_path / "other.xyz")
