"""The sample patient that ships with the project: where it lies, and how it is made.

``sample_data/`` holds ``recipe.toml``, the patient's studies in ``studies/``, the truth in ``truth/``
and ``SHA256SUMS``. In an installed wheel the same folder lies inside the package.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from bmetk.errors import MissingSeriesError, UnreadableFileError
from bmetk.simulate.patient import OnProgress, silent, simulate_to
from bmetk.simulate.specfile import read_spec
from bmetk.simulate.study import Compression

_FOLDER = "sample_data"
_RECIPE = "recipe.toml"
_CHECKSUMS = "SHA256SUMS"
_STUDIES = "studies"
_TRUTH = "truth"


def find_sample() -> Path:
    """Find the sample folder: inside the installed package, or beside it in the source tree.

    Raises
    ------
    MissingSeriesError
        If neither holds the sample patient.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / _FOLDER, package.parent / _FOLDER):
        if (folder / _STUDIES).is_dir():
            return folder
    raise MissingSeriesError(
        "the sample patient is not installed; make it from the source tree with: make sample"
    )


def make_sample(folder: Path, on_progress: OnProgress = silent) -> None:
    """Simulate the patient of ``folder/recipe.toml`` anew and write studies, truth and checksums.

    Equal recipe, simulator and libraries give equal bytes.
    """
    (patient,) = read_spec(folder / _RECIPE)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as scratch:
        out = Path(scratch)
        made = simulate_to(patient, out, on_progress, compression=Compression.JPEG_2000)
        for name, source in ((_STUDIES, made.folder), (_TRUTH, out / _TRUTH / patient.name)):
            shutil.rmtree(folder / name, ignore_errors=True)
            source.rename(folder / name)
    _write_checksums(folder)


def _write_checksums(folder: Path) -> None:
    """Write ``SHA256SUMS`` in the form that ``sha256sum --check`` reads."""
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}" for path in _files(folder)]
    (folder / _CHECKSUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_sample(folder: Path) -> int:
    """Compare every file with its checksum and return the size of all, bytes.

    Raises
    ------
    UnreadableFileError
        If a file is missing, new or changed.
    """
    lines = (folder / _CHECKSUMS).read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for name in sorted(listed.keys() | files.keys()):
        if name not in files or listed.get(name) != _sha256(files[name]):
            raise UnreadableFileError(
                f"sample file {name} differs from {_CHECKSUMS}; make sample restores it"
            )
    return sum(path.stat().st_size for path in files.values())


def _files(folder: Path) -> list[Path]:
    found = [path for name in (_STUDIES, _TRUTH) for path in (folder / name).rglob("*") if path.is_file()]
    return sorted([folder / _RECIPE, *found])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
