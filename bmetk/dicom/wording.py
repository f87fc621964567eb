"""What series descriptions say of contrast, in the abbreviations of six languages.

Read last: technologists copy descriptions from one protocol to another. Patterns are matched on text
folded by `bmetk.anatomy.vocabulary.fold`, at word boundaries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bmetk.anatomy.vocabulary import fold
from bmetk.dicom.header import Tags


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])")


_T1 = _pattern(r"t1w?(?:fs|tse|fse|se)?|t1 ?weighted|t1w")
_T2 = _pattern(r"t2w?(?:fs|tse|fse|se)?|t2 ?weighted|t2w")
_PD = _pattern(
    r"(?:pd|dp)w?(?:fs|tse|fse|spair|spir)?|proton(?:en|es|s)? ?(?:density|dichte|densite|densidad)?|"
    r"protonendichte|densidad (?:de )?proton(?:es|ica)?|densite (?:de )?protons?|densita (?:di )?protonica|"
    r"int(?:ermediate)? w"
)
_STIR = _pattern(r"\w*stir\w*|tirm|irfse|ir ?tse|tir(?:2d\w*)?")
_FLAIR = _pattern(r"(?:t[12])?flair\w*|dark fluid")
_MAP_OR_STAR = _pattern(
    r"t[12] ?(?:star|map\w*|mapping|rho)|t1rho|swi|medic|merge|me ffe|mapit|adc|dwi|diff\w*|dti"
)
_FAT_SUPPRESSED = _pattern(
    r"(?:t1|t2|pd|dp)?w?(?:fs|spair|spir|aspir)|fat ?s(?:at|up)\w*|chess|proset|wats?[cf]?|"
    r"water ?exc\w*|we3d|supresion (?:de )?(?:la )?grasa|sup\w* grasa|sat\w* (?:de )?(?:la )?grasa|"
    r"grasa sat\w*|fett ?(?:sat\w*|ges\w*|supp\w*|unterdr\w*)|(?:supp?r?\w*|sat\w*) (?:de )?graisse|"
    r"(?:sopp\w*|sat\w*) (?:del )?grasso|(?:sup\w*|sat\w*) (?:de |da )?gordura"
)
_NOT_SUPPRESSED = _pattern(
    r"(?:no|non|not|sin|ohne|without|sans|senza|sem|w o) ?(?:fs|fat ?sat\w*|fat ?sup\w*)|nofs"
)
_LOCALIZER = _pattern(
    r"loc|locat\w*|localiz\w*|localis\w*|lokali\w*|scout\w*|survey\w*|3 ?plane\w*|three ?plane\w*|"
    r"(?:tri ?)?pilot|plan ?scan|"
    r"topogram\w*|aa(?:head|knee|hip|spine)\w*|ubersicht\w*|reperage\w*|calib\w*|cal|asset\w*|b1 ?map|shim\w*"
)
_DERIVED = _pattern(
    r"mpr|mip|minip|subtraction|sub|resta|sustraccion|reformat\w*|adc|screen ?save|composed|report|dosis"
)
_DIXON_WATER = _pattern(r"(?:dixon|dix|flex|ideal|mdixon|lava|vibe)? ?(?:w|water|agua|wasser|eau|acqua)")
_DIXON_FAT = _pattern(r"fat|grasa|fett|graisse|grasso|gordura|f")
_IN_PHASE = _pattern(r"in ?phase|inphase|en fase|ip|in")
_OPPOSED = _pattern(r"(?:out|opp?|opposed|outof)(?: of)? ?phase|outphase|fuera de fase|op|opp|out")
_DIXON = _pattern(r"\w*dixon\w*|\w*dix|ideal|flex|me?dixon|lava flex|vibe dixon|e dixon")
_AGENT = _pattern(r"gd|gad\w*|post ?(?:gd|con|km|iv)|contrast\w*|km|kontrast\w*|civ|ce|c \+|\+ c|\+ gd")
_NO_AGENT = _pattern(
    r"(?:no|non|sin|ohne|without|w o|sans|senza|sem|pre|vor|nativ) ?(?:gd|gad\w*|contrast\w*|km|c|civ)"
)
_STEADY = _pattern(r"dess|trufi|fiesta\w*|ciss|bffe|balanced|b ffe|truefisp|true fisp|psif|ssfp|cosmic|pcs")


@dataclass(frozen=True, slots=True)
class Wording:
    """What the descriptions of a series say; None or False where they are silent.

    ``weighting`` is ``t1``, ``t2`` or ``pd`` where exactly one of them is named.
    """

    weighting: str | None
    stir: bool
    flair: bool
    fat_suppressed: bool
    localizer: bool
    derived: bool
    map_or_star: bool
    steady_state: bool
    contrast_agent: bool
    dixon: str | None


def read_wording(tags: Tags) -> Wording:
    """Read Series Description, Protocol Name and the sequence's own name, in that order of use."""
    keywords = ("SeriesDescription", "ProtocolName", "PulseSequenceName", "SequenceName")
    raw = " | ".join(tags.text(keyword) for keyword in keywords)
    words = fold(raw.replace("*", " star "))
    own = tags.text("SeriesDescription") or tags.text("ProtocolName")
    series = fold(own.replace("*", " star "))
    return Wording(
        weighting=_weighting(series) or _weighting(words),
        stir=bool(_STIR.search(words)),
        flair=bool(_FLAIR.search(words)),
        fat_suppressed=bool(_FAT_SUPPRESSED.search(words)) and not _NOT_SUPPRESSED.search(words),
        localizer=bool(_LOCALIZER.search(series)),
        derived=bool(_DERIVED.search(series)),
        map_or_star=bool(_MAP_OR_STAR.search(series)),
        steady_state=bool(_STEADY.search(words)),
        contrast_agent=bool(_AGENT.search(series)) and not _NO_AGENT.search(series),
        dixon=_dixon(words, series),
    )


def _weighting(words: str) -> str | None:
    found = [name for name, pattern in (("t1", _T1), ("t2", _T2), ("pd", _PD)) if pattern.search(words)]
    return found[0] if len(found) == 1 else None


def _dixon(words: str, series: str) -> str | None:
    """Read which Dixon image a description names: ``water``, ``fat``, ``in`` or ``opposed``."""
    # GE: "WATER: Cor T2 Flex"; but "FatSat PD" and "water excitation" name no Dixon image.
    prefix = re.match(r"(water|fat|in ?phase|out ?phase)(?![a-z]| ?(?:sat|sup|exc|sel))", series)
    if prefix is not None:
        return {"w": "water", "f": "fat", "i": "in", "o": "opposed"}[prefix.group(1)[0]]
    if not _DIXON.search(words) or re.search(r"fat ?s(at|up)", series):
        return None
    for name, pattern in (
        ("opposed", _OPPOSED),
        ("in", _IN_PHASE),
        ("water", _DIXON_WATER),
        ("fat", _DIXON_FAT),
    ):
        if pattern.search(series):
            return name
    return None
