"""Edema as smooth membership fields inside named regions, and the marks that go with it.

Everything is laid out in the body frame, so the same lesion lies in the same place in every exam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from bmetk.anatomy import BONE_OF_REGION, Joint, Region, Side, region_value
from bmetk.anatomy.geometry import divide_regions
from bmetk.anatomy.landmarks import HipLandmarks
from bmetk.image import Grid, LabelMap
from bmetk.image.grid import FloatArray
from bmetk.simulate.bone_tissue import BoneField, end_distances
from bmetk.simulate.fields import NoiseField, Volume, occupancy, smoothstep
from bmetk.simulate.spec import LesionSpec, SubjectSpec
from bmetk.simulate.subject import PosedBone, PosedSubject, subject_rng

_SAMPLE_MM = 3.0
_BISECTIONS = 14
_SHAFT_MM = {
    ("femur", Joint.HIP): 150.0,
    ("femur", Joint.KNEE): 80.0,
    ("tibia", Joint.KNEE): 70.0,
    ("fibula", Joint.KNEE): 45.0,
    ("tibia", Joint.ANKLE): 55.0,
    ("fibula", Joint.ANKLE): 60.0,
    ("tibia", Joint.FOOT): 55.0,
    ("fibula", Joint.FOOT): 60.0,
}
"""How far from its end a long bone can hold a lesion, mm."""
_DISTAL_ENDS = (
    ("femur", Joint.KNEE),
    *((b, j) for b in ("tibia", "fibula") for j in (Joint.ANKLE, Joint.FOOT)),
)


def label_regions(subject: PosedSubject, bones: LabelMap, parts: LabelMap | None = None) -> LabelMap:
    """Divide labelled bones into regions by the contract's definitions."""
    return divide_regions(bones, subject.landmarks, joint=subject.joint, parts=parts)


def label_bone(
    subject: PosedSubject, bone: PosedBone, grid: Grid
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint8]]:
    """Mark one bone and its regions on a grid: inside, and region values, shape (S, R, C)."""
    inside = occupancy(bone.surface, grid, (1, 1, 1)) > 0.5
    if bone.part is not None:
        return inside, np.where(inside, region_value(bone.part, bone.side), 0).astype(np.uint8)
    labels = LabelMap((inside * np.uint8(bone.value)).astype(np.uint8), grid)
    return inside, label_regions(subject, labels).array


@dataclass(frozen=True, slots=True, eq=False)
class LesionShape:
    """A lesion within one bone, ready to be evaluated on any grid.

    Parameters
    ----------
    path_mm : array, shape (N, 3), body-frame curve that the lesion surrounds
    limits : for each region value the score below which the lesion lies, mm
    """

    spec: LesionSpec
    regions: tuple[int, ...]
    path_mm: FloatArray
    noise: tuple[NoiseField, NoiseField]
    amplitude_mm: float
    limits: dict[int, float]
    spared: tuple[FloatArray, FloatArray, float] | None
    reach_mm: float

    def score(self, body_mm: FloatArray) -> Volume:
        """Measure a wobbly distance from the lesion's curve, mm; the lesion is where it is low."""
        flat = body_mm.reshape(-1, 3)
        distance = np.full(len(flat), np.inf)
        for a, b in zip(self.path_mm[:-1], self.path_mm[1:], strict=True):
            step = b - a
            along = np.clip((flat - a) @ step / max(float(step @ step), 1e-9), 0, 1)
            distance = np.minimum(distance, np.linalg.norm(flat - a - along[:, None] * step, axis=1))
        broad, fine = self.noise
        wobble = self.amplitude_mm * (broad.at(flat) + 0.22 * fine.at(flat))
        return np.asarray((distance + wobble).reshape(body_mm.shape[:-1]), np.float32)

    def membership(self, body_mm: FloatArray, depth_inside_mm: Volume, limit: Volume | float) -> Volume:
        """Return the smooth 0 to 1 field given how deep points lie in the regions, mm.

        It fades out towards the rest of the bone, the more gradually the less of the region it takes.
        """
        width = np.float32(max(self.spec.edge_mm, 0.5) / 3.4)
        field = 1.0 / (1.0 + np.exp(np.clip((self.score(body_mm) - limit) / width, -30, 30)))
        free = 1.0 - 0.85 * min(self.spec.fill, 1.0)
        edge = min(1.5 * self.spec.edge_mm, 0.3 * self.reach_mm) * free
        ragged = 0.10 * free * min(self.reach_mm, 25.0) * np.maximum(self.noise[0].at(1.7 * body_mm) + 0.5, 0)
        field = field * smoothstep(depth_inside_mm - ragged, -0.1, max(edge, 0.5))
        if self.spared is not None:
            centre, lateral, radius = self.spared
            field = field * smoothstep((body_mm - centre) @ lateral / radius, -0.55, -0.15)
        return np.asarray(field, np.float32)


def draw_lesion(
    spec: LesionSpec, subject: PosedSubject, person: SubjectSpec, bone: PosedBone
) -> LesionShape | None:
    """Draw the part of a lesion that lies in one bone; None where it has none."""
    wanted = tuple(region_value(r, spec.side) for r in spec.regions)
    if bone.side is not spec.side or all(BONE_OF_REGION[r] is not bone.bone for r in spec.regions):
        return None
    grid = _bone_grid(bone)
    inside, regions = label_bone(subject, bone, grid)
    points = bone.to_body.apply(grid.world_coordinates())
    regions = np.where(_near_joint(bone, subject.joint, points), regions, 0).astype(np.uint8)
    present = tuple(v for v in wanted if np.any(regions == v))
    if not present:
        return None
    rng = np.random.default_rng([person.seed, spec.seed, *bone.key.encode()])
    shape = _draw_shape(spec, subject, bone, present, points, regions, rng)
    limits = _fit_limits(shape, points, inside, regions, grid)
    return LesionShape(
        spec, present, shape.path_mm, shape.noise, shape.amplitude_mm, limits, shape.spared, shape.reach_mm
    )


def _near_joint(bone: PosedBone, joint: Joint, points: FloatArray) -> npt.NDArray[np.bool_]:
    """Leave out the shaft far from the joint: regions there have no end of their own."""
    reach = _SHAFT_MM.get((bone.name, joint))
    if reach is None:
        return np.ones(points.shape[:-1], bool)
    distal, proximal = end_distances(bone, points)
    end = distal if (bone.name, joint) in _DISTAL_ENDS else proximal
    return np.asarray(end < reach)


def _bone_grid(bone: PosedBone) -> Grid:
    """Cover a whole bone, seen or not, so that a lesion does not change with the field of view."""
    low, high = bone.surface.vertices.min(0) - 4, bone.surface.vertices.max(0) + 4
    step = float(np.clip(np.ptp(bone.surface.vertices, axis=0).max() / 50.0, 1.0, _SAMPLE_MM))
    count = np.ceil((high - low) / step).astype(int)[::-1] + 1
    axes = np.eye(3)[:, ::-1]
    return Grid.from_axes((int(count[0]), int(count[1]), int(count[2])), (step, step, step), axes, low)


def _draw_shape(
    spec: LesionSpec,
    subject: PosedSubject,
    bone: PosedBone,
    present: tuple[int, ...],
    points: FloatArray,
    regions: npt.NDArray[np.uint8],
    rng: np.random.Generator,
) -> LesionShape:
    within = np.isin(regions, present)
    reach = float(np.cbrt(np.count_nonzero(within)) * np.linalg.norm(points[1, 0, 0] - points[0, 0, 0]))
    nodes = [_seed(bone, points[regions == v], reach, rng, k == 0) for k, v in enumerate(present)]
    path = np.array(nodes if len(nodes) > 1 else [nodes[0], nodes[0] + 1e-3])
    scale = float(np.clip(reach / 3.0, 4.0, 14.0))
    noise = (NoiseField.draw(rng, scale), NoiseField.draw(rng, max(2.5, scale / 3)))
    spared = _spared(spec, subject, bone, present)
    return LesionShape(
        spec, present, path, noise, 0.16 * reach * float(rng.uniform(0.5, 1.3)), {}, spared, reach
    )


def _seed(
    bone: PosedBone, inside: FloatArray, reach_mm: float, rng: np.random.Generator, first: bool
) -> FloatArray:
    """Choose where a region's edema starts: below the joint surface mostly, else in its middle."""
    middle = inside.mean(0) + rng.normal(0, 0.08 * reach_mm, 3)
    subchondral = rng.random() < 0.75
    surface = bone.to_body.apply(bone.surface.vertices[bone.articular > 0.6])
    if "metatarsal" in bone.name or "phalanx" in bone.name:
        return _ray_seed(bone, inside, rng)
    if not (first and subchondral) or not len(surface):
        return np.asarray(middle)
    gap, _ = cKDTree(inside).query(surface)
    close = surface[gap < 5.0]
    if not len(close):
        return np.asarray(middle)
    contact = close[rng.integers(len(close))]
    return np.asarray(contact + rng.uniform(0.0, 0.45) * (middle - contact))


def _ray_seed(bone: PosedBone, inside: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Start at the head of a metatarsal or the base of a phalanx, where regional osteoporosis shows."""
    distal, proximal = end_distances(bone, inside)
    height = distal if "metatarsal" in bone.name else proximal
    near = inside[height < 0.2 * float(height.max())]
    return np.asarray(near.mean(0) + rng.normal(0, 1.0, 3))


def _spared(
    spec: LesionSpec, subject: PosedSubject, bone: PosedBone, present: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, float] | None:
    """Return centre, lateral direction and radius of a head whose medial part stays free of edema."""
    if not spec.spare_medial_head or region_value(Region.FEMORAL_HEAD, spec.side) not in present:
        return None
    hip = next(m for m in subject.landmarks if isinstance(m, HipLandmarks) and m.side is spec.side)
    lateral = np.array([1.0 if spec.side is Side.LEFT else -1.0, 0.0, 0.0])
    return bone.to_body.apply(hip.head_centre_mm), lateral, hip.head_radius_mm


def _fit_limits(
    shape: LesionShape,
    points: FloatArray,
    inside: npt.NDArray[np.bool_],
    regions: npt.NDArray[np.uint8],
    grid: Grid,
) -> dict[int, float]:
    """Find for each region the score limit at which the lesion takes its ``fill`` of the region."""
    depth = depth_in_regions(inside, np.isin(regions, shape.regions), grid)
    fill = float(np.clip(shape.spec.fill, 0.0, 0.98))
    limits = {}
    for value in shape.regions:
        chosen = regions == value
        body, deep = points[chosen], depth[chosen]
        score = shape.score(body)
        low, high = float(score.min()) - 5.0, float(score.max()) + 20.0
        for _ in range(_BISECTIONS):
            limit = (low + high) / 2
            share = float(np.mean(shape.membership(body, deep, limit) >= 0.5))
            low, high = (limit, high) if share < fill else (low, limit)
        limits[value] = (low + high) / 2
    return limits


def depth_in_regions(inside: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_], grid: Grid) -> Volume:
    """Measure how far voxels lie from the rest of their bone, mm; 0 outside of the regions."""
    rest = inside & ~chosen
    if not rest.any():
        return np.where(chosen, 99.0, 0.0).astype(np.float32)
    depth = ndimage.distance_transform_edt(~rest, grid.spacing_mm) - 0.5 * min(grid.spacing_mm)
    return np.asarray(np.where(inside & ~chosen, 0.0, depth), np.float32)


def lesion_on(field: BoneField, shape: LesionShape, subject: PosedSubject) -> Volume:
    """Evaluate a lesion on a bone's coarse grid: membership 0 to 1, float32."""
    inside, regions = label_bone(subject, field.bone, field.coarse)
    chosen = np.isin(regions, shape.regions)
    if not chosen.any():
        return np.zeros(field.coarse.shape, np.float32)
    depth = depth_in_regions(inside, chosen, field.coarse)
    weight = np.full(field.coarse.shape, 1e-6, np.float32)
    limit = np.zeros(field.coarse.shape, np.float32)
    for value in shape.regions:
        near = ndimage.gaussian_filter((regions == value).astype(np.float32), 2.0) + np.float32(1e-7)
        limit += near * np.float32(shape.limits[value])
        weight += near
    return shape.membership(field.body_mm, depth, limit / weight)


def fracture_line(field: BoneField, membership: Volume, shape: LesionShape, person: SubjectSpec) -> Volume:
    """Draw a thin line of impacted trabeculae 2 to 5 mm below the joint surface, shape of the box, 0 to 1."""
    rng = np.random.default_rng([person.seed, shape.spec.seed, *b"line", *field.bone.key.encode()])
    candidates = (field.coarse_articular > 0.6) & (membership > 0.5) & (np.abs(field.coarse_depth_mm) < 6)
    if not candidates.any():
        return np.zeros(field.filled.shape, np.float32)
    spots = field.body_mm[candidates]
    spot = spots[np.argsort(np.linalg.norm(spots - shape.path_mm[0], axis=1))[0]]
    wave = NoiseField.draw(rng, 7.0).at(field.body_mm)
    patch = smoothstep(np.linalg.norm(field.body_mm - spot, axis=-1) + 2.0 * wave, 14.0, 9.0)
    offset = field.fine((field.coarse_depth_mm - rng.uniform(2.5, 4.5) - 0.9 * wave).astype(np.float32))
    patch = field.fine((patch * smoothstep(field.coarse_articular, 0.2, 0.6)).astype(np.float32))
    return np.asarray(0.9 * patch * np.exp(-((offset / 0.75) ** 2)), np.float32)


def necrosis_rim(field: BoneField, subject: PosedSubject, person: SubjectSpec) -> tuple[Volume, Volume]:
    """Draw osteonecrosis: a serpiginous sclerotic rim with a line of granulation tissue inside it."""
    rng = subject_rng(person, "necrosis")
    surface = field.bone.to_body.apply(field.bone.surface.vertices[field.bone.articular > 0.6])
    empty = np.zeros(field.filled.shape, np.float32)
    if not len(surface):
        return empty, empty
    height = surface @ np.array([0.0, -0.3, 1.0 if field.bone.name == "femur" and subject.landmarks else 0.0])
    top = surface[np.argsort(height)[-max(4, len(surface) // 6) :]].mean(0)
    if not any(isinstance(m, HipLandmarks) for m in subject.landmarks):
        top = surface[rng.integers(len(surface))]
    wave = NoiseField.draw(rng, 6.0).at(field.body_mm)
    offset = (
        np.linalg.norm((field.body_mm - top) * (1.0, 1.0, 1.25), axis=-1) - rng.uniform(13, 20) + 2.4 * wave
    )
    fine = field.fine(offset.astype(np.float32))
    dark = 0.9 * np.exp(-((fine / 0.9) ** 2))
    bright = 0.85 * np.exp(-(((fine + 2.0) / 0.9) ** 2))
    return np.asarray(dark, np.float32), np.asarray(bright, np.float32)


def water_of(field: BoneField, shape: LesionShape, membership: Volume, person: SubjectSpec) -> Volume:
    """Turn membership into the water fraction of marrow, with an uneven texture."""
    rng = np.random.default_rng([person.seed, shape.spec.seed, *b"texture", *field.bone.key.encode()])
    uneven = 0.7 * NoiseField.draw(rng, 8.0).at(field.body_mm) + 0.7 * NoiseField.draw(rng, 3.5).at(
        field.body_mm
    )
    water = shape.spec.strength * membership * np.clip(1 + shape.spec.texture * uneven, 0, 2)
    return np.asarray(np.clip(water, 0, 0.97), np.float32)
