"""What an earlier exam of the patient tells: where edema was, more may be what is left of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bmetk.edema.outline import Outline
from bmetk.edema.pieces import connect
from bmetk.edema.volume import BoolArray, Float32Array

_ODDS = 4.0
"""By how much edema is more likely where it was, as a factor of its odds."""
_EARLIER_SHARE = 0.5
"""Least share of a piece that lies where edema was."""


def recall_earlier(
    outline: Outline, likely: Float32Array, earlier: BoolArray, again: Callable[[Float32Array], Outline]
) -> BoolArray:
    """Mark what counts as edema since an earlier exam showed edema there.

    That is what was left out and may be the rest of a lesion, and, where nothing is found of a lesion, what
    is found with the odds of edema raised.

    Parameters
    ----------
    outline : Outline of this exam by itself
    likely : float32, shape (S, R, C), the network's probability
    earlier : bool of the same shape, edema of an earlier exam
    again : outlines another probability of the same shape

    Returns
    -------
    bool, shape (S, R, C)
    """
    doubtful = outline.doubtful
    lesions = connect(earlier)
    gone = earlier & ~np.isin(lesions, lesions[outline.edema & earlier])
    if gone.any():
        raised = _ODDS * likely / (1 + (_ODDS - 1) * likely)
        more = again(np.where(gone, raised, likely))
        # What is in doubt even so stays so: the earlier exam cannot count twice.
        pieces = connect(more.edema)
        doubtful = doubtful | ((pieces > 0) & ~np.isin(pieces, pieces[outline.edema]))
    pieces = connect(doubtful)
    size = np.bincount(pieces.ravel())
    before = np.bincount(pieces[earlier], minlength=len(size))
    return np.asarray(doubtful & (before >= _EARLIER_SHARE * size)[pieces])
