"""Scores of a population as tables of figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from bmetk.anatomy import Joint, Side
from bmetk.tracking import EventKind
from bmetk.validation.patients import EventScore, PatientScore
from bmetk.validation.run import WORTH_ML, BoneScore, ExamScore, RegionScore
from bmetk.validation.score import Retrieval

LESION_ML = 1.0
"""Lesions above this volume count for the relative volume error."""
LEAST_ML = 0.1
"""Regions with less edema, true and found, say nothing of the intervals."""
CHANGED_ML, CHANGED_SHARE = 2.0, 0.3
"""A lesion from this volume on that changes by this share should be called changed."""
POOR_DICE = 0.7
"""An outline below it should be flagged."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, its value and unit, and on how many."""

    part: str
    measure: str
    value: float
    unit: str
    count: int

    @property
    def rounded(self) -> str:
        """Give the value in three digits, or in whole units from 1000 on."""
        return f"{self.value:.3g}" if abs(self.value) < 1000 else f"{self.value:.0f}"


def figure(
    part: str, measure: str, values: Iterable[float], unit: str, how: str = "mean"
) -> Iterator[Figure]:
    """Summarise values by ``mean``, ``median``, ``max`` or ``min``; no line where there is no value."""
    array = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if array.size:
        yield Figure(part, f"{measure}, {how}", float(getattr(np, how)(array)), unit, int(array.size))


def bone_figures(exams: Sequence[ExamScore]) -> Iterator[Figure]:
    """Dice and boundary distance per bone, exams refused, sides mistaken."""
    by_bone = defaultdict(list)
    for exam in exams:
        for bone in exam.bones:
            by_bone[bone.bone].append(bone)
    for name, scores in by_bone.items():
        seen = [score for score in scores if score.true_ml >= WORTH_ML]
        yield from figure("bones", f"{name} Dice", (score.dice for score in seen), "")
        yield from figure("bones", f"{name} Dice", (score.dice for score in seen), "", "min")
        yield from figure("bones", f"{name} boundary distance", (s.boundary_mm for s in seen), "mm")
    told = [bone for scores in by_bone.values() for bone in scores if bone.true_ml >= WORTH_ML]
    errors = [abs(bone.confidence - bone.dice) for bone in told if bone.confidence is not None]
    yield from figure("bones", "confidence against Dice, difference", errors, "")
    poor = [bone for bone in told if bone.dice < POOR_DICE]
    yield Figure("bones", "Dice below 0.7, not flagged", sum(not b.flagged for b in poor), "bones", len(poor))
    done = [exam for exam in exams if not exam.failure]
    wrong = sum(exam.found_side != exam.side for exam in done)
    yield Figure("bones", "wrong side", wrong, "exams", len(done))
    asked = [exam for exam in done if exam.untold]
    if asked:
        wrong = sum(not _same_joint(exam) for exam in asked)
        yield Figure("bones", "wrong joint without tags", wrong, "exams", len(asked))
        sides = [exam for exam in asked if _same_joint(exam) and Side(exam.side) is not Side.BOTH]
        wrong = sum(exam.untold.endswith(Side(exam.side).opposite) for exam in sides)
        yield Figure("bones", "wrong side without tags", wrong, "exams", len(sides))
    yield Figure("bones", "refused", len(exams) - len(done), "exams", len(exams))


def _same_joint(exam: ExamScore) -> bool:
    """Tell whether the picture alone named the joint; where an ankle ends and a foot begins is no matter."""
    named = exam.untold.split(" ")[0]
    return named == exam.joint or {named, exam.joint} == {Joint.ANKLE.value, Joint.FOOT.value}


def edema_figures(exams: Sequence[ExamScore], healthy: Sequence[ExamScore]) -> Iterator[Figure]:
    """Dice, volume error, intervals that hold the truth, and false edema on healthy exams."""
    done = [exam for exam in exams if not exam.failure]
    sick = [exam for exam in done if exam.true_ml >= LESION_ML]
    errors = [abs(exam.found_ml - exam.true_ml) / exam.true_ml for exam in sick]
    yield from figure("edema", "Dice", (exam.dice for exam in sick), "")
    yield from figure("edema", "Dice", (exam.dice for exam in sick), "", "median")
    yield from figure("edema", "Dice", (exam.dice for exam in sick), "", "min")
    yield from figure("edema", "volume error", (100 * e for e in errors), "%", "median")
    yield from figure("edema", "volume error", (100 * e for e in errors), "%", "max")
    yield Figure("edema", "lesions above 1 mL missed", sum(e.dice == 0 for e in sick), "exams", len(sick))
    yield from _interval_figures(done)
    false = [exam.found_ml for exam in healthy if not exam.failure]
    yield from figure("edema", "false edema, healthy", false, "mL")
    yield from figure("edema", "false edema, healthy", false, "mL", "max")


def _interval_figures(exams: Sequence[ExamScore]) -> Iterator[Figure]:
    """How often the interval of a region with edema, true or found, holds the truth, and what escaped."""
    regions = [region for exam in exams for region in exam.regions if region.found_ml is not None]
    held = [
        region.low_ml is not None
        and region.high_ml is not None
        and region.low_ml <= region.true_ml <= region.high_ml
        for region in regions
        if region.true_ml >= LEAST_ML or (region.found_ml or 0) >= LEAST_ML
    ]
    yield from figure("edema", "interval holds the truth", (100.0 * h for h in held), "%")
    above = [r for r in regions if r.limit_ml is not None and r.true_ml >= max(r.limit_ml, LEAST_ML)]
    missed = [100.0 * (region.found_ml == 0) for region in above]
    yield from figure("edema", "regions above the detection limit missed", missed, "%")


def finding_figures(exams: Sequence[ExamScore]) -> Iterator[Figure]:
    """Sensitivity and specificity of each kind of finding."""
    scores = [score for exam in exams for score in exam.findings]
    for kind in dict.fromkeys(score.kind for score in scores):
        name = kind.replace("_", " ")
        seen = [100.0 * score.seen for score in scores if score.kind == kind and score.true]
        unseen = [100.0 * (not score.seen) for score in scores if score.kind == kind and not score.true]
        yield from figure("findings", f"{name}, sensitivity", seen, "%")
        yield from figure("findings", f"{name}, specificity", unseen, "%")


def retest_figures(pairs: Sequence[tuple[ExamScore, ExamScore]]) -> Iterator[Figure]:
    """Difference of the edema volume between two exams of the same lesion."""
    done = [pair for pair in pairs if not any(exam.failure for exam in pair)]
    gaps = [abs(a.found_ml - b.found_ml) for a, b in done]
    true_gaps = [abs(a.true_ml - b.true_ml) for a, b in done]
    means = [(a.found_ml + b.found_ml) / 2 for a, b in done]
    shares = [100 * gap / mean for gap, mean in zip(gaps, means, strict=True) if mean >= LESION_ML]
    yield from figure("retest", "difference", gaps, "mL", "median")
    yield from figure("retest", "difference of the truth in view", true_gaps, "mL", "median")
    yield from figure("retest", "difference, lesions above 1 mL", shares, "%", "median")


def tracking_figures(
    patients: Sequence[PatientScore], repeats: Sequence[PatientScore] = ()
) -> Iterator[Figure]:
    """F1 of events, onsets and migrations of patients, and what was said of lesions that did not change.

    Parameters
    ----------
    repeats : the same lesion in two exams a week apart, as patients
    """
    if patients:
        for name in ("events", "onsets", "migrations"):
            total = sum((getattr(patient, name) for patient in patients), Retrieval(0, 0, 0))
            yield Figure("tracking", f"{name} F1", total.f1, "", total.hits + total.misses)
            yield Figure("tracking", f"{name} missed", total.misses, "", len(patients))
            yield Figure("tracking", f"{name} false", total.false_alarms, "", len(patients))
        false = sum(patient.false_onsets for patient in patients)
        yield Figure("tracking", "onsets in healthy regions", false, "", len(patients))
        refused = sum(row.refused and bool(row.true) for patient in patients for row in patient.rows)
        yield Figure("tracking", "events missed as not comparable", refused, "", len(patients))
        exams = sum(patient.exams for patient in patients)
        yield Figure("tracking", "patients with an exam refused", _refused(patients), "", len(patients))
        yield Figure("tracking", "exams", exams, "", len(patients))
    rows = [row for patient in patients for row in patient.rows]
    yield from _share("changes of 30 % or more, called so", _large_changes(rows))
    week = [row for pair in repeats for row in pair.rows if row.true == EventKind.UNCHANGED]
    yield from _share("lesions a week apart, called unchanged", week)


def _refused(patients: Sequence[PatientScore]) -> int:
    return sum(bool(patient.failure) for patient in patients)


def _large_changes(rows: Sequence[EventScore]) -> list[EventScore]:
    """Select the lesions of 2 mL and more that truly grew or shrank by 30 % or more, and are still there."""
    kinds = (EventKind.INCREASED, EventKind.DECREASED)
    return [
        row
        for row in rows
        if row.true in kinds
        and (row.true_before_ml or 0.0) >= CHANGED_ML
        and abs((row.true_ml or 0.0) / (row.true_before_ml or 1.0) - 1) >= CHANGED_SHARE
    ]


def _share(name: str, rows: Sequence[EventScore]) -> Iterator[Figure]:
    if rows:
        right = sum(row.told == row.true for row in rows)
        yield Figure("tracking", name, 100 * right / len(rows), "%", len(rows))


def time_figures(exams: Sequence[ExamScore]) -> Iterator[Figure]:
    """Seconds per stage and peak memory."""
    done = [exam for exam in exams if not exam.failure]
    for stage in dict.fromkeys(name for exam in done for name in exam.seconds):
        yield from figure("time", stage, (exam.seconds[stage] for exam in done), "s", "median")
    yield from figure("time", "whole exam", (sum(exam.seconds.values()) for exam in done), "s", "max")
    yield from figure("time", "peak memory", (exam.peak_mb for exam in done), "MB", "max")


def exams_frame(exams: Sequence[ExamScore]) -> pd.DataFrame:
    """Tabulate exams, one row each."""
    kept = (
        "name",
        "joint",
        "side",
        "found_side",
        "untold",
        "true_ml",
        "found_ml",
        "dice",
        "peak_mb",
        "failure",
    )
    return pd.DataFrame([{key: getattr(exam, key) for key in kept} for exam in exams], columns=list(kept))


def bones_frame(exams: Sequence[ExamScore]) -> pd.DataFrame:
    """Tabulate bones, one row each bone of each exam."""
    columns = ["name", *(field.name for field in fields(BoneScore))]
    lines = [{"name": exam.name, **asdict(bone)} for exam in exams for bone in exam.bones]
    return pd.DataFrame(lines, columns=columns)


def regions_frame(exams: Sequence[ExamScore]) -> pd.DataFrame:
    """Tabulate regions, one row each region of each exam."""
    columns = ["name", *(field.name for field in fields(RegionScore))]
    lines = [{"name": exam.name, **asdict(region)} for exam in exams for region in exam.regions]
    return pd.DataFrame(lines, columns=columns)


def events_frame(patients: Sequence[PatientScore]) -> pd.DataFrame:
    """Tabulate events, told and true, one row each region at each exam that has one."""
    columns = [field.name for field in fields(EventScore)]
    return pd.DataFrame([asdict(row) for patient in patients for row in patient.rows], columns=columns)


def figure_lines(figures: Sequence[Figure]) -> Iterator[str]:
    """Write the table as text."""
    for line in figures:
        value = f"{line.rounded} {line.unit}".strip()
        yield f"{line.part:9} {line.measure:45} {value:>12}  n = {line.count}"
