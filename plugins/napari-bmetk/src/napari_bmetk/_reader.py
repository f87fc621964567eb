"""Read the folders that `bmetk analyze` and `bmetk track` write; leave every other folder alone.

napari asks every reader at every drop: what is heavy is imported only when a result is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bmetk.errors import UnreadableFileError

if TYPE_CHECKING:
    from bmetk import ExamResult
    from napari_bmetk._layers import LayerData

_SCHEMAS = {"exam.json": "bmetk.exam/", "timeline.json": "bmetk.timeline/"}


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Offer a reader for a result of bmetk, or None for anything else (npe2 reader contribution)."""
    if not isinstance(path, str) or not result_folders(_folder(path)):
        return None
    return read_result


def read_result(path: str | Path) -> list[LayerData]:
    """Read every exam of a result as layers, the latest exam shown and the earlier ones hidden.

    Raises
    ------
    bmetk.errors.InputError
        If there is no result, or a damaged one.
    """
    from bmetk import load_result
    from napari_bmetk._layers import exam_layers

    folders = result_folders(_folder(path))
    if not folders:
        raise UnreadableFileError(
            f"folder {_folder(path).name!r} holds no result of bmetk; "
            "open one that 'bmetk analyze' or 'bmetk track' wrote"
        )
    results = sorted((load_result(folder) for folder in folders), key=_exam_day)
    return [layer for result in results for layer in exam_layers(result, shown=result is results[-1])]


def result_folders(folder: Path) -> tuple[Path, ...]:
    """List the folders with one exam each: the folder itself, or those below a timeline or a study."""
    if _is_result(folder / "exam.json"):
        return (folder,)
    if not folder.is_dir():
        return ()
    return tuple(sorted(child for child in folder.iterdir() if _is_result(child / "exam.json")))


def _folder(path: str | Path) -> Path:
    path = Path(path)
    return path.parent if path.name in _SCHEMAS else path


def _is_result(document: Path) -> bool:
    """Tell by its schema whether a file is bmetk's; a file that cannot be read is not."""
    try:
        schema = json.loads(document.read_text(encoding="utf-8")).get("schema", "")
    except (OSError, ValueError, AttributeError):
        return False
    return str(schema).startswith(_SCHEMAS[document.name])


def _exam_day(result: ExamResult) -> str:
    return result.exam.date.isoformat() if result.exam.date else ""
