"""Everyday, older and foreign words for joints, sides, bones and regions.

Free text is folded first (case, accents, CamelCase, underscores), then matched word by word: ``RT``
in ``START`` is no right. English and Spanish name everything; German, French, Portuguese and
Italian name joints and sides, as series descriptions do.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from functools import cache

from bmetk.anatomy.names import Bone, Joint, Region, Side
from bmetk.anatomy.words import (
    BONE_WORDS,
    CONTEXT_SIDE_WORDS,
    JOINT_WORDS,
    REGION_WORDS,
    SIDE_WORDS,
    fill_regions,
)
from bmetk.errors import UnknownNameError

_LETTER_SIDES = {
    "r": Side.RIGHT,
    "d": Side.RIGHT,
    "l": Side.LEFT,
    "i": Side.LEFT,
    "g": Side.LEFT,
    "e": Side.LEFT,
}
# In a compound such as RKNEE or KNEELT only the unmistakable letters count.
_GLUED_SIDES = {"r": Side.RIGHT, "rt": Side.RIGHT, "l": Side.LEFT, "lt": Side.LEFT}


def fold(text: str) -> str:
    """Reduce text to lower-case words without accents, one space apart.

    ``"T1_TSE Rodilla-Dcha."`` becomes ``"t1 tse rodilla dcha"``, ``"RightKnee"`` ``"right knee"``.
    """
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    plain = unicodedata.normalize("NFKD", split.casefold().replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9+]+", " ", plain.replace("+", " + ")).strip()


def find_joints(text: str) -> tuple[Joint, ...]:
    """List the joints that a text names, in order of appearance, each once."""
    found = [_joint_of_word(match.group()) for match in _joint_pattern().finditer(fold(text))]
    return tuple(dict.fromkeys(found))


def parse_joint(text: str) -> Joint | None:
    """Read the joint that a text names first; None where it names none.

    ``Joint.OTHER`` stands for a part of the body that is none of the four (a shoulder, a spine).
    """
    joints = find_joints(text)
    known = [joint for joint in joints if joint is not Joint.OTHER]
    return known[0] if known else next(iter(joints), None)


def parse_side(text: str) -> Side | None:
    """Read the side that a text names; None where it names none.

    Two different sides are `Side.BOTH`. A single letter counts only beside the word of a joint
    (``R knee``, ``rodilla I``), or as the whole text, as in DICOM Laterality (0020,0060).
    """
    words = fold(text).split()
    if len(words) == 1 and words[0] in ("r", "l", "b"):
        return {"r": Side.RIGHT, "l": Side.LEFT, "b": Side.BOTH}[words[0]]
    if re.search(r"\b(r \+ l|l \+ r|re \+ li|li \+ re|d \+ [ige]|[ige] \+ d)\b", " ".join(words)):
        return Side.BOTH
    found = {side for place in range(len(words)) if (side := _side_at(words, place)) is not None}
    if not found:
        return None
    return found.pop() if len(found) == 1 else Side.BOTH


def parse_bone(text: str) -> tuple[Bone, Side | None]:
    """Read one bone and, where it is told, its side.

    Raises
    ------
    UnknownNameError
        If no bone has that name.
    """
    side, rest = _split_side(text)
    words = {fold(word): bone for bone, synonyms in BONE_WORDS.items() for word in (bone.value, *synonyms)}
    return words[_known(rest, tuple(words), "bone", text)], side


def parse_region(text: str) -> tuple[Region, Side | None]:
    """Read one region and, where it is told, its side.

    Raises
    ------
    UnknownNameError
        If no region has that name.
    """
    side, rest = _split_side(text)
    words = _region_words()
    return words[_known(rest, tuple(words), "region", text)], side


@cache
def _region_words() -> dict[str, Region]:
    words = {
        fold(word): region for region, synonyms in REGION_WORDS.items() for word in (region.value, *synonyms)
    }
    return {**{fold(word): region for word, region in fill_regions().items()}, **words}


def _known(rest: str, names: tuple[str, ...], what: str, text: str) -> str:
    """Return the known name that equals ``rest``, little words left out."""
    for candidate in (rest, _bare(rest)):
        for name in names:
            if candidate in (name, _bare(name)):
                return name
    close = ", ".join(get_close_matches(rest, names, n=3)) or "see the table of names in the README"
    raise UnknownNameError(f"no {what} is called {text!r}; did you mean: {close}?")


def _bare(folded: str) -> str:
    """Leave out articles, prepositions and words such as "bone", which change no meaning."""
    little = {"the", "of", "bone", "a", "el", "la", "los", "las", "del", "de", "hueso", "os"}
    return " ".join(word for word in folded.split() if word not in little)


def _split_side(text: str) -> tuple[Side | None, str]:
    """Take the words of side out of the name of a bone or region."""
    kept: list[str] = []
    sides: set[Side] = set()
    words = fold(text).split()
    for place, word in enumerate(words):
        side = SIDE_WORDS.get(word)
        if side is None and len(words) > 1 and place in (0, len(words) - 1):
            side = {"r": Side.RIGHT, "l": Side.LEFT}.get(word)
        if side is None:
            kept.append(word)
        else:
            sides.add(side)
    side = None if not sides else sides.pop() if len(sides) == 1 else Side.BOTH
    return side, " ".join(kept)


def _side_at(words: list[str], place: int) -> Side | None:
    """Read the side that the word at a place tells, given its neighbours."""
    word = words[place]
    before = words[place - 1] if place else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    if word in SIDE_WORDS:
        return SIDE_WORDS[word]
    if word in CONTEXT_SIDE_WORDS:
        side, never_before, never_after = CONTEXT_SIDE_WORDS[word]
        blocked = after in never_before or before.isdigit() or not never_after.isdisjoint(words[:place])
        return None if blocked else side
    if word in _LETTER_SIDES and _is_joint_word(before) != _is_joint_word(after):  # "piede e caviglia": and
        return _LETTER_SIDES[word]
    return _glued_side(word)


def _is_joint_word(word: str) -> bool:
    return _joint_pattern().fullmatch(word) is not None


def _glued_side(word: str) -> Side | None:
    match = re.fullmatch(r"(rt|lt|r|l)(knee|hip|ankle|foot)|(knee|hip|ankle|foot)(rt|lt|r|l)", word)
    return _GLUED_SIDES[match.group(1) or match.group(4)] if match else None


@cache
def _joint_of_words() -> dict[str, Joint]:
    return {fold(word): joint for joint, words in JOINT_WORDS.items() for word in words}


@cache
def _joint_pattern() -> re.Pattern[str]:
    """Match any word of a joint, the longest first, alone or glued to a side letter."""
    words = "|".join(re.escape(word) for word in sorted(_joint_of_words(), key=len, reverse=True))
    glued = r"(?:rt|lt|r|l)(?:knee|hip|ankle|foot)|(?:knee|hip|ankle|foot)(?:rt|lt|r|l)"
    return re.compile(rf"(?<![a-z])(?:{words}|{glued})(?![a-z])")


def _joint_of_word(word: str) -> Joint:
    known = _joint_of_words()
    if word in known:
        return known[word]
    return next(known[name] for name in ("knee", "hip", "ankle", "foot") if name in word)
