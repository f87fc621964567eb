"""Which series of a study an exam takes, shown and changeable before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from bmetk.dicom import Inventory, Volume, scan
from bmetk.dicom.exams import load_plan
from bmetk.dicom.plan import ExamPlan, sort_out_exams
from bmetk.dicom.selection import Pair, is_candidate
from bmetk.errors import InputError, MissingSeriesError, SeriesMismatchError
from bmetk.exam import Exam, ExamResult, SkippedExam


@dataclass(frozen=True, slots=True, eq=False)
class SeriesChoice:
    """One exam of a study, the series that it takes, and those that it could take.

    ``choices`` holds a sentence on each, by its name in a list.
    """

    plan: ExamPlan
    choices: Mapping[str, Volume]

    @property
    def t1(self) -> str | None:
        """Name of the T1 series taken."""
        return self._name(self.plan.pair.t1)

    @property
    def fluid(self) -> str | None:
        """Name of the fluid-sensitive series taken."""
        return self._name(self.plan.pair.fluid)

    def _name(self, volume: Volume | None) -> str | None:
        return next((name for name, it in self.choices.items() if it is volume), None)


def list_choices(folder: Path) -> tuple[tuple[SeriesChoice, ...], tuple[SkippedExam, ...]]:
    """List the exams of a study or patient, and those that cannot be used with the reason.

    Raises
    ------
    InputError
        If there is no exam at all.
    """
    inventory = scan(folder)
    plans, skipped = sort_out_exams(inventory)
    return tuple(SeriesChoice(plan, _candidates(inventory, plan)) for plan in plans), skipped


def choose(choice: SeriesChoice, *, t1: str, fluid: str) -> SeriesChoice:
    """Take other series for an exam.

    Raises
    ------
    InputError
        If one is not among the choices, or both are the same.
    """
    for name in (t1, fluid):
        if name not in choice.choices:
            raise InputError("that series is not in this study; choose one of the list")
    if t1 == fluid:
        raise InputError("T1 and fluid-sensitive series are the same one: choose two different series")
    pair = Pair(t1=choice.choices[t1], fluid=choice.choices[fluid])
    return replace(choice, plan=replace(choice.plan, pair=pair))


def load_choice(choice: SeriesChoice) -> Exam:
    """Read the pixels of an exam with the series that were chosen.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    return load_plan(choice.plan)


def holds_dicom(folder: Path, *, most: int = 40) -> bool:
    """Tell quickly whether a folder looks like DICOM, by the preamble of its first files (PS3.10 7.1)."""
    return folder.is_dir() and any(map(_has_preamble, islice(_files(folder), most)))


def with_source(result: ExamResult, choices: Sequence[SeriesChoice]) -> ExamResult:
    """Give a result read from a folder the series that it was made from.

    Parameters
    ----------
    result : without its source images
    choices : of the study that it came from

    Raises
    ------
    MissingSeriesError
        If no exam of the study is that of the result.
    SeriesMismatchError
        If the study is another patient's.
    GridMismatchError
        If the series does not lie on the result's grid: it is another one.
    """
    exam = result.exam
    pseudonyms = {choice.plan.patient.pseudonym for choice in choices}
    if exam.patient.pseudonym not in pseudonyms | {"unknown"}:
        raise SeriesMismatchError(
            "that study is of another patient than the result; choose the study it came from"
        )
    same = [
        choice
        for choice in choices
        if (choice.plan.date, choice.plan.joint, choice.plan.side) == (exam.date, exam.joint, exam.side)
    ]
    if not same:
        raise MissingSeriesError(
            "that study holds no exam of this day, joint and side; choose the study it came from"
        )
    loaded = load_choice(same[0])
    if loaded.fluid is not None:
        result.bones.grid.require_match(loaded.fluid.image.grid, "the result and the series of that study")
    return replace(result, exam=replace(exam, t1=loaded.t1, fluid=loaded.fluid))


def _candidates(inventory: Inventory, plan: ExamPlan) -> dict[str, Volume]:
    studies = [
        study
        for record in inventory.patients
        for study in record.studies
        if plan.pair.t1 in study.volumes or plan.pair.fluid in study.volumes
    ]
    volumes = [v for study in studies for v in study.volumes if is_candidate(v, allow_gaps=False)]
    named: dict[str, Volume] = {}
    for volume in volumes:
        plane = f", {volume.plane.value}" if volume.plane else ""
        name = f"{volume.where}: {volume.contrast.contrast.value.upper().replace('_', ' ')}{plane}"
        described = f"{name} – {volume.description}" if volume.description else name
        named[described if described not in named else f"{described} ({len(named)})"] = volume
    return named


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _has_preamble(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False
