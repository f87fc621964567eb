"""One patient's edema through time: histories, events, migrations and lesion tracks."""

from bmetk.tracking.change import TrackingSettings, detection_limit_ml, smallest_detectable_change_ml
from bmetk.tracking.timeline import (
    Event,
    EventKind,
    LesionLink,
    LesionObservation,
    LesionTrack,
    Migration,
    PointState,
    RegionHistory,
    RegionPoint,
    Relation,
    Site,
    Timeline,
    TimelineExam,
)
from bmetk.tracking.track import exam_names, track

__all__ = [
    "Event",
    "EventKind",
    "LesionLink",
    "LesionObservation",
    "LesionTrack",
    "Migration",
    "PointState",
    "RegionHistory",
    "RegionPoint",
    "Relation",
    "Site",
    "Timeline",
    "TimelineExam",
    "TrackingSettings",
    "detection_limit_ml",
    "exam_names",
    "smallest_detectable_change_ml",
    "track",
]
