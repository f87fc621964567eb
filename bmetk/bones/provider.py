"""Find the bones of an exam: coarsely by the network, by the shape model, then at the cortical border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.special import expit

from bmetk.anatomy import Bone, Joint, Label, Side
from bmetk.bones.border import Refined, SeenBones, unrefined
from bmetk.bones.closer import refine_closely
from bmetk.bones.fit import Fit
from bmetk.bones.foot import look_at_foot
from bmetk.bones.locate import CoarseBones, locate_bones
from bmetk.bones.marks import fit_landmarks
from bmetk.bones.place import FoundBone, FoundBones, Midplane, bone_labels, measure_extent
from bmetk.bones.recognize import DECISIVE_LEAD, Recognized, recognize
from bmetk.bones.selfcheck import check_geometry
from bmetk.bones.shape_model import load_limb_model
from bmetk.bones.surfaces import Surface, thickness_mm
from bmetk.errors import BonesNotFoundError
from bmetk.exam import Check, CheckStatus
from bmetk.image import Grid, ScalarImage

_NOTHING, _OF_AGREEMENT, _OF_SUPPORT = -0.80, 1.88, 2.58
"""Log-odds of the expected Dice where nothing speaks for a bone, and what full agreement and support add."""
_WIDE_MM = 40.0
"""Width of a bone that these hold for; a thinner one loses more by the same error of its outline."""


@dataclass(frozen=True, slots=True)
class BoneSettings:
    """How bones are searched.

    Parameters
    ----------
    provider : who finds the bones, see `bmetk.bones.sources`
    threads : processor threads of the network
    least_confidence : bones below it are left out; confidence is the Dice expected of a bone, 0 to 1
    sure_confidence : bones below it are flagged, 0 to 1
    least_in_view_ml : bones of which less is in view are left out, unless it is half of a small one
    refine : whether outlines go on from the coarse bones to the cortical border
    name_given : whether the picture is searched for bones that were given without names, see `search_given`
    """

    provider: str = "bmetk"
    threads: int = 2
    refine: bool = True
    least_confidence: float = 0.4
    sure_confidence: float = 0.75
    least_in_view_ml: float = 0.3
    name_given: bool = False


def find_bones(
    t1: ScalarImage,
    *,
    joint: Joint | None = None,
    side: Side | None = None,
    settings: BoneSettings = BoneSettings(),
    fluid: ScalarImage | None = None,
) -> FoundBones:
    """Find every bone of the lower limb in view, each told from its neighbours and its side.

    Parameters
    ----------
    t1 : T1-weighted or similar; marrow bright
    joint, side : what the tags say; None to recognise them from the picture
    fluid : the fluid-sensitive series; not used yet

    Raises
    ------
    BonesNotFoundError
        If no bone is found.
    """
    del fluid
    coarse = locate_bones(t1, joint=joint, threads=settings.threads)
    recognized = recognize(coarse, joint, side)
    refined, coarse, marrow = _follow_border(recognized, t1, settings)
    fit, surfaces = refined.fit, refined.surfaces
    structures = _structures(refined, coarse, settings)
    kept = tuple(f for f in structures if f.confidence >= settings.least_confidence)
    if not kept:
        raise BonesNotFoundError(
            "bones were suspected in the T1 series, but none fits convincingly; check that marrow is bright, "
            "or give your own bones with --bones"
        )
    kind = _name_joint(fit, t1.grid, joint)
    named = _name_side(fit, kept, t1.grid, side)
    checks = _compare_names(kind, named, recognized, joint, side)
    landmarks = fit_landmarks(fit, surfaces)
    return FoundBones(
        joint=kind,
        side=named,
        structures=kept,
        landmarks=landmarks,
        confidence=_confidences(kept),
        checks=(*checks, *_bone_checks(structures, settings), *check_geometry(fit, surfaces, t1.grid)),
        extent_ml=measure_extent(kept, landmarks, kind, t1.grid),
        view=t1.grid,
        marrow=marrow,
    )


def _follow_border(
    recognized: Recognized, t1: ScalarImage, settings: BoneSettings
) -> tuple[Refined, CoarseBones, ScalarImage | None]:
    """Go on from the recognised template to the picture's own borders, and tell the marrow."""
    fit, evidence = recognized.fit, recognized.evidence
    named: tuple[SeenBones, ...] = ()
    if fit.template.joint is Joint.ANKLE:
        fit, evidence, seen = look_at_foot(fit, t1, threads=settings.threads)
        named = (seen,)
    if not settings.refine:
        return unrefined(fit), evidence.coarse, None
    refined, seen = refine_closely(fit, t1, named=named, threads=settings.threads)
    return refined, evidence.coarse, seen.marrow


def _structures(refined: Refined, coarse: CoarseBones, settings: BoneSettings) -> list[FoundBone]:
    """Name every body that is in view, with its confidence."""
    found = []
    for number, (body, surface) in enumerate(zip(refined.fit.template.bodies, refined.surfaces, strict=True)):
        in_view_ml, agreement = _agreement(refined.fit, number, coarse)
        whole_ml = body.inner_ml * len(body.inner)
        if in_view_ml < min(settings.least_in_view_ml, 0.5 * whole_ml):
            continue
        support = refined.support[number]
        confidence = expected_dice(agreement, support, thickness_mm(surface))
        plane = _midplane(surface) if body.side is Side.BOTH else None
        found.append(FoundBone(body.name, body.bone, body.side, surface, confidence, body.part, plane))
    return found


def expected_dice(agreement: float, support: float, width_mm: float) -> float:
    """Tell which Dice an outline may be expected to reach, from what the networks say of it.

    The first part was fitted on 321 bones of hips and knees of the development population, as they are, made
    noisy, or with slices twice as thick; the share of the width on 622 bones of all joints of it.

    Parameters
    ----------
    agreement : share of the bone that the first network confirms, or in feet the foot network
    support : share of its surface at a border seen; nan where none is looked for
    width_mm : of the bone, by `bmetk.bones.surfaces.thickness_mm`
    """
    if np.isnan(support):
        return agreement * (1.5 - 0.5 * agreement)
    lost = expit(-(_NOTHING + _OF_AGREEMENT * agreement + _OF_SUPPORT * support))
    return float(max(0.0, 1 - lost * np.sqrt(_WIDE_MM / width_mm)))


def _agreement(fit: Fit, number: int, coarse: CoarseBones) -> tuple[float, float]:
    """Measure how much of a body is in view, mL, and the share of it that the coarse bones confirm."""
    body, pose = fit.template.bodies[number], fit.poses[number]
    index = coarse.grid.to_index(pose.apply(body.inner)).T
    view = map_coordinates(coarse.covered.astype(np.float32), index, order=1, mode="constant")
    here = view > 0.5
    if not here.any():
        return 0.0, 0.0
    share = coarse.probabilities[coarse.classes.index(body.coarse)]
    agreed = map_coordinates(share, index[:, here], order=1, mode="constant") > 0.4
    return float(np.count_nonzero(here) * body.inner_ml * pose.stretch.prod()), float(agreed.mean())


def _midplane(surface: Surface) -> Midplane:
    """Divide the pelvis between its hip bones, the first two thirds of which mirror each other."""
    count = len(load_limb_model().parts["hip_bone"].mean)
    left, right = surface.vertices[:count], surface.vertices[count : 2 * count]
    normal = (left - right).mean(0)
    return Midplane((left + right).mean(0) / 2, np.asarray(normal / np.linalg.norm(normal)))


def _name_joint(fit: Fit, view: Grid, given: Joint | None) -> Joint:
    """Tell ankle from foot by the tags, else by what lies in the middle of the view."""
    if fit.template.joint is not Joint.ANKLE:
        return fit.template.joint
    if given in (Joint.ANKLE, Joint.FOOT):
        return given
    names = [b.name for b in fit.template.bodies]
    ankle = fit.poses[names.index("talus")].middle
    forefoot = fit.poses[names.index("metatarsal_2")].middle
    nearer_ankle = np.linalg.norm(view.centre_mm - ankle) < np.linalg.norm(view.centre_mm - forefoot)
    return Joint.ANKLE if nearer_ankle else Joint.FOOT


def _name_side(fit: Fit, kept: Sequence[FoundBone], view: Grid, given: Side | None) -> Side:
    """Tell the side of the found bones; a hip counts where its femoral head is in view."""
    if fit.template.joint is not Joint.HIP:
        return fit.template.side
    head = load_limb_model().marks["femur"]["head"]
    heads = {f.side: f.surface.vertices[head].mean(0) for f in kept if f.bone is Bone.FEMUR}
    inside = [s for s, middle in heads.items() if view.contains(middle[None])[0]]
    if inside:
        return Side.BOTH if len(inside) == 2 else inside[0]
    if given is not None or not heads:
        return given or Side.BOTH
    return min(heads, key=lambda s: float(np.linalg.norm(heads[s] - view.centre_mm)))


def _compare_names(
    kind: Joint, seen: Side, recognized: Recognized, joint: Joint | None, side: Side | None
) -> list[Check]:
    """Weigh picture against tags, and say so where they disagree."""
    checks = []
    if joint is not None and joint is not kind:
        message = f"the tags name the {joint.value}, the picture shows the {kind.value}: check the exam"
        checks.append(Check("joint", CheckStatus.WARN, None, message))
    lead = round(recognized.lead, 3)
    if side is None or side is seen:
        status = CheckStatus.OK if lead > DECISIVE_LEAD else CheckStatus.WARN
        message = f"{seen.value}, " + ("recognised from the anatomy" if side is None else "as tagged")
        if status is CheckStatus.WARN:
            other = (
                "fits the other side better: check the side" if lead < 0 else "alone does not tell the side"
            )
            message += f"; the picture {other}"
    else:
        status = CheckStatus.OK if seen is Side.BOTH else CheckStatus.WARN
        message = f"tagged {side.value}, but the anatomy in view is {seen.value}: {seen.value} is reported"
    return [*checks, Check("side", status, lead, message)]


def _confidences(kept: Sequence[FoundBone]) -> dict[Label, float]:
    """Give each bone the confidence of its structures, the least sure one of the phalanges."""
    result: dict[Label, float] = {}
    for found in kept:
        for label in bone_labels(found):
            result[label] = round(min(found.confidence, result.get(label, 1.0)), 3)
    return result


def _bone_checks(structures: Sequence[FoundBone], settings: BoneSettings) -> list[Check]:
    """Make one check for each bone in view."""
    checks = []
    for found in structures:
        value = round(found.confidence, 3)
        if value < settings.least_confidence:
            status, words = CheckStatus.FAIL, "in view but not found"
        elif value < settings.sure_confidence:
            status, words = CheckStatus.WARN, "found with little confidence: look at its outline"
        else:
            status, words = CheckStatus.OK, "found"
        checks.append(Check(f"bone_{found.key}", status, value, f"{found.name.replace('_', ' ')} {words}"))
    return checks
