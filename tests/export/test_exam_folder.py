"""The folder of an exam, written and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bmetk.errors import OutputError, UnreadableFileError
from bmetk.exam import Patient, Plane
from bmetk.export import exam_document, load_result, measurements_frame, save_result
from tests.export.fakes import small_result

CONTRACT_FILES = {
    "exam.json",
    "bones.nii.gz",
    "regions.nii.gz",
    "edema.nii.gz",
    "edema_probability.nii.gz",
    "ratio.nii.gz",
    "measurements.csv",
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_result(small_result(), tmp_path / "out")
    return tmp_path / "out"


def test_exactly_the_files_of_the_contract_are_written(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == CONTRACT_FILES


def test_extra_files_lie_beside_them(tmp_path: Path) -> None:
    save_result(small_result(), tmp_path / "out", extra_files={"report.html": "<p>é</p>", "a.bin": b"\x00"})
    assert (tmp_path / "out/report.html").read_bytes() == "<p>é</p>".encode()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*CONTRACT_FILES, "report.html", "a.bin"}


def test_bones_alone_write_no_edema(tmp_path: Path) -> None:
    bare = replace(small_result(), edema=None, probability=None, ratio=None, measurements=(), lesions=())
    save_result(bare, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "exam.json",
        "bones.nii.gz",
        "regions.nii.gz",
    }
    assert load_result(tmp_path / "out").edema is None


@pytest.mark.parametrize("plane", list(Plane))
def test_a_result_read_back_is_the_one_written(tmp_path: Path, plane: Plane) -> None:
    result = small_result(plane)
    save_result(result, tmp_path / "out")
    back = load_result(tmp_path / "out")
    for name in ("measurements", "lesions", "findings", "quality", "settings", "seconds", "version"):
        assert getattr(back, name) == getattr(result, name), name
    assert back.exam.date == result.exam.date
    assert (back.exam.joint, back.exam.side, back.exam.warnings) == (
        result.exam.joint,
        result.exam.side,
        ("odd tag",),
    )
    assert back.exam.patient == Patient("subject-1", "M", 41)
    assert dict(back.regions.areas()).keys() == dict(result.regions.areas()).keys()
    for name in ("edema", "probability", "ratio"):
        one, other = getattr(back, name), getattr(result, name)
        assert one.grid.matches(other.grid)
        assert np.array_equal(one.array, other.array)
    assert np.array_equal(back.bones.labels.array, result.bones.labels.array)
    assert back.alignment is not None
    assert result.alignment is not None
    assert back.alignment.displacement_mm([100.0, 50.0, 0.0]) == pytest.approx(
        result.alignment.displacement_mm([100.0, 50.0, 0.0]), abs=0.001
    )


def test_images_lie_where_the_patient_is_in_other_tools(saved: Path) -> None:
    grid = small_result().bones.grid
    image = nib.load(saved / "edema.nii.gz")
    world = nib.affines.apply_affine(image.affine, (3, 2, 1))
    assert world * (-1, -1, 1) == pytest.approx(grid.to_world((1, 2, 3)), abs=1e-3)
    assert image.get_data_dtype() == np.uint8
    assert nib.load(saved / "ratio.nii.gz").get_data_dtype() == np.float32


def test_a_region_that_was_not_imaged_has_no_volume(saved: Path) -> None:
    document = json.loads((saved / "exam.json").read_text())
    patella = next(region for region in document["regions"] if region["region"] == "patella")
    assert patella["coverage"] == 0
    assert patella["edema_ml"] is None
    row = pd.read_csv(saved / "measurements.csv").set_index("region").loc["patella"]
    assert np.isnan(row["edema_ml"])


def test_the_table_has_the_numbers_of_the_document(saved: Path) -> None:
    document = json.loads((saved / "exam.json").read_text())
    table = pd.read_csv(saved / "measurements.csv")
    assert list(table.columns) == list(document["regions"][0])
    expected = pd.DataFrame(document["regions"])[list(table.columns)]
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert list(measurements_frame(small_result()).columns) == list(table.columns)


def test_the_document_has_the_fields_of_the_contract() -> None:
    document = exam_document(small_result())
    assert document["schema"] == "bmetk.exam/1"
    assert {"version", "settings", "seconds"} <= set(document["software"])
    assert document["patient"] == {"pseudonym": "subject-1", "sex": "M", "age": 41}
    assert document["study"] == {
        "date": "2019-03-04",
        "joint": "knee",
        "side": "right",
        "field_strength_t": 1.5,
    }
    assert [(s["role"], s["number"], s["tr_ms"], s["te_ms"], s["ti_ms"]) for s in document["series"]] == [
        ("t1", 3, 550, 12, None),
        ("fluid", 4, 4000, 45, 160),
    ]
    assert document["labels"]["bones"] == {"1": {"name": "femur", "side": "right", "bone": "femur"}}
    assert [check["status"] for check in document["quality"]] == ["ok", "warn"]


def test_numbers_that_are_not_finite_become_null() -> None:
    result = small_result()
    odd = replace(result.measurements[0], ratio_median=float("nan"), edema_ml=np.float32(1.5))
    regions = exam_document(replace(result, measurements=(odd,)))["regions"]
    assert regions[0]["ratio_median"] is None
    assert json.dumps(regions[0]["edema_ml"]) == "1.5"


def test_identity_is_written_only_when_kept(tmp_path: Path) -> None:
    result = small_result()
    named = replace(result, exam=replace(result.exam, patient=Patient("s", identity={"name": "Doe^Jane"})))
    save_result(named, tmp_path / "without")
    save_result(named, tmp_path / "with", keep_identity=True)
    assert "Doe" not in (tmp_path / "without/exam.json").read_text()
    assert "Doe" in (tmp_path / "with/exam.json").read_text()
    assert load_result(tmp_path / "with").exam.patient.identity == {"name": "Doe^Jane"}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "exam.json").unlink(), "holds no exam.json"),
        (lambda folder: (folder / "exam.json").write_text("{"), "no valid JSON"),
        (lambda folder: (folder / "exam.json").write_text('{"schema": "other/1"}'), "schema 'other/1'"),
        (lambda folder: (folder / "exam.json").write_text("[]"), "schema None"),
        (lambda folder: (folder / "edema.nii.gz").unlink(), "edema.nii.gz"),
        (lambda folder: (folder / "bones.nii.gz").write_bytes(b"1f8b"), "bones.nii.gz"),
        (lambda folder: _edit(folder, "study", {"joint": "elbow", "side": None, "date": None}), "elbow"),
        (lambda folder: _edit(folder, "labels", {"bones": {}, "regions": {}}), "holds the label 1"),
        (lambda folder: _edit(folder, "patient", {}), "'pseudonym' is missing"),
        (lambda folder: _edit(folder, "regions", [{"side": None}]), "damaged"),
    ],
)
def test_a_damaged_result_is_refused_with_what_is_wrong(saved: Path, damage, told: str) -> None:
    damage(saved)
    with pytest.raises(UnreadableFileError, match=told):
        load_result(saved)


def _edit(folder: Path, field: str, value: object) -> None:
    document = json.loads((folder / "exam.json").read_text())
    (folder / "exam.json").write_text(json.dumps({**document, field: value}))


def test_an_image_on_another_grid_is_refused(saved: Path, tmp_path: Path) -> None:
    save_result(small_result(Plane.AXIAL), tmp_path / "other")
    (tmp_path / "other/edema.nii.gz").replace(saved / "edema.nii.gz")
    with pytest.raises(UnreadableFileError, match="do not share a grid"):
        load_result(saved)


def test_another_result_is_not_overwritten_unasked(saved: Path) -> None:
    before = (saved / "exam.json").read_bytes()
    with pytest.raises(OutputError, match="already holds a result"):
        save_result(small_result(Plane.AXIAL), saved)
    assert (saved / "exam.json").read_bytes() == before
    save_result(small_result(Plane.AXIAL), saved, overwrite=True)
    assert (saved / "exam.json").read_bytes() != before
    assert {path.name for path in saved.iterdir()} == CONTRACT_FILES


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_result(small_result(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_result_saves_itself_as_the_command_writes_it(tmp_path: Path) -> None:
    small_result().save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*CONTRACT_FILES, "report.html"}
    assert len(small_result().to_frame()) == 3
