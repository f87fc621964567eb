"""Findings against the signs that an exam was simulated with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bmetk.anatomy import Region
from bmetk.exam import Finding
from bmetk.simulate.spec import SimulatedExam

EFFUSION_ML = 3.0
"""So much fluid in the recesses of a joint is more than its usual film."""


@dataclass(frozen=True, slots=True)
class FindingScore:
    """One kind of finding in one exam: whether it was drawn, and whether it was seen."""

    kind: str
    true: bool
    seen: bool


def score_findings(exam: SimulatedExam, findings: Sequence[Finding]) -> Iterator[FindingScore]:
    """Compare every kind of finding that an exam tells of with what it was drawn with."""
    drawn = drawn_signs(exam)
    for kind in dict.fromkeys(finding.kind for finding in findings):
        if kind in drawn:
            seen = any(finding.present for finding in findings if finding.kind == kind)
            yield FindingScore(kind, drawn[kind], seen)


def drawn_signs(exam: SimulatedExam) -> dict[str, bool]:
    """Say of each kind of finding whether an exam was drawn with it."""
    spec = exam.spec
    heads = [lesion for lesion in spec.lesions if Region.FEMORAL_HEAD in lesion.regions]
    return {
        "joint_effusion": exam.truth.recess_ml > EFFUSION_ML,
        "medial_head_spared": any(lesion.spare_medial_head for lesion in heads),
        "subchondral_line": any(lesion.subchondral_fracture for lesion in spec.lesions),
        "double_line": spec.signs.osteonecrosis is not None,
        "geographic_core": spec.signs.osteonecrosis is not None,
        "head_flattened": spec.signs.collapse_mm > 0,
    }
