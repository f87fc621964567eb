"""Draw how a joint is scanned: scanner, plane, coil, the two series, and how the patient lay.

Ranges follow clinical practice; inversion times that null fat are 140 to 180 ms at 1.5 T and 200 to
240 ms at 3 T (the method: Bydder and Young, J Comput Assist Tomogr 1985;9:659-675).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bmetk.anatomy import Joint, Side
from bmetk.exam import Contrast, Plane
from bmetk.simulate.spec import PoseSpec, ProtocolSpec, SeriesSpec

MANUFACTURERS = (
    "SIEMENS",
    "GE MEDICAL SYSTEMS",
    "Philips Medical Systems",
    "TOSHIBA",
    "Canon Medical Systems",
    "HITACHI",
)
"""Manufacturers (0008,0070) as they write themselves."""

_MANUFACTURER_SHARES = (0.35, 0.25, 0.2, 0.06, 0.07, 0.07)
_LARGEST_MATRIX = 448
_HIP_BOTH_FIELD_OF_VIEW_MM = 380.0
_FIELD_OF_VIEW_MM = {
    Joint.HIP: 220.0,
    Joint.KNEE: 160.0,
    Joint.ANKLE: 170.0,
    Joint.FOOT: 240.0,
    Joint.OTHER: 200.0,
}
_PLANE_SHARES: dict[Joint, tuple[float, float, float]] = {
    Joint.HIP: (0.15, 0.75, 0.1),
    Joint.KNEE: (0.15, 0.4, 0.45),
    Joint.ANKLE: (0.2, 0.25, 0.55),
    Joint.FOOT: (0.3, 0.25, 0.45),
    Joint.OTHER: (0.34, 0.33, 0.33),
}
_PLANES = (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)
_ECHO_TIMES_MS = {Contrast.STIR: (30.0, 70.0), Contrast.FS_T2: (50.0, 85.0), Contrast.FS_PD: (20.0, 45.0)}
_REPETITION_TIMES_MS = {
    Contrast.STIR: (3000.0, 6500.0),
    Contrast.FS_T2: (3000.0, 5500.0),
    Contrast.FS_PD: (2200.0, 4500.0),
}
_INVERSION_TIMES_MS = {1.5: (140.0, 180.0), 3.0: (200.0, 240.0)}


@dataclass(frozen=True, slots=True)
class Variation:
    """How far protocols and poses stray from the usual.

    ``field_of_view`` scales the usual field of view (below 0.9 it cuts bones); ``tilt_deg`` and
    ``shift_mm`` bound the placement of the patient; shares are probabilities.
    """

    snr: tuple[float, float] = (12.0, 60.0)
    shading: tuple[float, float] = (0.0, 0.6)
    in_plane_mm: tuple[float, float] = (0.3, 1.0)
    thickness_mm: tuple[float, float] = (3.0, 6.0)
    gap_share: tuple[float, float] = (0.0, 0.2)
    field_of_view: tuple[float, float] = (0.75, 1.15)
    obliquity_deg: float = 20.0
    tilt_deg: float = 8.0
    shift_mm: float = 12.0
    motion_mm: float = 1.5
    stir_share: float = 0.6
    fat_suppression_failure_share: float = 0.1


WIDE = Variation()
"""Everything that clinics send: what the populations are drawn from."""

CLINICAL = Variation(
    snr=(20.0, 45.0),
    shading=(0.1, 0.4),
    in_plane_mm=(0.4, 0.75),
    thickness_mm=(3.0, 4.5),
    gap_share=(0.05, 0.2),
    field_of_view=(0.95, 1.15),
    obliquity_deg=8.0,
    tilt_deg=5.0,
    shift_mm=5.0,
    motion_mm=0.8,
    stir_share=0.7,
    fat_suppression_failure_share=0.0,
)
"""A well run department: what the published courses are drawn from."""


def draw_protocol(
    rng: np.random.Generator,
    joint: Joint,
    side: Side,
    variation: Variation = WIDE,
    plane: Plane | None = None,
) -> ProtocolSpec:
    """Draw scanner, coil and series for one exam.

    Parameters
    ----------
    rng : source of randomness
    joint, side : decide the usual plane and field of view
    variation : how far to stray
    plane : plane of both series; None to draw it
    """
    field_strength_t = float(rng.choice((1.5, 3.0)))
    usual_mm = _HIP_BOTH_FIELD_OF_VIEW_MM if side is Side.BOTH else _FIELD_OF_VIEW_MM[joint]
    field_of_view_mm = round(usual_mm * rng.uniform(*variation.field_of_view), 1)
    drawn = _PLANES[int(rng.choice(3, p=_PLANE_SHARES[joint]))]
    if side is Side.BOTH and drawn is Plane.SAGITTAL:  # no stack of sagittal slices takes in both hips
        drawn = Plane.CORONAL
    t1, fluid = _draw_series(rng, variation, field_strength_t, field_of_view_mm)
    failed = rng.random() < variation.fat_suppression_failure_share
    return ProtocolSpec(
        plane=plane or drawn,
        obliquity_deg=_uniform(rng, (0.0, variation.obliquity_deg)),
        field_strength_t=field_strength_t,
        field_of_view_mm=field_of_view_mm,
        t1=t1,
        fluid=fluid,
        snr=_uniform(rng, variation.snr),
        gain=round(float(np.exp(rng.uniform(np.log(0.2), np.log(5.0)))), 3),
        shading=_uniform(rng, variation.shading),
        fat_suppression_failure=_uniform(rng, (0.2, 0.7)) if failed else 0.0,
        motion_mm=_uniform(rng, (0.0, variation.motion_mm)),
        centre_shift_mm=_triple(rng, variation.shift_mm / 2),
        manufacturer=str(rng.choice(MANUFACTURERS, p=_MANUFACTURER_SHARES)),
    )


def _draw_series(
    rng: np.random.Generator, variation: Variation, field_strength_t: float, field_of_view_mm: float
) -> tuple[SeriesSpec, SeriesSpec]:
    """Draw the T1 and the fluid-sensitive series of one exam."""
    finest_mm = field_of_view_mm / _LARGEST_MATRIX
    in_plane_mm = max(_uniform(rng, variation.in_plane_mm), finest_mm)
    thickness_mm = round(2 * rng.uniform(*variation.thickness_mm)) / 2
    gap_mm = round(thickness_mm * rng.uniform(*variation.gap_share), 1)
    t1 = SeriesSpec(
        Contrast.T1,
        tr_ms=round(rng.uniform(450, 800)),
        te_ms=_uniform(rng, (8.0, 20.0)),
        in_plane_mm=round(in_plane_mm, 3),
        thickness_mm=thickness_mm,
        gap_mm=gap_mm,
    )
    coarser_mm = min(
        in_plane_mm * float(rng.choice((1.0, 1.0, 1.25))), max(variation.in_plane_mm[1], in_plane_mm)
    )
    contrast = _draw_contrast(rng, variation)
    inversion_ms = _uniform(rng, _INVERSION_TIMES_MS[field_strength_t])
    fluid = replace(
        t1,
        contrast=contrast,
        tr_ms=round(rng.uniform(*_REPETITION_TIMES_MS[contrast])),
        te_ms=_uniform(rng, _ECHO_TIMES_MS[contrast]),
        ti_ms=round(inversion_ms) if contrast is Contrast.STIR else None,
        in_plane_mm=round(coarser_mm, 3),
    )
    return t1, fluid


def _draw_contrast(rng: np.random.Generator, variation: Variation) -> Contrast:
    if rng.random() < variation.stir_share:
        return Contrast.STIR
    return Contrast.FS_PD if rng.random() < 0.6 else Contrast.FS_T2


def draw_pose(rng: np.random.Generator, joint: Joint, variation: Variation = WIDE) -> PoseSpec:
    """Draw how the patient lay: slight flexion, rotation and placement."""
    most_flexed_deg = {Joint.KNEE: 25.0, Joint.HIP: 15.0}.get(joint, 20.0)
    return PoseSpec(
        flexion_deg=_uniform(rng, (0.0, most_flexed_deg)),
        rotation_deg=_uniform(rng, (-12.0, 12.0)),
        abduction_deg=_uniform(rng, (-4.0, 8.0)),
        tilt_deg=_triple(rng, variation.tilt_deg),
        shift_mm=_triple(rng, variation.shift_mm),
    )


def coarsen(protocol: ProtocolSpec, factor: float) -> ProtocolSpec:
    """Widen the voxels of both series by ``factor`` in plane and its root across: quick to simulate."""
    return replace(protocol, t1=_coarser(protocol.t1, factor), fluid=_coarser(protocol.fluid, factor))


def _coarser(series: SeriesSpec, factor: float) -> SeriesSpec:
    return replace(
        series,
        in_plane_mm=round(series.in_plane_mm * factor, 3),
        thickness_mm=round(series.thickness_mm * factor**0.5, 2),
    )


def _uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return round(float(rng.uniform(*bounds)), 2)


def _triple(rng: np.random.Generator, bound: float) -> tuple[float, float, float]:
    x, y, z = (_uniform(rng, (-bound, bound)) for _ in range(3))
    return x, y, z
