"""The lines of style that no linter knows: sizes, names, paths, and what goes into the wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = (PROJECT / "bmetk", PROJECT / "plugins/napari-bmetk/src/napari_bmetk")
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 400, 40
TEXT = {".py", ".toml", ".md", ".yaml", ".yml", ".html", ".json", ".css", ""}


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def written_files() -> Iterator[Path]:
    """List the files that people wrote, as far as they are text."""
    skipped = {".git", ".venv", ".coverage", ".hypothesis", "demo-out", "sample_data", "build", "dist"}
    for path in sorted(PROJECT.rglob("*")):
        parts = path.relative_to(PROJECT).parts
        hidden = any(part in skipped or part.endswith(("_cache", "__pycache__")) for part in parts)
        if path.is_file() and not hidden and path.suffix in TEXT and path != Path(__file__).resolve():
            yield path


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_can_be_read_in_one_sitting(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_fits_a_screen(path: Path):
    long = {
        f"{it.name}: {body_lines(it)} lines" for it in functions(path) if body_lines(it) > LONGEST_FUNCTION
    }
    assert not long


def test_no_module_is_named_for_nothing():
    assert not [
        name_of(path) for path in MODULES if path.stem in {"utils", "helpers", "misc", "common", "tools"}
    ]


def test_every_package_can_be_imported_from_a_wheel():
    folders = {path.parent for path in MODULES}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_the_package_never_looks_beside_the_project():
    beside = re.compile(r"\bshared\b *[\"'/]|[\"'/]shared\b")
    assert not [name_of(path) for path in MODULES if beside.search(path.read_text(encoding="utf-8"))]


def test_no_file_names_a_machine_s_path_or_a_registry():
    machine = re.compile(r"(?<![\w.])/(home|Users|root|work|opt|mnt)/\w|\b[A-Z]:\\\\|pypi\.org|pythonhosted")
    assert not [name_of(path) for path in written_files() if machine.search(path.read_text(encoding="utf-8"))]


def test_the_core_prints_only_on_the_command_line():
    skin = {PACKAGES[0] / "cli.py", PACKAGES[0] / "console.py"}
    core = [path for path in MODULES if path.is_relative_to(PACKAGES[0]) and path not in skin]
    leaving = re.compile(r"\bsys\.(exit|stdout|stderr)\b|^\s*print\(", re.MULTILINE)
    assert not [name_of(path) for path in core if leaving.search(path.read_text(encoding="utf-8"))]


def test_importing_the_package_is_light():
    code = "import sys, bmetk; print(*{'numpy', 'pydicom', 'SimpleITK', 'pandas'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.split() == []


def test_the_wheel_carries_every_data_file(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=PROJECT, check=True, capture_output=True,
    )  # fmt: skip
    with zipfile.ZipFile(next(tmp_path.glob("bmetk-*.whl"))) as wheel:
        packed = set(wheel.namelist())
    files = (path for path in PACKAGES[0].rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {name_of(path) for path in files} <= packed
    assert any(name.endswith("licenses/NOTICE") for name in packed)
