"""Expected brightness of edema's water and of joint fluid against muscle in a fluid-sensitive series.

Equations: Bernstein, King, Zhou, Handbook of MRI Pulse Sequences, 2004, chapters 14 and 16
(ISBN 978-0-12-092861-3). Muscle and joint fluid: Gold 2004, doi:10.2214/ajr.183.2.1830343; the
interstitial water of edema is an assumption (T1 0.9 to 1.6 s, T2 70 to 120 ms). Persons differ in both T2; a
ratio taken too high hides lesions, one too low lets red marrow pass: the two are taken nearer to each other
than the middle.
"""

from __future__ import annotations

import math

from bmetk.exam import Acquisition, Contrast, Protocol

_WATER = (0.95, 1200.0, 1400.0, 84.0)
_MUSCLE = (0.79, 1130.0, 1400.0, 36.5)
_JOINT_FLUID = (1.0, 2850.0, 3620.0, 1000.0)
"""Proton density, T1 at 1.5 T and at 3 T, T2; ms."""
_USUAL_STIR = (4000.0, 45.0, 160.0)
_USUAL_FAT_SATURATED = (3500.0, 50.0)


def contrast_of(protocol: Protocol | None) -> tuple[Contrast, Acquisition]:
    """Tell how the fluid-sensitive series was acquired: as a STIR with usual times, if that is not known."""
    return (Contrast.STIR, Acquisition()) if protocol is None else (protocol.contrast, protocol.acquisition)


def water_to_muscle(contrast: Contrast, acquisition: Acquisition) -> float:
    """Return the signal of interstitial water as a multiple of muscle's, at least 1.2."""
    return _to_muscle(_WATER, contrast, acquisition)


def joint_fluid_to_muscle(contrast: Contrast, acquisition: Acquisition) -> float:
    """Return the signal of joint fluid as a multiple of muscle's, at least 1.2."""
    return _to_muscle(_JOINT_FLUID, contrast, acquisition)


def _to_muscle(
    tissue: tuple[float, float, float, float], contrast: Contrast, acquisition: Acquisition
) -> float:
    strong = (acquisition.field_strength_t or 1.5) > 2.0
    signal, muscle = (_signal(each, strong, contrast, acquisition) for each in (tissue, _MUSCLE))
    return max(1.2, abs(signal) / max(abs(muscle), 1e-6))


def _signal(
    tissue: tuple[float, float, float, float], strong: bool, contrast: Contrast, acquisition: Acquisition
) -> float:
    density, t1_low, t1_high, t2 = tissue
    t1 = t1_high if strong else t1_low
    usual = _USUAL_STIR if contrast is Contrast.STIR else _USUAL_FAT_SATURATED
    tr, te = acquisition.tr_ms or usual[0], acquisition.te_ms or usual[1]
    recovered = 1 - math.exp(-tr / t1)
    if contrast is Contrast.STIR:
        ti = acquisition.ti_ms or (210.0 if strong else _USUAL_STIR[2])
        recovered = 1 - 2 * math.exp(-ti / t1) + math.exp(-tr / t1)
    return density * recovered * math.exp(-te / t2)
