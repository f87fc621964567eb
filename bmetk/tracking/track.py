"""From the results of several exams to one timeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from bmetk.anatomy import Joint
from bmetk.errors import InputError, SeriesMismatchError
from bmetk.exam import Exam, ExamResult, SkippedExam
from bmetk.tracking.carry import edema_in_view
from bmetk.tracking.change import TrackingSettings
from bmetk.tracking.clinical import ClinicalEntry
from bmetk.tracking.comparability import doubts_of
from bmetk.tracking.events import find_events
from bmetk.tracking.frames import build_frames
from bmetk.tracking.history import Place, build_histories
from bmetk.tracking.kinetics import find_kinetics
from bmetk.tracking.lesions import track_lesions
from bmetk.tracking.migration import describe_episodes, find_migrations
from bmetk.tracking.timeline import Timeline, TimelineExam

_UNKNOWN = "unknown"


def track(
    results: Sequence[ExamResult],
    *,
    settings: TrackingSettings | None = None,
    folders: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    clinical: Sequence[ClinicalEntry] = (),
) -> Timeline:
    """Follow one patient's edema through time.

    Parameters
    ----------
    results : results of the patient's exams, in any order
    settings : how exams are compared; the defaults of `TrackingSettings` when None
    folders : name of each exam in the timeline, that of its folder; by default
        ``<n>_<joint>_<side>``, counted in time order
    sources : where each result came from, for messages; ``folders`` by default
    clinical : treatments, scores and the like, to be shown on the same axis of time

    Raises
    ------
    InputError
        If there is no exam, an exam has no date, or two exams have one folder name.
    SeriesMismatchError
        If the exams are of more than one patient.
    """
    if not results:
        raise InputError("no exam to track; name at least one study or result folder")
    names = tuple(folders) if folders is not None else exam_names([result.exam for result in results])
    if len(names) != len(results) or len(set(names)) != len(names):
        raise InputError(f"{len(results)} exams need as many different folder names, got {len(set(names))}")
    spoken = sources or folders or [f"exam {number}" for number in range(1, len(results) + 1)]
    require_one_patient([result.exam for result in results], spoken)
    dates = [_date(result.exam, name) for result, name in zip(results, spoken, strict=True)]
    order = sorted(range(len(results)), key=lambda i: (dates[i], _place_order(results[i].exam)))
    exams = tuple(_timeline_exam(results[i], names[i], dates[i]) for i in order)
    return _timeline(exams, [results[i] for i in order], settings or TrackingSettings(), clinical)


def exam_names(exams: Sequence[Exam | SkippedExam]) -> tuple[str, ...]:
    """Name the folder of each exam, ``<n>_<joint>_<side>``, in the order given; n counts in time order."""
    order = sorted(range(len(exams)), key=lambda i: (exams[i].date or date.max, _place_order(exams[i])))
    numbers = {index: number for number, index in enumerate(order, start=1)}
    return tuple(
        "_".join(filter(None, (str(numbers[index]), exam.joint.value, exam.side)))
        for index, exam in enumerate(exams)
    )


def _timeline(
    exams: tuple[TimelineExam, ...],
    results: Sequence[ExamResult],
    settings: TrackingSettings,
    clinical: Sequence[ClinicalEntry],
) -> Timeline:
    histories = build_histories(exams, results, settings)
    by_name = {exam.name: result for exam, result in zip(exams, results, strict=True)}

    def in_view(place: Place, before: str, after: str) -> float | None:
        return edema_in_view(by_name[before], by_name[after], place)

    events, refused = find_events(histories, exams, settings, in_view)
    frames, matches = build_frames(exams, results)
    return Timeline(
        exams=exams,
        regions=histories,
        events=events,
        migrations=find_migrations(events, settings.episode_days),
        lesions=track_lesions(exams, results, histories, settings, frames),
        settings=asdict(settings),
        episodes=describe_episodes(events, settings.episode_days),
        kinetics=find_kinetics(histories, events, settings),
        not_compared=refused,
        matches=matches,
        clinical=tuple(clinical),
    )


def _timeline_exam(result: ExamResult, name: str, day: date) -> TimelineExam:
    exam, fluid = result.exam, result.protocol("fluid")
    return TimelineExam(name, day, exam.joint, exam.side, exam.patient.pseudonym, fluid, doubts_of(result))


def _place_order(exam: Exam | SkippedExam) -> tuple[int, str]:
    return list(Joint).index(exam.joint), exam.side or ""


def _date(exam: Exam, name: str) -> date:
    if exam.date is None:
        raise InputError(
            f"the {exam.joint} exam in {name} has no date, so it has no place in time; "
            "pass --date when it is analysed"
        )
    return exam.date


def require_one_patient(exams: Sequence[Exam], names: Sequence[str]) -> None:
    """Compare patients by key where all have one, else by pseudonym; unknown ones pass.

    The patient is the one with most exams, and the first of the list at a tie.

    Parameters
    ----------
    names : what each exam is called in the message: a file or a folder, never a person

    Raises
    ------
    SeriesMismatchError
        If the exams are of more than one patient.
    """
    keys = [exam.patient.key for exam in exams]
    if None in keys:
        keys = [None if exam.patient.pseudonym == _UNKNOWN else exam.patient.pseudonym for exam in exams]
    known = Counter(key for key in keys if key is not None)
    if len(known) < 2:
        return
    patient = known.most_common(1)[0][0]
    others = [name for name, key in zip(names, keys, strict=True) if key not in (None, patient)]
    raise SeriesMismatchError(
        f"{', '.join(others)}: of another patient than the other exams; track one patient at a time, "
        "or use 'bmetk batch' for many"
    )
