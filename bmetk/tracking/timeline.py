"""What is known of one patient through time, as plain values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bmetk.anatomy import Joint, Side
from bmetk.exam import SkippedExam

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class PointState(StrEnum):
    """Whether an exam says anything about a region."""

    MEASURED = "measured"
    NOT_IMAGED = "not_imaged"


class EventKind(StrEnum):
    """What happened to the edema of a region."""

    BASELINE = "baseline"
    NEW = "new"
    INCREASED = "increased"
    UNCHANGED = "unchanged"
    DECREASED = "decreased"
    RESOLVED = "resolved"
    RECURRENT = "recurrent"

    @property
    def is_onset(self) -> bool:
        """Whether edema shows that was not there, or not known of, before."""
        return self in (EventKind.BASELINE, EventKind.NEW, EventKind.RECURRENT)


class Relation(StrEnum):
    """Where a migration leads, from near to far."""

    SAME_BONE = "same_bone"
    SAME_JOINT = "same_joint"
    SAME_LIMB = "same_limb"
    CONTRALATERAL = "contralateral"


@dataclass(frozen=True, slots=True)
class TimelineExam:
    """One exam of the course; ``name`` is its folder, unique within the timeline."""

    name: str
    date: dt.date
    joint: Joint
    side: Side | None
    pseudonym: str


@dataclass(frozen=True, slots=True)
class RegionPoint:
    """One region at one exam; volumes are mL, and None where it was not imaged."""

    date: dt.date
    exam: str
    state: PointState
    coverage: float = 0.0
    bone_ml: float | None = None
    edema_ml: float | None = None
    edema_ml_low: float | None = None
    edema_ml_high: float | None = None

    @property
    def half_interval_ml(self) -> float:
        """Half the width of the volume's interval, mL; 0 where none is given."""
        if self.edema_ml_low is None or self.edema_ml_high is None:
            return 0.0
        return max(0.0, self.edema_ml_high - self.edema_ml_low) / 2


@dataclass(frozen=True, slots=True)
class RegionHistory:
    """One region of one side: one point an exam, in time order."""

    region: str
    side: Side | None
    bone: str
    points: tuple[RegionPoint, ...]

    @property
    def measured(self) -> tuple[RegionPoint, ...]:
        """The points that carry a volume."""
        return tuple(point for point in self.points if point.state is PointState.MEASURED)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one region at one exam.

    ``previous_date`` is that of the region's last measured exam. ``change_over_sdc`` is the signed
    change of volume over the smallest detectable change, below 0 for a decrease; None where the
    region was never measured before.
    """

    date: dt.date
    kind: EventKind
    region: str
    side: Side | None
    bone: str
    joint: Joint
    exam: str
    previously_imaged: bool
    previous_date: dt.date | None
    edema_ml_before: float | None
    edema_ml_after: float
    change_over_sdc: float | None


@dataclass(frozen=True, slots=True)
class Site:
    """A region at the date when its edema first showed."""

    side: Side | None
    region: str
    date: dt.date


@dataclass(frozen=True, slots=True)
class Migration:
    """Edema that shows elsewhere in a later episode."""

    origin: Site
    target: Site
    relation: Relation

    @property
    def interval_days(self) -> int:
        """Days from the onset at the origin to the onset at the target."""
        return (self.target.date - self.origin.date).days


@dataclass(frozen=True, slots=True)
class LesionObservation:
    """A lesion as one exam shows it; ``lesion`` is its number in that exam."""

    exam: str
    date: dt.date
    lesion: int
    volume_ml: float


@dataclass(frozen=True, slots=True)
class LesionLink:
    """Two lesions of different exams that share regions.

    ``overlap`` is the volume found in shared regions over that of the smaller lesion, 0 to 1.
    ``kind`` is ``continues``, ``splits``, ``merges`` or ``splits_and_merges``.
    """

    from_exam: str
    from_lesion: int
    to_exam: str
    to_lesion: int
    overlap: float
    kind: str


@dataclass(frozen=True, slots=True)
class LesionTrack:
    """One lesion through time; ``id`` counts tracks in order of onset and never changes by later exams."""

    id: int
    bone: str
    side: Side | None
    regions: tuple[str, ...]
    observations: tuple[LesionObservation, ...]
    links: tuple[LesionLink, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A patient's course: everything in time order, regions from proximal to distal.

    ``skipped`` are exams of the patient that could not be used: nothing else tells of them.
    """

    exams: tuple[TimelineExam, ...]
    regions: tuple[RegionHistory, ...]
    events: tuple[Event, ...]
    migrations: tuple[Migration, ...]
    lesions: tuple[LesionTrack, ...]
    settings: dict[str, float]
    skipped: tuple[SkippedExam, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Tabulate the course, one row a region and exam, the columns of ``timeline.csv``."""
        from bmetk.tracking.frame import timeline_frame

        return timeline_frame(self)

    def plot(self) -> Figure:
        """Draw the course, one row a region: volumes with intervals, gaps where nothing was imaged."""
        from bmetk.report.chart import timeline_figure

        return timeline_figure(self)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write ``timeline.json``, ``timeline.csv`` and ``report.html`` into a folder, whole or not at all.

        Raises
        ------
        OutputError
            If the folder cannot be written, or holds something else.
        """
        from bmetk.export import save_timeline
        from bmetk.report import timeline_page

        pages = {"report.html": timeline_page(self)}
        save_timeline(self, Path(folder), extra_files=pages, overwrite=overwrite)
