"""What is known of one patient through time, as plain values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bmetk.anatomy import Joint, Side
from bmetk.exam import Protocol, SkippedExam, half_width_ml
from bmetk.tracking.clinical import ClinicalEntry

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
    """One exam of the course; ``name`` is its folder, unique within the timeline.

    ``fluid`` tells how its fluid-sensitive series was acquired; ``doubts`` name what makes its volumes less
    fit for comparison, or unfit.
    """

    name: str
    date: dt.date
    joint: Joint
    side: Side | None
    pseudonym: str
    fluid: Protocol | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionPoint:
    """One region at one exam; volumes are mL, and None where it was not imaged.

    ``detection_limit_ml`` is the volume from which on a lesion is sure to be seen in slices like those of the
    exam; None where the exam does not state it.
    """

    date: dt.date
    exam: str
    state: PointState
    coverage: float = 0.0
    bone_ml: float | None = None
    edema_ml: float | None = None
    edema_ml_low: float | None = None
    edema_ml_high: float | None = None
    detection_limit_ml: float | None = None

    @property
    def half_interval_ml(self) -> float:
        """Half the width of the volume's interval, mL; 0 where none is given."""
        return half_width_ml(self.edema_ml_low, self.edema_ml_high)


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
    region was never measured before. ``probability`` is that the change is real, or, at an onset, that
    edema is there, 0.5 to 1; ``change_ml_low`` and ``change_ml_high`` bound the change with 95 %. Where the
    protocols of the two exams differ the smallest detectable change is wider, and ``reasons`` say why; where
    they do not compare ``comparable`` is False, and only a decisive change is told, without a probability.
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
    change_ml: float | None = None
    change_ml_low: float | None = None
    change_ml_high: float | None = None
    probability: float | None = None
    comparable: bool = True
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedComparison:
    """A region measured at two exams that do not compare: no event is told of it."""

    date: dt.date
    exam: str
    region: str
    side: Side | None
    previous_date: dt.date
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A region at the date when its edema first showed."""

    side: Side | None
    region: str
    date: dt.date


@dataclass(frozen=True, slots=True)
class Migration:
    """Edema that shows elsewhere in a later episode.

    ``path`` is the shortest way over neighbouring regions, origin and target included; empty where a
    region has no place in the atlas. ``episode`` is the number of the episode that it leads to.
    """

    origin: Site
    target: Site
    relation: Relation
    path: tuple[str, ...] = ()
    episode: int = 0

    @property
    def interval_days(self) -> int:
        """Days from the onset at the origin to the onset at the target."""
        return (self.target.date - self.origin.date).days


@dataclass(frozen=True, slots=True)
class Episode:
    """Regions that first show within a month of each other; ``number`` counts from 1 in order of onset."""

    number: int
    first: dt.date
    last: dt.date
    sites: tuple[Site, ...]
    dominant: Site


class ResolutionState(StrEnum):
    """Whether the edema of a site was seen to end."""

    RESOLVED = "resolved"
    CENSORED = "censored"


@dataclass(frozen=True, slots=True)
class Resolution:
    """One episode of one region: how long it was there and how fast it went.

    Days count from its onset: edema was last seen after ``present_days`` and first gone after
    ``resolved_days``, None where that was not seen (censored). ``half_life_days`` and ``rate_ml_a_month``
    (below 0 where it shrinks) are fitted from the peak on; None of a single exam, or where nothing falls.
    ``half_life_at_most`` where the exam that shows nothing left alone tells of the fall.
    """

    region: str
    side: Side | None
    onset: dt.date
    peak_ml: float
    exams: int
    state: ResolutionState
    present_days: int
    resolved_days: int | None
    half_life_days: float | None
    half_life_at_most: bool
    rate_ml_a_month: float | None

    @property
    def resolved_midpoint_days(self) -> float | None:
        """Middle of the interval in which it resolved, days since onset; None where it is censored."""
        return None if self.resolved_days is None else (self.present_days + self.resolved_days) / 2


@dataclass(frozen=True, slots=True)
class BoneMatch:
    """How a bone of one exam was laid on the same bone of another.

    ``rotation`` (three rows) and ``translation_mm`` lead from ``from_exam`` to ``to_exam``, LPS; both are
    None where the registration was refused. ``distance_mm`` is the median distance of the surfaces.
    """

    bone: str
    side: Side | None
    from_exam: str
    to_exam: str
    accepted: bool
    distance_mm: float | None
    message: str
    rotation: tuple[tuple[float, float, float], ...] | None = None
    translation_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class LesionObservation:
    """A lesion as one exam shows it; ``lesion`` is its number in that exam."""

    exam: str
    date: dt.date
    lesion: int
    volume_ml: float


@dataclass(frozen=True, slots=True)
class LesionLink:
    """Two lesions of different exams that overlap.

    ``by`` is ``bone`` where both were carried into a common frame of their bone: then ``overlap`` is the
    common probability mass over that of the smaller lesion, 0 to 1, and ``drift_mm`` how far the centre
    moved. It is ``region`` where only shared regions could tell. ``kind`` is ``continues``, ``splits``,
    ``merges`` or ``splits_and_merges``.
    """

    from_exam: str
    from_lesion: int
    to_exam: str
    to_lesion: int
    overlap: float
    kind: str
    by: str = "region"
    drift_mm: float | None = None


@dataclass(frozen=True, slots=True)
class LesionTrack:
    """One lesion through time; ``id`` counts tracks in order of onset and never changes by later exams.

    ``identifier`` and ``uid`` name it for DICOM (Tracking ID and Tracking UID, PS3.3 C.8.20.4): the same
    from run to run, derived from the pseudonym and the first observation alone.
    """

    id: int
    bone: str
    side: Side | None
    regions: tuple[str, ...]
    observations: tuple[LesionObservation, ...]
    links: tuple[LesionLink, ...]
    identifier: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A patient's course: everything in time order, regions from proximal to distal.

    ``skipped`` are exams of the patient that could not be used: nothing else tells of them.
    ``not_compared`` are regions whose two exams do not compare; ``matches`` tell how bones were laid on
    each other.
    """

    exams: tuple[TimelineExam, ...]
    regions: tuple[RegionHistory, ...]
    events: tuple[Event, ...]
    migrations: tuple[Migration, ...]
    lesions: tuple[LesionTrack, ...]
    settings: dict[str, float]
    skipped: tuple[SkippedExam, ...] = ()
    episodes: tuple[Episode, ...] = ()
    kinetics: tuple[Resolution, ...] = ()
    not_compared: tuple[RefusedComparison, ...] = ()
    matches: tuple[BoneMatch, ...] = ()
    clinical: tuple[ClinicalEntry, ...] = ()

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
