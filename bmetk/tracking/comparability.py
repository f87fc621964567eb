"""Whether the volumes of two exams may be compared, and how much less is sure where protocols differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from bmetk.exam import CheckStatus, Contrast, ExamResult, Protocol
from bmetk.tracking.timeline import RegionPoint, TimelineExam

FAT_SUPPRESSION, FAT_IN_PART = "fat suppression failed", "fat suppression failed in part"
_REFUSED_SHARE, _IN_PART = 0.5, 1.25
"""Share of the fat that escaped its suppression beyond which volumes are not compared, and the factor below.

In 12 regions of exams where 20 to 41 % escaped the volume was as true as elsewhere, within 18 %.
"""

_FIELD_T, _ECHO_SHARE, _INVERSION_MS, _SLICE_RATIO, _COVERAGE = 0.3, 0.35, 25.0, 1.5, 0.1


@dataclass(frozen=True, slots=True)
class Comparability:
    """Verdict on two exams of one region.

    ``widening`` multiplies the smallest detectable change, 1 or more; where the two are not ``comparable`` no
    change is told but a decisive one. ``reasons`` say what differs, in words.
    """

    comparable: bool
    widening: float
    reasons: tuple[str, ...]


def compare_exams(
    before: TimelineExam, after: TimelineExam, points: tuple[RegionPoint, RegionPoint]
) -> Comparability:
    """Judge two exams by field, contrast, TE, TI, slice distance, fat suppression and coverage.

    The factors are those by which the scatter of repeated simulated exams grew; what is not told (an exam
    without its tags) is taken as equal. Where most of the fat escaped its suppression nothing is compared.

    Parameters
    ----------
    points : the region at both exams
    """
    found = [*_protocol_differences(before.fluid, after.fluid), *_coverage_differences(*points)]
    partly = [exam for exam in (before, after) if FAT_IN_PART in exam.doubts]
    found += [(_IN_PART, f"{FAT_IN_PART} on {exam.date}") for exam in partly]
    doubts = [exam for exam in (before, after) if FAT_SUPPRESSION in exam.doubts]
    reasons = [reason for _, reason in found] + [f"{FAT_SUPPRESSION} on {exam.date}" for exam in doubts]
    return Comparability(not doubts, prod(factor for factor, _ in found), tuple(reasons))


def _protocol_differences(before: Protocol | None, after: Protocol | None) -> Iterator[tuple[float, str]]:
    if before is None or after is None:
        return
    one, other = before.acquisition, after.acquisition
    if before.contrast is not after.contrast:
        yield 1.15, f"contrast {_spoken(before.contrast)} and {_spoken(after.contrast)}"
    if _apart(one.field_strength_t, other.field_strength_t) > _FIELD_T:
        yield 1.1, f"field {one.field_strength_t:g} T and {other.field_strength_t:g} T"
    if _apart(one.te_ms, other.te_ms) > _ECHO_SHARE * max(one.te_ms or 0.0, other.te_ms or 0.0):
        yield 1.1, f"TE {one.te_ms:.0f} ms and {other.te_ms:.0f} ms"
    same_field = _apart(one.field_strength_t, other.field_strength_t) <= _FIELD_T
    if same_field and before.contrast is Contrast.STIR and _apart(one.ti_ms, other.ti_ms) > _INVERSION_MS:
        yield 1.1, f"TI {one.ti_ms:.0f} ms and {other.ti_ms:.0f} ms"
    thin, thick = sorted((before.spacing_mm[0], after.spacing_mm[0]))
    if thick > _SLICE_RATIO * thin:
        yield 1.15, f"slices every {before.spacing_mm[0]:.1f} mm and {after.spacing_mm[0]:.1f} mm"


def _spoken(contrast: Contrast) -> str:
    return contrast.value.replace("_", " ").upper()


def _apart(one: float | None, other: float | None) -> float:
    return 0.0 if one is None or other is None else abs(one - other)


def _coverage_differences(before: RegionPoint, after: RegionPoint) -> Iterator[tuple[float, str]]:
    """Widen by what the smaller view may have missed."""
    less, more = sorted((before.coverage, after.coverage))
    if more - less > _COVERAGE:
        yield (
            1 + 2 * (more - less),
            f"{before.coverage:.0%} and {after.coverage:.0%} of the region in view",
        )


def doubts_of(result: ExamResult) -> tuple[str, ...]:
    """Name what makes the volumes of an exam less fit for comparison, or unfit, by its own quality checks."""
    failed = [c for c in result.quality if c.name == "fat_suppression" and c.status is CheckStatus.FAIL]
    if not failed:
        return ()
    return (FAT_IN_PART if (failed[0].value or 1.0) <= _REFUSED_SHARE else FAT_SUPPRESSION,)
