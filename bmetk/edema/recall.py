"""What another exam of the patient tells: where it shows edema, more may be edema than by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bmetk.edema.outline import Outline
from bmetk.edema.pieces import connect
from bmetk.edema.volume import BoolArray, Float32Array

_ODDS = 4.0
"""By how much edema is more likely where it was, as a factor of its odds."""
_KNOWN_SHARE = 0.5
"""Least share of a piece that lies where edema was."""


def recall_known(
    outline: Outline, likely: Float32Array, known: BoolArray, again: Callable[[Float32Array], Outline]
) -> BoolArray:
    """Mark what counts as edema since another exam shows edema there.

    That is what was left out and may be the rest of a lesion, and, where nothing is found of a lesion, what
    is found with the odds of edema raised; what was left out for its signals is not raised.

    Parameters
    ----------
    outline : Outline of this exam by itself
    likely : float32, shape (S, R, C), the network's probability
    known : bool of the same shape, edema of another exam
    again : outlines another probability of the same shape

    Returns
    -------
    bool, shape (S, R, C)
    """
    doubtful = outline.doubtful
    lesions = connect(known)
    gone = known & ~np.isin(lesions, lesions[outline.edema & known])
    if gone.any():
        raised = _ODDS * likely / (1 + (_ODDS - 1) * likely)
        more = again(np.where(gone & ~outline.dropped, raised, likely))
        # What is in doubt even so stays so: the other exam cannot count twice.
        pieces = connect(more.edema)
        doubtful = doubtful | ((pieces > 0) & ~np.isin(pieces, pieces[outline.edema]))
    pieces = connect(doubtful)
    size = np.bincount(pieces.ravel())
    before = np.bincount(pieces[known], minlength=len(size))
    return np.asarray(doubtful & (before >= _KNOWN_SHARE * size)[pieces])
