"""The folder of one exam: what `bmetk analyze` writes, and the same read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bmetk.errors import BmetkError, UnreadableFileError
from bmetk.exam import ExamResult, Segmentation
from bmetk.export.exam_document import (
    EXAM_SCHEMA,
    exam_document,
    read_exam,
    read_findings,
    read_meaning,
    read_protocols,
)
from bmetk.export.plain import to_json
from bmetk.export.tables import measurements_frame
from bmetk.export.whole_folder import whole_folder, writing
from bmetk.image import LabelMap, Mask, RigidTransform, ScalarImage
from bmetk.image.nifti import read_nifti, write_nifti

EXAM_FILE = "exam.json"
MEASUREMENTS_FILE = "measurements.csv"
BONES_FILE = "bones.nii.gz"
REGIONS_FILE = "regions.nii.gz"
MARROW_FILE = "marrow.nii.gz"
EDEMA_FILE = "edema.nii.gz"
PROBABILITY_FILE = "edema_probability.nii.gz"
RATIO_FILE = "ratio.nii.gz"


def save_result(
    result: ExamResult,
    folder: Path,
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
    overwrite: bool = False,
    keep_identity: bool = False,
) -> None:
    """Write a result into a folder, whole or not at all.

    Parameters
    ----------
    result : ExamResult; of bones alone, only bones, regions, marrow and ``exam.json`` are written
    folder : new, empty, or with an earlier result of an exam where ``overwrite`` is set
    extra_files : further files by name, as ``report.html``
    overwrite : whether an earlier result is replaced
    keep_identity : whether name, ID and birth date are written, where the exam still carries them

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds something else.
    """
    with whole_folder(folder, EXAM_FILE, EXAM_SCHEMA, overwrite=overwrite) as staged:
        write_result(result, staged, extra_files=extra_files, keep_identity=keep_identity)


def write_result(
    result: ExamResult,
    folder: Path,
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
    keep_identity: bool = False,
) -> None:
    """Write the files of a result into a folder that exists; for use within `whole_folder`.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    images = _images(result)
    names = list(images)
    with writing(folder):
        for name, image in images.items():
            write_nifti(image, folder / name)
        if result.edema is not None:
            measurements_frame(result).to_csv(folder / MEASUREMENTS_FILE, index=False, lineterminator="\n")
            names.append(MEASUREMENTS_FILE)
        names.extend(write_extra_files(extra_files or {}, folder))
        document = exam_document(result, files=[*names, EXAM_FILE], keep_identity=keep_identity)
        (folder / EXAM_FILE).write_text(to_json(document), encoding="utf-8")


def write_extra_files(files: Mapping[str, str | bytes], folder: Path) -> list[str]:
    """Write files by name into a folder that exists; give their names back."""
    for name, content in files.items():
        data = content.encode("utf-8") if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return list(files)


def _images(result: ExamResult) -> dict[str, ScalarImage | LabelMap | Mask]:
    optional = {
        MARROW_FILE: result.marrow,
        EDEMA_FILE: result.edema,
        PROBABILITY_FILE: result.probability,
        RATIO_FILE: result.ratio,
    }
    return {
        BONES_FILE: result.bones.labels,
        REGIONS_FILE: result.regions.labels,
        **{name: image for name, image in optional.items() if image is not None},
    }


def load_result(folder: str | Path) -> ExamResult:
    """Read a result back from the folder that `save_result` wrote.

    The exam comes without its source images, and the patient without a key.

    Raises
    ------
    UnreadableFileError
        If the folder holds no result, or a damaged one.
    """
    folder = Path(folder)
    document = _read_document(folder)
    try:
        return _result(folder, document)
    except KeyError as error:
        raise _damaged(folder, f"the field {error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder, str(error)) from error
    except UnreadableFileError:
        raise
    except BmetkError as error:
        raise _damaged(folder, str(error)) from error


def _damaged(folder: Path, what: str) -> UnreadableFileError:
    return UnreadableFileError(f"the result in {folder.name} is damaged: {what}; analyse the exam again")


def _read_document(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / EXAM_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(
            f"{folder.name} holds no {EXAM_FILE} that can be read; name a folder that 'bmetk analyze' wrote"
        ) from error
    except ValueError as error:
        raise _damaged(folder, f"{EXAM_FILE} is no valid JSON") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != EXAM_SCHEMA:
        raise UnreadableFileError(
            f"{EXAM_FILE} in {folder.name} has schema {schema!r}, this bmetk reads {EXAM_SCHEMA!r}; "
            "analyse the exam again"
        )
    return dict(document)


def _result(folder: Path, document: Mapping[str, Any]) -> ExamResult:
    bones = _segmentation(folder, BONES_FILE, document["labels"]["bones"])
    regions = _segmentation(folder, REGIONS_FILE, document["labels"]["regions"])
    written = set(document["files"])
    marrow = read_nifti(folder / MARROW_FILE, Mask) if MARROW_FILE in written else None
    edema = read_nifti(folder / EDEMA_FILE, Mask) if EDEMA_FILE in written else None
    probability = read_nifti(folder / PROBABILITY_FILE) if PROBABILITY_FILE in written else None
    ratio = read_nifti(folder / RATIO_FILE) if RATIO_FILE in written else None
    for image in (regions, marrow, edema, probability, ratio):
        if image is not None:
            bones.grid.require_match(image.grid, "its images")
    alignment = document["alignment"]
    return ExamResult(
        exam=read_exam(document),
        bones=bones,
        regions=regions,
        edema=edema,
        probability=probability,
        ratio=ratio,
        **read_findings(document),
        settings=document["software"]["settings"],
        seconds=document["software"]["seconds"],
        version=document["software"]["version"],
        alignment=_alignment(alignment) if alignment else None,
        marrow=marrow,
        protocols=read_protocols(document),
    )


def _alignment(document: Mapping[str, Any]) -> RigidTransform:
    # Six digits leave the rotation orthogonal to 1e-6 only just: make it so again.
    u, _, vt = np.linalg.svd(np.asarray(document["rotation"], dtype=np.float64))
    return RigidTransform(u @ vt, np.asarray(document["translation_mm"], dtype=np.float64))


def _segmentation(folder: Path, name: str, labels: Mapping[str, Any]) -> Segmentation:
    image = read_nifti(folder / name, LabelMap)
    meaning = read_meaning(labels)
    unknown = sorted(set(image.values()) - set(meaning))
    if unknown:
        raise _damaged(folder, f"{name} holds the label {unknown[0]}, which {EXAM_FILE} does not name")
    return Segmentation(image, meaning)
