"""The way from an exam to its result: the only place that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from bmetk import __version__
from bmetk.anatomy import REGION_LABELS, REGIONS_OF_JOINT, Joint, Label, Side, region_value
from bmetk.bones import (
    BoneSettings,
    PlacedBones,
    divide_given,
    names_bones,
    provide_bones,
    search_given,
    settle_on_fluid,
)
from bmetk.config import Settings, settings_document
from bmetk.edema import (
    EdemaMap,
    find_lesions,
    measure_regions,
    observe_findings,
    segment_edema,
)
from bmetk.errors import GridMismatchError, MissingSeriesError
from bmetk.exam import Check, CheckStatus, Exam, ExamResult, Segmentation, Series, protocol_of
from bmetk.image import (
    Grid,
    Mask,
    RigidTransform,
    ScalarImage,
    field_of_view,
    resample_labels,
    resample_scalar,
)
from bmetk.registration import register_rigid, require_overlap
from bmetk.tracking import ClinicalEntry, Timeline, carry_bones, carry_edema, track

Progress = Callable[[str, float], None]
"""Called with the stage's name and the share of the work done, 0 to 1."""

_STAGES = ("register", "bones", "edema", "measure")


def _silent(stage: str, fraction: float) -> None:
    del stage, fraction


@dataclass(slots=True)
class _Clock:
    """Seconds per stage, told to the listener as they pass."""

    on_progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.on_progress(name, len(self.seconds) / len(_STAGES))
        start = perf_counter()
        yield
        self.seconds[name] = round(perf_counter() - start, 3)


@dataclass(frozen=True, slots=True, eq=False)
class _Anatomy:
    """Bones and regions on the grid of the result, with what else the bone stage found.

    ``told`` are bones and regions for the edema stage alone, where those of the result have no names.
    """

    bones: Segmentation
    regions: Segmentation
    joint: Joint
    side: Side | None
    extent_ml: dict[Label, float]
    checks: tuple[Check, ...]
    marrow: Mask | None = None
    told: tuple[Segmentation, Segmentation] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PlacedExam:
    """An exam whose series and bones lie on one grid, that of the fluid-sensitive series."""

    exam: Exam
    fluid: Series
    t1_on_fluid: ScalarImage
    covered: Mask
    anatomy: _Anatomy
    alignment: RigidTransform
    checks: tuple[Check, ...]


def analyze(
    exam: Exam,
    *,
    settings: Settings | None = None,
    on_progress: Progress | None = None,
    known: Sequence[ExamResult] = (),
    places: MutableMapping[Exam, PlacedExam] | None = None,
) -> ExamResult:
    """Find bones, regions and edema in one exam and measure them.

    Parameters
    ----------
    exam : Exam with a T1 and a fluid-sensitive series
    settings : settings of every stage
    known : results of the patient's other exams: what by itself is too faint for edema, or too much like a
        vessel, red marrow or fat, is edema where the last exam before, or the next within a month, showed it
    on_progress : told the stage and the share of the work done
    places : bones of exams that were analysed before, used where the exam is among them, and added to

    Raises
    ------
    MissingSeriesError
        If the T1 or the fluid-sensitive series is not there.
    SeriesMismatchError
        If the two fields of view miss each other.
    GridMismatchError
        If bones were given on another grid.
    BonesNotFoundError
        If no bone is found.
    """
    settings = settings or Settings()
    clock = _Clock(on_progress or _silent)
    places = {} if places is None else places
    if exam not in places:
        places[exam] = _place(exam, settings, clock)
    return _with_edema(places[exam], known, settings, clock)


def find_exam_bones(
    exam: Exam, *, settings: Settings | None = None, on_progress: Progress | None = None
) -> ExamResult:
    """Find bones and regions alone, on the grid of the T1 series, or of whichever series is there.

    Raises
    ------
    MissingSeriesError
        If the exam holds no series.
    BonesNotFoundError
        If no bone is found.
    """
    settings = settings or Settings()
    series = exam.t1 or exam.fluid
    if series is None:
        raise MissingSeriesError("no series to find bones in; export a T1-weighted series")
    clock = _Clock(on_progress or _silent)
    with clock.stage("bones"):
        found = provide_bones(series.image, joint=_known(exam.joint), side=exam.side, settings=settings.bones)
        anatomy = _placed(found, series.image.grid, None)
    inside = Mask(np.ones(series.image.grid.shape, dtype=bool), series.image.grid)
    measurements = measure_regions(
        None, anatomy.regions, inside, _expected(anatomy), whole_ml=anatomy.extent_ml
    )
    return replace(
        _bones_alone(exam, anatomy),
        measurements=measurements,
        quality=(*_exam_checks(exam), *anatomy.checks),
        settings=settings_document(settings),
        seconds=clock.seconds,
    )


def track_exams(
    results: Sequence[ExamResult],
    *,
    settings: Settings | None = None,
    folders: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    clinical: Sequence[ClinicalEntry] = (),
) -> Timeline:
    """Follow one patient's edema through time; see `bmetk.tracking.track`.

    ``folders`` names each exam; ``sources`` says where each result came from, for messages; ``clinical`` are
    treatments, scores and the like.
    """
    chosen = (settings or Settings()).tracking
    return track(results, settings=chosen, folders=folders, sources=sources, clinical=clinical)


def analyze_after(
    exam: Exam,
    reviewed: ExamResult,
    *,
    settings: Settings | None = None,
    on_progress: Progress | None = None,
) -> ExamResult:
    """Analyse an exam with the reviewed bones of another exam of the patient: a correction is made once.

    The bones are found as ever, then each that both exams show takes the reviewed outline; see
    `bmetk.tracking.carry_bones`.

    Raises
    ------
    RegistrationError
        If no bone can be carried over.
    """
    found = find_exam_bones(replace(exam, fluid=None), settings=settings)
    bones, checks = carry_bones(reviewed, found)
    known = replace(exam, bones=bones, joint=found.exam.joint, side=found.exam.side)
    result = analyze(known, settings=settings, on_progress=on_progress)
    return replace(result, quality=(*result.quality, *checks))


def _place(exam: Exam, settings: Settings, clock: _Clock) -> PlacedExam:
    """Register the two series and find the bones."""
    t1, fluid = _both_series(exam)
    with clock.stage("register"):
        require_overlap(fluid.image.grid, t1.image.grid)
        registered = register_rigid(fluid.image, t1.image, settings.registration)
    with clock.stage("bones"):
        anatomy, alignment = _find_anatomy(exam, t1, fluid, registered.transform, settings)
        t1_on_fluid = resample_scalar(t1.image, fluid.image.grid, alignment)
        covered = field_of_view(t1.image.grid, fluid.image.grid, alignment)
    checks = (*_exam_checks(exam), registered.check, *anatomy.checks)
    return PlacedExam(exam, fluid, t1_on_fluid, covered, anatomy, alignment, checks)


def _with_edema(
    placed: PlacedExam, known: Sequence[ExamResult], settings: Settings, clock: _Clock
) -> ExamResult:
    """Find edema in an exam whose bones are known, and measure it."""
    exam, anatomy = placed.exam, placed.anatomy
    with clock.stage("edema"):
        bones, regions = anatomy.told or (anatomy.bones, anatomy.regions)
        found = segment_edema(
            placed.t1_on_fluid,
            placed.fluid.image,
            bones,
            placed.covered,
            regions=regions,
            settings=replace(settings.edema, familiar=settings.edema.familiar or _are_familiar(exam)),
            protocol=protocol_of(placed.fluid),
            known=carry_edema(_bones_alone(exam, anatomy, placed.alignment), known) if known else None,
        )
    with clock.stage("measure"):
        result = _measure(placed, found)
    return replace(
        result,
        quality=(*placed.checks, *found.checks),
        settings=settings_document(settings),
        seconds=clock.seconds,
    )


def _are_familiar(exam: Exam) -> bool:
    """Tell whether bones that were given are those of a joint that the edema network knows, each by itself.

    One mask of a joint that nothing names may be any bone, or a region that a reader drew.
    """
    return exam.joint is not Joint.OTHER or (exam.bones is not None and len(exam.bones.present()) > 1)


def _both_series(exam: Exam) -> tuple[Series, Series]:
    if exam.fluid is None:
        raise MissingSeriesError(
            "no fluid-sensitive series (STIR, or fat-suppressed T2 or PD) in this exam, "
            "so edema cannot be measured; export one, or find the bones alone with 'bmetk bones'"
        )
    if exam.t1 is None:
        raise MissingSeriesError("no T1-weighted series in this exam; export one, or name it with --t1")
    return exam.t1, exam.fluid


def _known(joint: Joint) -> Joint | None:
    return None if joint is Joint.OTHER else joint


def _find_anatomy(
    exam: Exam, t1: Series, fluid: Series, transform: RigidTransform, settings: Settings
) -> tuple[_Anatomy, RigidTransform]:
    """Find the bones, and place them and T1 under the fluid-sensitive series."""
    if exam.bones is not None:
        return _given(exam, exam.bones, t1, fluid, transform, settings.bones), transform
    found = provide_bones(
        t1.image, joint=_known(exam.joint), side=exam.side, settings=settings.bones, fluid=fluid.image
    )
    settled = settle_on_fluid(found, fluid.image, transform)
    anatomy = _placed(found, fluid.image.grid, settled.transform)
    return replace(anatomy, checks=(*settled.checks, *anatomy.checks)), settled.transform


def _given(
    exam: Exam,
    bones: Segmentation,
    t1: Series,
    fluid: Series,
    transform: RigidTransform,
    settings: BoneSettings,
) -> _Anatomy:
    grid = fluid.image.grid
    if bones.grid.matches(grid):
        labels = bones.labels
    elif bones.grid.matches(t1.image.grid):
        labels = resample_labels(bones.labels, grid, transform)
    else:
        raise GridMismatchError(
            f"the bone mask ({bones.grid.describe()}) lies on neither the grid of the fluid-sensitive "
            f"series ({grid.describe()}) nor that of the T1 ({t1.image.grid.describe()}); "
            "resample it onto one of them"
        )
    placed = Segmentation(labels, bones.meaning)
    if names_bones(placed):
        return _placed(divide_given(placed, _known(exam.joint), exam.side), grid, None)
    anatomy = _Anatomy(placed, placed, exam.joint, exam.side, {}, ())
    if not (settings.name_given and _are_familiar(exam)):
        return anatomy
    told, check = search_given(
        placed, t1.image, fluid.image, transform, joint=_known(exam.joint), side=exam.side, settings=settings
    )
    return replace(anatomy, checks=(check,), told=told)


def _placed(found: PlacedBones, grid: Grid, transform: RigidTransform | None) -> _Anatomy:
    bones, regions = found.place(grid, transform)
    marrow = found.place_marrow(bones, transform)
    return _Anatomy(bones, regions, found.joint, found.side, dict(found.extent_ml), found.checks, marrow)


def _expected(anatomy: _Anatomy) -> tuple[Label, ...]:
    sides = (Side.RIGHT, Side.LEFT) if anatomy.side is Side.BOTH else (anatomy.side or Side.RIGHT,)
    present = tuple(anatomy.regions.present().values())
    expected = tuple(
        REGION_LABELS[region_value(region, side)]
        for side in sides
        for region in REGIONS_OF_JOINT[anatomy.joint]
    )
    return tuple(dict.fromkeys((*expected, *present)))


def _measure(placed: PlacedExam, found: EdemaMap) -> ExamResult:
    exam, anatomy = placed.exam, placed.anatomy
    own_bones = exam.bones is not None and not names_bones(exam.bones)
    expected = tuple(anatomy.regions.present().values()) if own_bones else _expected(anatomy)
    return replace(
        _bones_alone(exam, anatomy, placed.alignment),
        edema=found.edema,
        probability=found.probability,
        ratio=found.ratio,
        measurements=measure_regions(
            found, anatomy.regions, placed.covered, expected, whole_ml=anatomy.extent_ml
        ),
        lesions=find_lesions(found, anatomy.regions),
        findings=()
        if own_bones
        else observe_findings(
            placed.t1_on_fluid,
            placed.fluid.image,
            anatomy.bones,
            anatomy.regions,
            found,
            protocol=protocol_of(placed.fluid),
        ),
    )


def _bones_alone(exam: Exam, anatomy: _Anatomy, alignment: RigidTransform | None = None) -> ExamResult:
    """Give what is known of an exam before its edema is."""
    return ExamResult(
        exam=replace(exam, joint=anatomy.joint, side=anatomy.side),
        bones=anatomy.bones,
        regions=anatomy.regions,
        edema=None,
        probability=None,
        ratio=None,
        measurements=(),
        lesions=(),
        findings=(),
        quality=(),
        settings={},
        seconds={},
        version=__version__,
        alignment=alignment,
        marrow=anatomy.marrow,
    )


def _exam_checks(exam: Exam) -> tuple[Check, ...]:
    return tuple(Check("input", CheckStatus.WARN, None, warning) for warning in exam.warnings)
