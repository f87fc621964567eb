"""What of an exam is shown: series, ratio, probability, bones, regions and edema as napari layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bmetk import ExamResult
from bmetk.exam import Exam, Segmentation, Series
from bmetk.image import LabelMap, ScalarImage, resample_scalar
from bmetk.review import Draft, Mark
from napari_bmetk._frame import Frame, frame_of

LayerData = tuple[npt.NDArray[np.generic], dict[str, Any], str]

EDEMA_COLOUR = "#d55e00"
REJECTED_COLOUR = "#999999"
# Okabe and Ito's colours, which the colour-blind tell apart, without the one of edema (and black).
_COLOURS = ("#56b4e9", "#009e73", "#f0e442", "#0072b2", "#cc79a7", "#e69f00")
_RATIO_WINDOW = (0.0, 4.0)  # 1 is normal fatty marrow
ROLES = ("T1", "fluid", "ratio", "probability", "bones", "regions", "edema")
"""Roles of an exam's layers, from the back to the front."""
EDITED = ("bones", "regions", "edema")
"""Roles of the layers that a reader may change."""


def draft_layers(draft: Draft, *, name: str) -> list[LayerData]:
    """Make the layers of an exam under review, from the back to the front.

    Parameters
    ----------
    draft : Draft
    name : of the exam in its review
    """
    result = draft.base
    frame = frame_of(result.bones.grid)
    layers = picture_layers(result, frame)
    layers.append(_labels("bones", draft.bones, frame, result, visible=False))
    layers.append(_labels("regions", draft.regions, frame, result, opacity=0.25))
    layers.append(_marks(draft.marks, frame, result, opacity=0.6))
    for _, options, _ in layers:
        options["metadata"]["bmetk_exam"] = name
    return layers


def result_layers(result: ExamResult, *, name: str) -> list[LayerData]:
    """Make the layers of a result that is looked at alone: bones without edema, or another exam."""
    frame = frame_of(result.bones.grid)
    layers = picture_layers(result, frame)
    layers.append(_labels("bones", result.bones, frame, result, visible=not layers, opacity=0.4))
    layers.append(_labels("regions", result.regions, frame, result, opacity=0.25))
    if result.edema is not None:
        marks = LabelMap(result.edema.array.astype(np.uint8), result.edema.grid)
        layers.append(_marks(marks, frame, result, opacity=0.6))
    for _, options, _ in layers:
        options["metadata"]["bmetk_exam"] = name
    return layers


def exam_series_layers(exam: Exam, *, shown: bool = True) -> list[LayerData]:
    """Make the layers of an exam that was not analysed yet, each series on its own grid."""
    layers = []
    for role, series in (("T1", exam.t1), ("fluid", exam.fluid)):
        if series is not None:
            frame = frame_of(series.image.grid)
            visible = shown and (role == "fluid" or exam.fluid is None)
            layers.append(_series(role, series, series.image, frame, exam, visible=visible))
    return layers


def picture_layers(result: ExamResult, frame: Frame) -> list[LayerData]:
    """Make the layers of what was measured or computed, nothing that is drawn."""
    layers = _aligned_series(result, frame)
    if result.ratio is not None:
        look: dict[str, Any] = {"visible": not layers, "contrast_limits": _RATIO_WINDOW}
        layers.append(_image("ratio", "ratio", result.ratio, frame, result.exam, **look))
    if result.probability is not None:
        look = {"visible": False, "colormap": "inferno", "blending": "additive", "opacity": 0.6}
        look["contrast_limits"] = (0.0, 1.0)
        layers.append(_image("probability", "probability", result.probability, frame, result.exam, **look))
    return layers


def exam_title(exam: Exam) -> str:
    """Name an exam by day, joint and side, without identity."""
    day = exam.date.isoformat() if exam.date else "undated"
    return " ".join([day, exam.joint.value, *([exam.side.value] if exam.side else [])])


def _aligned_series(result: ExamResult, frame: Frame) -> list[LayerData]:
    """Show the series that were analysed, T1 in register, where they are at hand."""
    exam = result.exam
    if exam.fluid is None:
        return []
    layers = [_series("fluid", exam.fluid, exam.fluid.image, frame, exam, visible=True)]
    if exam.t1 is not None:
        aligned = resample_scalar(exam.t1.image, exam.fluid.image.grid, result.alignment)
        layers.insert(0, _series("T1", exam.t1, aligned, frame, exam, visible=False))
    return layers


def _series(
    role: str, series: Series, image: ScalarImage, frame: Frame, exam: Exam, *, visible: bool
) -> LayerData:
    step = max(1, image.array.size // 200_000)  # a sample tells the window as well as all voxels
    window = np.percentile(image.array.ravel()[::step], [1.0, 99.5])
    name = role if role == "T1" else series.contrast.value.upper().replace("_", " ")
    limits = (float(window[0]), float(max(window[1], window[0] + 1.0)))
    return _image(role, name, image, frame, exam, visible=visible, contrast_limits=limits)


def _image(role: str, title: str, image: ScalarImage, frame: Frame, exam: Exam, **look: Any) -> LayerData:
    options = {"colormap": "gray", **look}
    return frame.show_scalar(image), {**_about(role, title, frame, exam), **options}, "image"


def _labels(
    role: str, segmentation: Segmentation, frame: Frame, result: ExamResult, **look: Any
) -> LayerData:
    meaning = segmentation.present()
    colours = {value: _COLOURS[rank % len(_COLOURS)] for rank, value in enumerate(meaning)}
    told = pd.DataFrame(
        [(value, label.name, label.side.value if label.side else "") for value, label in meaning.items()],
        columns=["index", role.removesuffix("s"), "side"],
    )
    return _label_layer(role, segmentation.labels, frame, result, colours, features=told, **look)


def _marks(marks: LabelMap, frame: Frame, result: ExamResult, **look: Any) -> LayerData:
    colours = {Mark.EDEMA.value: EDEMA_COLOUR, Mark.REJECTED.value: REJECTED_COLOUR}
    look = {"blending": "translucent_no_depth", **look}  # in space it lies inside the bone, and is still seen
    return _label_layer("edema", marks, frame, result, colours, **look)


def _label_layer(
    role: str, labels: LabelMap, frame: Frame, result: ExamResult, colours: dict[int, str], **look: Any
) -> LayerData:
    from napari.utils import DirectLabelColormap

    colormap = DirectLabelColormap(color_dict=dict([(None, "transparent"), *colours.items()]))
    about = _about(role, role, frame, result.exam)
    return frame.show_labels(labels), {**about, "colormap": colormap, **look}, "labels"


def _about(role: str, title: str, frame: Frame, exam: Exam) -> dict[str, Any]:
    return {
        "name": f"{exam_title(exam)}: {title}",
        "metadata": {"bmetk_role": role, "affine_lps": frame.native.affine, "bmetk_frame": frame},
        **frame.placement(),
    }
