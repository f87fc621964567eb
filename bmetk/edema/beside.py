"""What a piece is beside others of its exam: more of a lesion, like one, or red marrow beside it."""

from __future__ import annotations

from bmetk.anatomy import opposite_value
from bmetk.edema.measured import Piece
from bmetk.edema.settings import EdemaSettings
from bmetk.edema.signs import is_clear, is_sure


def is_alike(piece: Piece, lesion: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is about as bright as a lesion of any bone, and lost as much T1."""
    share = settings.red.same_share
    alike = share * lesion.contrast <= piece.contrast <= lesion.contrast / share
    return alike and piece.lost >= settings.red.beside_loss * lesion.lost


def is_ill_as_its_partner(piece: Piece, others: list[Piece], settings: EdemaSettings) -> bool:
    """Tell whether it is likely, and the other side bright for a sure lesion, far wetter than red marrow."""
    if piece.likely < settings.side.probability:
        return False
    there = [it for it in others if it.bone == opposite_value(piece.bone)]
    large = [it for it in there if it.volume_ml >= settings.belief.large_ml]
    return any(is_sure(it, settings) and is_clear(it, settings) for it in large)


def is_like_a_lesion(piece: Piece, others: list[Piece], settings: EdemaSettings) -> bool:
    """Tell whether it is large, likely, and as bright as a sure lesion elsewhere, or more of one nearby."""
    if is_more_of_any(piece, others, settings):
        return True
    if piece.volume_ml < settings.belief.large_ml or piece.likely < settings.side.probability:
        return False
    bright = [it.contrast for it in _sure(others, settings) if it.bone != piece.bone]
    return any(piece.contrast >= settings.red.lesion_share * contrast for contrast in bright)


def _sure(pieces: list[Piece], settings: EdemaSettings) -> list[Piece]:
    """List the large lesions that are likely beyond doubt."""
    large_ml, least = settings.belief.large_ml, settings.belief.sure_probability
    return [it for it in pieces if it.volume_ml > large_ml and it.likely >= least]


def is_more_of_any(piece: Piece, others: list[Piece], settings: EdemaSettings) -> bool:
    """Tell whether a sure lesion of its bone goes on in it."""
    return any(_is_more_of(piece, it, settings) for it in _sure(others, settings))


def _is_more_of(piece: Piece, lesion: Piece, settings: EdemaSettings) -> bool:
    """Tell whether it is like a lesion of its bone by all its signals: a growth scar may part them.

    It may be the larger one where the network believes it and all fat is suppressed. What little T1 both
    lost tells nothing.
    """
    believed = piece.likely >= settings.belief.large_probability and piece.fat < settings.fat.near_share
    steep = piece.slope >= settings.red.beside_slope * lesion.slope
    return (
        lesion.bone == piece.bone
        and (believed or lesion.volume_ml > piece.volume_ml)
        and piece.contrast >= settings.red.same_share * lesion.contrast
        and (steep or max(piece.lost, lesion.lost) < settings.red.loss)
        and piece.lost >= settings.red.beside_loss * lesion.lost
    )


def is_red_in_end(piece: Piece, others: list[Piece], settings: EdemaSettings) -> bool:
    """Tell whether a larger, sure lesion is brighter, and by far more for the T1 that it lost."""
    return piece.likely < settings.red.probability and any(
        lesion.volume_ml > piece.volume_ml
        and lesion.contrast > settings.red.beside_contrast * piece.contrast
        and settings.red.end_slope * lesion.slope > piece.slope
        for lesion in _sure(others, settings)
    )


def is_red_beside(piece: Piece, lesion: Piece, settings: EdemaSettings) -> bool:
    """Tell whether a lesion is brighter, also for the T1 that it lost, and in the same bone darker on T1.

    Far from the bone's end that the lesion lies in, what is no wetter than red marrow need not be lighter.
    """
    return (
        lesion.volume_ml > settings.red.beside_ml
        and piece.contrast < settings.side.red_contrast[1] * piece.other_side
        and lesion.contrast > settings.red.beside_contrast * piece.contrast
        and settings.red.beside_slope * lesion.slope > piece.slope
        and (
            lesion.bone != piece.bone
            or settings.red.beside_loss * lesion.lost > piece.lost
            or (_lie_apart(piece, lesion, settings) and 0 < piece.water_slope < settings.red.water_slope[0])
        )
    )


def _lie_apart(piece: Piece, lesion: Piece, settings: EdemaSettings) -> bool:
    """Tell whether a lesion lies in the end of its bone, and the piece nowhere in it."""
    return piece.yellow == 0 and lesion.yellow >= settings.end.whole_share
