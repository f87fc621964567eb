"""A scan lists what is there, however it is stored."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import generate_uid

from bmetk.anatomy import Joint, Side
from bmetk.dicom import describe, describe_rows, load_exam, load_series, rows, scan
from bmetk.errors import GeometryError, MissingSeriesError, UnreadableFileError
from bmetk.exam import Contrast, Plane


def one_volume(path):
    (volume,) = scan(path).volumes()
    return volume


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_plane_and_spacing_come_from_geometry(study, plane):
    study.series("t1", {"SliceThickness": 99, "SpacingBetweenSlices": 99}, plane=plane, step_mm=4.4)
    volume = one_volume(study.folder)
    assert volume.plane is Plane(plane)
    assert volume.grid.spacing_mm == pytest.approx((4.4, 12, 12))


def test_slices_are_ordered_by_position_not_by_name_or_number(study):
    def misnumber(dataset, k):
        dataset.InstanceNumber = (k * 5) % 7

    study.series("t1", slices=7, order=[3, 0, 6, 1, 5, 2, 4], change=misnumber)
    array = load_series(one_volume(study.folder)).image.array
    np.testing.assert_array_equal(array[:, 0, 0], 1000 + 100 * np.arange(7))


def test_files_without_extension_and_without_preamble_are_read(study):
    study.series("t1", suffix="")
    for path in sorted(study.folder.iterdir())[:3]:
        path.write_bytes(_without_preamble(path))
    assert len(one_volume(study.folder).frames) == 6


def _without_preamble(path):
    dataset = dcmread(path)
    del dataset.file_meta
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def test_other_files_are_counted_and_damaged_ones_listed(study):
    study.series("t1")
    (study.folder / "notes.txt").write_text("no image here " * 30)
    (study.folder / "empty").write_bytes(b"")
    (study.folder / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00")
    inventory = scan(study.folder)
    assert inventory.files == 9
    assert inventory.other_files == 2
    assert [file.name for file in inventory.unreadable] == ["cut.dcm"]
    assert len(list(inventory.volumes())) == 1


def test_an_empty_folder_is_an_empty_inventory_and_a_missing_one_an_error(tmp_path):
    assert scan(tmp_path).files == 0
    with pytest.raises(UnreadableFileError, match="no file or folder"):
        scan(tmp_path / "absent")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archives_are_read_like_folders(study, tmp_path, kind):
    study.series("t1")
    expected = load_series(one_volume(study.folder)).image
    archive = tmp_path / "in" / f"study.{kind}"
    archive.parent.mkdir()
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as target:
            for path in study.folder.iterdir():
                target.write(path, f"deep/{path.name}")
    else:
        with tarfile.open(archive, "w:gz" if kind == "tar.gz" else "w") as target:
            target.add(study.folder, "deep")
    image = load_series(one_volume(archive.parent)).image
    np.testing.assert_array_equal(image.array, expected.array)
    assert image.grid.matches(expected.grid)


def test_a_damaged_archive_is_listed(study, tmp_path):
    study.series("t1")
    (study.folder / "bad.zip").write_bytes(b"PK\x03\x04 nothing more")
    assert "archive" in scan(study.folder).unreadable[0].reason


def test_the_same_images_twice_count_once(study):
    study.series("t1")
    shutil.copytree(study.folder, study.folder / "copy")
    inventory = scan(study.folder)
    assert inventory.doubled_files == 6
    assert len(one_volume(study.folder).frames) == 6


def test_slices_that_share_one_uid_by_mistake_are_kept(study):
    def same(dataset, k):
        dataset.SOPInstanceUID = "1.2.3.4.5.6"

    study.series("t1", change=same)
    assert len(one_volume(study.folder).frames) == 6


def test_an_inventory_can_go_to_another_process(study):
    study.series("t1", {"BodyPartExamined": "KNEE"})
    again = pickle.loads(pickle.dumps(scan(study.folder)))
    assert load_series(next(again.volumes())).image.grid.shape == (6, 10, 12)


def test_patients_and_studies_are_kept_apart_and_sorted(new_study):
    for patient, date in (("B", "20240301"), ("A", "20240201"), ("B", "20240101")):
        new_study(patient_id=patient, date=date).series("t1")
    inventory = scan(new_study(patient_id="A").folder.parent)
    assert len(inventory.patients) == 2
    assert sorted(len(record.studies) for record in inventory.patients) == [1, 2]
    both = next(record for record in inventory.patients if len(record.studies) == 2)
    assert [study.date.month for study in both.studies] == [1, 3]
    alone = inventory.of_patient(both.patient.pseudonym)
    assert alone.pseudonyms() == (both.patient.pseudonym,)


def test_echoes_of_one_series_are_separate_volumes(study):
    uid = generate_uid()
    for te in (70.0, 12.0, 40.0):
        study.series("pd", {"EchoTime": te, "SeriesNumber": 3}, series_uid=uid)
    volumes = list(scan(study.folder).volumes())
    assert [volume.acquisition.te_ms for volume in volumes] == [12.0, 40.0, 70.0]
    assert volumes[0].part == "echo 1 of 3 (TE 12.0 ms)"
    assert {len(volume.frames) for volume in volumes} == {6}


def test_jittered_echo_times_are_one_volume(study):
    def jitter(dataset, k):
        dataset.EchoTime = 12 + 0.05 * k

    study.series("t1", change=jitter)
    assert len(one_volume(study.folder).frames) == 6


def test_two_orientations_of_one_series_are_two_stacks(study):
    uid = generate_uid()
    study.series("t1", plane="sagittal", series_uid=uid)
    study.series("t1", plane="axial", series_uid=uid)
    assert {volume.plane for volume in scan(study.folder).volumes()} == {Plane.SAGITTAL, Plane.AXIAL}


def test_two_parallel_stacks_of_one_series_are_parted_at_the_hole(study):
    places = [4.0 * k for k in range(8)] + [160 + 4.0 * k for k in range(7)]
    study.series("t1", plane="sagittal", offsets_mm=places)
    volumes = list(scan(study.folder).volumes())
    assert sorted(len(volume.frames) for volume in volumes) == [7, 8]
    assert not any(volume.faults for volume in volumes)


@pytest.mark.parametrize(
    ("keyword", "values"),
    [("TemporalPositionIdentifier", (1, 2)), ("AcquisitionNumber", (1, 2)), ("InstanceNumber", None)],
)
def test_repeats_of_the_same_places_are_separate_volumes(study, keyword, values):
    uid = generate_uid()
    for repeat in range(2):

        def number(dataset, k, repeat=repeat):
            dataset.InstanceNumber = k + 1 + 6 * repeat
            if values is not None:
                setattr(dataset, keyword, values[repeat])

        study.series("t1", series_uid=uid, change=number)
    volumes = list(scan(study.folder).volumes())
    assert [len(volume.frames) for volume in volumes] == [6, 6]


def test_water_and_fat_of_one_dixon_series_are_separate(study):
    uid = generate_uid()
    for kind in ("WATER", "FAT", "IN_PHASE", "OUT_PHASE"):
        study.series("pd", {"ImageType": ["DERIVED", "PRIMARY", "DIXON", kind]}, series_uid=uid)
    found = [volume.contrast.contrast for volume in scan(study.folder).volumes()]
    assert sorted(found) == sorted([Contrast.DIXON_WATER, Contrast.DIXON_FAT, Contrast.PD, Contrast.OTHER])


def test_enhanced_multi_frame_echoes_and_rescale(study):
    study.enhanced({"SeriesDescription": "T2 map"}, echoes=(12.0, 80.0), slopes=(1.0, 2.0), slices=5)
    first, second = scan(study.folder).volumes()
    assert (first.acquisition.te_ms, second.acquisition.te_ms) == (12.0, 80.0)
    assert first.acquisition.tr_ms == 500
    assert first.site.side is Side.LEFT
    image = load_series(second).image
    assert image.grid.spacing_mm == pytest.approx((3, 10, 10))
    np.testing.assert_allclose(image.array[:, 0, 0], (100 + np.arange(5)) * [1, 2, 1, 2, 1] + 5)


def test_missing_slice_is_named_and_mended_on_request(study):
    study.series("t1", offsets_mm=[0, 4, 8, 16, 20])
    volume = one_volume(study.folder)
    with pytest.raises(
        GeometryError, match=r"slice gaps run from 4\.0 to 8\.0 mm in series 1: a slice is missing"
    ):
        load_series(volume)
    image = load_series(volume, allow_gaps=True).image
    assert image.grid.shape[0] == 6
    np.testing.assert_allclose(image.array[:, 0, 0], [1000, 1100, 1200, 1250, 1300, 1400])


def test_uneven_slices_are_named(study):
    study.series("t1", offsets_mm=[0, 4, 8.0, 13.0, 16.4, 20])
    with pytest.raises(GeometryError, match="unevenly spaced"):
        load_series(one_volume(study.folder))


def test_doubled_slices_are_named_and_dropped_on_request(study):
    study.series("t1", offsets_mm=[0, 4, 8, 8, 12])
    volume = one_volume(study.folder)
    with pytest.raises(GeometryError, match="doubled"):
        load_series(volume)
    np.testing.assert_allclose(
        load_series(volume, allow_gaps=True).image.array[:, 0, 0], [1000, 1100, 1200, 1400]
    )


def test_rounded_positions_are_still_regular(study):
    study.series("t1", offsets_mm=[round(3.3 * k, 1) + 0.04 * (-1) ** k for k in range(20)])
    assert not one_volume(study.folder).faults


def test_sheared_stack_is_named(study):
    def shear(dataset, k):
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [float(x), float(y), float(z) + 2.5 * k]

    study.series("t1", plane="coronal", change=shear, pixel_mm=3.0)
    with pytest.raises(GeometryError, match="gantry tilt"):
        load_series(one_volume(study.folder))


def test_single_slice_is_refused(study):
    study.series("t1", slices=1)
    with pytest.raises(GeometryError, match="1 slice, a volume needs at least 3"):
        load_series(one_volume(study.folder))


def test_truncated_pixels_are_seen_by_the_scan(study):
    study.series("stir", size=(64, 64))
    cut = sorted(study.folder.iterdir())[0]
    cut.write_bytes(cut.read_bytes()[:5000])
    with pytest.raises(GeometryError, match="pixel data of 1 of 6 images of series 1 is truncated"):
        load_series(one_volume(study.folder))


def test_slightly_truncated_pixels_are_refused_when_read(study):
    study.series("t1")
    path = sorted(study.folder.iterdir())[0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFileError, match="truncated"):
        load_series(one_volume(study.folder))


def test_mosaic_and_ct_are_refused(study):
    study.series("t1", {"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]})
    study.series("t1", {"Modality": "CT"})
    mosaic, tomography = scan(study.folder).volumes()
    assert "mosaic" in mosaic.refusal
    assert "modality CT" in tomography.refusal


def test_monochrome1_signed_and_rescaled_values(study):
    def signed(dataset, k):
        dataset.PixelRepresentation = 1
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, -3
        dataset.PixelData = np.full((10, 12), -5, np.int16).tobytes()

    study.series("t1", change=signed)
    study.series("pd", {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11})
    first, inverted = scan(study.folder).volumes()
    assert np.all(load_series(first).image.array == -13)
    assert load_series(inverted).image.array[0, 0, 0] == 4095 - 1000


def test_nothing_shown_holds_identity(study, caplog):
    caplog.set_level(logging.DEBUG)
    study.series("t1", {"SeriesDescription": "T1 cor DOE right knee", "StudyDescription": "Knee ID4711"})
    study.series("stir", slices=1)
    (study.folder / f"{study.study_uid}.dcm").write_bytes(b"\0" * 128 + b"DICM")
    inventory = scan(study.folder)
    shown = json.dumps(describe(inventory)) + "\n".join(describe_rows(inventory)) + repr(rows(inventory))
    shown += caplog.text
    for secret in ("Doe", "DOE", "Jane", "ID4711", "19800105", study.study_uid, study.frame_of_reference):
        assert secret not in shown
    assert rows(inventory)[0].description == "T1 cor right knee"


def test_rows_tell_contrast_site_and_use(study):
    study.series("localizer", slices=3)
    study.series("t1", {"BodyPartExamined": "KNEE", "Laterality": "R"})
    localizer, knee = rows(scan(study.folder))
    assert (localizer.contrast, localizer.use) == ("localizer", "no")
    assert (knee.contrast, knee.joint, knee.side, knee.use) == ("t1", "knee", "right", "t1")
    assert knee.times == "520/12/-"


def test_why_a_series_is_of_no_use_is_said_once(study):
    study.series("t1", {"ScanOptions": "FS"})
    inventory = scan(study.folder)
    reason = "spin echo, TR 520 ms, TE 12 ms: T1-weighted with fat suppression"
    assert "\n".join(describe_rows(inventory)).count(reason) == 1
    assert one_volume(study.folder).refusal == reason
    with pytest.raises(MissingSeriesError, match=r"\(series 1: spin echo"):
        load_exam(study.folder)


def test_conflicting_tags_are_stated(study):
    study.series(
        "t1", {"BodyPartExamined": "KNEE", "Laterality": "L", "SeriesDescription": "t1 cor rodilla dcha"}
    )
    site = one_volume(study.folder).site
    assert (site.joint, site.side) == (Joint.KNEE, Side.LEFT)
    assert "Laterality says left; the description says right" in site.conflicts[0]


def test_field_of_view_tells_both_hips_and_the_side_of_one(study):
    study.series("t1", {"BodyPartExamined": "PELVIS"}, size=(20, 32))
    study.series("t1", {"BodyPartExamined": "HIP"}, centre_mm=(90, 0, 0))
    both, left = (volume.site for volume in scan(study.folder).volumes())
    assert both.side is Side.BOTH
    assert (left.side, left.side_is_told) == (Side.LEFT, False)
