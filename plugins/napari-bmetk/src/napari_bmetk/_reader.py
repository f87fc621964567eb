"""Read the folders that bmetk writes, and studies of DICOM; leave every other folder alone.

napari asks every reader at every drop: what is heavy is imported only when something is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmetk.review import Review
    from napari_bmetk._layers import LayerData

_SCHEMAS = {"exam.json": "bmetk.exam/", "timeline.json": "bmetk.timeline/"}


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Offer a reader for a result of bmetk or a DICOM study, or None (npe2 reader contribution).

    Where there is a window, it opens the dock too: without it the layers are a picture and no review.
    """
    read = reader_of(path)
    if read is None:
        return None

    def read_beside_dock(path: str) -> list[LayerData]:
        from bmetk import BmetkError
        from napari_bmetk import current_dock

        dock = current_dock()
        try:
            return read(path)
        except BmetkError as error:
            if dock is not None:
                dock.say(str(error))
            raise

    return read_beside_dock


def reader_of(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Choose what reads a path; None for what is not bmetk's."""
    if not isinstance(path, str):
        return None
    if holds_result(result_folder(path)):
        return read_result
    return read_study if _holds_dicom(Path(path)) else None


def read_result(path: str | Path) -> list[LayerData]:
    """Read a result as the layers of one exam; those of the others follow when the dock asks for them.

    The version signed last is read, with the draft since.

    Raises
    ------
    bmetk.errors.InputError
        If there is no result, or a damaged one.
    """
    from bmetk.review import open_review
    from napari_bmetk._places import spare_folder

    return review_layers(open_review(result_folder(path), spare=spare_folder()))


def read_study(path: str | Path) -> list[LayerData]:
    """Read the series of a DICOM study or patient that would be analysed; the latest exam is shown.

    Raises
    ------
    bmetk.errors.InputError
        If no exam can be made of it; the message says why.
    """
    from bmetk.review import list_choices, load_choice
    from napari_bmetk._layers import exam_series_layers

    choices, skipped = list_choices(Path(path))
    if not choices:
        from bmetk.errors import MissingSeriesError

        raise MissingSeriesError("; ".join(exam.reason for exam in skipped))
    exams = sorted((load_choice(choice) for choice in choices), key=lambda exam: str(exam.date or ""))
    layers = [layer for exam in exams for layer in exam_series_layers(exam, shown=exam is exams[-1])]
    for _, options, _ in layers:
        options["metadata"]["bmetk_study"] = Path(path)
    return layers


def review_layers(review: Review, name: str = "") -> list[LayerData]:
    """Make the layers of one exam of a review: that of a name, else the one to begin with."""
    from napari_bmetk._layers import draft_layers, result_layers

    name = name or first_exam(review)
    if name in review.drafts:
        layers = draft_layers(review.drafts[name], name=name)
    else:
        layers = result_layers(review.unedited[name], name=name)
    for _, options, _ in layers:
        options["metadata"]["bmetk_review"] = review
    return layers


def first_exam(review: Review) -> str:
    """Name the latest exam with edema, else the latest exam; the others are shown when they are asked for."""
    results = {name: draft.base for name, draft in review.drafts.items()} | dict(review.unedited)
    return max(results, key=lambda name: (bool(results[name].lesions), str(results[name].exam.date or "")))


def result_folder(path: str | Path) -> Path:
    """Name the folder of a result, of which the document itself may have been dropped."""
    path = Path(path)
    return path.parent if path.name in _SCHEMAS else path


def holds_result(folder: Path) -> bool:
    """Tell whether a folder is a result: an exam, or exams below a timeline or a study."""
    if _is_result(folder / "exam.json"):
        return True
    return folder.is_dir() and any(_is_result(child / "exam.json") for child in _children(folder))


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_result(document: Path) -> bool:
    """Tell by its schema whether a file is bmetk's; a file that cannot be read is not."""
    try:
        schema = json.loads(document.read_text(encoding="utf-8")).get("schema", "")
    except (OSError, ValueError, AttributeError):
        return False
    return str(schema).startswith(_SCHEMAS[document.name])


def _holds_dicom(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    from bmetk.review import holds_dicom

    return holds_dicom(folder)
