"""What the signals of one piece tell of it by themselves; the bounds are those of `bmetk.edema.rules`."""

from __future__ import annotations

import numpy as np

from bmetk.edema.measured import Piece
from bmetk.edema.settings import EdemaSettings

_LEAST_YELLOW = 0.1
_LEAST_CONTRAST = 1e-3


def is_fat(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is fat that escaped its suppression, or looks so, by the T1 signal that it kept."""
    near = piece.fat >= settings.fat.near_share
    unsure = piece.likely < settings.belief.sure_probability and not is_one_sided(piece, settings)
    lost = max(piece.lost, piece.step) if np.isfinite(piece.step) else piece.lost
    if lost < settings.fat.loss and (near or unsure):
        return True
    if near and piece.step < settings.fat.loss and unsure and piece.yellow >= settings.end.whole_share:
        return True
    doubted = piece.likely < settings.belief.large_probability and not stands_clear(piece, settings)
    if piece.water > settings.fat.slope * lost and (
        doubted or (near and not _is_beyond_doubt(piece, settings))
    ):
        return True
    if _is_fat_of_both_sides(piece, settings):
        return True
    if is_darker_than_around(piece, settings):
        return False
    bounds = zip(settings.fat.nearby, settings.fat.nearby_loss, settings.fat.nearby_probability, strict=True)
    return any(
        piece.fat > nearby and piece.lost < loss and piece.likely < likely for nearby, loss, likely in bounds
    )


def _is_fat_of_both_sides(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is as bright as the other side, near fat that escaped, and kept most of its T1.

    What is likely and darker than the marrow around is none.
    """
    if is_darker(piece, settings) and piece.likely >= settings.side.probability:
        return False
    little = piece.fat > settings.fat.nearby[1] and piece.lost < settings.fat.nearby_loss[0]
    return little and piece.contrast < settings.fat.sides_contrast * piece.other_side < np.inf


def _is_beyond_doubt(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is sure, and far out of its bone's scatter, with little fat nearby that escaped.

    So is what is large, likely, and brighter than the other side, where most fat nearby is suppressed.
    """
    far = piece.deviations >= settings.red.clear_deviations and piece.fat < settings.fat.nearby[1]
    large = piece.volume_ml >= settings.belief.lonely_ml[1] and piece.fat < settings.fat.nearby[-1]
    brighter = large and piece.contrast >= settings.side.red_contrast[1] * piece.other_side
    if brighter and piece.likely >= settings.belief.lonely_probability:
        return True
    return far and piece.likely >= settings.belief.sure_probability


def is_darker_than_around(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it lies in the end of a bone, or fills it, and has lost T1 that the marrow around has."""
    in_end = piece.yellow >= settings.end.whole_share or _fills_yellow(piece, settings)
    return in_end and is_darker(piece, settings)


def is_darker(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether the marrow around is seen, and has not lost the T1 that it lost."""
    return settings.end.around_loss < piece.step < np.inf


def is_lighter(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is no large part of a bone, and the marrow around lost more T1.

    It must be doubted if it lost some itself; if it did not, not sure will do, as in a hemangioma.
    """
    as_fat = piece.lost < settings.fat.loss
    least = settings.belief.sure_probability if as_fat else settings.small.doubted_probability
    return piece.volume_ml < settings.belief.lonely_ml[1] and piece.step < 0 and piece.likely < least


def is_free_fluid(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is small, all water, and dark on T1: edema leaves fat between its water."""
    full = piece.water >= settings.small.fluid_water and piece.lost >= settings.small.fluid_loss
    return full and piece.volume_ml < settings.small.fluid_ml


def is_beside_bone(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is small, not sure, and has too little T1 signal for marrow, be it full of water."""
    small = piece.volume_ml < settings.small.doubted_ml and piece.likely < settings.belief.sure_probability
    return small and piece.lost >= settings.small.watery_loss


def is_muscle(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is as dark on T1 as muscle, and drier than marrow so dark, or amid what is darker."""
    dark = piece.lost >= settings.small.muscle_loss and piece.likely < settings.belief.sure_probability
    return dark and (piece.step < 0 or 0 < piece.water_slope < settings.small.muscle_water_slope)


def is_clear(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it has much of water's signal for the T1 that it lost, and lost enough to tell."""
    return piece.water_slope >= settings.red.clear_water_slope and piece.lost >= settings.red.clear_loss


def is_clear_end(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is clear where neither red marrow is nor fat that escaped its suppression."""
    no_fat = piece.fat < settings.fat.near_share
    return no_fat and piece.yellow >= settings.end.whole_share and is_clear(piece, settings)


def stands_clear(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is clear, and out of the bone's scatter by far or far wetter than red marrow."""
    far = piece.deviations >= settings.red.clear_deviations or piece.water_slope >= settings.red.wet_slope
    return is_clear(piece, settings) and far


def is_one_sided(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is far brighter than the same bone of the other side, or brighter and far wetter."""
    if piece.volume_ml < settings.belief.large_ml or piece.contrast < settings.side.large_contrast:
        return False
    rules, brighter = settings.side, piece.contrast / max(piece.other_side, _LEAST_CONTRAST)
    likely, wet = piece.likely >= rules.probability, _is_wet(piece, settings)
    if (likely or piece.yellow >= settings.end.share) and brighter >= rules.large_share:
        return True
    if _is_no_fat_or_muscle(piece, settings) and any(
        piece.likely >= least and brighter >= share
        for least, share in zip(rules.clean_probability, rules.clean_share, strict=True)
    ):
        return True
    filling = _fills_yellow(piece, settings)
    far = rules.wet_share if filling else rules.far_share
    enough = wet or (filling and piece.water <= 0)
    if enough and brighter >= far and piece.likely >= settings.belief.large_probability:
        return True
    much = wet and piece.water >= rules.water and piece.deviations >= rules.deviations
    return likely and much and brighter >= rules.red_contrast[0]


def _is_no_fat_or_muscle(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether the fat nearby is suppressed, and it is not as dark as muscle."""
    return piece.lost < settings.small.muscle_loss and piece.fat < settings.fat.near_share


def _is_wet(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it has more of water's signal for the T1 lost than red marrow."""
    return piece.water_slope >= settings.red.water_slope[1]


def is_sure(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is likely beyond doubt, or likely, wet, and out of its bone's scatter."""
    stands_out = piece.deviations >= settings.red.deviations and piece.likely >= settings.red.probability
    return (stands_out and _is_wet(piece, settings)) or piece.likely >= settings.belief.sure_probability


def lost_little(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it lost less T1 than edema, and is not likely enough to be some all the same."""
    return piece.lost < settings.red.loss and piece.likely < settings.red.probability


def is_end_lesion(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether what lost little T1 is a lesion of a bone's end nevertheless."""
    likely = piece.likely >= settings.side.probability
    filling = _fills_yellow(piece, settings) and (piece.water > 0 or likely)
    in_end = piece.yellow >= (settings.end.share if _is_wet(piece, settings) else settings.end.whole_share)
    clear = _stands_out_of_end(piece, settings) or is_darker_than_around(piece, settings)
    return filling or (in_end and likely) or clear


def _stands_out_of_end(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it lies in a bone's end, far out of its scatter and with more water than red marrow."""
    out = piece.yellow >= settings.end.share and piece.deviations >= settings.end.deviations
    return out and piece.water_slope >= settings.red.water_slope[0]


def is_symmetrical(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it lies where red marrow may be, and the other side is as bright."""
    there = piece.yellow < _LEAST_YELLOW and np.isfinite(piece.other_side)
    return bool(there and piece.contrast < settings.side.red_contrast[0] * piece.other_side)


def is_yellow(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is likely, lies where no red marrow is, and has at least the water of such marrow."""
    share = settings.end.wet_share if _is_wet(piece, settings) else settings.end.share
    large = piece.volume_ml >= settings.belief.large_ml and piece.yellow >= share
    placed = large or _fills_yellow(piece, settings)
    likely = piece.likely >= settings.end.probability or is_darker_than_around(piece, settings)
    likely = likely or _stands_out_of_end(piece, settings)
    return placed and likely and not _lacks_water(piece, settings)


def _lacks_water(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it has less water than edema, by so much that its likelihood does not overrule it.

    What takes up much of a bone's end, where no red marrow is, is likely and stands out is less in doubt.
    """
    sharp = is_darker_than_around(piece, settings) and piece.deviations >= settings.end.deviations
    much = piece.yellow * piece.volume_ml >= settings.belief.lonely_ml[1] and piece.lost >= settings.red.loss
    stands_out = piece.deviations >= settings.red.deviations and piece.likely >= settings.side.probability
    less = sharp or (much and stands_out)
    rules = settings.end
    probabilities = rules.sharp_probability if less else rules.dry_probability
    slopes = rules.sharp_water_slope if less else rules.dry_water_slope
    bounds = zip(probabilities, slopes, strict=True)
    return any(piece.likely < likely and 0 < piece.water_slope < slope for likely, slope in bounds)


def _fills_yellow(piece: Piece, settings: EdemaSettings) -> bool:
    """Tell whether so much of it lies where no red marrow is that the rest is none either."""
    return piece.yellow * piece.volume_ml >= settings.end.filling_ml
