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
    """Offer a reader for a result of bmetk or a DICOM study, or None (npe2 reader contribution)."""
    if not isinstance(path, str):
        return None
    if holds_result(result_folder(path)):
        return read_result
    return read_study if _holds_dicom(Path(path)) else None


def read_result(path: str | Path) -> list[LayerData]:
    """Read every exam of a result as layers, the latest exam shown and the earlier ones hidden.

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


def review_layers(review: Review) -> list[LayerData]:
    """Make the layers of a review, the latest exam in front and shown."""
    from napari_bmetk._layers import draft_layers, result_layers

    drafts = [(draft.base.exam, name) for name, draft in review.drafts.items()]
    alone = [(result.exam, name) for name, result in review.unedited.items()]
    order = sorted([*drafts, *alone], key=lambda it: str(it[0].date or ""))
    layers: list[LayerData] = []
    for exam, name in order:
        shown = exam is order[-1][0]
        if name in review.drafts:
            layers += draft_layers(review.drafts[name], name=name, shown=shown)
        else:
            layers += result_layers(review.unedited[name], name=name, shown=shown)
    for _, options, _ in layers:
        options["metadata"]["bmetk_review"] = review
    return layers


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
