"""What to simulate: a subject, a pose, lesions, signs and a protocol, as plain values.

`bmetk.simulate.exam.simulate_exam` turns one `ExamSpec` into images with their truth, and
`bmetk.simulate.study.write_study` writes those as a scanner would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from bmetk.anatomy import Joint, Region, Side
from bmetk.exam import Contrast, Plane, Segmentation, Series
from bmetk.image import Mask, RigidTransform, ScalarImage


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """One person's body, the same in every exam.

    ``seed`` draws the shape-model weights, a smooth extra deformation, red-marrow pattern, fat and
    muscle thickness, vessels and growth scars.
    """

    seed: int
    sex: str = "M"
    birth_year: int = 1980
    scale: float = 1.0
    red_marrow: float = 0.2
    """Amount of red marrow in the metaphyses and proximal femur, 0 (none) to 1 (much)."""


@dataclass(frozen=True, slots=True)
class LesionSpec:
    """Edema in one or more neighbouring regions of one side.

    ``strength`` is the peak fraction of marrow fat replaced by interstitial water, 0 to 1;
    ``fill`` the share of the region it takes, 0 to 1; ``edge_mm`` the width of its fuzzy edge;
    ``texture`` the relative amplitude of its unevenness.
    """

    regions: tuple[Region, ...]
    side: Side
    strength: float = 0.7
    fill: float = 0.5
    edge_mm: float = 4.0
    texture: float = 0.15
    seed: int = 0
    spare_medial_head: bool = False
    subchondral_fracture: bool = False


@dataclass(frozen=True, slots=True)
class SignSpec:
    """What else is seen in the joint.

    ``effusion`` from 0 (normal film) to 1 (tense); ``cysts`` is a number of small cysts;
    ``osteonecrosis`` draws the serpiginous rim of the contrary case in the femoral head or condyle;
    ``collapse_mm`` is how far the top of that femoral head has sunk.
    """

    effusion: float = 0.1
    cysts: int = 0
    osteonecrosis: Side | None = None
    collapse_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class PoseSpec:
    """How the patient lay: joint angles (degrees) and placement in the scanner."""

    flexion_deg: float = 5.0
    rotation_deg: float = 0.0
    abduction_deg: float = 0.0
    tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """One pulse sequence: times in ms, in-plane and slice spacing in mm."""

    contrast: Contrast
    tr_ms: float
    te_ms: float
    ti_ms: float | None = None
    in_plane_mm: float = 0.6
    thickness_mm: float = 3.5
    gap_mm: float = 0.4


@dataclass(frozen=True, slots=True)
class ProtocolSpec:
    """Scanner, coil and the two series of an exam."""

    plane: Plane = Plane.CORONAL
    obliquity_deg: float = 0.0
    field_strength_t: float = 1.5
    field_of_view_mm: float = 160.0
    slices: int | None = None
    t1: SeriesSpec = SeriesSpec(Contrast.T1, tr_ms=550, te_ms=12)
    fluid: SeriesSpec = SeriesSpec(Contrast.STIR, tr_ms=4000, te_ms=45, ti_ms=160)
    snr: float = 30.0
    gain: float = 1.0
    shading: float = 0.3
    fat_suppression_failure: float = 0.0
    motion_mm: float = 0.5
    centre_shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    manufacturer: str = "SIEMENS"


@dataclass(frozen=True, slots=True)
class ExamSpec:
    """One exam of one joint; ``side`` is ``both`` for both hips in one view."""

    joint: Joint
    side: Side
    date: date
    subject: SubjectSpec
    lesions: tuple[LesionSpec, ...] = ()
    signs: SignSpec = SignSpec()
    pose: PoseSpec = PoseSpec()
    protocol: ProtocolSpec = ProtocolSpec()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PatientSpec:
    """A patient with exams in time order.

    ``name`` is the folder the studies go to; ``language`` (ISO 639-1) is that of the scanner's user.
    """

    name: str
    exams: tuple[ExamSpec, ...]
    language: str = "en"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is really there, on the grid of the fluid-sensitive series.

    ``edema`` marks marrow voxels whose mean lesion membership (the smooth 0 to 1 field before it is
    multiplied by the strength) is at least one half; ``water_fraction`` is the interstitial
    water that replaced marrow fat, 0 to 1. ``motion`` is how the patient moved before T1 was taken:
    from the world of the fluid-sensitive series to that of T1. ``recess_ml`` is the fluid in the joint's
    recesses, of one side, in view.
    """

    bones: Segmentation
    regions: Segmentation
    edema: Mask
    water_fraction: ScalarImage
    motion: RigidTransform = field(default_factory=RigidTransform.identity)
    recess_ml: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedExam:
    """Images of one exam with their truth; ``extras`` are the localizer and a distractor series."""

    spec: ExamSpec
    t1: Series
    fluid: Series
    extras: tuple[Series, ...]
    truth: Truth
