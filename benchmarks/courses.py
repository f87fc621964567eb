"""The five published courses from DICOM to timeline: is each expected region found at its exam?

Run ``python benchmarks/courses.py FOLDER``; courses that are not in FOLDER yet are simulated into it. Prints
one line a region with edema, true or found, and every event that is not as the true volumes tell it; at the
end how many regions, events and migrations were found, missed and made up, and how long tracking takes where
the exams' results are given.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bmetk.config import Settings
from bmetk.exam import Exam, ExamResult, Patient
from bmetk.patient import track_to
from bmetk.pipeline import track_exams
from bmetk.simulate.courses import course, course_ids
from bmetk.simulate.patient import simulate_to
from bmetk.simulate.truth import StoredTruth, read_truth
from bmetk.study import ReadOptions
from bmetk.tracking import Timeline
from bmetk.validation.patients import PatientScore, compare_timelines
from bmetk.validation.score import Retrieval

Key = tuple[str, str, str]
TRUE_ML = 0.3
"""A region with less true edema need not be found: the edge of a neighbour's lesion."""
FALSE_ML = 1.0
"""A region with more found edema, and hardly any true one, is made up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one course."""

    regions: Retrieval
    course: PatientScore


def true_results(folder: Path) -> Iterator[ExamResult]:
    """Read the truths of a course as results of its exams."""
    for path in sorted(folder.rglob("truth.json")):
        yield _result(read_truth(path.parent))


def _result(stored: StoredTruth) -> ExamResult:
    truth = stored.truth
    rows = (replace(m, edema_ml_low=m.edema_ml, edema_ml_high=m.edema_ml) for m in stored.measurements)
    return ExamResult(
        exam=Exam(stored.joint, stored.side, patient=Patient("true"), date=stored.date),
        bones=truth.bones,
        regions=truth.regions,
        edema=truth.edema,
        probability=None,
        ratio=None,
        measurements=tuple(rows),
        lesions=(),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version="",
    )


def volumes(timeline: Timeline) -> dict[Key, float | None]:
    """Take the edema of each region at each date, mL; None where it was not imaged."""
    found: dict[Key, float | None] = {}
    for history in timeline.regions:
        for point in history.points:  # of two exams on one day, that which shows the region counts
            key = (str(point.date), history.side or "", history.region)
            found[key] = found.get(key) if point.edema_ml is None else point.edema_ml
    return found


def run_course(name: str, folder: Path, out: Path) -> Outcome:
    """Track one course, print its regions and what is told wrong, and count both."""
    if not folder.exists():
        simulate_to(course(name), folder)
    settings, options = Settings(), ReadOptions()
    start = time.perf_counter()
    timeline = track_to([folder / name], out, settings=settings, options=options, force=True)
    print(f"{name}: {time.perf_counter() - start:.0f} s, {len(timeline.migrations)} migrations")
    start = time.process_time()
    track_to([out], out.with_name(f"{name}-again"), settings=settings, options=options, force=True)
    seconds = time.process_time() - start
    print(f"  the same from the results of its {len(timeline.exams)} exams: {seconds:.1f} s of one processor")
    real = track_exams(list(true_results(folder / "truth")), settings=settings)
    regions = _compare_regions(volumes(real), volumes(timeline))
    scored = compare_timelines(name, timeline, real)
    for row in scored.rows:
        if row.told != row.true:
            words = f"told {row.told or 'nothing'}, true {row.true or 'nothing'}"
            print(f"  {row.date} {row.side} {row.region}: {words}", flush=True)
    for move in timeline.migrations:
        print(f"  {move.origin.side} {move.origin.region} -> {move.target.side} {move.target.region}")
    return Outcome(regions, scored)


def _compare_regions(true: dict[Key, float | None], found: dict[Key, float | None]) -> Retrieval:
    """Print every region with edema, true or made up, and count."""
    total = Retrieval(0, 0, 0)
    for key in sorted(true.keys() | found.keys()):
        real, seen = true.get(key) or 0.0, found.get(key)
        hit = real >= TRUE_ML and (seen or 0) > 0
        missed, made_up = real >= TRUE_ML and not hit, real < TRUE_ML / 3 and (seen or 0) > FALSE_ML
        total += Retrieval(int(hit), int(missed), int(made_up))
        if real >= TRUE_ML or made_up:
            word = "MISSED" if missed else "MADE UP" if made_up else ""
            shown = "not imaged" if seen is None else f"{seen:.1f} mL"
            print(f"  {' '.join(key):55} true {real:5.1f} mL, found {shown:11} {word}", flush=True)
    return total


def main() -> None:
    """Run every course, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", choices=course_ids(), default=course_ids())
    given = parser.parse_args()
    done = [run_course(n, given.folder / n, given.folder / f"{n}-tracked") for n in given.only]
    for what, counts in (
        ("regions with edema", [each.regions for each in done]),
        ("events", [each.course.events for each in done]),
        ("migrations", [each.course.migrations for each in done]),
    ):
        total = sum(counts, Retrieval(0, 0, 0))
        print(f"{what} found {total.hits} of {total.hits + total.misses}; made up {total.false_alarms}")


if __name__ == "__main__":
    main()
