"""A result of bmetk is read; every other folder is left to other readers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import make_grid, make_result
from npe2 import PluginManager, PluginManifest

from bmetk.errors import InputError
from bmetk.export import save_result
from napari_bmetk._reader import get_reader, read_result

ROLES = ["ratio", "probability", "bones", "regions", "edema"]


def roles(layers: list) -> list[str]:
    return [options["metadata"]["bmetk_role"] for _, options, _ in layers]


def test_manifest_is_valid_and_found_by_napari():
    manifest = PluginManifest.from_distribution("napari-bmetk")
    manifest.validate_imports()
    assert manifest.display_name == "bmetk"


def test_a_result_folder_is_read_as_five_layers(result_folder: Path):
    reader = get_reader(str(result_folder))
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
    assert by_role["regions"][1]["metadata"]["affine_lps"] == pytest.approx(
        truth.regions.grid.affine, abs=1e-3
    )


def test_a_course_is_read_with_its_latest_exam_shown(tmp_path: Path):
    for name, day in (("a", date(2024, 6, 1)), ("b", date(2024, 3, 1))):
        save_result(make_result(make_grid("axial"), day), tmp_path / name)
    (tmp_path / "timeline.json").write_text(json.dumps({"schema": "bmetk.timeline/1"}))
    layers = read_result(tmp_path)
    shown = [options["name"] for _, options, _ in layers if options["visible"]]
    assert len(layers) == 2 * len(ROLES)
    assert shown == [f"2024-06-01 knee left: {role}" for role in ("ratio", "regions", "edema")]


def test_bones_alone_are_read_without_edema(tmp_path: Path):
    from dataclasses import replace

    bones = replace(make_result(make_grid("sagittal")), edema=None, probability=None, ratio=None)
    save_result(bones, tmp_path / "bones")
    assert roles(read_result(tmp_path / "bones")) == ["bones", "regions"]


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other/1"}', "\udcff"])
def test_a_foreign_folder_is_left_alone(tmp_path: Path, content: str):
    (tmp_path / "exam.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert get_reader(str(tmp_path)) is None


def test_an_empty_folder_a_missing_path_and_a_stack_are_left_alone(tmp_path: Path):
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "missing")) is None
    assert get_reader([str(tmp_path), str(tmp_path)]) is None


def test_reading_a_foreign_folder_says_what_to_open(tmp_path: Path):
    with pytest.raises(InputError, match="open one that 'bmetk analyze'"):
        read_result(tmp_path)
