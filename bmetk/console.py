"""What the commands share: options, the progress bar, sentences, and the way out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bmetk.errors import UnknownNameError
from bmetk.summary import measurement_lines, skipped_line, timeline_lines

if TYPE_CHECKING:
    from bmetk.exam import ExamResult
    from bmetk.tracking import Timeline

DONE, WRONG_USAGE, UNUSABLE_INPUT, PARTLY_FAILED = 0, 2, 3, 4

Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log what is done to stderr.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings that differ from the defaults.")
]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for the result; must be new, empty or --force.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier result of the same command.")]
KeepIdentity = Annotated[
    bool,
    typer.Option("--keep-identity", help="Write name, ID and birth date into the result; off by default."),
]
AllowGaps = Annotated[
    bool, typer.Option("--allow-gaps", help="Accept series with missing slices; gaps are interpolated.")
]
JointName = Annotated[
    str | None, typer.Option("--joint", metavar="J", help="hip, knee, ankle, foot; overrides the tags.")
]
SideName = Annotated[
    str | None, typer.Option("--side", metavar="S", help="left, right or both; overrides the tags.")
]
Clinical = Annotated[
    Path | None,
    typer.Option("--clinical", metavar="FILE", help="Treatments, scores, laboratory values; CSV or JSON."),
]
BonesFrom = Annotated[
    Path | None,
    typer.Option(
        "--bones-from", metavar="DIR", help="Result of another exam whose reviewed bones are carried over."
    ),
]
T1File = Annotated[
    Path | None, typer.Option("--t1", metavar="F", help="T1: NIfTI, NRRD, MHA or a DICOM folder.")
]

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT...", help="Studies, or folders that analyze wrote, of one patient."),
]
DemoOut = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the result.")]
Part = Annotated[str, typer.Option("--part", help="all, bones, edema or tracking.")]
Count = Annotated[int, typer.Option("--count", min=1, help="Exams with edema.")]
Patients = Annotated[
    int | None,
    typer.Option(
        "--patients",
        min=1,
        help="Patients tracked from whole images: 40 with --part tracking, else a quarter of --count.",
    ),
]
Steps = Annotated[
    Path | None,
    typer.Option("--steps", metavar="DIR", help="Keep each patient's score there; run again to go on."),
]
First = Annotated[
    int,
    typer.Option("--first", min=0, help="Number of the first exam and patient: a set not yet looked at."),
]
Population = Annotated[str, typer.Option("--population", help="test or development.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Exams at a time.")]
Repeat = Annotated[
    Path | None,
    typer.Option(
        "--repeat", metavar="DIR", help="Your own repeated scans: a folder a lesion, two results in each."
    ),
]


@contextmanager
def progress(verbose: bool) -> Iterator[Callable[[str, float], None]]:
    """Draw a progress bar on a terminal, and nothing in a pipe."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr, format="bmetk: %(message)s"
    )
    if not sys.stderr.isatty():
        yield lambda stage, _fraction: logging.getLogger("bmetk").info("%s", stage)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=stage, completed=fraction)


@contextmanager
def wrong_usage_where_unknown() -> Iterator[None]:
    """Take a name that is not known for wrong usage: it was typed, not read from the input."""
    try:
        yield
    except UnknownNameError as error:
        raise typer.BadParameter(str(error)) from error


def say(text: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(text + "\n")


def say_all(lines: Iterable[str]) -> None:
    """Print the lines of a result."""
    for line in lines:
        say(line)


def complain(message: str) -> None:
    """Tell what went wrong, in one line on stderr."""
    sys.stderr.write(f"bmetk: {' '.join(message.split())}\n")


def fail(message: str, status: int) -> NoReturn:
    """Tell what went wrong and leave."""
    complain(message)
    sys.exit(status)


def say_course(timeline: Timeline, page: Path) -> None:
    """Print a course, and what was left out on stderr."""
    for exam in timeline.skipped:
        complain(skipped_line(exam))
    say_all([*timeline_lines(timeline), f"report: {page}"])


def say_results(results: Iterable[tuple[Path, ExamResult]]) -> None:
    """Print the measurements of each exam."""
    for folder, result in results:
        say_all(measurement_lines(folder, result))
