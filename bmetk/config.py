"""The settings of every stage in one place, as TOML in and out."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from bmetk.bones import BoneSettings
from bmetk.edema import EdemaSettings
from bmetk.errors import SettingsError
from bmetk.registration import RegistrationSettings
from bmetk.tracking import TrackingSettings

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of every stage; each stage documents its own."""

    registration: RegistrationSettings = RegistrationSettings()
    bones: BoneSettings = BoneSettings()
    edema: EdemaSettings = EdemaSettings()
    tracking: TrackingSettings = TrackingSettings()


def read_settings(path: Path) -> Settings:
    """Read settings from a TOML file with one table a stage; what it does not name keeps its default.

    Raises
    ------
    SettingsError
        If the file is missing, is not TOML, or names a setting that does not exist or has another type.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {path.name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path.name} is not valid TOML: {error}") from error
    return _fill(Settings, document, "")


def settings_document(settings: object) -> dict[str, Any]:
    """Turn settings into plain values, as they go into a result."""
    if not is_dataclass(settings) or isinstance(settings, type):
        raise SettingsError(f"settings must be a dataclass, got {type(settings).__name__}")
    document: dict[str, Any] = dataclasses.asdict(settings)
    return document


def _fill(kind: type[_T], values: Mapping[str, Any], where: str) -> _T:
    known = get_type_hints(kind)
    unknown = sorted(set(values) - set(known))
    if unknown:
        allowed = ", ".join(sorted(known))
        raise SettingsError(f"unknown setting {where}{unknown[0]}; known here: {allowed}")
    given = {name: _value(known[name], value, f"{where}{name}") for name, value in values.items()}
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"settings of {where.rstrip('.') or 'the file'}: {error}") from error


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where} must be a table, got {value!r}")
        return _fill(kind, value, f"{where}.")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise SettingsError(f"{where} must be of type {kind.__name__}, got {value!r}")
    return tuple(value) if isinstance(value, list) else value
