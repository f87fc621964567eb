"""Results as files: the exam folder, the timeline folder, and the same back again."""

from bmetk.export.clinical import clinical_of, read_clinical
from bmetk.export.exam_document import EXAM_SCHEMA, exam_document
from bmetk.export.exam_folder import EXAM_FILE, load_result, save_result, write_result
from bmetk.export.tables import measurements_frame
from bmetk.export.timeline_folder import (
    TIMELINE_FILE,
    TIMELINE_SCHEMA,
    read_kinetics,
    read_skipped,
    save_timeline,
    timeline_document,
    write_timeline,
)
from bmetk.export.whole_folder import whole_folder

__all__ = [
    "EXAM_FILE",
    "EXAM_SCHEMA",
    "TIMELINE_FILE",
    "TIMELINE_SCHEMA",
    "clinical_of",
    "exam_document",
    "load_result",
    "measurements_frame",
    "read_clinical",
    "read_kinetics",
    "read_skipped",
    "save_result",
    "save_timeline",
    "timeline_document",
    "whole_folder",
    "write_result",
    "write_timeline",
]
