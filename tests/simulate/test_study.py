"""Studies are valid DICOM, hold the simulated voxels in place, and tell nothing by their names."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, MRImageStorage, RLELossless

from bmetk.anatomy import Joint, Side
from bmetk.errors import UnknownNameError
from bmetk.exam import Contrast
from bmetk.image import Grid, ScalarImage
from bmetk.simulate.headers import make_uid
from bmetk.simulate.protocols import MANUFACTURERS
from bmetk.simulate.scanners import describe_study, languages, scanner_of, scanners
from bmetk.simulate.spec import PatientSpec, ProtocolSpec, SeriesSpec
from bmetk.simulate.specfile import LANGUAGES
from bmetk.simulate.study import Compression, identify_study, store_pixels, write_study
from tests.simulate.fake_exams import fake_exam, fake_spec

STIR = SeriesSpec(Contrast.STIR, tr_ms=4000, te_ms=45, ti_ms=160)
FS_PD = SeriesSpec(Contrast.FS_PD, tr_ms=3000, te_ms=30)


def made_by(manufacturer, fluid=STIR, **changes):
    return fake_spec(protocol=ProtocolSpec(manufacturer=manufacturer, fluid=fluid), **changes)


def read_series(files):
    """Group datasets by series and order each by its position along the normal."""
    series = {}
    for path in files:
        dataset = pydicom.dcmread(path)
        series.setdefault(dataset.SeriesNumber, []).append(dataset)
    return {number: sorted(group, key=lambda d: float(d.SliceLocation)) for number, group in series.items()}


def grid_of(datasets):
    """Rebuild the grid from the Image Plane module alone."""
    first, last = datasets[0], datasets[-1]
    row, column = (np.array(first.ImageOrientationPatient[k : k + 3], float) for k in (0, 3))
    origin = np.array(first.ImagePositionPatient, float)
    step = (np.array(last.ImagePositionPatient, float) - origin) / (len(datasets) - 1)
    down, along = (float(v) for v in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3] = np.column_stack([step, column * down, row * along, origin])
    return Grid((len(datasets), first.Rows, first.Columns), affine)


@pytest.mark.parametrize(
    ("manufacturer", "plane"),
    [
        *((manufacturer, "oblique") for manufacturer in MANUFACTURERS),
        *(("GE MEDICAL SYSTEMS", plane) for plane in ("axial", "coronal", "sagittal")),
    ],
)
def test_voxels_read_back_exactly_and_in_place(manufacturer, plane, tmp_path):
    exam = fake_exam(made_by(manufacturer), plane)
    for datasets in read_series(write_study(exam, tmp_path)).values():
        stored = np.stack([d.pixel_array * float(d.get("RescaleSlope", 1)) for d in datasets])
        grid = grid_of(datasets)
        expected = exam.t1.image.array
        if np.linalg.det(exam.t1.image.grid.axes) * np.linalg.det(grid.axes) < 0:
            expected = expected[::-1]
        np.testing.assert_allclose(stored * (expected.max() / stored.max()), expected, atol=1e-3)
        origin = exam.t1.image.grid.to_index(grid.to_world((0, 0, 0)))
        np.testing.assert_allclose(origin[1:], 0, atol=1e-3)
        assert abs(grid.voxel_ml - exam.t1.image.grid.voxel_ml) < 1e-6


@pytest.mark.parametrize("manufacturer", MANUFACTURERS)
@pytest.mark.parametrize("brightest", [0.37, 1e6])
def test_intensities_out_of_range_are_stored_within_half_a_step(manufacturer, brightest, grid, rng):
    image = ScalarImage(rng.uniform(0, brightest, grid.shape), grid)
    stored = store_pixels(image, scanner_of(manufacturer), level=0.5)
    np.testing.assert_allclose(stored.array * stored.step, image.array, atol=0.51 * stored.step)
    assert stored.step < brightest / 1000


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian dicom3tools) is not installed")
@pytest.mark.parametrize("fluid", [STIR, FS_PD], ids=["stir", "fs_pd"])
@pytest.mark.parametrize("manufacturer", MANUFACTURERS)
def test_dciodvfy_finds_no_error(manufacturer, fluid, tmp_path):
    files = write_study(fake_exam(made_by(manufacturer, fluid), shape=(2, 24, 20)), tmp_path)
    for path in files:
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=True)
        assert "Error" not in said.stdout + said.stderr, said.stderr
        assert "MRImage" in said.stdout + said.stderr


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian dicom3tools) is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_dciodvfy_finds_no_error_in_any_language(language, tmp_path):
    spec = fake_spec(joint=Joint.HIP, side=Side.BOTH)
    identity = identify_study(PatientSpec("test", (spec,), language), (spec,))
    files = write_study(fake_exam(spec, shape=(2, 24, 20)), tmp_path, identity)
    said = subprocess.run(["dciodvfy", str(files[0])], capture_output=True, text=True, check=True)
    assert "Error" not in said.stdout + said.stderr, said.stderr


@pytest.mark.parametrize(
    ("compression", "syntax"), [(Compression.RLE, RLELossless), (Compression.JPEG_2000, JPEG2000Lossless)]
)
@pytest.mark.parametrize("manufacturer", ["SIEMENS", "GE MEDICAL SYSTEMS"])
def test_compression_loses_nothing(manufacturer, compression, syntax, tmp_path):
    exam = fake_exam(made_by(manufacturer), shape=(2, 40, 36))
    plain = read_series(write_study(exam, tmp_path / "plain"))
    packed = read_series(write_study(exam, tmp_path / "packed", compression=compression))
    assert plain.keys() == packed.keys()
    for number, datasets in packed.items():
        for dataset, original in zip(datasets, plain[number], strict=True):
            assert dataset.file_meta.TransferSyntaxUID == syntax
            assert dataset.SOPInstanceUID == original.SOPInstanceUID
            np.testing.assert_array_equal(dataset.pixel_array, original.pixel_array)


def test_study_holds_localizer_t1_fluid_and_another_series(tmp_path):
    exam = fake_exam()
    series = read_series(write_study(exam, tmp_path))
    assert sorted(series) == [1, 2, 3, 4]
    assert all(len(datasets) == 6 for datasets in series.values())
    first = series[1][0]
    assert first.ScanningSequence == "GR"
    assert len({d.SeriesInstanceUID for group in series.values() for d in group}) == 4
    assert len({d.StudyInstanceUID for group in series.values() for d in group}) == 1
    assert len({d.FrameOfReferenceUID for group in series.values() for d in group}) == 1


def test_sequence_attributes_say_how_fat_is_suppressed(tmp_path):
    stir = read_series(write_study(fake_exam(made_by("SIEMENS")), tmp_path / "stir"))
    inverted = [group[0] for group in stir.values() if "InversionTime" in group[0]]
    assert [float(dataset.InversionTime) for dataset in inverted] == [160.0]
    assert list(inverted[0].ScanningSequence) == ["SE", "IR"]
    fs = read_series(write_study(fake_exam(made_by("SIEMENS", FS_PD)), tmp_path / "fs"))
    assert sum(group[0].ScanOptions == "FS" for group in fs.values()) == 1
    assert not any("InversionTime" in group[0] for group in fs.values())


def test_names_and_instance_numbers_do_not_follow_the_geometry(tmp_path):
    exam = fake_exam(shape=(20, 8, 8))
    files = write_study(exam, tmp_path)
    group = next(iter(read_series(files).values()))
    assert [d.InstanceNumber for d in group] != sorted(d.InstanceNumber for d in group)
    assert sorted(d.InstanceNumber for d in group) == list(range(1, 21))
    by_name = [pydicom.dcmread(path).SeriesNumber for path in sorted(files)]
    assert by_name != sorted(by_name)


def test_same_exam_gives_the_same_bytes(tmp_path):
    first = write_study(fake_exam(), tmp_path / "a")
    second = write_study(fake_exam(), tmp_path / "b")
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_identity_is_plainly_made_up(tmp_path):
    spec = fake_spec()
    identity = identify_study(PatientSpec("costa-2025", (spec,), "pt"), (spec,))
    dataset = pydicom.dcmread(write_study(fake_exam(spec), tmp_path, identity)[0])
    assert dataset.PatientName == "SIM^costa-2025"
    assert dataset.PatientID.startswith("SIM-")
    assert dataset.StudyDescription == "RM joelho dto"
    assert dataset.SOPClassUID == MRImageStorage


def test_two_exams_of_a_day_share_a_study_but_no_series_or_frame(tmp_path):
    knee, foot = fake_spec(), fake_spec(joint=Joint.FOOT, side=Side.LEFT, seed=12)
    identity = identify_study(PatientSpec("two", (knee, foot)), (knee, foot))
    files = write_study(fake_exam(knee), tmp_path, identity)
    files += write_study(fake_exam(foot), tmp_path, identity, first_number=5)
    assert len(set(files)) == 48
    series = read_series(files)
    assert sorted(series) == list(range(1, 9))
    heads = [group[0] for group in series.values()]
    assert len({d.StudyInstanceUID for d in heads}) == 1
    assert len({d.FrameOfReferenceUID for d in heads}) == 2
    assert {d.StudyDescription for d in heads} == {"MRI right knee + MRI left foot"}


def test_both_hips_have_no_laterality(tmp_path):
    spec = fake_spec(joint=Joint.HIP, side=Side.BOTH)
    dataset = pydicom.dcmread(write_study(fake_exam(spec), tmp_path)[0])
    assert dataset.BodyPartExamined == "HIP"
    assert dataset.Laterality == ""


def test_every_language_names_every_joint_and_side():
    assert set(languages()) == set(LANGUAGES)
    assert set(scanners()) == set(MANUFACTURERS)
    for language in languages().values():
        for joint in Joint:
            for side in Side:
                assert 5 < len(describe_study((fake_spec(joint=joint, side=side),), language)) <= 64


def test_uid_is_short_enough_and_depends_on_every_part():
    assert make_uid("a", 1) == make_uid("a", 1)
    assert make_uid("a", 1) != make_uid("a", 2)
    assert len(make_uid("a", 1)) <= 64


def test_unknown_scanner_is_named():
    with pytest.raises(UnknownNameError, match="no scanner of 'ACME'"):
        scanner_of("ACME")
