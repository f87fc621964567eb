"""NIfTI files hold the same voxels at the same places."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from bmetk.errors import GeometryError, UnreadableFileError
from bmetk.image import LabelMap, Mask, ScalarImage
from bmetk.image.nifti import read_nifti, write_nifti


def test_scalar_image_reads_back_in_place(grid, rng, tmp_path):
    image = ScalarImage(rng.normal(size=grid.shape), grid)
    write_nifti(image, tmp_path / "image.nii.gz")
    back = read_nifti(tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(back.array, image.array)
    assert back.grid.matches(grid)


def test_labels_and_masks_read_back(grid, rng, tmp_path):
    labels = LabelMap(rng.integers(0, 200, size=grid.shape), grid)
    mask = Mask(labels.array > 100, grid)
    write_nifti(labels, tmp_path / "labels.nii")
    write_nifti(mask, tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(read_nifti(tmp_path / "labels.nii", LabelMap).array, labels.array)
    np.testing.assert_array_equal(read_nifti(tmp_path / "mask.nii.gz", Mask).array, mask.array)


def test_world_is_ras_in_both_forms(grid, tmp_path):
    write_nifti(ScalarImage(np.zeros(grid.shape), grid), tmp_path / "image.nii.gz")
    header = nib.load(tmp_path / "image.nii.gz").header
    x, y, z = grid.to_world((3, 5, 7))
    for form in (header.get_sform(), header.get_qform()):
        np.testing.assert_allclose((form @ [7, 5, 3, 1])[:3], [-x, -y, z], atol=1e-3)
    assert header.get_xyzt_units()[0] == "mm"


def test_equal_images_give_equal_bytes(grid, tmp_path):
    image = Mask(np.ones(grid.shape), grid)
    write_nifti(image, tmp_path / "a.nii.gz")
    write_nifti(image, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_truncated_file_is_refused(grid, tmp_path, rng):
    path = tmp_path / "image.nii.gz"
    write_nifti(ScalarImage(rng.normal(size=grid.shape), grid), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UnreadableFileError, match=r"image\.nii\.gz"):
        read_nifti(path)


def test_other_content_and_missing_file_are_refused(tmp_path):
    (tmp_path / "text.nii").write_text("not an image")
    for name in ("text.nii", "absent.nii.gz"):
        with pytest.raises(UnreadableFileError, match="NIfTI"):
            read_nifti(tmp_path / name)


def test_several_volumes_are_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6, 2), np.float32), np.eye(4)), tmp_path / "four.nii")
    with pytest.raises(GeometryError, match="one volume"):
        read_nifti(tmp_path / "four.nii")
