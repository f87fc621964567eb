"""Measure bone-marrow edema on MRI and follow it from joint to joint.

Research use only: not a medical device.

Examples
--------
>>> import bmetk
>>> exam = bmetk.load_exam("study/")            # doctest: +SKIP
>>> result = bmetk.analyze(exam)                # doctest: +SKIP
>>> result.to_frame()                           # doctest: +SKIP
>>> result.save("out/")                         # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bmetk.config import Settings as Settings
    from bmetk.config import read_settings as read_settings
    from bmetk.edema import segment_edema as segment_edema
    from bmetk.errors import BmetkError as BmetkError
    from bmetk.exam import Exam as Exam
    from bmetk.exam import ExamResult as ExamResult
    from bmetk.export import load_result as load_result
    from bmetk.pipeline import analyze as analyze
    from bmetk.pipeline import find_exam_bones as find_exam_bones
    from bmetk.pipeline import track_exams as track
    from bmetk.study import load_exam as load_exam
    from bmetk.tracking import Timeline as Timeline

# Nothing is imported until it is asked for: `bmetk info` answers in under a second.
_HOME = {
    "BmetkError": ("bmetk.errors", "BmetkError"),
    "Exam": ("bmetk.exam", "Exam"),
    "ExamResult": ("bmetk.exam", "ExamResult"),
    "Settings": ("bmetk.config", "Settings"),
    "Timeline": ("bmetk.tracking", "Timeline"),
    "analyze": ("bmetk.pipeline", "analyze"),
    "find_exam_bones": ("bmetk.pipeline", "find_exam_bones"),
    "load_exam": ("bmetk.study", "load_exam"),
    "load_result": ("bmetk.export", "load_result"),
    "read_settings": ("bmetk.config", "read_settings"),
    "segment_edema": ("bmetk.edema", "segment_edema"),
    "track": ("bmetk.pipeline", "track_exams"),
}

__all__ = [
    "BmetkError",
    "Exam",
    "ExamResult",
    "Settings",
    "Timeline",
    "__version__",
    "analyze",
    "find_exam_bones",
    "load_exam",
    "load_result",
    "read_settings",
    "segment_edema",
    "track",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bmetk' has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
