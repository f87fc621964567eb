"""One patient's edema through time: histories, events, migrations and lesion tracks."""

from bmetk.tracking.carry import carry_bones, carry_edema, shows_soon_after
from bmetk.tracking.change import TrackingSettings, detection_limit_ml, smallest_detectable_change_ml
from bmetk.tracking.clinical import ClinicalEntry, ClinicalKind
from bmetk.tracking.survival import ResolutionCurve, curves_of_sites, resolution_curves, resolution_frame
from bmetk.tracking.timeline import (
    BoneMatch,
    Episode,
    Event,
    EventKind,
    LesionLink,
    LesionObservation,
    LesionTrack,
    Migration,
    PointState,
    RefusedComparison,
    RegionHistory,
    RegionPoint,
    Relation,
    Resolution,
    ResolutionState,
    Site,
    Timeline,
    TimelineExam,
)
from bmetk.tracking.track import exam_names, require_one_patient, track

__all__ = [
    "BoneMatch",
    "ClinicalEntry",
    "ClinicalKind",
    "Episode",
    "Event",
    "EventKind",
    "LesionLink",
    "LesionObservation",
    "LesionTrack",
    "Migration",
    "PointState",
    "RefusedComparison",
    "RegionHistory",
    "RegionPoint",
    "Relation",
    "Resolution",
    "ResolutionCurve",
    "ResolutionState",
    "Site",
    "Timeline",
    "TimelineExam",
    "TrackingSettings",
    "carry_bones",
    "carry_edema",
    "curves_of_sites",
    "detection_limit_ml",
    "exam_names",
    "require_one_patient",
    "resolution_curves",
    "resolution_frame",
    "shows_soon_after",
    "smallest_detectable_change_ml",
    "track",
]
