"""How sure a change of volume is: its interval, and the probability that it is real."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Change:
    """A change of volume, mL, with its 95 % interval; ``over_sdc`` is signed.

    ``probability``, 0.5 to 1, is that the volume really changed in this direction.
    """

    ml: float
    ml_low: float
    ml_high: float
    over_sdc: float
    probability: float


def judge_change(change_ml: float, smallest_detectable_ml: float) -> Change:
    """Weigh a change against the smallest detectable one.

    The smallest detectable change is 1.96 standard deviations of the difference of two exams
    between which nothing changed (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8), so that the
    95 % interval is the change plus and minus it. The probability is that of a normal error, with every
    change as likely before.

    Parameters
    ----------
    change_ml : signed, mL
    smallest_detectable_ml : above 0, mL
    """
    ratio = change_ml / smallest_detectable_ml
    return Change(
        ml=change_ml,
        ml_low=change_ml - smallest_detectable_ml,
        ml_high=change_ml + smallest_detectable_ml,
        over_sdc=ratio,
        probability=_normal_cdf(Z_95 * abs(ratio)),
    )


def presence_probability(edema_ml: float, edema_ml_low: float | None, smallest_detectable_ml: float) -> float:
    """Probability, 0.5 to 1, that a region that shows edema for the first time really has some.

    The error of one exam is that of a difference over the square root of 2, or what the volume's own 95 %
    interval says, whichever is larger: edema whose interval reaches 0 is never sure.
    """
    sure = Z_95 * sqrt(2) * edema_ml / smallest_detectable_ml
    if edema_ml_low is not None and edema_ml_low < edema_ml:
        sure = min(sure, Z_95 * edema_ml / (edema_ml - edema_ml_low))
    return _normal_cdf(sure)


def _normal_cdf(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
