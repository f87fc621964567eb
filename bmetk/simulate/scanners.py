"""How each manufacturer's scanner fills its attributes, and what its users write in them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from bmetk.errors import UnknownNameError
from bmetk.exam import Contrast, Series
from bmetk.simulate.spec import ExamSpec

_UNNAMED = "other"


@dataclass(frozen=True, slots=True)
class Scanner:
    """Habits of one manufacturer.

    ``inversion_recovery`` is what Scanning Sequence (0018,0020) holds for STIR; ``rescale`` tells that
    stored values carry a slope; ``series_step`` is the distance of series numbers; ``descriptions``
    are the default protocol names by contrast.
    """

    manufacturer: str
    models: Mapping[str, str]
    software: str
    image_type: tuple[str, ...]
    inversion_recovery: tuple[str, ...]
    variant: tuple[str, ...]
    options: tuple[str, ...]
    bits_stored: int
    signed: bool
    rescale: bool
    series_step: int
    descriptions: Mapping[str, str]

    def model(self, field_strength_t: float) -> str:
        """Name the model (0008,1090) nearest to a field strength in tesla."""
        return self.models[min(self.models, key=lambda field: abs(float(field) - field_strength_t))]


@dataclass(frozen=True, slots=True)
class Language:
    """Words of one language for studies, planes, joints, sides and contrasts."""

    study: str
    planes: Mapping[str, str]
    joints: Mapping[str, str]
    sides: Mapping[str, str]
    descriptions: Mapping[str, str]


_SCANNER_KEYS = {
    "models",
    "software",
    "image_type",
    "inversion_recovery",
    "variant",
    "options",
    "bits_stored",
    "signed",
    "rescale",
    "series_step",
}
_LISTS = {"image_type", "inversion_recovery", "variant", "options"}
_LANGUAGE_KEYS = {"study", "planes", "joints", "sides"}


@cache
def scanners() -> Mapping[str, Scanner]:
    """Read the packaged scanners, by Manufacturer (0008,0070)."""
    result = {}
    for manufacturer, table in _table()["manufacturer"].items():
        values: dict[str, Any] = {
            key: tuple(table[key]) if key in _LISTS else table[key] for key in _SCANNER_KEYS
        }
        names = {key: table[key] for key in table if key not in _SCANNER_KEYS}
        result[manufacturer] = Scanner(manufacturer=manufacturer, descriptions=names, **values)
    return result


@cache
def languages() -> Mapping[str, Language]:
    """Read the packaged languages, by ISO 639-1 code."""
    result = {}
    for code, table in _table()["language"].items():
        names = {key: table[key] for key in table if key not in _LANGUAGE_KEYS}
        result[code] = Language(descriptions=names, **{key: table[key] for key in _LANGUAGE_KEYS})
    return result


@cache
def _table() -> dict[str, dict[str, dict[str, Any]]]:
    file = resources.files("bmetk.simulate").joinpath("data", "scanners.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def scanner_of(manufacturer: str) -> Scanner:
    """Find the scanner of a manufacturer.

    Raises
    ------
    UnknownNameError
        If it is not packaged.
    """
    if manufacturer not in scanners():
        raise UnknownNameError(f"no scanner of {manufacturer!r}; known are {', '.join(scanners())}")
    return scanners()[manufacturer]


def describe_series(series: Series, scanner: Scanner, language: Language, *, vendor_words: bool) -> str:
    """Write a Series Description (0008,103E): the scanner's default name or the user's own words."""
    key = series.contrast.value if series.contrast is not Contrast.DERIVED else _UNNAMED
    names = scanner.descriptions if vendor_words else language.descriptions
    plane = language.planes[series.plane.value]
    template = names.get(key, names[_UNNAMED])
    return template.format(plane=plane.lower() if template.islower() else plane)


def describe_study(exams: tuple[ExamSpec, ...], language: Language) -> str:
    """Write a Study Description (0008,1030) that names every joint examined."""
    parts = dict.fromkeys(
        language.study.format(joint=language.joints[exam.joint.value], side=language.sides[exam.side.value])
        for exam in exams
    )
    return " + ".join(parts)[:64]
