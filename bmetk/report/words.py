"""Names and numbers as a reader expects them."""

from __future__ import annotations

import datetime as dt

from bmetk.anatomy import Side
from bmetk.exam import Contrast

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that the colour-blind tell apart (Okabe and Ito, https://jfly.uni-koeln.de/color/)."""

EDEMA_COLOUR = "#F0A202"
BONE_COLOUR = "#6EC5F7"

_CONTRASTS = {
    Contrast.T1: "T1",
    Contrast.STIR: "STIR",
    Contrast.FS_T2: "fat-suppressed T2",
    Contrast.FS_PD: "fat-suppressed PD",
    Contrast.T2: "T2",
    Contrast.PD: "PD",
    Contrast.DIXON_WATER: "Dixon water",
    Contrast.DIXON_FAT: "Dixon fat",
}


def spoken(name: str) -> str:
    """Write a name of the product in words: ``femoral_head`` as ``femoral head``."""
    return name.replace("_", " ")


def sided(name: str, side: Side | None) -> str:
    """Write a region with its side: ``right femoral head``."""
    return f"{side.value} {spoken(name)}" if side else spoken(name)


def contrast_name(contrast: Contrast) -> str:
    """Name a contrast as radiologists do."""
    return _CONTRASTS.get(contrast, spoken(contrast.value))


def volume(volume_ml: float | None) -> str:
    """Write a volume in mL without its unit: one decimal from 1 mL on, two below, 0 below 0.005 mL."""
    if volume_ml is None:
        return "–"
    if volume_ml < 0.005:
        return "0"
    return f"{volume_ml:.1f}" if volume_ml >= 1 else f"{volume_ml:.2f}"


def interval(low_ml: float | None, high_ml: float | None) -> str:
    """Write the interval of a volume in mL, or nothing."""
    return "" if low_ml is None or high_ml is None else f"[{volume(low_ml)}–{volume(high_ml)}]"


def percent(share: float | None) -> str:
    """Write a share, 0 to 1, in percent."""
    return "–" if share is None else f"{100 * share:.0f} %"


def span(days: int) -> str:
    """Write a time between two exams: in days up to two months, then in months, then in years."""
    if days < 61:
        return f"{days} days"
    months = days / 30.4375
    return f"{months:.0f} months" if months < 24 else f"{months / 12:.1f} years"


def day(date: dt.date | None) -> str:
    """Write a date as YYYY-MM-DD."""
    return date.isoformat() if date else "no date"
