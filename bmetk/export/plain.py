"""Values as JSON knows them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

import numpy as np

_DIGITS = 6


def plain(value: object) -> Any:
    """Turn a value into what JSON knows: enums by value, dates as YYYY-MM-DD, numbers to 6 digits.

    A number that is not finite becomes None: JSON has no NaN (RFC 8259, section 6).
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def to_json(document: Mapping[str, Any]) -> str:
    """Write a document as indented JSON, without NaN."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
