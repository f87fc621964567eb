"""Pieces that are no lesions: red marrow, fat, vessels, muscle by their signals, specks by the lesion beside.

By the spin-echo and inversion-recovery equations the contrast as a share of water's over the loss of T1 is
about 1.0 in red marrow and 1.6 in edema at usual times, since red marrow's T2 is short; mixing with fatty
marrow changes neither. Fat that escaped its suppression is bright without any loss. Beside a lesion, the
lesion itself tells what edema is like in an exam.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from bmetk.edema.beside import (
    is_alike,
    is_ill_as_its_partner,
    is_like_a_lesion,
    is_more_of_any,
    is_red_beside,
    is_red_in_end,
)
from bmetk.edema.measured import Piece, Signals, measured_pieces, weaker_beyond_end
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.signs import (
    is_beside_bone,
    is_clear,
    is_clear_end,
    is_darker,
    is_darker_than_around,
    is_end_lesion,
    is_fat,
    is_free_fluid,
    is_lighter,
    is_muscle,
    is_one_sided,
    is_sure,
    is_symmetrical,
    is_yellow,
    lost_little,
    stands_clear,
)
from bmetk.edema.volume import BoolArray, MarrowKinds, MarrowVolume

_FAT = "unsuppressed fat"
_ALIKE = "as bright as fat on T1"
_DOUBTFUL = "doubtful"
_RED = "red marrow"
_BOTH = "red marrow of both sides"
_BESIDE = "red marrow beside a lesion"
_SOFT = "muscle or tendon"
_VESSEL = "vessel"
_CYST = "cyst"
_WATERY = "cartilage or joint fluid"
_RING = "border of an osteonecrosis"
_FAINT = "faint beside a lesion"
_END = "end of a bone"
_DRY = "little water"
_ALONE = "in one slice alone"
_OPEN = frozenset({_DOUBTFUL, _RED, _FAINT, _DRY, _SOFT, _VESSEL, _ALIKE, _ALONE})
"""Reasons that an earlier exam can overrule in bones without red marrow: what looks so may be what is left of
a lesion, in a ray or a toe like a vessel or a tendon."""
_OPEN_IN_RED = frozenset({_DOUBTFUL, _RED, _DRY, _FAT})
"""The same in bones that may hold red marrow."""


def without_satellites(
    edema: BoolArray, signals: Signals, volume: MarrowVolume, kinds: MarrowKinds, settings: EdemaSettings
) -> tuple[BoolArray, BoolArray, dict[str, float]]:
    """Drop pieces that are no lesions.

    A piece that is red marrow by comparison with a lesion of its own bone must also have lost less T1, since
    the ends of a lesion may differ from its middle.

    Returns
    -------
    edema : bool, shape (S, R, C)
    doubtful : bool of the same shape, what was dropped and may be what is left of an earlier lesion
    dropped_ml : mL by what it is
    """
    dropped: dict[str, float] = defaultdict(float)
    doubtful = np.zeros_like(edema)
    if signals.t1 is None:
        return edema, doubtful, dropped
    pieces = list(measured_pieces(edema, signals, volume, settings))
    kept = edema.copy()
    for piece, reason in zip(pieces, _reasons(pieces, kinds, settings), strict=True):
        gone = piece.inside if reason else weaker_beyond_end(piece, signals, volume, settings)
        if gone.any():
            kept[piece.box] &= ~gone
            dropped[reason or _RED] += float(np.count_nonzero(gone)) * volume.grid.voxel_ml
        if _may_be_left_over(piece, reason, kinds, settings):
            doubtful[piece.box] |= piece.inside
    return kept, doubtful, dropped


def _may_be_left_over(piece: Piece, reason: str, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether what was dropped may be what is left of an earlier lesion.

    In bones without red marrow it must be too small to show its own signals, or stand out of its bone's
    scatter, and may be dry only in rays and toes, whose cortex is dark. In others it must be large, be likely
    in a bone's end or darker on T1 than the marrow around, and be brighter than the other side or, where that
    is not seen, than the scatter; red marrow of the pelvis, which holds it for life, is none.
    """
    large = piece.volume_ml >= settings.belief.large_ml
    stands_out = piece.deviations >= settings.red.deviations
    if piece.bone in kinds.not_red:
        dry = piece.bone not in kinds.thin and 0 < piece.water_slope < settings.small.thin_water_slope
        return reason in _OPEN and not dry and (not large or stands_out)
    in_end = piece.yellow >= settings.end.share and piece.likely >= settings.end.probability
    darker = piece.amid_brighter and piece.lost >= settings.fat.loss
    if np.isfinite(piece.other_side):
        stands_out = piece.contrast >= settings.side.red_contrast[0] * piece.other_side
    may_be = reason in _OPEN_IN_RED and not (piece.bone in kinds.red and reason == _RED)
    return may_be and large and (in_end or darker) and stands_out


def _reasons(pieces: list[Piece], kinds: MarrowKinds, settings: EdemaSettings) -> list[str]:
    """Say what speaks against each piece: beside all that is no fat, then beside what is believed."""
    reasons = [_why_fat(piece, settings) for piece in pieces]
    for _ in range(2):
        left = [piece for piece, reason in zip(pieces, reasons, strict=True) if not reason]
        reasons = [
            reason or _reason(piece, [p for p in left if p is not piece], kinds, settings)
            for piece, reason in zip(pieces, reasons, strict=True)
        ]
    return reasons


def _reason(piece: Piece, others: list[Piece], kinds: MarrowKinds, settings: EdemaSettings) -> str:
    """Say what speaks against a piece; empty if nothing does."""
    lesions = [
        p
        for p in others
        if p.volume_ml > settings.belief.lesion_ml and p.likely >= settings.belief.lonely_probability
    ]
    if lesions and (reason := _why_no_lesion_beside(piece, lesions, kinds, settings)):
        return reason
    known = piece.bone not in kinds.unknown  # in others the network's doubt says little
    if known and (reason := _why_no_lesion(piece, lesions, kinds, settings)):
        return reason
    if not known and (reason := _why_no_lesion_of_unknown(piece, settings)):
        return reason
    if _is_soft(piece, lesions, kinds, settings):
        return _SOFT
    if piece.bone not in kinds.not_red:
        return _why_no_lesion_of_red(piece, others, kinds, settings)
    return _WATERY if known and is_beside_bone(piece, settings) else ""


def _why_no_lesion(piece: Piece, lesions: list[Piece], kinds: MarrowKinds, settings: EdemaSettings) -> str:
    """Judge a piece of a bone that the network knows by itself."""
    fatty = piece.bone in kinds.fatty
    least = settings.red.probability if piece.end > 1 else settings.belief.large_probability
    if piece.end >= settings.small.last_slice_share and not (fatty and piece.likely >= least):
        return _END
    if piece.ring:
        return _RING
    if is_free_fluid(piece, settings):
        return _CYST
    dry = 0 < piece.water < settings.belief.least_water
    if dry and not _is_edema_though_dry(piece, lesions, kinds, settings):
        return _DRY
    if _is_doubtful(piece, lesions, settings) and not _is_soaked(piece, kinds, settings):
        return _DOUBTFUL
    return _VESSEL if _is_vessel(piece, lesions, kinds, settings) else ""


def _is_edema_though_dry(
    piece: Piece, lesions: list[Piece], kinds: MarrowKinds, settings: EdemaSettings
) -> bool:
    """Tell whether it is more of a lesion, likely in a bone's end, or a small bone's dark spot."""
    if is_more_of_any(piece, lesions, settings):
        return True
    if piece.bone in kinds.fatty:
        return is_darker(piece, settings) and piece.likely >= settings.belief.lonely_probability
    return piece.yellow >= settings.end.share and piece.likely >= settings.side.clean_probability[0]


def _why_no_lesion_of_unknown(piece: Piece, settings: EdemaSettings) -> str:
    """Judge a piece of a bone that the network does not know by itself."""
    if piece.slices == 1 and piece.volume_ml < settings.small.one_slice_ml:
        return _ALONE
    return _RED if lost_little(piece, settings) else ""


def _why_no_lesion_of_red(
    piece: Piece, others: list[Piece], kinds: MarrowKinds, settings: EdemaSettings
) -> str:
    """Judge a piece of a bone that may hold red marrow: is it marrow, and which."""
    if is_muscle(piece, settings):
        return _SOFT
    if is_lighter(piece, settings):
        return _RED
    return _WATERY if is_beside_bone(piece, settings) else _why_red(piece, others, kinds, settings)


def _why_fat(piece: Piece, settings: EdemaSettings) -> str:
    """Say whether it is fat; where all fat nearby is suppressed it only looks so."""
    if not is_fat(piece, settings):
        return ""
    return _FAT if piece.fat >= settings.fat.near_share else _ALIKE


def _is_soft(piece: Piece, lesions: list[Piece], kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it looks soft and, where no red marrow is, has not the slope of a lesion that does not.

    In a bone of unknown name all may look soft, for muscle is told less well: there it takes such a lesion.
    """
    if not _looks_soft(piece, kinds, settings):
        return False
    clear = [it for it in lesions if not (_looks_soft(it, kinds, settings) or is_muscle(it, settings))]
    if piece.bone not in kinds.fatty:
        return piece.bone not in kinds.unknown or bool(clear)
    brightest = max(clear, key=lambda it: it.contrast, default=None)
    return brightest is None or piece.slope < settings.small.alike_slope * brightest.slope


def _looks_soft(piece: Piece, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it is small, and dark on T1 and little bright as muscle in a wrong outline is.

    The marrow of a ray is dark beside its cortex: there what is likely, and not far too dry, must be as dark
    as muscle, and so must what is likelier and seen in several slices of any bone without red marrow. Where
    one slice alone shows it and brighter marrow around, no cortex darkens it.
    """
    if _is_wet_marrow(piece, kinds, settings):
        return False
    least, probable = np.inf, settings.small.doubted_probability
    if piece.bone in kinds.thin and is_darker(piece, settings):
        probable = settings.small.surrounded_probability
    elif piece.bone in kinds.thin and piece.water_slope >= settings.small.thin_water_slope:
        least = settings.belief.lonely_probability
    elif piece.bone in kinds.fatty and piece.bone not in kinds.thin and piece.slices > 1:
        least = settings.small.doubted_probability
    if piece.likely >= least and piece.lost < settings.small.muscle_loss:
        return False
    doubted = piece.volume_ml < settings.small.doubted_ml and piece.likely < probable
    small = piece.volume_ml < settings.small.soft_ml or doubted
    return small and 0 < piece.water_slope < settings.small.soft_water_slope


def _is_wet_marrow(piece: Piece, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it is likely, seen in several slices, and neither as dry nor as dark as muscle."""
    if piece.bone not in kinds.fatty or piece.slices == 1:
        return False
    thin = piece.bone in kinds.thin
    likely = settings.belief.lonely_probability if thin else settings.small.doubted_probability
    wet = piece.water_slope >= settings.small.thin_water_slope
    return piece.likely >= likely and wet and piece.lost < settings.small.muscle_loss


def _is_vessel(piece: Piece, lesions: list[Piece], kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it is small, and brighter than what it lost of T1 lets marrow be, and than lesions are.

    Where no muscle tells water, what is about as bright as a lesion and lost as much T1 is none.
    """
    if piece.water <= 0 and (
        piece.likely >= settings.red.doubtful_probability[0]
        or any(is_alike(piece, it, settings) for it in lesions)
    ):
        return False
    rules = settings.small
    slope = max([rules.vessel_water_slope, *(it.water_slope for it in lesions)])
    little = piece.lost < rules.vessel_loss or piece.water_slope > slope
    sure = settings.belief.sure_probability
    if piece.volume_ml >= rules.vessel_ml:
        sure = settings.belief.lonely_probability if piece.bone in kinds.thin else rules.vessel_probability
    return little and piece.volume_ml < rules.soft_ml and piece.likely < sure


def _is_soaked(piece: Piece, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it is large, in a bone without red marrow, and wetter than muscle for the T1 lost."""
    large = piece.volume_ml >= settings.belief.large_ml
    return large and piece.bone in kinds.fatty and piece.water_slope >= settings.small.muscle_water_slope


def _is_doubtful(piece: Piece, lesions: list[Piece], settings: EdemaSettings) -> bool:
    some, more = settings.belief.lonely_ml
    if not lesions and piece.volume_ml < some:
        return True
    told = (stands_clear, is_one_sided, is_darker_than_around, is_clear_end)
    if any(sign(piece, settings) for sign in told):
        return False
    if piece.volume_ml >= settings.belief.large_ml and piece.likely < settings.belief.large_probability:
        return True
    return not lesions and piece.volume_ml < more and piece.likely < settings.belief.lonely_probability


def _why_no_lesion_beside(
    piece: Piece, lesions: list[Piece], kinds: MarrowKinds, settings: EdemaSettings
) -> str:
    """Judge a piece by the lesions of the exam.

    A thin bone in thick slices is dark for its cortex: unlike a weaker lesion it lost much T1. So did a bone
    far from the coil, and joint fluid or muscle in a slice where the outline goes too far, with normal marrow
    in the slice before.
    """
    lesion = max(lesions, key=lambda it: it.contrast)
    brightest = lesion.contrast
    share = settings.small.thin_slope if piece.bone in kinds.thin else settings.small.dark_slope
    if _is_doubted_in_marrow(piece, kinds, settings):
        share = settings.small.surrounded_slope
    if piece.bone in kinds.fatty and piece.slope < share * lesion.slope:
        return _SOFT
    fainter = piece.contrast < settings.small.faint_share * brightest
    doubtful = (
        piece.deviations < settings.small.faint_deviations and piece.likely < settings.small.faint_probability
    )
    if fainter and piece.volume_ml < settings.small.faint_ml and doubtful:
        return _FAINT
    fluid = piece.volume_ml < settings.small.cyst_ml and not 0 < piece.water < settings.small.cyst_water
    return _CYST if fluid and piece.contrast > settings.small.cyst_contrast * brightest else ""


def _is_doubted_in_marrow(piece: Piece, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it is small, not likely beyond doubt, and brighter marrow of its bone is seen around.

    What the network believes and is far wetter than red marrow is not doubted.
    """
    wet = piece.water_slope >= settings.red.water_slope[0]
    if wet and piece.likely >= settings.belief.large_probability:
        return False
    if _is_wet_marrow(piece, kinds, settings):
        return False
    small = piece.volume_ml < settings.small.doubted_ml
    return small and piece.likely < settings.small.surrounded_probability and piece.amid_brighter


def _why_red(piece: Piece, others: list[Piece], kinds: MarrowKinds, settings: EdemaSettings) -> str:
    """Judge a piece of a bone that may hold red marrow; in its ends, only by what it lost of T1."""
    if is_one_sided(piece, settings) or is_like_a_lesion(piece, others, settings):
        return ""
    yellow = is_yellow(piece, settings)
    little = lost_little(piece, settings) and not (yellow and is_end_lesion(piece, settings))
    both = is_symmetrical(piece, settings) and not is_ill_as_its_partner(piece, others, settings)
    if little or both:
        return _RED if little else _BOTH
    if yellow:
        return _BESIDE if is_red_in_end(piece, others, settings) else ""
    bounds = zip(settings.red.doubtful_probability, settings.red.water_slope, strict=True)
    if piece.water > 0:
        doubtful = any(piece.likely < likely and piece.water_slope < slope for likely, slope in bounds)
    else:  # no muscle tells the water
        doubtful = piece.likely < settings.red.probability
    doubtful |= _is_doubted_in_shaft(piece, kinds, settings)
    if doubtful or _is_scatter(piece, kinds, settings):
        return _RED
    if is_sure(piece, settings):
        return ""
    return _BESIDE if any(is_red_beside(piece, it, settings) for it in others) else ""


def _is_doubted_in_shaft(piece: Piece, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it is doubted, and reaches no end of its bone: this disease begins beside a joint."""
    away = piece.bone in kinds.ended and piece.yellow == 0
    return away and piece.likely < settings.small.doubted_probability


def _is_scatter(piece: Piece, kinds: MarrowKinds, settings: EdemaSettings) -> bool:
    """Tell whether it hardly stands out of its bone's scatter, and nothing else speaks for edema."""
    if piece.deviations >= settings.red.deviations:
        return False
    if piece.bone in kinds.red:
        return piece.likely < settings.belief.sure_probability
    return piece.likely < settings.red.probability and not is_clear(piece, settings)
