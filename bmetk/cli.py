"""The command line: one short function a command, nothing computed here."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bmetk import __version__
from bmetk.console import (
    DONE,
    PARTLY_FAILED,
    UNUSABLE_INPUT,
    WRONG_USAGE,
    AllowGaps,
    BonesFrom,
    Clinical,
    Config,
    Count,
    DemoOut,
    First,
    Force,
    Jobs,
    JointName,
    KeepIdentity,
    Out,
    Part,
    Patients,
    Population,
    Repeat,
    SideName,
    Sources,
    Steps,
    T1File,
    Verbose,
    complain,
    fail,
    progress,
    say,
    say_all,
    say_course,
    say_results,
    wrong_usage_where_unknown,
)
from bmetk.errors import BmetkError, InputError, SettingsError
from bmetk.summary import cohort_line, trouble_lines

if TYPE_CHECKING:
    from bmetk.config import Settings
    from bmetk.study import ReadOptions

app = typer.Typer(
    name="bmetk",
    help="Measure bone-marrow edema on MRI and follow it from joint to joint. "
    "Research use only: not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> NoReturn:
    """Run the command line and leave with the contract's exit status."""
    try:
        status = app(standalone_mode=False)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except SettingsError as error:
        fail(str(error), WRONG_USAGE)
    except BmetkError as error:
        fail(str(error), UNUSABLE_INPUT)
    except typer.Abort:
        fail("interrupted", 130)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        show = getattr(error, "show", None)
        if show is not None:
            show()
        sys.exit(WRONG_USAGE)
    sys.exit(status if isinstance(status, int) else DONE)


def _settings(config: Path | None) -> Settings:
    from bmetk.config import Settings, read_settings

    return Settings() if config is None else read_settings(config)


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version and leave.", is_eager=True)
    ] = False,
) -> None:
    if version:
        say(f"bmetk {__version__}")
        raise typer.Exit


@app.command()
def info(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="DICOM file, folder tree or archive.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Say what is in a file, folder or archive: patients, studies, series, and what can be used."""
    from bmetk.dicom import describe, describe_rows, scan

    if config is not None:  # a bad file is refused even where no setting is used; else stay quick
        _settings(config)
    with progress(verbose):
        inventory = scan(source)
    if as_json:
        say(json.dumps(describe(inventory), indent=2))
        return
    say_all(describe_rows(inventory))


@app.command()
def analyze(
    out: Out,
    source: Annotated[Path | None, typer.Argument(metavar="INPUT", help="Study folder or archive.")] = None,
    t1: T1File = None,
    stir: Annotated[
        Path | None, typer.Option("--stir", metavar="F", help="STIR or fat-suppressed series, as --t1.")
    ] = None,
    bones: Annotated[
        Path | None,
        typer.Option("--bones", metavar="F", help="Your own bone mask or label map; no bone is searched."),
    ] = None,
    named_bones: Annotated[
        bool, typer.Option("--named-bones", help="Labels of --bones are numbered as in bones.nii.gz.")
    ] = False,
    bones_from: BonesFrom = None,
    joint: JointName = None,
    side: SideName = None,
    day: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Date of the exam.")
    ] = None,
    force: Force = False,
    keep_identity: KeepIdentity = False,
    allow_gaps: AllowGaps = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Find bones and edema in one study and measure them."""
    from bmetk.study import analysis, exam_from_files, exams_of_study, write_exams

    options = _options(
        joint, side, keep_identity, allow_gaps, any_joint=bones is not None, named_bones=named_bones
    )
    settings = _settings(config)
    if (source is None) == (t1 is None and stir is None):
        raise typer.BadParameter("name either INPUT, or --t1 and --stir")
    with progress(verbose) as on_progress:
        if source is not None:
            exams = exams_of_study(source, options, bones=bones)
        else:
            exams = (exam_from_files(t1, stir, bones, options, day=None if day is None else day.date()),)
        results = write_exams(
            exams,
            out,
            analysis(bones_from),
            settings=settings,
            force=force,
            keep_identity=keep_identity,
            on_progress=on_progress,
        )
    say_results(results)


@app.command()
def bones(
    out: Out,
    source: Annotated[Path | None, typer.Argument(metavar="INPUT", help="Study folder or archive.")] = None,
    t1: T1File = None,
    joint: JointName = None,
    side: SideName = None,
    force: Force = False,
    keep_identity: KeepIdentity = False,
    allow_gaps: AllowGaps = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Find bones and regions alone; works where there is no STIR."""
    from bmetk.pipeline import find_exam_bones
    from bmetk.study import exam_from_files, exams_of_study, write_exams

    options = _options(joint, side, keep_identity, allow_gaps)
    if (source is None) == (t1 is None):
        raise typer.BadParameter("name either INPUT or --t1")
    with progress(verbose) as on_progress:
        exams = (
            exams_of_study(source, options, without_fluid=True)
            if source is not None
            else (exam_from_files(t1, None, None, options),)
        )
        results = write_exams(
            exams,
            out,
            find_exam_bones,
            settings=_settings(config),
            force=force,
            keep_identity=keep_identity,
            on_progress=on_progress,
        )
    say_results(results)


@app.command()
def track(
    sources: Sources,
    out: Out,
    clinical: Clinical = None,
    force: Force = False,
    keep_identity: KeepIdentity = False,
    allow_gaps: AllowGaps = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Follow one patient through time: volumes per region, events, migrations."""
    from bmetk.patient import track_to

    options = _options(None, None, keep_identity, allow_gaps)
    with progress(verbose) as on_progress:
        timeline = track_to(
            sources,
            out,
            settings=_settings(config),
            options=options,
            clinical=clinical,
            force=force,
            on_progress=on_progress,
        )
    say_course(timeline, out / "report.html")


@app.command()
def batch(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of many patients' studies.")],
    out: Out,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Patients at a time.")] = 1,
    keep_identity: KeepIdentity = False,
    allow_gaps: AllowGaps = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Analyze and track every patient below ROOT; run it again to resume.

    Status 4 if a patient failed. A patient is done when any exam could be used; one that could not is told
    on stderr and in cohort.csv as skipped.
    """
    from bmetk.batch import COHORT_TABLE, run_batch

    options = _options(None, None, keep_identity, allow_gaps)
    with progress(verbose) as on_progress:
        outcomes = run_batch(
            root, out, settings=_settings(config), options=options, jobs=jobs, on_progress=on_progress
        )
    for line in trouble_lines(outcomes):
        complain(line)
    say(f"{cohort_line(outcomes)}; table: {out / COHORT_TABLE}")
    if any(outcome.status != "done" for outcome in outcomes):
        raise typer.Exit(PARTLY_FAILED)


@app.command()
def simulate(
    case: Annotated[
        str, typer.Argument(metavar="CASE|SPEC.toml", help="Id of a published course, or a spec file.")
    ],
    out: Out,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Another seed draws another body and other scanners.")
    ] = 0,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Write DICOM studies with known edema, and the truth beside them."""
    from bmetk.simulate.courses import course
    from bmetk.simulate.patient import simulate_to
    from bmetk.simulate.specfile import read_spec

    _settings(config)
    if case.endswith(".toml"):
        patients = read_spec(Path(case))
    else:
        with wrong_usage_where_unknown():
            patients = (course(case, seed),)
    with progress(verbose) as on_progress:
        for patient in patients:
            simulate_to(patient, out, on_progress)
    for patient in patients:
        say(str(out / patient.name))


@app.command()
def validate(
    out: Out,
    part: Part = "all",
    count: Count = 20,
    first: First = 0,
    population: Population = "test",
    jobs: Jobs = 1,
    patients: Patients = None,
    steps: Steps = None,
    repeat: Repeat = None,
    force: Force = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Measure accuracy and repeatability on simulated exams, as a table and a picture."""
    from bmetk.validation import ValidationPlan, repeat_to, validate_to

    if repeat is not None:
        say_all([*repeat_to(out, repeat, overwrite=force), f"settings: {out / 'tracking.toml'}"])
        return
    plan = ValidationPlan(part, count, population, jobs, patients, steps, first)
    with progress(verbose) as on_progress:
        lines = validate_to(out, plan, settings=_settings(config), overwrite=force, on_progress=on_progress)
    say_all([*lines, f"report: {out / 'report.html'}"])


@app.command()
def demo(
    out: DemoOut = Path("demo-out"),
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Track the sample patient and say where to look."""
    from bmetk.patient import track_to
    from bmetk.simulate.sample import find_sample

    options = _options(None, None, keep_identity=False, allow_gaps=False)
    with progress(verbose) as on_progress:
        timeline = track_to(
            [find_sample() / "studies"],
            out,
            settings=_settings(config),
            options=options,
            force=True,
            on_progress=on_progress,
        )
    say_course(timeline, (out / "report.html").resolve())


@app.command()
def view(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result of analyze or track, or a study.")],
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Open a result or a study in napari, ready for review."""
    from importlib import import_module

    _settings(config)
    with progress(verbose):
        try:
            plugin = import_module("napari_bmetk")
        except ImportError as error:
            raise InputError(
                "the review window needs the plugin: pip install napari-bmetk 'napari[pyqt6]'"
            ) from error
        plugin.open_result(folder)


def _options(
    joint: str | None,
    side: str | None,
    keep_identity: bool,
    allow_gaps: bool,
    *,
    any_joint: bool = False,
    named_bones: bool = False,
) -> ReadOptions:
    from bmetk.study import ReadOptions, known_joint, known_side

    with wrong_usage_where_unknown():
        return ReadOptions(
            joint=None if joint is None else known_joint(joint, any_name=any_joint),
            side=None if side is None else known_side(side),
            keep_identity=keep_identity,
            allow_gaps=allow_gaps,
            named_bones=named_bones,
        )
