"""Folders that appear whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bmetk.errors import OutputError
from bmetk.export import whole_folder


def write(folder: Path, text: str = "new", *, overwrite: bool = False, schema: str = "kind/1") -> None:
    with whole_folder(folder, "mark.json", schema, overwrite=overwrite) as staged:
        (staged / "data.txt").write_text(text)
        (staged / "mark.json").write_text(json.dumps({"schema": schema, "files": ["data.txt"]}))


def write_half(folder: Path, error: Exception) -> None:
    with whole_folder(folder, "mark.json", "kind/1", overwrite=True) as staged:
        (staged / "data.txt").write_text("half")
        raise error


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    write(tmp_path / "a/b")
    assert set(content(tmp_path / "a/b")) == {"data.txt", "mark.json"}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_empty_folder_is_used_and_stays_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    inode = folder.stat().st_ino
    write(folder)
    assert set(content(folder)) == {"data.txt", "mark.json"}
    assert folder.stat().st_ino == inode


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "out"
    if exists:
        folder.mkdir()
    with pytest.raises(ZeroDivisionError):
        write_half(folder, ZeroDivisionError())
    assert list(tmp_path.rglob("*")) == ([folder] if exists else [])


def test_a_failed_replacement_keeps_the_earlier_result(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, "old")
    before = content(folder)
    with pytest.raises(OSError, match="No space left"):
        write_half(folder, OSError(28, os.strerror(28)))
    assert content(folder) == before


def test_a_folder_that_cannot_be_moved_keeps_the_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    write(folder, "old")
    before, rename = content(folder), Path.rename

    def fail_on_the_new_marker(self: Path, target: Path) -> Path:
        if (
            target == folder / "mark.json"
            and self.parent.parent == folder
            and "backup" not in self.parent.name
        ):
            raise OSError(30, os.strerror(30))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_on_the_new_marker)
    with pytest.raises(OutputError, match="cannot write the result"):
        write(folder, "new", overwrite=True)
    assert content(folder) == before


def test_an_earlier_result_of_the_same_kind_is_replaced_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, "old")
    write(folder, "new", overwrite=True)
    assert content(folder)["data.txt"] == "new"


def test_a_result_of_another_kind_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, "old", schema="other/1")
    with pytest.raises(OutputError, match="holds something else"):
        write(folder, overwrite=True)
    assert content(folder)["data.txt"] == "old"


def test_a_folder_with_files_of_the_user_is_never_replaced_and_none_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, "old")
    (folder / "DOE_JANE.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds something else") as caught:
        write(folder, overwrite=True)
    assert "DOE" not in str(caught.value)
    assert content(folder)["DOE_JANE.txt"] == "mine"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        write(tmp_path / "out")
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "out/below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "out")


def test_what_a_killed_run_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "out/.bmetk-partial-dead").mkdir(parents=True)
    write(tmp_path / "out")
    assert "data.txt" in content_names(tmp_path / "out")


def content_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
