"""Scan a folder, file or archive for DICOM images, by headers alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from bmetk.dicom.contrast import classify
from bmetk.dicom.files import FileRef, UnreadableFile, is_archive, list_files, read_archive
from bmetk.dicom.geometry import Fault, FaultKind, Stack, group_orientations, measure_stack, plane_of
from bmetk.dicom.header import Frame, Tags, read_frames
from bmetk.dicom.identity import pseudonym_of, read_patient, study_date, uid_hash, without_identity
from bmetk.dicom.imagetype import image_type
from bmetk.dicom.inventory import Inventory, PatientRecord, Study, Volume, name_series
from bmetk.dicom.site import locate
from bmetk.dicom.split import Part, echo_time, split_series
from bmetk.exam import Acquisition


def scan(path: Path | str) -> Inventory:
    """List the patients, studies and volumes below a path.

    Parameters
    ----------
    path : a folder (searched whole), one file, or a zip or tar archive

    Raises
    ------
    UnreadableFileError
        If there is nothing at the path.
    """
    unreadable: list[UnreadableFile] = []
    frames: list[Frame] = []
    counts: dict[str, int] = defaultdict(int)
    for ref, content in _contents(list_files(Path(path)), unreadable):
        counts["files"] += 1
        found = read_frames(ref, content, unreadable)
        if found is None:
            counts["other_files"] += 1
        elif not found:
            counts["other_objects"] += 1
        else:
            frames += found
    kept = _drop_doubles(frames)
    return Inventory(
        patients=_patients(kept),
        files=counts["files"],
        other_files=max(0, counts["other_files"] - len(unreadable)),
        other_objects=counts["other_objects"],
        doubled_files=len(frames) - len(kept),
        unreadable=tuple(unreadable),
    )


def _contents(
    paths: Iterable[Path], unreadable: list[UnreadableFile]
) -> Iterable[tuple[FileRef, bytes | None]]:
    for path in paths:
        if is_archive(path):
            yield from read_archive(path, None, unreadable.append)
        else:
            yield FileRef(path), None


def _drop_doubles(frames: Sequence[Frame]) -> list[Frame]:
    """Keep the first of equal images (exports often hold a study twice).

    Equal are the same SOP Instance UID, series and place: some writers give many slices one UID.
    """
    owner: dict[tuple[object, ...], FileRef] = {}
    kept = []
    for frame in frames:
        uid, series = frame.tags.text("SOPInstanceUID"), frame.tags.text("SeriesInstanceUID")
        key = (uid, series, frame.index, frame.position_mm, echo_time(frame))
        if not uid or owner.setdefault(key, frame.file) == frame.file:
            kept.append(frame)
    return kept


def _group(frames: Iterable[Frame], *keywords: str) -> list[list[Frame]]:
    groups: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[tuple(frame.tags.text(keyword) for keyword in keywords)].append(frame)
    return list(groups.values())


def _patients(frames: Sequence[Frame]) -> tuple[PatientRecord, ...]:
    by_patient: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_patient[pseudonym_of(frame.tags)].append(frame)
    records = []
    for _, members in sorted(by_patient.items()):
        studies = [_study(group) for group in _group(members, "StudyInstanceUID")]
        studies.sort(key=lambda study: (study.date is None, study.date or 0, study.uid_hash))
        records.append(PatientRecord(read_patient(members[0].tags), tuple(studies)))
    return tuple(records)


def _study(frames: Sequence[Frame]) -> Study:
    tags = frames[0].tags
    series = (
        _group(frames, "SeriesInstanceUID") if _has_series_uids(frames) else _group(frames, "SeriesNumber")
    )
    volumes = [volume for group in series for volume in _volumes(group)]
    volumes.sort(key=lambda volume: (volume.number is None, volume.number or 0))
    return Study(
        date=study_date(tags),
        description=without_identity(tags.text("StudyDescription"), tags),
        uid_hash=uid_hash(tags.text("StudyInstanceUID")),
        volumes=tuple(volumes),
    )


def _has_series_uids(frames: Sequence[Frame]) -> bool:
    return all(frame.tags.text("SeriesInstanceUID") for frame in frames)


def _volumes(frames: Sequence[Frame]) -> list[Volume]:
    """Divide one series into volumes and judge each."""
    ordered = sorted(frames, key=lambda frame: (frame.tags.number("InstanceNumber") or 0, frame.index))
    orientations = len(group_orientations(ordered, limit_deg=30.0))
    return [_volume(part, orientations) for part in split_series(ordered)]


def _volume(part: Part, orientations: int) -> Volume:
    tags = part.frames[0].tags
    number = tags.number("SeriesNumber")
    where = name_series(None if number is None else int(number), part.name)
    stack = measure_stack(part.frames, where)
    first = stack.frames[0]
    return Volume(
        number=None if number is None else int(number),
        part=part.name,
        description=without_identity(tags.text("SeriesDescription"), tags),
        contrast=classify(first, orientations=orientations, slices=len(stack.frames)),
        plane=None if stack.grid is None else plane_of(stack.grid.axes[:, 0]),
        site=locate(tags, stack.grid),
        acquisition=_acquisition(first),
        stack=stack,
        faults=(*stack.faults, *_pixel_faults(stack, where)),
        series_uid_hash=uid_hash(tags.text("SeriesInstanceUID")),
        frame_of_reference=tags.text("FrameOfReferenceUID"),
    )


def _pixel_faults(stack: Stack, where: str) -> tuple[Fault, ...]:
    """Judge what is known of the pixels from the headers."""
    tags = stack.frames[0].tags
    faults = []
    cut = [frame for frame in stack.frames if frame.truncated]
    if cut:
        message = (
            f"the pixel data of {len(cut)} of {len(stack.frames)} images of {where} is truncated "
            f"(first: {cut[0].file.shown_name}): transfer the series again"
        )
        faults.append(Fault(FaultKind.TRUNCATED, message))
    if "MOSAIC" in image_type(tags):
        message = f"{where} is a Siemens mosaic (all slices in one picture): export it slice by slice"
        faults.append(Fault(FaultKind.MOSAIC, message))
    modality = tags.text("Modality").upper()
    if modality not in ("MR", ""):
        faults.append(
            Fault(FaultKind.NOT_MR, f"{where} is of modality {modality}, not MR: choose an MR series")
        )
    if (tags.number("SamplesPerPixel") or 1) != 1:
        faults.append(Fault(FaultKind.NOT_GRAY, f"{where} holds colour pictures: choose a gray-scale series"))
    return tuple(faults)


def _acquisition(frame: Frame) -> Acquisition:
    tags: Tags = frame.tags
    field = tags.number("MagneticFieldStrength")
    return Acquisition(
        tr_ms=tags.number("RepetitionTime") or None,
        te_ms=echo_time(frame),
        ti_ms=tags.number("InversionTime", "InversionTimes") or None,
        flip_deg=tags.number("FlipAngle"),
        field_strength_t=(field / 10000 if field > 100 else field) if field else None,
        manufacturer=tags.text("Manufacturer") or None,
        model=tags.text("ManufacturerModelName") or None,
    )
