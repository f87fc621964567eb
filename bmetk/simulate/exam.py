"""One simulated exam: from its spec to images with their truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bmetk.anatomy import BONE_LABELS, REGION_LABELS, Bone, Joint, Side, bone_value, region_value
from bmetk.exam import Acquisition, Contrast, Plane, Segmentation, Series
from bmetk.image import Grid, LabelMap, Mask, RigidTransform, ScalarImage
from bmetk.simulate.acquire import (
    Coil,
    View,
    body_centre,
    draw_motion,
    fine_grid,
    plane_axes,
    receive,
    sample_slices,
    shift_fat,
)
from bmetk.simulate.body import Body, build_body
from bmetk.simulate.fields import (
    NoiseField,
    Volume,
    box_of,
    coarse_grid,
    crop,
    occupancy,
    smoothstep,
    upsample,
)
from bmetk.simulate.lesion import label_regions
from bmetk.simulate.signal import Sequence, fat_and_water, fat_survival, tissue_signal
from bmetk.simulate.spec import ExamSpec, SeriesSpec, SimulatedExam, Truth
from bmetk.simulate.subject import PosedSubject, pose_subject
from bmetk.simulate.tissue import Relaxation, Tissue, draw_relaxation

_COVERAGE_MM = {
    (Joint.HIP, Plane.CORONAL): 108.0,
    (Joint.HIP, Plane.AXIAL): 125.0,
    (Joint.HIP, Plane.SAGITTAL): 105.0,
    (Joint.KNEE, Plane.CORONAL): 92.0,
    (Joint.KNEE, Plane.AXIAL): 110.0,
    (Joint.KNEE, Plane.SAGITTAL): 100.0,
    (Joint.ANKLE, Plane.CORONAL): 88.0,
    (Joint.ANKLE, Plane.AXIAL): 96.0,
    (Joint.ANKLE, Plane.SAGITTAL): 72.0,
    (Joint.FOOT, Plane.CORONAL): 150.0,
    (Joint.FOOT, Plane.AXIAL): 66.0,
    (Joint.FOOT, Plane.SAGITTAL): 92.0,
}
_WHITE = 620.0
"""Grey value of the reference tissue at gain 1."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How finely the body is built.

    ``voxel`` multiplies the fine grid's spacing (above 1 for tests); ``max_voxels`` bounds memory.
    """

    voxel: float = 1.0
    max_voxels: float = 6.5e6


def simulate_exam(spec: ExamSpec, *, detail: Detail = Detail()) -> SimulatedExam:
    """Simulate one exam: T1, a fluid-sensitive series, a localizer, a distractor, and the truth.

    Deterministic: the same spec gives the same voxels. What belongs to the person is drawn from the
    subject's seed, what belongs to the day from the exam's.
    """
    rng = np.random.default_rng([spec.seed, spec.subject.seed, *b"exam"])
    subject = pose_subject(spec)
    view = plan_view(spec, subject)
    protocol = spec.protocol
    t1_grid, fluid_grid = view.grid(protocol.t1), view.grid(protocol.fluid)
    fine = plan_fine(spec, [fluid_grid, t1_grid], detail)
    body = build_body(spec, subject, fine)
    scanner = Scanner.draw(spec, body, fine, rng)
    motion = draw_motion(protocol.motion_mm, view.centre_mm, rng)
    still = RigidTransform.identity()
    t1 = scanner.scan(protocol.t1, t1_grid, motion, rng)
    fluid = scanner.scan(protocol.fluid, fluid_grid, still, rng)
    extras = tuple(scanner.scan(s, view_of(view, s).grid(s), still, rng) for s in _extra_series(spec, rng))
    truth = _truth(spec, subject, body, fine, fluid_grid, motion)
    return SimulatedExam(spec, t1, fluid, extras, truth)


def plan_view(spec: ExamSpec, subject: PosedSubject) -> View:
    """Place the slices over the joint."""
    protocol = spec.protocol
    distance = protocol.fluid.thickness_mm + protocol.fluid.gap_mm
    plane = Plane.CORONAL if protocol.plane is Plane.OBLIQUE else protocol.plane
    depth = _COVERAGE_MM.get((spec.joint, plane), 95.0) * (0.5 + 0.5 * spec.subject.scale)
    if protocol.slices is not None:
        depth = protocol.slices * distance
    rows = columns = protocol.field_of_view_mm
    if spec.side is Side.BOTH and plane is Plane.AXIAL:
        rows = 0.72 * columns
    return View(
        plane_axes(protocol.plane, protocol.obliquity_deg),
        body_centre(protocol, subject.centre_mm),
        (depth, rows, columns),
    )


def plan_fine(spec: ExamSpec, grids: list[Grid], detail: Detail) -> Grid:
    """Choose the fine grid on which the body is built."""
    protocol = spec.protocol
    in_plane = float(np.clip(0.95 * min(protocol.t1.in_plane_mm, protocol.fluid.in_plane_mm), 0.5, 1.1))
    across = float(np.clip((protocol.fluid.thickness_mm + protocol.fluid.gap_mm) / 2.8, 0.8, 1.8))
    return fine_grid(grids, in_plane * detail.voxel, across * detail.voxel, detail.max_voxels)


def view_of(view: View, series: SeriesSpec) -> View:
    """Thin out a localizer: few thick slices with wide gaps over the same view."""
    if series.contrast is not Contrast.LOCALIZER:
        return view
    return replace(view, extent_mm=(3 * (series.thickness_mm + series.gap_mm), *view.extent_mm[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class Scanner:
    """A body in a scanner, ready for any number of series."""

    spec: ExamSpec
    body: Body
    fine: Grid
    relaxation: Mapping[Tissue, Relaxation]
    coil: Coil
    patches: Volume

    @classmethod
    def draw(cls, spec: ExamSpec, body: Body, fine: Grid, rng: np.random.Generator) -> Scanner:
        """Draw relaxation times, coil, and where fat suppression fails."""
        person = np.random.default_rng([spec.subject.seed, *b"relaxation"])
        relaxation = draw_relaxation(spec.protocol.field_strength_t, person)
        coil = Coil.draw(fine, spec.protocol.shading, body.skin_depth_mm, rng)
        return cls(spec, body, fine, relaxation, coil, _failure_patches(fine, rng))

    def scan(
        self, series: SeriesSpec, grid: Grid, motion: RigidTransform, rng: np.random.Generator
    ) -> Series:
        """Acquire one series on a grid; ``motion`` is from the fine world to the series' world."""
        protocol, localizer = self.spec.protocol, series.contrast is Contrast.LOCALIZER
        flip = 25.0 if localizer else None
        sequence = Sequence(series.contrast, series.tr_ms, series.te_ms, series.ti_ms, flip)
        fat, water = fat_and_water(self.body.tissues, self.relaxation, sequence)
        fat *= self._survival(series)
        water += shift_fat(fat, _fat_shift(protocol.field_strength_t, rng), 2)
        signal = sample_slices(water, self.fine, grid, series.thickness_mm, motion)
        white = reference_signal(self.relaxation, sequence)
        noise = white / max(protocol.snr, 1.0) * (1.6 if localizer else 1.0)
        filled = float(rng.uniform(0.68, 0.95))
        image = receive(signal, self.coil.on(grid), noise, filled, rng)
        grey = np.round(np.clip(image * (_WHITE * protocol.gain / white), 0, 4095))
        return Series(
            image=ScalarImage(grey.astype(np.float32), grid),
            contrast=series.contrast,
            plane=protocol.plane,
            acquisition=Acquisition(
                tr_ms=series.tr_ms,
                te_ms=series.te_ms,
                ti_ms=series.ti_ms,
                flip_deg=flip or 90.0,
                field_strength_t=protocol.field_strength_t,
                manufacturer=protocol.manufacturer,
            ),
            description=f"{protocol.plane.value} {series.contrast.value}",
        )

    def _survival(self, series: SeriesSpec) -> Volume | float:
        return fat_survival(series.contrast, self.spec.protocol.fat_suppression_failure, self.patches)


def reference_signal(relaxation: Mapping[Tissue, Relaxation], sequence: Sequence) -> float:
    """Return the signal that is drawn near white: fat, or with fat suppressed a mixture rich in water."""
    if sequence.contrast.is_fluid_sensitive:
        water = abs(tissue_signal(relaxation[Tissue.EDEMA_WATER], sequence))
        return 0.6 * water + 0.15 * abs(tissue_signal(relaxation[Tissue.FLUID], sequence))
    return abs(tissue_signal(relaxation[Tissue.SUBCUTANEOUS_FAT], sequence))


def _fat_shift(field_strength_t: float, rng: np.random.Generator) -> float:
    """Draw the chemical shift in fine voxels: 3.4 ppm over a usual bandwidth a pixel."""
    hertz = 3.4 * 42.58 * field_strength_t
    return float(rng.choice([-1, 1]) * hertz / rng.uniform(180, 420))


def _failure_patches(fine: Grid, rng: np.random.Generator) -> Volume:
    """Draw where the field is off: large patches, more so towards the ends of the field of view."""
    coarse = coarse_grid(fine, 8.0)
    points = coarse.world_coordinates()
    extent = 0.5 * np.asarray(fine.shape) * fine.spacing_mm
    far = np.linalg.norm(((points - fine.centre_mm) @ fine.axes) / extent, axis=-1)
    field = NoiseField.draw(rng, 55.0).at(points) + 1.6 * (far - 1.0)
    return smoothstep(upsample(field.astype(np.float32), fine.shape), 0.2, 1.4)


def _extra_series(spec: ExamSpec, rng: np.random.Generator) -> tuple[SeriesSpec, SeriesSpec]:
    """Choose a localizer and a series that is of no use here."""
    protocol = spec.protocol
    coarse = protocol.field_of_view_mm / 160.0
    localizer = SeriesSpec(Contrast.LOCALIZER, 8.0, 3.4, in_plane_mm=coarse, thickness_mm=7.0, gap_mm=10.0)
    base = replace(protocol.t1, in_plane_mm=protocol.t1.in_plane_mm * 1.15, ti_ms=None)
    if rng.random() < 0.5:
        return localizer, replace(base, contrast=Contrast.PD, tr_ms=2600.0, te_ms=28.0)
    return localizer, replace(base, contrast=Contrast.T2, tr_ms=3900.0, te_ms=86.0)


def _truth(
    spec: ExamSpec, subject: PosedSubject, body: Body, fine: Grid, grid: Grid, motion: RigidTransform
) -> Truth:
    """Measure what is really there on the slices of the fluid-sensitive series."""
    bones, parts = label_bones(spec, subject, grid)
    labels = LabelMap(bones, grid)
    regions = label_regions(subject, labels, LabelMap(parts, grid))
    thickness, still = spec.protocol.fluid.thickness_mm, RigidTransform.identity()
    water = sample_slices(body.tissues.fraction(Tissue.EDEMA_WATER), fine, grid, thickness, still, box=True)
    edema = np.zeros(grid.shape, bool)
    if body.membership.any():
        marrow = body.marrow.astype(np.float32) / np.float32(250)
        share = sample_slices(marrow, fine, grid, thickness, still, box=True)
        member = sample_slices(body.membership, fine, grid, thickness, still, box=True)
        edema = (share >= 0.5) & (member >= 0.5 * share) & (regions.array > 0)
    return Truth(
        bones=Segmentation(labels, BONE_LABELS),
        regions=Segmentation(regions, REGION_LABELS),
        edema=Mask(edema, grid),
        water_fraction=ScalarImage(np.where(bones > 0, water, 0).astype(np.float32), grid),
        motion=motion,
        recess_ml=body.recess_ml,
    )


def label_bones(
    spec: ExamSpec, subject: PosedSubject, grid: Grid
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Label voxels that are at least half filled by a bone; return bones and single phalanges."""
    bones, parts = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    best = np.full(grid.shape, 0.4999, np.float32)
    slab = spec.protocol.fluid.thickness_mm / grid.spacing_mm[0]
    for bone in subject.bones:
        box = box_of(bone.surface.vertices, grid, grid.spacing_mm[0])
        if box is None:
            continue
        filled = occupancy(bone.surface, crop(grid, box), (4, 2, 2), (slab, 1.0, 1.0))
        wins = filled > best[box]
        best[box][wins] = filled[wins]
        bones[box][wins] = bone.value
        parts[box][wins] = region_value(bone.part, bone.side) if bone.part else 0
    return _split_sacrum(bones, subject, grid), parts


def _split_sacrum(bones: npt.NDArray[np.uint8], subject: PosedSubject, grid: Grid) -> npt.NDArray[np.uint8]:
    """Give the right half of the sacrum, labelled left with the rest of it, to the right."""
    left = np.nonzero(bones == bone_value(Bone.PELVIS, Side.LEFT))
    if len(left[0]):
        across = subject.to_body.apply(grid.to_world(np.stack(left, axis=-1)))[:, 0]
        bones[left] = np.where(across < 0, bone_value(Bone.PELVIS, Side.RIGHT), bones[left])
    return bones
