"""Find the files below a path, inside zip and tar archives too, and read their bytes."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bmetk.errors import UnreadableFileError

_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ARCHIVE_ERRORS = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError)
_UID = re.compile(r"\d+(?:\.\d+){4,}")


@dataclass(frozen=True, slots=True, order=True)
class FileRef:
    """One file: on disk, or a member of an archive on disk."""

    path: Path
    member: str | None = None

    @property
    def shown_name(self) -> str:
        """Name for a message: the last part alone, any DICOM UID in it masked."""
        last = Path(self.member).name if self.member else self.path.name
        inside = f" in {self.path.name}" if self.member else ""
        return _UID.sub("<uid>", f"{last}{inside}")


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that could not be read, and why."""

    name: str
    reason: str


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive of files."""
    return path.name.lower().endswith(_ARCHIVE_SUFFIXES)


def list_files(root: Path) -> list[Path]:
    """List every file below a path, or the path itself, in a stable order.

    Raises
    ------
    UnreadableFileError
        If there is nothing at the path.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise UnreadableFileError(f"there is no file or folder {root.name!r}: check the path")
    return sorted(path for path in root.rglob("*") if path.is_file())


def read_archive(
    path: Path, wanted: frozenset[str] | None, on_failure: Callable[[UnreadableFile], None]
) -> Iterator[tuple[FileRef, bytes]]:
    """Yield the members of an archive with their bytes, in one pass.

    Parameters
    ----------
    path : a zip or tar file, compressed or not
    wanted : names of the members to read; None for all
    on_failure : receives each member that cannot be read, and the archive itself if it is damaged
    """
    opener = _read_zip if zipfile.is_zipfile(path) else _read_tar
    try:
        yield from opener(path, wanted, on_failure)
    except _ARCHIVE_ERRORS as error:
        reason = f"the archive is damaged or of an unknown kind ({type(error).__name__})"
        on_failure(UnreadableFile(FileRef(path).shown_name, reason))


def _read_zip(
    path: Path, wanted: frozenset[str] | None, on_failure: Callable[[UnreadableFile], None]
) -> Iterator[tuple[FileRef, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir() or (wanted is not None and info.filename not in wanted):
                continue
            ref = FileRef(path, info.filename)
            try:
                content = archive.read(info)
            except _ARCHIVE_ERRORS:
                reason = "encrypted: unpack it first" if info.flag_bits & 1 else "damaged in the archive"
                on_failure(UnreadableFile(ref.shown_name, reason))
                continue
            yield ref, content


def _read_tar(
    path: Path, wanted: frozenset[str] | None, on_failure: Callable[[UnreadableFile], None]
) -> Iterator[tuple[FileRef, bytes]]:
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if not info.isfile() or (wanted is not None and info.name not in wanted):
                continue
            stream = archive.extractfile(info)
            if stream is None:
                on_failure(UnreadableFile(FileRef(path, info.name).shown_name, "damaged in the archive"))
                continue
            yield FileRef(path, info.name), stream.read()


def read_contents(refs: Iterable[FileRef]) -> Iterator[tuple[FileRef, bytes]]:
    """Yield the bytes of each file, opening every archive once.

    Raises
    ------
    UnreadableFileError
        If a file has gone or cannot be read any more.
    """
    members: dict[Path, set[str]] = defaultdict(set)
    for ref in dict.fromkeys(refs):
        if ref.member is not None:
            members[ref.path].add(ref.member)
            continue
        try:
            content = ref.path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnreadableFileError(f"{ref.shown_name} cannot be read: {reason}") from error
        yield ref, content
    for path, names in members.items():
        yield from read_archive(path, frozenset(names), _refuse)


def _refuse(failure: UnreadableFile) -> None:
    raise UnreadableFileError(f"{failure.name} cannot be read: {failure.reason}")
