"""Measure a population and write what came out."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bmetk import __version__
from bmetk.config import Settings, settings_document
from bmetk.errors import SettingsError
from bmetk.export import whole_folder
from bmetk.export.whole_folder import writing
from bmetk.pipeline import Progress
from bmetk.simulate.population import (
    MOST_SUBJECTS,
    POPULATIONS,
    exam_population,
    necrosis_population,
    population,
    retest_population,
)
from bmetk.simulate.spec import ExamSpec, PatientSpec
from bmetk.validation.patients import PatientScore, score_patient
from bmetk.validation.picture import draw_validation, draw_worst
from bmetk.validation.repeat import (
    VALIDATION_FILE,
    VALIDATION_SCHEMA,
    pairs_of_scores,
    repeat_figures,
)
from bmetk.validation.run import (
    ExamScore,
    View,
    run_all,
    score_bones,
    score_exam,
)
from bmetk.validation.table import (
    Figure,
    bone_figures,
    bones_frame,
    edema_figures,
    events_frame,
    exams_frame,
    figure_lines,
    finding_figures,
    regions_frame,
    retest_figures,
    time_figures,
    tracking_figures,
)
from bmetk.validation.tracking import TrackerScores, score_tracker, tracker_figures

PARTS = ("all", "bones", "edema", "tracking")
TRACKED_PATIENTS = 40
"""Patients followed from whole images where the tracker alone is measured."""


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """What is measured, and on how many.

    Parameters
    ----------
    part : ``all``, ``bones``, ``edema`` or ``tracking``
    count : exams with edema; healthy exams are half, test-retest pairs a quarter of that
    population : ``test``, or ``development`` while building
    jobs : exams at a time, each in its own process
    patients : followed from whole images; None for 40 where ``part`` is ``tracking``, else a quarter of
        ``count``
    steps : folder that keeps the score of each patient, so that a run that broke off goes on from there
    first : number of the first exam, pair and patient of the population: a set that nobody has looked at

    Raises
    ------
    SettingsError
        If the part or the population is not known, or the set reaches beyond the population.
    """

    part: str = "all"
    count: int = 20
    population: str = "test"
    jobs: int = 1
    patients: int | None = None
    steps: Path | None = None
    first: int = 0

    def __post_init__(self) -> None:
        for name, known in (("part", PARTS), ("population", POPULATIONS)):
            if getattr(self, name) not in known:
                raise SettingsError(
                    f"--{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        if not 0 <= self.first <= MOST_SUBJECTS - max(self.count, self.tracked):
            raise SettingsError(
                f"--first must lie between 0 and {MOST_SUBJECTS} less the number of exams, got {self.first}"
            )

    @property
    def quarter(self) -> int:
        """Number of pairs, and of exams with osteonecrosis."""
        return (self.count + 3) // 4

    @property
    def tracked(self) -> int:
        """Number of patients followed from whole images."""
        usual = TRACKED_PATIENTS if self.part == "tracking" else self.quarter
        return self.patients or usual


@dataclass(frozen=True, slots=True)
class _Scores:
    exams: tuple[ExamScore, ...] = ()
    healthy: tuple[ExamScore, ...] = ()
    pairs: tuple[tuple[ExamScore, ExamScore], ...] = ()
    patients: tuple[PatientScore, ...] = ()
    repeats: tuple[PatientScore, ...] = ()
    necrosis: tuple[ExamScore, ...] = ()
    tracker: TrackerScores = TrackerScores()

    def views(self, kind: str) -> list[tuple[str, View]]:
        """List the exams' views of a kind, ``worst`` or ``edema``."""
        exams = (*self.exams, *self.healthy)
        return [(exam.name, view) for exam in exams if (view := getattr(exam, kind)) is not None]


def validate_to(
    out: Path,
    plan: ValidationPlan,
    *,
    settings: Settings,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> tuple[str, ...]:
    """Measure accuracy, repeatability and cost on simulated exams and write them.

    Parameters
    ----------
    out : receives ``validation.json``, tables as CSV, ``report.html``; whole or not at all
    plan : what is measured, and on how many

    Returns
    -------
    tuple of str, the table as lines of text
    """
    if plan.steps is not None:
        with writing(plan.steps):
            plan.steps.mkdir(parents=True, exist_ok=True)
    with whole_folder(out, VALIDATION_FILE, VALIDATION_SCHEMA, overwrite=overwrite) as staged:
        scores = _measure(plan, settings, on_progress)
        figures = _figures(plan.part, scores)
        _write_tables(staged, scores)
        pictures = {
            "validation.png": draw_validation(scores.exams, scores.healthy),
            "worst_bones.png": draw_worst("Worst bones", scores.views("worst")),
            "worst_edema.png": draw_worst("Worst edema", scores.views("edema")),
        }
        for name, picture in pictures.items():
            (staged / name).write_bytes(picture)
        page = _page(figures, tuple(pictures.values()), plan.population)
        (staged / "report.html").write_text(page, encoding="utf-8")
        what = {"population": plan.population, "first": plan.first, "part": plan.part, "count": plan.count}
        document = _document(what, figures, scores.patients, settings)
        (staged / VALIDATION_FILE).write_text(json.dumps(document, indent=2), encoding="utf-8")
    return tuple(figure_lines(figures))


def _measure(plan: ValidationPlan, settings: Settings, on_progress: Progress | None) -> _Scores:
    part, count, name, jobs, first = plan.part, plan.count, plan.population, plan.jobs, plan.first
    exams: tuple[ExamScore, ...] = ()
    healthy: tuple[ExamScore, ...] = ()
    pairs: tuple[tuple[ExamScore, ExamScore], ...] = ()
    necrosis: tuple[ExamScore, ...] = ()
    if part != "tracking":
        tasks = _tasks(name, exam_population(name, count, first=first), first, settings)
        exams = run_all(score_bones if part == "bones" else score_exam, tasks, jobs, "exams", on_progress)
    if part in ("all", "edema"):
        well = exam_population(name, (count + 1) // 2, healthy=True, first=first)
        tasks = _tasks(f"{name}-healthy", well, first, settings)
        healthy = run_all(score_exam, tasks, jobs, "healthy exams", on_progress)
        twice = [spec for pair in retest_population(name, plan.quarter, first=first) for spec in pair]
        tasks = _tasks(f"{name}-retest", twice, 2 * first, settings)
        singles = run_all(score_exam, tasks, jobs, "repeated exams", on_progress)
        pairs = tuple(zip(singles[::2], singles[1::2], strict=True))
        dead = necrosis_population(name, plan.quarter, first=first)
        tasks = _tasks(f"{name}-necrosis", dead, first, settings)
        necrosis = run_all(score_exam, tasks, jobs, "osteonecrosis", on_progress)
    scores = _Scores(exams, healthy, pairs, necrosis=necrosis)
    return _tracked(plan, settings, scores, on_progress) if part in ("all", "tracking") else scores


def _tasks(
    name: str, specs: Sequence[ExamSpec], first: int, settings: Settings
) -> list[tuple[str, ExamSpec, Settings]]:
    return [(f"{name}-{n:04d}", spec, settings) for n, spec in enumerate(specs, first)]


def _tracked(
    plan: ValidationPlan, settings: Settings, scores: _Scores, on_progress: Progress | None
) -> _Scores:
    """Add patients and repeated exams tracked from whole images, and what is measured without images."""
    name, jobs, first = plan.population, plan.jobs, plan.first
    pairs = enumerate(retest_population(name, plan.quarter, first=first), first)
    twice = [PatientSpec(f"{name}-week-{n:04d}", pair) for n, pair in pairs]
    people = population(name, plan.tracked, first=first)
    tasks = [(person, settings, plan.steps) for person in (*people, *twice)]
    tracked = run_all(score_patient, tasks, jobs, "patients", on_progress)
    tracker = score_tracker(plan.count, name, jobs, settings, on_progress, first=first)
    return replace(scores, patients=tracked[: plan.tracked], repeats=tracked[plan.tracked :], tracker=tracker)


def _figures(part: str, scores: _Scores) -> tuple[Figure, ...]:
    figures: list[Figure] = []
    if part != "tracking":
        figures += bone_figures(scores.exams)
    if part in ("all", "edema"):
        figures += [*edema_figures(scores.exams, scores.healthy), *retest_figures(scores.pairs)]
        figures += repeat_figures(tuple(pairs_of_scores(scores.pairs)))
        figures += finding_figures((*scores.exams, *scores.healthy, *scores.necrosis))
    if part in ("all", "tracking"):
        figures += [*tracking_figures(scores.patients, scores.repeats), *tracker_figures(scores.tracker)]
    return (*figures, *time_figures(scores.exams))


def _write_tables(folder: Path, scores: _Scores) -> None:
    singles = [exam for pair in scores.pairs for exam in pair]
    everyone = [*scores.exams, *scores.healthy, *singles, *scores.necrosis]
    frames = (
        exams_frame(everyone),
        bones_frame(scores.exams),
        regions_frame([*scores.exams, *singles]),
        events_frame((*scores.patients, *scores.repeats)),
    )
    for name, frame in zip(_TABLES, frames, strict=True):
        frame.to_csv(folder / name, index=False, lineterminator="\n")


def _document(
    what: Mapping[str, object],
    figures: Sequence[Figure],
    patients: Sequence[PatientScore],
    settings: Settings,
) -> dict[str, object]:
    return {
        "schema": VALIDATION_SCHEMA,
        "software": {"version": __version__, "settings": settings_document(settings)},
        **what,
        "figures": [asdict(figure) for figure in figures],
        "patients": [_patient(patient) for patient in patients],
        "files": [*_TABLES, *_PICTURES, "report.html", VALIDATION_FILE],
    }


def _patient(score: PatientScore) -> dict[str, object]:
    """Tell a patient's counts; its events are in ``events.csv``."""
    document = asdict(score)
    del document["rows"]
    return document | {"false_onsets": score.false_onsets}


_TABLES = ("exams.csv", "bones.csv", "regions.csv", "events.csv")

_ORIGINS = {
    "test": "Simulated exams that nothing was tuned on.",
    "development": "Simulated exams that the rules were tuned on: these figures flatter.",
}

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>bmetk validation</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#222}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}}
td.n{{text-align:right}}img{{max-width:100%}}</style></head><body>
<h1>bmetk {version}: validation on the {population} population</h1>
<p>{origin} Research use only: not a medical device.</p>
{pictures}
<table><thead><tr><th>part</th><th>measure</th><th>value</th><th>unit</th><th>n</th></tr></thead>
<tbody>{rows}</tbody></table></body></html>
"""


_PICTURES = {
    "validation.png": "Dice per bone, edema volume found against true, Bland-Altman plot",
    "worst_bones.png": "Outlines of the worst bones, true and found",
    "worst_edema.png": "Outlines of the worst edema, true and found",
}


def _page(figures: Sequence[Figure], pictures: Sequence[bytes], population_name: str) -> str:
    shown = "\n".join(
        f'<img alt="{alt}" src="data:image/png;base64,{base64.b64encode(picture).decode("ascii")}">'
        for alt, picture in zip(_PICTURES.values(), pictures, strict=True)
    )
    rows = "".join(
        f"<tr><td>{html.escape(line.part)}</td><td>{html.escape(line.measure)}</td>"
        f'<td class="n">{line.rounded}</td><td>{html.escape(line.unit)}</td>'
        f'<td class="n">{line.count}</td></tr>'
        for line in figures
    )
    return _PAGE.format(
        version=__version__,
        population=html.escape(population_name),
        origin=_ORIGINS[population_name],
        pictures=shown,
        rows=rows,
    )
