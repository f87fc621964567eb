"""The repeated exams that the smallest detectable change rests on (`bmetk/validation/data/repeats.csv`).

Run ``python benchmarks/repeats.py OUT.csv``: 105 lesions of the development population, each examined twice
a week apart, each exam with knowledge of the other as in ``bmetk track``. A region counts where both
exams show it alike, and found edema that is there: what one of them missed is no scatter.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from bmetk.course import Course
from bmetk.simulate.exam import simulate_exam
from bmetk.simulate.population import retest_population
from bmetk.validation.repeat import RegionPair, pairs_of_results
from bmetk.validation.table import LEAST_ML
from bmetk.validation.truth import exam_of, true_result

FIRST, PAIRS = 3130, 105
"""Number of the first pair in the population, and how many there are."""


def repeats(first: int, count: int) -> Iterator[RegionPair]:
    """Measure ``count`` lesions twice each."""
    for pair in retest_population("development", count, first=first):
        twice = [simulate_exam(spec) for spec in pair]
        true = pairs_of_results(*(true_result(exam, "repeat") for exam in twice))
        there = {each.region for each in true if _seen_twice(each)}
        course = Course()
        for exam in twice:
            course(exam_of(exam, "repeat"))
        for found in pairs_of_results(*course.results):
            if found.region in there and _seen_twice(found):
                yield found


def _seen_twice(pair: RegionPair) -> bool:
    return min(pair.first_ml, pair.second_ml) > LEAST_ML


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--count", type=int, default=PAIRS)
    chosen = parser.parse_args()
    rows = pd.DataFrame([asdict(pair) for pair in repeats(chosen.first, chosen.count)])
    rows.round(3).to_csv(chosen.out, index=False, lineterminator="\n")
