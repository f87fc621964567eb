"""Specifications of simulated patients as TOML files.

A file describes one patient (``[[exam]]`` tables), names a published course, or asks for a population::

    name = "knee-then-foot"        # folder of the patient
    language = "en"                # of the scanner's user: en, es, pt, de, fr, it, el

    [subject]                      # the body, the same in every exam; an [exam.subject] overrides it
    seed = 7
    sex = "M"
    birth_year = 1980
    scale = 1.0                    # size relative to the mean adult, 0.7 to 1.3
    red_marrow = 0.2               # 0 to 1

    [[exam]]
    joint = "knee"                 # hip, knee, ankle, foot
    side = "right"                 # right, left; both for both hips in one view
    date = 2024-03-01
    seed = 3                       # noise and the like

    [[exam.lesion]]                # any number
    regions = ["lateral_femoral_condyle"]
    side = "right"
    strength = 0.7                 # also fill, edge_mm, texture, seed,
                                   # spare_medial_head, subchondral_fracture

    [exam.signs]                   # effusion, cysts, osteonecrosis, collapse_mm
    [exam.pose]                    # flexion_deg, rotation_deg, abduction_deg, tilt_deg, shift_mm
    [exam.protocol]                # plane, obliquity_deg, field_strength_t, field_of_view_mm, slices, snr,
                                   # gain, shading, fat_suppression_failure, motion_mm, centre_shift_mm,
                                   # manufacturer
    [exam.protocol.t1]             # contrast, tr_ms, te_ms, ti_ms, in_plane_mm, thickness_mm, gap_mm
    [exam.protocol.fluid]

or ::

    [course]                       # id, seed, coarse
    id = "costa-2025"

or ::

    [population]                   # name (development, test), count
    name = "development"
    count = 10

Every key is optional where `bmetk.simulate.spec` has a default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from bmetk.anatomy import Joint, Region, Side
from bmetk.errors import SettingsError
from bmetk.exam import Contrast, Plane
from bmetk.simulate.courses import course, course_ids
from bmetk.simulate.population import POPULATIONS, population
from bmetk.simulate.spec import (
    ExamSpec,
    LesionSpec,
    PatientSpec,
    PoseSpec,
    ProtocolSpec,
    SeriesSpec,
    SignSpec,
    SubjectSpec,
)

SpecT = TypeVar("SpecT")
Table = Mapping[str, Any]

LANGUAGES = ("en", "es", "pt", "de", "fr", "it", "el")
"""Languages that a scanner's user may write in, ISO 639-1."""

_SEED = (0, 2**31)
_RANGES: dict[str, tuple[float, float]] = {
    "SubjectSpec.birth_year": (1900, 2020),
    "SubjectSpec.scale": (0.7, 1.3),
    "SubjectSpec.red_marrow": (0, 1),
    "LesionSpec.strength": (0, 1),
    "LesionSpec.fill": (0, 1),
    "LesionSpec.edge_mm": (0.5, 20),
    "LesionSpec.texture": (0, 1),
    "SignSpec.effusion": (0, 1),
    "SignSpec.cysts": (0, 20),
    "SignSpec.collapse_mm": (0, 10),
    "PoseSpec.flexion_deg": (-20, 60),
    "PoseSpec.rotation_deg": (-45, 45),
    "PoseSpec.abduction_deg": (-30, 30),
    "PoseSpec.tilt_deg": (-45, 45),
    "PoseSpec.shift_mm": (-100, 100),
    "SeriesSpec.tr_ms": (100, 20000),
    "SeriesSpec.te_ms": (2, 300),
    "SeriesSpec.ti_ms": (20, 3000),
    "SeriesSpec.in_plane_mm": (0.2, 4),
    "SeriesSpec.thickness_mm": (0.5, 12),
    "SeriesSpec.gap_mm": (0, 6),
    "ProtocolSpec.obliquity_deg": (-45, 45),
    "ProtocolSpec.field_strength_t": (0.2, 7),
    "ProtocolSpec.field_of_view_mm": (60, 500),
    "ProtocolSpec.slices": (3, 200),
    "ProtocolSpec.snr": (2, 1000),
    "ProtocolSpec.gain": (0.001, 1000),
    "ProtocolSpec.shading": (0, 1),
    "ProtocolSpec.fat_suppression_failure": (0, 1),
    "ProtocolSpec.motion_mm": (0, 20),
    "ProtocolSpec.centre_shift_mm": (-100, 100),
    "course.coarse": (1, 5),
    "population.count": (1, 10000),
}
_ENUMS: dict[str, type[StrEnum]] = {
    "LesionSpec.side": Side,
    "SignSpec.osteonecrosis": Side,
    "ProtocolSpec.plane": Plane,
    "SeriesSpec.contrast": Contrast,
    "ExamSpec.joint": Joint,
    "ExamSpec.side": Side,
}


def read_spec(path: Path) -> tuple[PatientSpec, ...]:
    """Read the patients that a TOML file describes.

    Raises
    ------
    SettingsError
        If the file is missing or no TOML, or a key is unknown, missing or out of range; the key is named.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path.name} is no TOML file that can be read: {error}") from error
    if "course" in table:
        _require_known(table, {"course"}, "")
        return (_course(table["course"]),)
    if "population" in table:
        _require_known(table, {"population"}, "")
        return _population(table["population"])
    return (_patient(table),)


def _course(table: Table) -> PatientSpec:
    _require_known(table, {"id", "seed", "coarse"}, "course")
    course_id = _one_of(table.get("id"), course_ids(), "course.id")
    seed = _whole(table.get("seed", 0), _SEED, "course.seed")
    return course(
        course_id, seed, coarse=_number(table.get("coarse", 1.0), _RANGES["course.coarse"], "course.coarse")
    )


def _population(table: Table) -> tuple[PatientSpec, ...]:
    _require_known(table, {"name", "count"}, "population")
    name = _one_of(table.get("name"), tuple(POPULATIONS), "population.name")
    return population(name, _whole(table.get("count"), _RANGES["population.count"], "population.count"))


def _patient(table: Table) -> PatientSpec:
    _require_known(table, {"name", "language", "subject", "exam"}, "")
    name = table.get("name", "patient")
    if not isinstance(name, str) or not name or Path(name).name != name or name.startswith("."):
        raise SettingsError(f"name = {name!r} cannot be a folder; use letters, digits and hyphens")
    exams = table.get("exam")
    if not isinstance(exams, list) or not exams:
        raise SettingsError("no [[exam]] in the specification; add at least one")
    subject = table.get("subject")
    drawn = [
        _exam({"subject": subject, **exam} if subject else exam, f"exam[{n}]") for n, exam in enumerate(exams)
    ]
    language = _one_of(table.get("language", "en"), LANGUAGES, "language")
    return PatientSpec(name, tuple(sorted(drawn, key=lambda exam: exam.date)), language)


def _exam(table: Table, where: str) -> ExamSpec:
    values = dict(table)
    if "lesion" in values:
        values["lesions"] = values.pop("lesion")
    return _build(ExamSpec, values, where)


def _build(kind: type[SpecT], table: object, where: str) -> SpecT:
    """Make one specification from a table, checking every key."""
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where} = {table!r} must be a table")
    known = {field.name: field for field in fields(cast(Any, kind))}
    _require_known(table, set(known), where)
    for name, field in known.items():
        if field.default is MISSING and name not in table:
            raise SettingsError(f"{where}.{name} is missing; add it")
    values = {key: _convert(kind.__name__, key, value, f"{where}.{key}") for key, value in table.items()}
    return kind(**values)


_NESTED: dict[str, type[Any]] = {
    "ExamSpec.subject": SubjectSpec,
    "ExamSpec.signs": SignSpec,
    "ExamSpec.pose": PoseSpec,
    "ExamSpec.protocol": ProtocolSpec,
    "ProtocolSpec.t1": SeriesSpec,
    "ProtocolSpec.fluid": SeriesSpec,
}
_WHOLE = {"SubjectSpec.birth_year", "SignSpec.cysts", "ProtocolSpec.slices"}
_TRIPLES = {"PoseSpec.tilt_deg", "PoseSpec.shift_mm", "ProtocolSpec.centre_shift_mm"}


def _convert(kind: str, key: str, value: object, where: str) -> object:
    """Check one value against what its field holds."""
    name = f"{kind}.{key}"
    if name in _NESTED:
        return _build(_NESTED[name], value, where)
    if name in _ENUMS:
        return _ENUMS[name](_one_of(value, tuple(_ENUMS[name]), where))
    if key == "seed" or name in _WHOLE:
        return _whole(value, _RANGES.get(name, _SEED), where)
    if name in _TRIPLES:
        return tuple(_number(part, _RANGES[name], where) for part in _list(value, where, 3))
    if name in _RANGES:
        return _number(value, _RANGES[name], where)
    return _convert_other(name, value, where)


def _convert_other(name: str, value: object, where: str) -> object:
    """Check the few values that are no number, no table and no single word."""
    if name == "ExamSpec.lesions":
        return tuple(_build(LesionSpec, part, f"{where}[{n}]") for n, part in enumerate(_list(value, where)))
    if name == "LesionSpec.regions":
        return tuple(Region(_one_of(part, tuple(Region), where)) for part in _list(value, where))
    expected: type = {"ExamSpec.date": date, "SubjectSpec.sex": str, "ProtocolSpec.manufacturer": str}.get(
        name, bool
    )
    if not isinstance(value, expected):
        raise SettingsError(f"{where} = {value!r} must be a {expected.__name__}")
    if name == "SubjectSpec.sex":
        return _one_of(value, ("M", "F"), where)
    return value


def _require_known(table: Table, known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise SettingsError(
                f"unknown key {f'{where}.{key}'.lstrip('.')}; known are {', '.join(sorted(known))}"
            )


def _one_of(value: object, known: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise SettingsError(f"{where} = {value!r} is not one of {', '.join(map(str, known))}")
    return value


def _number(value: object, bounds: tuple[float, float], where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not bounds[0] <= value <= bounds[1]:
        raise SettingsError(f"{where} = {value!r} must be a number from {bounds[0]} to {bounds[1]}")
    return value


def _whole(value: object, bounds: tuple[float, float], where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not bounds[0] <= value <= bounds[1]:
        raise SettingsError(f"{where} = {value!r} must be a whole number from {bounds[0]} to {bounds[1]}")
    return value


def _list(value: object, where: str, length: int | None = None) -> list[object]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise SettingsError(f"{where} = {value!r} must be a list" + (f" of {length}" if length else ""))
    return value


def write_spec(patient: PatientSpec, path: Path) -> None:
    """Write a patient so that `read_spec` gives it back; values at their default are left out."""
    lines = [f"name = {_toml(patient.name)}", f"language = {_toml(patient.language)}"]
    for exam in patient.exams:
        lines += ["", "[[exam]]", *_table_lines(exam, "exam")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table_lines(spec: object, where: str) -> list[str]:
    """Write the plain values of a table first, then its sub-tables, as TOML asks."""
    plain, nested = [], []
    for field in fields(cast(Any, spec)):
        value = getattr(spec, field.name)
        if field.name == "lesions":
            for lesion in value:
                nested += ["", f"[[{where}.lesion]]", *_table_lines(lesion, f"{where}.lesion")]
        elif value == field.default:
            continue
        elif f"{type(spec).__name__}.{field.name}" in _NESTED:
            below = f"{where}.{field.name}"
            nested += ["", f"[{below}]", *_table_lines(value, below)]
        else:
            plain.append(f"{field.name} = {_toml(value)}")
    return plain + nested


def _toml(value: object) -> str:
    """Spell a plain value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return value.isoformat() if isinstance(value, date) else repr(value)
