"""Put an inventory into plain values, for `bmetk info` and its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bmetk.dicom.inventory import Inventory, PatientRecord, Study, Volume
from bmetk.dicom.selection import FLUID_PREFERENCE, T1_CONTRASTS
from bmetk.exam import Contrast

SCHEMA = "bmetk.inventory/1"


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One line of the table that `bmetk info` prints; empty text where nothing is known."""

    patient: str
    date: str
    series: str
    description: str
    contrast: str
    reason: str
    plane: str
    joint: str
    side: str
    size: str
    spacing: str
    times: str
    use: str
    problem: str


def role_of(volume: Volume) -> str | None:
    """Name what a volume can be used for: ``t1``, ``fluid``, ``bones`` (no T1, but shows bone), or None."""
    contrast = volume.contrast.contrast
    if volume.refusal is not None:
        return None
    if contrast is Contrast.T1:
        return "t1"
    if contrast in FLUID_PREFERENCE:
        return "fluid"
    return "bones" if contrast in T1_CONTRASTS else None


def describe(inventory: Inventory) -> dict[str, object]:
    """Return the inventory as values that JSON can hold, without UID and without identity."""
    return {
        "schema": SCHEMA,
        "files": inventory.files,
        "other_files": inventory.other_files,
        "other_objects": inventory.other_objects,
        "doubled_files": inventory.doubled_files,
        "unreadable": [{"name": file.name, "reason": file.reason} for file in inventory.unreadable],
        "patients": [_patient(record) for record in inventory.patients],
    }


def _patient(record: PatientRecord) -> dict[str, object]:
    patient = record.patient
    return {
        "pseudonym": patient.pseudonym,
        "sex": patient.sex,
        "age": patient.age_years,
        "studies": [_study(study) for study in record.studies],
    }


def _study(study: Study) -> dict[str, object]:
    return {
        "date": study.date.isoformat() if study.date else None,
        "description": study.description,
        "series": [describe_volume(volume) for volume in study.volumes],
    }


def describe_volume(volume: Volume) -> dict[str, object]:
    """Return one volume as values that JSON can hold."""
    acquisition, grid = volume.acquisition, volume.grid
    return {
        "number": volume.number,
        "part": volume.part or None,
        "description": volume.description,
        "contrast": volume.contrast.contrast.value,
        "contrast_reason": volume.contrast.reason,
        "plane": volume.plane.value if volume.plane else None,
        "joint": volume.site.joint.value if volume.site.joint else None,
        "side": volume.site.side.value if volume.site.side else None,
        "conflicts": list(volume.site.conflicts),
        "images": len(volume.frames),
        "size": list(grid.shape) if grid else None,
        "spacing_mm": [round(value, 4) for value in grid.spacing_mm] if grid else None,
        "tr_ms": acquisition.tr_ms,
        "te_ms": acquisition.te_ms,
        "ti_ms": acquisition.ti_ms,
        "flip_deg": acquisition.flip_deg,
        "field_strength_t": acquisition.field_strength_t,
        "manufacturer": acquisition.manufacturer,
        "model": acquisition.model,
        "use": role_of(volume),
        "usable": role_of(volume) is not None,
        "problem": volume.refusal,
        "faults": [fault.kind.value for fault in volume.faults],
        "uid_hash": volume.series_uid_hash,
    }


def rows(inventory: Inventory) -> tuple[InventoryRow, ...]:
    """Return one row a volume, in order of patient, date and series number."""
    return tuple(
        _row(record.patient.pseudonym, study, volume)
        for record in inventory.patients
        for study in record.studies
        for volume in study.volumes
    )


_COLUMNS = ("series", "contrast", "plane", "joint", "side", "size", "spacing", "times", "use", "description")
_TITLES = {"spacing": "spacing mm", "times": "TR/TE/TI ms"}


def describe_rows(inventory: Inventory) -> Iterator[str]:
    """Yield the lines of a table: a heading a study, a line a volume, its reason and problems below."""
    lines = rows(inventory)
    width = (
        {
            name: max(len(_TITLES.get(name, name)), *(len(getattr(row, name)) for row in lines))
            for name in _COLUMNS
        }
        if lines
        else {}
    )
    heading = ""
    for row in lines:
        if f"{row.patient}  {row.date}" != heading:
            heading = f"{row.patient}  {row.date}"
            yield heading
            yield "  " + "  ".join(_TITLES.get(name, name).ljust(width[name]) for name in _COLUMNS).rstrip()
        yield "  " + "  ".join(getattr(row, name).ljust(width[name]) for name in _COLUMNS).rstrip()
        yield from (f"      {text}" for text in (row.reason, row.problem) if text)
    yield _counts(inventory)
    yield from (f"  unreadable: {file.name}: {file.reason}" for file in inventory.unreadable)


def _counts(inventory: Inventory) -> str:
    told = {
        "files": inventory.files,
        "not DICOM": inventory.other_files,
        "DICOM without image": inventory.other_objects,
        "doubled": inventory.doubled_files,
        "unreadable": len(inventory.unreadable),
    }
    return ", ".join(f"{count} {name}" for name, count in told.items() if count or name == "files")


def _row(pseudonym: str, study: Study, volume: Volume) -> InventoryRow:
    grid, site = volume.grid, volume.site
    number = "?" if volume.number is None else str(volume.number)
    return InventoryRow(
        patient=pseudonym,
        date=study.date.isoformat() if study.date else "no date",
        series=f"{number} {volume.part}".strip(),
        description=volume.description,
        contrast=volume.contrast.contrast.value,
        reason=volume.contrast.reason,
        plane=volume.plane.value if volume.plane else "",
        joint=site.joint.value if site.joint else "",
        side=site.side.value if site.side else "",
        size="x".join(str(count) for count in grid.shape) if grid else f"{len(volume.frames)} images",
        spacing="x".join(f"{value:.2f}" for value in grid.spacing_mm) if grid else "",
        times=_times(volume),
        use=role_of(volume) or "no",
        problem="; ".join([*site.conflicts, *(fault.message for fault in volume.faults)]),
    )


def _times(volume: Volume) -> str:
    values = (volume.acquisition.tr_ms, volume.acquisition.te_ms, volume.acquisition.ti_ms)
    return "/".join("-" if value is None else f"{value:g}" for value in values)
