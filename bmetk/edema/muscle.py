"""How bright muscle is on the fluid-sensitive series: the one tissue that is in every exam."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from bmetk.edema.volume import BoolArray, Float32Array

LEAST_MUSCLE = 1.25
"""Muscle that is hardly brighter than marrow tells nothing of water: its fat was poorly suppressed."""
_MUSCLE_T1 = (0.15, 0.55)
"""Muscle on T1 against normal fatty marrow: 0.32 by the spin-echo equation at usual times."""
_WATERY_T1 = (0.15, 0.7)
"""Muscle and free fluid, which a thick slice mixes with fat."""
_LEAST_PIXELS = 300
_BINS, _LOG_BINS = 160, 120
_COMMON_SHARE = 0.25
_FLUID_PERCENTILE, _DIMMEST = 99.5, 8.0
"""What counts as fluid's signal, and how much dimmer than due muscle is looked for."""
_FLUID_SPREAD = 0.6
"""Standard deviation of the logarithm of fluid over muscle about what the signal equations give."""


def muscle_level(t1: Float32Array, fluid: Float32Array, where: BoolArray) -> float | None:
    """Find the fluid signal of muscle: dark on T1, the commonest such tissue; None where there is little.

    At the edge of a coil fat looks as dark on T1, and may be commoner than the little muscle of a foot: what
    is too dim to tell of water gives way to a brighter tissue that is a quarter as common or more, or to what
    scatters widely but is more than half of all.

    Parameters
    ----------
    t1, fluid : float32, shape (S, R, C), in units of normal marrow
    where : bool of the same shape, outside of bones
    """
    values = _muscle_like(t1, fluid, where)
    if values.size < _LEAST_PIXELS:
        return None
    top = float(np.percentile(values, 99))
    counts, edges = np.histogram(values, bins=_BINS, range=(0.0, max(top, 1e-6)))
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), 4.0)
    middle = (edges[1:] + edges[:-1]) / 2
    commonest = int(np.argmax(smooth))
    if middle[commonest] < LEAST_MUSCLE:
        bright = values[values > LEAST_MUSCLE]
        if bright.size > values.size / 2:
            return _commonest_multiple(bright)
        peaks = 1 + np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]))
        others = peaks[(middle[peaks] > LEAST_MUSCLE) & (smooth[peaks] > _COMMON_SHARE * smooth.max())]
        commonest = int(max(others, key=lambda peak: smooth[peak], default=commonest))
    return float(middle[commonest])


def _commonest_multiple(
    values: Float32Array, bounds: tuple[float, float] | None = None, due: float | None = None
) -> float:
    """Give the commonest signal on a scale of multiples, where a coil scatters bright and dim alike.

    ``bounds`` of the scale, and ``due``, about which signals count more, are logarithms.
    """
    counts, edges = np.histogram(np.log(values), bins=_LOG_BINS, range=bounds)
    middle = (edges[1:] + edges[:-1]) / 2
    common = ndimage.gaussian_filter1d(counts.astype(np.float64), 3.0)
    if due is not None:
        common *= np.exp(-0.5 * ((middle - due) / _FLUID_SPREAD) ** 2)
    return float(np.exp(middle[np.argmax(common)]))


def muscle_below_fluid(
    t1: Float32Array, fluid: Float32Array, where: BoolArray, to_muscle: float
) -> float | None:
    """Find the signal of muscle where free fluid is seen, too: common, and about as dim beside it as due.

    Fat at the edge of a coil is far dimmer, fluid itself brighter, however common either is.

    Parameters
    ----------
    t1 : float32, shape (S, R, C), in units of normal marrow
    fluid : float32 of the same shape, any unit
    where : bool of the same shape, outside of bones
    to_muscle : signal of joint fluid as a multiple of muscle's

    Returns
    -------
    The signal in the unit of ``fluid``; None where little is as dark on T1 as muscle
    """
    values = _muscle_like(t1, fluid, where)
    if values.size < _LEAST_PIXELS:
        return None
    watery = fluid[where & (t1 > _WATERY_T1[0]) & (t1 < _WATERY_T1[1])]
    brightest = np.log(max(float(np.percentile(watery, _FLUID_PERCENTILE)), 1e-6))
    due = brightest - np.log(to_muscle)
    return _commonest_multiple(np.maximum(values, 1e-6), (due - np.log(_DIMMEST), brightest), due)


def _muscle_like(t1: Float32Array, fluid: Float32Array, where: BoolArray) -> Float32Array:
    """Give the fluid signal of what is as dark on T1 as muscle, away from its edges, shape (N,)."""
    dark = where & (t1 > _MUSCLE_T1[0]) & (t1 < _MUSCLE_T1[1])
    inner: BoolArray = ndimage.binary_erosion(dark, np.ones((1, 3, 3), dtype=bool), iterations=2)
    return np.asarray(fluid[inner], np.float32)
