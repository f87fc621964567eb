"""Read Image Type: what kind of picture a frame is, before any question of contrast.

Values 1 and 2 are DICOM PS3.3 C.7.6.1.1.2, value 3 of MR images is C.8.3.1.1.1, the frame type of
enhanced MR is C.8.13.3.1.1; later values are the makers' own.
"""

from __future__ import annotations

from enum import StrEnum

from bmetk.dicom.header import Tags


class ImageKind(StrEnum):
    """Part of the complex or chemical-shift signal that a frame shows."""

    MAGNITUDE = "magnitude"
    PHASE = "phase"
    REAL = "real"
    IMAGINARY = "imaginary"
    WATER = "water"
    FAT = "fat"
    IN_PHASE = "in phase"
    OPPOSED_PHASE = "opposed phase"


_KINDS = {
    **dict.fromkeys(("W", "WATER", "WATER_ONLY"), ImageKind.WATER),
    **dict.fromkeys(("F", "FAT", "FAT_ONLY"), ImageKind.FAT),
    **dict.fromkeys(("IP", "IN_PHASE", "INPHASE", "IN"), ImageKind.IN_PHASE),
    **dict.fromkeys(
        ("OP", "OUT_PHASE", "OPP_PHASE", "OPPOSED_PHASE", "OUTPHASE", "OUT"), ImageKind.OPPOSED_PHASE
    ),
    **dict.fromkeys(("P", "PHASE", "PHASE MAP", "P_SE", "P_FFE", "P_IR", "PHASE_MAP"), ImageKind.PHASE),
    **dict.fromkeys(("R", "REAL", "R_SE", "R_FFE", "R_IR"), ImageKind.REAL),
    **dict.fromkeys(("I", "IMAGINARY", "I_SE", "I_FFE", "I_IR"), ImageKind.IMAGINARY),
}

_DERIVED_TEXT = """
MPR CPR MIP MINIP PROJECTION REFORMATTED RESAMPLED ADC FA TRACEW TRACE EXP EADC SUB SUBTRACTION T1MAP T2MAP
T2_STAR_MAP T1_MAP T2_MAP R2MAP PARAMETRIC CURVED CSAPARALLEL CSA_MPR VRT SSD MEAN AVERAGE STDDEV TTP WASHIN
WASHOUT PEI BVALUE FMRI PERFUSION COMPOSED SCREENSAVE SCREENSHOT
"""
_DERIVED_WORDS = frozenset(_DERIVED_TEXT.split())


def image_type(tags: Tags) -> tuple[str, ...]:
    """Return the values of Frame Type, or of Image Type, in capitals."""
    values = tags.texts("FrameType") or tags.texts("ImageType")
    return tuple(value.upper() for value in values)


def image_kind(tags: Tags) -> ImageKind:
    """Tell which part of the signal a frame shows; magnitude where nothing else is said."""
    values = image_type(tags)
    dixon = "DIXON" in values
    for value in values[2:]:
        kind = _KINDS.get(value)
        if kind in (ImageKind.IN_PHASE, ImageKind.OPPOSED_PHASE) and value in ("IN", "OUT") and not dixon:
            continue
        if kind is not None:
            return kind
    component = tags.text("ComplexImageComponent").upper()
    return _KINDS.get(component, ImageKind.MAGNITUDE)


def derived_word(tags: Tags) -> str | None:
    """Return the word of Image Type that marks a map, projection or reformat; None for none."""
    for value in image_type(tags):
        if value in _DERIVED_WORDS or value.startswith(("PROJECTION", "MIP", "MPR", "CSA MPR", "SUBTRACT")):
            return value
    return None


def is_original(tags: Tags) -> bool:
    """Tell whether Image Type calls the image an original, primary one."""
    values = image_type(tags)
    return values[:1] != ("DERIVED",) and values[1:2] != ("SECONDARY",)
