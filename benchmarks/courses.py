"""The five published courses from DICOM to timeline: is each expected region found at its exam?

Run ``python benchmarks/courses.py FOLDER``; courses that are not in FOLDER yet are simulated into it. Prints
one line a region with edema, true or found, and at the end how many were found, missed and made up, and
whether every event and migration is as the true volumes tell it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from bmetk.config import Settings
from bmetk.patient import track_to
from bmetk.simulate.courses import course, course_ids
from bmetk.simulate.patient import simulate_to
from bmetk.study import ReadOptions
from bmetk.tracking import Timeline

Key = tuple[str, str, str]
TRUE_ML = 0.3
"""A region with less true edema need not be found: the edge of a neighbour's lesion."""
FALSE_ML = 1.0
"""A region with more found edema, and hardly any true one, is made up."""


def true_volumes(folder: Path) -> dict[Key, float]:
    """Read the true edema of each region at each date, mL."""
    volumes: dict[Key, float] = {}
    for path in sorted(folder.rglob("truth.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for row in document["regions"]:
            if row["edema_ml"] is not None:
                volumes[(document["date"], row["side"] or "", row["region"])] = row["edema_ml"]
    return volumes


def found_volumes(timeline: Timeline) -> dict[Key, float | None]:
    """Take the measured edema of each region at each date, mL; None where it was not imaged."""
    volumes: dict[Key, float | None] = {}
    for history in timeline.regions:
        for point in history.points:  # of two exams on one day, that which shows the region counts
            key = (str(point.date), history.side or "", history.region)
            volumes[key] = volumes.get(key) if point.edema_ml is None else point.edema_ml
    return volumes


def run_course(name: str, folder: Path, out: Path) -> tuple[int, int, int]:
    """Track one course, print its regions, and count the found, the missed and the made-up ones."""
    if not folder.exists():
        simulate_to(course(name), folder)
    start = time.perf_counter()
    timeline = track_to([folder / name], out, settings=Settings(), options=ReadOptions(), force=True)
    print(f"{name}: {time.perf_counter() - start:.0f} s, {len(timeline.migrations)} migrations")
    true, found = true_volumes(folder / "truth"), found_volumes(timeline)
    hits = misses = alarms = 0
    for key in sorted(true.keys() | found.keys()):
        real, seen = true.get(key, 0.0), found.get(key)
        hit = real >= TRUE_ML and (seen or 0) > 0
        missed, made_up = real >= TRUE_ML and not hit, real < TRUE_ML / 3 and (seen or 0) > FALSE_ML
        hits, misses, alarms = hits + hit, misses + missed, alarms + made_up
        if real >= TRUE_ML or made_up:
            word = "MISSED" if missed else "MADE UP" if made_up else ""
            shown = "not imaged" if seen is None else f"{seen:.1f} mL"
            print(f"  {' '.join(key):55} true {real:5.1f} mL, found {shown:11} {word}", flush=True)
    for move in timeline.migrations:
        print(f"  {move.origin.side} {move.origin.region} -> {move.target.side} {move.target.region}")
    return hits, misses, alarms


def main() -> None:
    """Run every course, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", choices=course_ids(), default=course_ids())
    given = parser.parse_args()
    counts = [run_course(n, given.folder / n, given.folder / f"{n}-tracked") for n in given.only]
    hits, misses, alarms = (sum(column) for column in zip(*counts, strict=True))
    print(f"regions with edema found {hits} of {hits + misses}; made up {alarms}")


if __name__ == "__main__":
    main()
