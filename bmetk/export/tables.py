"""Measurements as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bmetk.export.plain import plain

if TYPE_CHECKING:
    import pandas as pd

    from bmetk.exam import ExamResult, RegionMeasurement

MEASUREMENT_COLUMNS = (
    "region",
    "bone",
    "side",
    "bone_ml",
    "coverage",
    "edema_ml",
    "edema_ml_low",
    "edema_ml_high",
    "edema_fraction",
    "ratio_median",
)
"""Columns of ``measurements.csv`` and fields of ``regions`` in ``exam.json``."""


def measurement_row(measurement: RegionMeasurement) -> dict[str, object]:
    """One region as the plain values of ``exam.json``."""
    return {column: plain(getattr(measurement, column)) for column in MEASUREMENT_COLUMNS}


def measurements_frame(result: ExamResult) -> pd.DataFrame:
    """Tabulate the regions of an exam, one row each; volumes are mL, empty where not imaged."""
    import pandas as pd

    rows = [measurement_row(measurement) for measurement in result.measurements]
    frame = pd.DataFrame(rows, columns=list(MEASUREMENT_COLUMNS))
    numbers = MEASUREMENT_COLUMNS[3:]
    return frame.astype(dict.fromkeys(numbers, "float64"))
