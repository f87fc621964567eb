"""Write a folder whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from bmetk.errors import OutputError

PARTIAL = ".bmetk-partial-"


@contextmanager
def whole_folder(folder: Path, marker: str, schema: str, *, overwrite: bool = False) -> Iterator[Path]:
    """Lend a temporary folder whose content becomes that of ``folder`` when the block ends well.

    A folder that does not exist yet appears by one rename. Into one that exists, the entries are
    moved one by one, ``marker`` last: a folder without its marker is no result. If the block
    fails, everything is as it was before.

    Parameters
    ----------
    folder : where the result goes; new, empty, or with an earlier result of the same kind
    marker : JSON file that makes the folder a result; it must list all ``files`` of the result
    schema : ``schema`` of the marker, up to the slash
    overwrite : whether an earlier result of the same kind is replaced

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds something else.
    """
    folder = folder.absolute()
    with writing(folder):
        earlier = _replaceable(folder, marker, schema, overwrite)
        staged = _stage(folder)
    try:
        yield staged
        with writing(folder):
            _put_in_place(staged, folder, marker, earlier)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Tell a failure to write as an OutputError that names the folder."""
    place = folder.parent if folder.name.startswith(PARTIAL) else folder
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write the result to {place}: {error.strerror or error}; choose another folder"
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write one file whole, or leave the one before.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with writing(path.parent):
            partial.write_bytes(content)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _stage(folder: Path) -> Path:
    # Inside a folder that exists, so that both lie on one file system (it may be a mount point).
    parent = folder if folder.is_dir() else folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    staged = parent / f"{PARTIAL}{uuid4().hex[:8]}"
    staged.mkdir()
    return staged


def _replaceable(folder: Path, marker: str, schema: str, overwrite: bool) -> list[Path]:
    """List the entries of an earlier result, after making sure that nothing else is there."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder; choose another --out")
    entries = (
        [path for path in folder.iterdir() if not path.name.startswith(PARTIAL)] if folder.is_dir() else []
    )
    if not entries:
        return []
    ours = _files_of(folder / marker, schema)
    foreign = [path for path in entries if path.name not in ours]
    if foreign:
        raise OutputError(
            f"{folder} holds something else ({len(foreign)} of {len(entries)} entries are not bmetk's); "
            "choose an empty folder"
        )
    if not overwrite:
        raise OutputError(
            f"{folder} already holds a result; choose another folder, or replace it with --force"
        )
    return entries


def _files_of(marker: Path, schema: str) -> set[str]:
    """Name the entries that an earlier result of the same kind wrote; none if it is no such result."""
    try:
        document = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(document, dict) or _kind(document.get("schema")) != _kind(schema):
        return set()
    return {marker.name, *(str(name) for name in document.get("files", ()))}


def _kind(schema: object) -> str:
    return str(schema).partition("/")[0]


def _put_in_place(staged: Path, folder: Path, marker: str, earlier: list[Path]) -> None:
    if not folder.exists():
        staged.rename(folder)
        return
    backup = staged / f"{PARTIAL}backup"
    backup.mkdir()
    new = sorted((path for path in staged.iterdir() if path != backup), key=lambda path: path.name == marker)
    try:
        _move(sorted(earlier, key=lambda path: path.name != marker), backup)
        _move(new, folder)
    except OSError:
        _move([folder / path.name for path in new if (folder / path.name).exists()], staged)
        _move(list(backup.iterdir()), folder)
        raise


def _move(entries: list[Path], into: Path) -> None:
    for path in entries:
        path.rename(into / path.name)
