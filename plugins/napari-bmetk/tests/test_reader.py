"""Results and studies are read, edited labels written; every other folder is left to other readers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_grid, make_result
from npe2 import PluginManager, PluginManifest

from bmetk.errors import InputError
from bmetk.export import save_result
from bmetk.image import Mask
from bmetk.image.nifti import read_nifti
from bmetk.simulate.sample import find_sample
from napari_bmetk import _sample
from napari_bmetk._reader import get_reader, read_result, reader_of
from napari_bmetk._writer import write_labels

ROLES = ["ratio", "probability", "bones", "regions", "edema"]


def roles(layers: list) -> list[str]:
    return [options["metadata"]["bmetk_role"] for _, options, _ in layers]


def test_the_manifest_is_valid_and_keeps_the_hubs_conventions():
    manifest = PluginManifest.from_distribution("napari-bmetk")
    manifest.validate_imports()
    assert manifest.display_name == "bmetk"
    assert manifest.categories == ["Segmentation", "Measurement", "Visualization"]
    assert (Path(_sample.__file__).parent / manifest.icon.partition(":")[2]).is_file()
    assert "Framework :: napari" in manifest.package_metadata.classifier
    assert not [
        it
        for it in manifest.package_metadata.requires_dist
        if "qt" in it.lower() and "extra" not in it and not it.startswith("qtpy")
    ]


def test_five_published_courses_are_among_the_samples():
    from bmetk.simulate.courses import course_ids

    samples = PluginManifest.from_distribution("napari-bmetk").contributions.sample_data
    assert set(course_ids()) < {sample.key for sample in samples}


def test_a_result_folder_is_read_as_five_layers(result_folder: Path):
    reader = reader_of(str(result_folder))
    assert reader is not None
    assert roles(reader(str(result_folder))) == ROLES


def test_napari_finds_the_reader_by_the_manifest(result_folder: Path):
    manager = PluginManager()
    manager.discover()
    readers = manager.iter_compatible_readers([str(result_folder)])
    assert "napari-bmetk.get_reader" in [reader.command for reader in readers]


def test_the_document_itself_can_be_dropped(result_folder: Path):
    assert get_reader(str(result_folder / "exam.json")) is not None


def test_what_is_read_is_what_was_saved(result_folder: Path):
    truth = make_result(make_grid("coronal"))
    by_role = dict(zip(ROLES, read_result(result_folder), strict=True))
    assert np.count_nonzero(by_role["edema"][0]) == np.count_nonzero(truth.edema.array)
    affine = by_role["regions"][1]["metadata"]["affine_lps"]
    assert affine == pytest.approx(truth.regions.grid.affine, abs=1e-3)


def test_of_a_course_the_latest_exam_is_read_and_shown(course_folder: Path):
    layers = read_result(course_folder)
    shown = [options["name"] for _, options, _ in layers if options.get("visible", True)]
    assert len(layers) == len(ROLES)
    assert shown == [f"2024-09-01 knee left: {role}" for role in ("ratio", "regions", "edema")]


def test_bones_alone_are_read_without_edema(tmp_path: Path):
    bones = replace(make_result(make_grid("sagittal")), edema=None, probability=None, ratio=None)
    save_result(bones, tmp_path / "bones")
    assert roles(read_result(tmp_path / "bones")) == ["bones", "regions"]


def test_a_study_is_read_as_its_two_series_of_each_exam():
    study = find_sample() / "studies" / "20230523_1"
    reader = reader_of(study.as_posix())
    assert reader is not None
    layers = reader(str(study))
    assert roles(layers) == ["T1", "fluid"]
    assert [options["visible"] for _, options, _ in layers] == [False, True]


def test_the_shipped_sample_opens_without_a_window(monkeypatch: pytest.MonkeyPatch):
    import napari

    monkeypatch.setattr(napari, "current_viewer", lambda: None)
    assert roles(_sample.shipped_patient()).count("fluid") == 4


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other/1"}', "\udcff"])
def test_a_foreign_folder_is_left_alone(tmp_path: Path, content: str):
    (tmp_path / "exam.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert get_reader(str(tmp_path)) is None


def test_an_empty_folder_a_missing_path_and_a_stack_are_left_alone(tmp_path: Path):
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "missing")) is None
    assert get_reader([str(tmp_path), str(tmp_path)]) is None


def test_a_timeline_without_exams_is_left_alone(tmp_path: Path):
    (tmp_path / "timeline.json").write_text(json.dumps({"schema": "bmetk.timeline/1"}))
    assert get_reader(str(tmp_path)) is None


def test_reading_a_foreign_folder_says_what_to_open(tmp_path: Path):
    with pytest.raises(InputError, match="open one that 'bmetk analyze'"):
        read_result(tmp_path)


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_labels_are_written_on_the_exams_own_grid(tmp_path: Path, plane: str, tilt_deg: float):
    grid = make_grid(plane, tilt_deg)
    save_result(make_result(grid), tmp_path / "knee")
    array, options, _ = dict(zip(ROLES, read_result(tmp_path / "knee"), strict=True))["edema"]
    path = tmp_path / "edema.nii.gz"
    assert write_labels(str(path), array, options) == [str(path)]
    written = read_nifti(path, Mask)
    assert written.grid.matches(grid)
    truth = make_result(grid).edema.array
    overlap = 2 * np.count_nonzero(written.array & truth) / (written.array.sum() + truth.sum())
    assert overlap == pytest.approx(1.0, abs=0.0 if tilt_deg == 0 else 0.12)


def test_a_layer_of_somebody_else_is_not_written(tmp_path: Path):
    assert write_labels(str(tmp_path / "x.nii"), np.zeros((2, 2, 2)), {"metadata": {}}) == []
