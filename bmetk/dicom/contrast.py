"""Tell what a volume is weighted for, from how it was acquired.

Evidence in order: Image Type, the sequence attributes of the MR Image Module (DICOM PS3.3 C.8.3.1:
Scanning Sequence, Sequence Variant, Scan Options, TR, TE, TI, flip angle) or their enhanced
counterparts (C.8.13.4, C.8.13.5), and only then the descriptions. Limits follow the field strength,
for T1 lengthens with it (de Bazelaire et al., doi:10.1148/radiol.2303021331).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bmetk.dicom.header import Frame, Tags
from bmetk.dicom.imagetype import ImageKind, derived_word, image_kind, image_type, is_original
from bmetk.dicom.wording import Wording, read_wording
from bmetk.exam import Contrast


@dataclass(frozen=True, slots=True)
class ContrastVerdict:
    """Contrast of a volume with the reason in a short phrase.

    ``original`` is False where Image Type marks the images as derived or secondary, ``agent`` is True
    after contrast agent: both are second choice.
    """

    contrast: Contrast
    reason: str
    original: bool = True
    agent: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """How a volume was acquired, read once; times in ms, field in T, None where not told."""

    family: str
    inversion: bool
    fat_suppressed: bool
    tr_ms: float | None
    te_ms: float | None
    ti_ms: float | None
    flip_deg: float | None
    field_t: float | None
    thickness_mm: float | None
    diffusion: bool
    kind: ImageKind
    orientations: int
    slices: int
    tags: Tags
    words: Wording


_FAT_SUPPRESSION_OPTIONS = frozenset(
    ("FS", "SFS", "FATSAT", "FAT_SAT", "SPAIR", "SPIR", "WE", "WATER_EXC", "CHESS")
)
_ACQUIRED = {"T1": "t1", "T2": "t2", "PROTON_DENSITY": "pd"}


def classify(frame: Frame, *, orientations: int, slices: int) -> ContrastVerdict:
    """Classify a volume from one of its frames.

    Parameters
    ----------
    frame : any frame of the volume
    orientations : how many slice directions its whole series has
    slices : how many slices the volume has
    """
    sequence = read_sequence(frame.tags, orientations, slices)
    rules = (_localizer, _derived, _dixon, _component, _diffusion, _inversion, _gradient_echo, _spin_echo)
    verdict = next((found for rule in rules if (found := rule(sequence)) is not None), None)
    if verdict is None:
        verdict = _by_wording(sequence)
    agent = bool(frame.tags.text("ContrastBolusAgent")) or sequence.words.contrast_agent
    reason = (
        verdict.reason + (", after contrast agent" if agent else "") + _disagreement(verdict, sequence.words)
    )
    return replace(verdict, reason=reason, agent=agent, original=is_original(frame.tags))


def read_sequence(tags: Tags, orientations: int, slices: int) -> Sequence:
    """Read the sequence attributes of a frame."""
    words = read_wording(tags)
    suppressed = _fat_suppression(tags) or words.fat_suppressed
    ti = tags.number("InversionTime", "InversionTimes")
    return Sequence(
        family=_family(tags),
        inversion=_is_inversion(tags, ti, words),
        fat_suppressed=suppressed,
        tr_ms=tags.number("RepetitionTime") or None,
        te_ms=tags.number("EffectiveEchoTime", "EchoTime"),
        ti_ms=ti or None,
        flip_deg=tags.number("FlipAngle"),
        field_t=_field_t(tags),
        thickness_mm=tags.number("SliceThickness"),
        diffusion=bool(tags.number("DiffusionBValue")),
        kind=image_kind(tags),
        orientations=orientations,
        slices=slices,
        tags=tags,
        words=words,
    )


def _field_t(tags: Tags) -> float | None:
    field = tags.number("MagneticFieldStrength")
    if field is None or field <= 0:
        return None
    return field / 10000 if field > 100 else field  # some old scanners write gauss


def _family(tags: Tags) -> str:
    """Return ``SE``, ``GR`` or ``EP``; empty where the sequence is not told."""
    scanning = {value.upper() for value in tags.texts("ScanningSequence")}
    if "EP" in scanning:
        return "EP"
    echo = tags.text("EchoPulseSequence").upper()
    if "GR" in scanning or echo == "GRADIENT":
        return "GR"
    return "SE" if scanning & {"SE", "IR"} or echo in ("SPIN", "BOTH") else ""


def _fat_suppression(tags: Tags) -> bool:
    """Read Scan Options (C.8.3.1.1.3; FS = fat saturation, while SP is spatial) and enhanced attributes."""
    options = {value.upper() for value in tags.texts("ScanOptions")}
    suppressed = tags.text("SpectrallySelectedSuppression").upper()
    excited = tags.text("SpectrallySelectedExcitation").upper()
    return bool(options & _FAT_SUPPRESSION_OPTIONS) or "FAT" in suppressed or excited == "WATER"


def _is_inversion(tags: Tags, ti: float | None, words: Wording) -> bool:
    """Tell an inversion recovery; a TI beside spectral fat saturation is that of the fat pulse."""
    told = tags.text("InversionRecovery").upper()
    if "IR" in (value.upper() for value in tags.texts("ScanningSequence")) or told == "YES":
        return not (words.fat_suppressed and not words.stir and _fat_suppression(tags) and not words.flair)
    return bool(ti) and told != "NO" and (words.stir or words.flair or not _fat_suppression(tags))


def _localizer(s: Sequence) -> ContrastVerdict | None:
    if "LOCALIZER" in image_type(s.tags):
        return ContrastVerdict(Contrast.LOCALIZER, "Image Type says localizer")
    if s.orientations >= 3 and s.slices <= 15 and (s.family == "GR" or (s.tr_ms or 0) < 50):
        return ContrastVerdict(Contrast.LOCALIZER, f"{s.orientations} slice directions in one fast series")
    if s.words.localizer:
        return ContrastVerdict(Contrast.LOCALIZER, "the description says localizer or calibration")
    if s.family == "GR" and (s.tr_ms or 99) < 30 and (s.thickness_mm or 0) >= 6 and s.slices <= 30:
        return ContrastVerdict(
            Contrast.LOCALIZER, f"fast gradient echo in thick slices ({s.thickness_mm:g} mm)"
        )
    return None


def _derived(s: Sequence) -> ContrastVerdict | None:
    word = derived_word(s.tags)
    if word is not None:
        return ContrastVerdict(Contrast.DERIVED, f"Image Type says {word}")
    if s.words.derived and not is_original(s.tags):
        return ContrastVerdict(Contrast.DERIVED, "marked derived, and so says the description")
    return None


def _dixon(s: Sequence) -> ContrastVerdict | None:
    """Name the water and fat images of a Dixon acquisition (doi:10.1148/radiology.153.1.6089263)."""
    said = {"water": ImageKind.WATER, "fat": ImageKind.FAT, "opposed": ImageKind.OPPOSED_PHASE}
    kind = s.kind if s.kind is not ImageKind.MAGNITUDE else said.get(s.words.dixon or "", s.kind)
    if kind is ImageKind.FAT:
        return ContrastVerdict(Contrast.DIXON_FAT, "fat image of a Dixon acquisition")
    if kind is ImageKind.OPPOSED_PHASE:
        return ContrastVerdict(Contrast.OTHER, "opposed-phase image")
    if kind is not ImageKind.WATER:
        return None
    if _weighting(s)[0] == "t1" or s.family == "GR":
        return ContrastVerdict(Contrast.OTHER, "water image of a T1-weighted Dixon: edema is not bright")
    return ContrastVerdict(Contrast.DIXON_WATER, "water image of a Dixon acquisition")


def _component(s: Sequence) -> ContrastVerdict | None:
    if s.kind in (ImageKind.PHASE, ImageKind.REAL, ImageKind.IMAGINARY):
        return ContrastVerdict(Contrast.OTHER, f"{s.kind.value} image")
    return None


def _diffusion(s: Sequence) -> ContrastVerdict | None:
    if s.family == "EP" or s.diffusion:
        return ContrastVerdict(Contrast.OTHER, "diffusion-weighted" if s.diffusion else "echo planar")
    return None


def stir_range_ms(field_t: float | None) -> tuple[float, float]:
    """Return the inversion times, ms, that null fat: about 0.69 of its T1, with a margin.

    Fat's T1 is near 200 ms at 0.3 T, 290 ms at 1.5 T and 380 ms at 3 T (doi:10.1148/radiol.2303021331).
    """
    if field_t is None:
        return 70.0, 300.0
    if field_t < 0.8:
        return 50.0, 220.0
    return (80.0, 270.0) if field_t < 2.5 else (100.0, 330.0)


def _inversion(s: Sequence) -> ContrastVerdict | None:
    """Judge an inversion recovery by its TI: fat nulled, T1-weighted, or fluid nulled."""
    if not s.inversion or s.family == "GR":
        return None
    if s.ti_ms is None:
        return _inversion_without_ti(s)
    low, high = stir_range_ms(s.field_t)
    told = f"inversion recovery, TI {s.ti_ms:g} ms"
    if low <= s.ti_ms <= high:
        return ContrastVerdict(Contrast.STIR, f"{told}: fat is nulled")
    if 400 <= s.ti_ms <= 1300 and (s.te_ms or 0) <= 50 and not s.fat_suppressed:
        return ContrastVerdict(Contrast.T1, f"{told}, TE {_ms(s.te_ms)}: T1-weighted, not STIR")
    if s.ti_ms > 1300:
        return ContrastVerdict(Contrast.OTHER, f"{told}: fluid is nulled (FLAIR)")
    return ContrastVerdict(Contrast.OTHER, f"{told}: neither nulls fat nor weights T1")


def _inversion_without_ti(s: Sequence) -> ContrastVerdict:
    told = "inversion recovery, TI not told"
    if s.words.stir:
        return ContrastVerdict(Contrast.STIR, f"{told}; the description says STIR")
    if s.words.weighting == "t1":
        return ContrastVerdict(Contrast.T1, f"{told}; the description says T1")
    if s.words.flair or (s.te_ms or 0) > 90:
        return ContrastVerdict(Contrast.OTHER, f"{told}; fluid-attenuated by description or echo time")
    return ContrastVerdict(Contrast.STIR, f"{told}; taken for STIR")


def _gradient_echo(s: Sequence) -> ContrastVerdict | None:
    if s.family != "GR":
        return None
    told = f"gradient echo, TR {_ms(s.tr_ms)}, TE {_ms(s.te_ms)}, flip {_deg(s.flip_deg)}"
    if s.fat_suppressed:
        return ContrastVerdict(Contrast.OTHER, f"{told}, fat suppressed: edema is not reliably bright")
    if s.words.steady_state or s.words.map_or_star:
        return ContrastVerdict(Contrast.OTHER, f"{told}: steady state, T2* or mapping by its description")
    if (s.te_ms or 0) >= 10:
        return ContrastVerdict(Contrast.OTHER, f"{told}: T2*-weighted")
    prepared = s.ti_ms is not None and 400 <= s.ti_ms <= 1300
    short = s.tr_ms is not None and s.tr_ms <= 60 and (s.flip_deg is None or s.flip_deg >= 7)
    steep = (s.flip_deg or 0) >= 40 and (s.tr_ms or 0) <= 800
    if s.tr_ms is not None and (prepared or short or steep or s.words.weighting == "t1"):
        return ContrastVerdict(
            Contrast.T1, f"{told}{', TI ' + _ms(s.ti_ms) if prepared else ''}: T1-weighted"
        )
    return ContrastVerdict(Contrast.OTHER, f"{told}: weighting unclear")


def t1_limit_ms(field_t: float | None) -> float:
    """Return the longest TR, ms, of a T1-weighted spin echo at a field strength."""
    if field_t is None:
        return 1100.0
    return 900.0 if field_t < 1.0 else 1100.0 if field_t < 2.5 else 1300.0


def _weighting(s: Sequence) -> tuple[str | None, str]:
    """Weigh a spin echo by TR and TE; between the classes the description decides."""
    hint = _ACQUIRED.get(s.tags.text("AcquisitionContrast").upper()) or s.words.weighting
    if s.tr_ms is None or s.te_ms is None:
        return hint, "TR or TE not told"
    told, limit = f"TR {_ms(s.tr_ms)}, TE {_ms(s.te_ms)}", t1_limit_ms(s.field_t)
    if s.te_ms < 40 and s.tr_ms <= limit:
        return ("pd", told) if hint == "pd" and s.tr_ms > 0.8 * limit else ("t1", told)
    if s.te_ms < 40:
        return (
            ("t1", f"{told}, T1 by description") if hint == "t1" and s.tr_ms <= 1.5 * limit else ("pd", told)
        )
    if s.tr_ms <= 0.8 * limit and s.te_ms < 60:
        return hint, f"{told}: neither short nor long"
    if s.te_ms < 60 and hint in ("t2", "pd"):
        return hint, f"{told}, {hint.upper()} by description"
    return ("t2" if s.te_ms >= 50 else "pd"), told


_SPIN_ECHO = {
    ("t1", False): Contrast.T1,
    ("t1", True): Contrast.OTHER,
    ("t2", False): Contrast.T2,
    ("t2", True): Contrast.FS_T2,
    ("pd", False): Contrast.PD,
    ("pd", True): Contrast.FS_PD,
}


def _spin_echo(s: Sequence) -> ContrastVerdict | None:
    """Judge a spin echo, or a sequence of no told family with the times of one."""
    if s.tr_ms is None or s.te_ms is None or (s.family == "" and s.tr_ms < 200):
        return None
    weighting, told = _weighting(s)
    told = f"{'spin echo' if s.family else 'sequence type not told'}, {told}"
    if s.words.stir and not s.fat_suppressed and s.tr_ms > t1_limit_ms(s.field_t):
        return ContrastVerdict(Contrast.STIR, f"{told}, TI not told; the description says STIR")
    if weighting is None:
        return ContrastVerdict(Contrast.OTHER, f"{told}: weighting unclear")
    if weighting == "t1" and s.fat_suppressed:
        return ContrastVerdict(Contrast.OTHER, f"{told}: T1-weighted with fat suppression")
    suffix = ", fat suppressed" if s.fat_suppressed else ""
    return ContrastVerdict(
        _SPIN_ECHO[weighting, s.fat_suppressed], f"{told}: {weighting.upper()}-weighted{suffix}"
    )


def _by_wording(s: Sequence) -> ContrastVerdict:
    """Fall back on the words, where TR and TE are not told."""
    if s.words.stir:
        return ContrastVerdict(Contrast.STIR, "TR and TE not told; the description says STIR")
    acquired = s.tags.text("AcquisitionContrast").upper()
    weighting = _ACQUIRED.get(acquired) or s.words.weighting
    if weighting is None or s.words.map_or_star or s.words.flair:
        return ContrastVerdict(Contrast.OTHER, "TR or TE not told, and nothing else names the contrast")
    source = "Acquisition Contrast" if acquired in _ACQUIRED else "the description"
    contrast = _SPIN_ECHO[weighting, s.fat_suppressed]
    suffix = ", fat suppressed" if s.fat_suppressed else ""
    return ContrastVerdict(contrast, f"TR or TE not told; {source} says {weighting.upper()}{suffix}")


def _disagreement(verdict: ContrastVerdict, words: Wording) -> str:
    """Say where the description promises another contrast than the sequence gives."""
    special = (Contrast.LOCALIZER, Contrast.DERIVED, Contrast.OTHER, Contrast.DIXON_FAT, Contrast.DIXON_WATER)
    if verdict.contrast in special:
        return ""
    if words.stir and verdict.contrast is not Contrast.STIR:
        return "; yet the description says STIR"
    if words.weighting == "t1" and verdict.contrast is not Contrast.T1:
        return "; yet the description says T1"
    if words.weighting in ("t2", "pd") and verdict.contrast is Contrast.T1:
        return f"; yet the description says {words.weighting.upper()}"
    return ""


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} ms"


def _deg(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} degrees"
