"""Review a result: edit, measure again, decide, sign. No window here: see the napari plugin."""

from bmetk.review.audit import Action, AuditEntry, read_audit
from bmetk.review.brush import grow, relabel, suggest_level, threshold_brush, use_labels
from bmetk.review.changes import ExamChanges, list_changes
from bmetk.review.compare import BoneFit, bones_of, carry, register_bone
from bmetk.review.draft import Draft, Mark, Voxel, begin, finding_key, is_touched, with_finding, with_marks
from bmetk.review.links import (
    LinkVerdict,
    Verdict,
    follow,
    place_of_lesion,
    verdict_on,
    with_verdict,
)
from bmetk.review.measure import confidence, measure_draft
from bmetk.review.pick import SeriesChoice, choose, holds_dicom, list_choices, load_choice, with_source
from bmetk.review.pieces import anchor_of, find_pieces, lesion_piece, piece_at
from bmetk.review.run import run_choices, run_edema_again, with_exams, with_study
from bmetk.review.sign import measure_review, reopen, review_timeline, sign, write_review
from bmetk.review.store import Review, drop_draft, exam_folders, open_review, require_unchanged, save_draft

__all__ = [
    "Action",
    "AuditEntry",
    "BoneFit",
    "Draft",
    "ExamChanges",
    "LinkVerdict",
    "Mark",
    "Review",
    "SeriesChoice",
    "Verdict",
    "Voxel",
    "anchor_of",
    "begin",
    "bones_of",
    "carry",
    "choose",
    "confidence",
    "drop_draft",
    "exam_folders",
    "find_pieces",
    "finding_key",
    "follow",
    "grow",
    "holds_dicom",
    "is_touched",
    "lesion_piece",
    "list_changes",
    "list_choices",
    "load_choice",
    "measure_draft",
    "measure_review",
    "open_review",
    "piece_at",
    "place_of_lesion",
    "read_audit",
    "register_bone",
    "relabel",
    "reopen",
    "require_unchanged",
    "review_timeline",
    "run_choices",
    "run_edema_again",
    "save_draft",
    "sign",
    "suggest_level",
    "threshold_brush",
    "use_labels",
    "verdict_on",
    "with_exams",
    "with_finding",
    "with_marks",
    "with_source",
    "with_study",
    "with_verdict",
    "write_review",
]
