"""Make the library of labelled anatomies that the training images of `bmetk.bones.locate` are painted from.

Run from the project root, once, before or beside ``train.py`` (which picks up anatomies as they appear)::

    python benchmarks/training/locate/library.py --out /tmp/anatomies --count 260

Every anatomy comes from the packaged shapes with random weights and a random pose; nothing here was scanned.
Numbers from `HELD_OUT` on are kept for evaluation. An anatomy is one ``.npz`` of fields on a regular LPS grid:

- ``distance`` int8: signed distance to the nearest bone surface, 1/20 mm, negative inside
- ``second`` uint8: distance to the second nearest bone, 1/20 mm (the joint spaces)
- ``label`` uint8: class of the nearest bone, `OTHER_BONE` for a vertebra
- ``depth`` uint8 (8 mm grid): distance to the smoothed outline of all bones, mm (the body's outline)
- ``origin``, ``spacing``, ``depth_origin``; ``focus`` (N, 3): where an exam may be centred
- ``cortex`` (K, 2): thickness of the cortical bone by height z, mm; ``hollow`` (6,): ellipsoid of the viscera
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bmetk.bones.shape_model import load_foot, load_limb_model
from bmetk.bones.surfaces import Surface, mirror_x, signed_distance, transform

Array = NDArray[np.float64]
Bones = list[tuple[int, Surface]]

CLASSES = (
    "background", "femur", "tibia", "fibula", "patella", "pelvis", "talus", "calcaneus", "navicular", "cuboid",
    "cuneiforms", "metatarsals", "phalanges",
)  # fmt: skip
OTHER_BONE = len(CLASSES)
BAND_MM = 6.3
QUANTUM = 20.0
HELD_OUT = 9000


def rotation(axis: Array, degrees: float, point: Array) -> Array:
    """Return the 4x4 turn about an axis through a point (Rodrigues)."""
    u = np.asarray(axis) / np.linalg.norm(axis)
    k = np.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])
    a = np.radians(degrees)
    m = np.eye(4)
    m[:3, :3] = np.eye(3) + np.sin(a) * k + (1 - np.cos(a)) * k @ k
    m[:3, 3] = point - m[:3, :3] @ point
    return m


def weights(rng: np.random.Generator) -> Array:
    """Draw the weights of the modes: wider than the model, so that the network has seen more than it meets."""
    return np.clip(rng.normal(0, 1.2, 12), -2.6, 2.6)


def lumbar_spine(rng: np.random.Generator, top: Array) -> Bones:
    """Stack vertebrae of plain shape on the sacrum: a body and a block behind it."""
    sphere = icosphere()
    bones: Bones = []
    size = np.array([rng.uniform(22, 28), rng.uniform(15, 20), rng.uniform(12, 15)])
    centre = top + (0, rng.uniform(-8, 4), size[2] + 6)
    for _ in range(4):
        box = np.sign(sphere.vertices) * np.abs(sphere.vertices) ** 0.45
        bones.append((OTHER_BONE, Surface(box * size + centre, sphere.faces)))
        behind = centre + (0, size[1] + rng.uniform(22, 30), rng.uniform(-8, 2))
        bones.append(
            (OTHER_BONE, Surface(sphere.vertices * (rng.uniform(10, 26), 11, 11) + behind, sphere.faces))
        )
        centre = centre + (rng.normal(0, 1.5), rng.normal(-2, 3), 2 * size[2] + rng.uniform(5, 10))
    return bones


def icosphere() -> Surface:
    """Return a unit sphere of 1,280 triangles."""
    from scipy.spatial import ConvexHull

    k = np.arange(642) + 0.5
    polar, turn = np.arccos(1 - 2 * k / 642), np.pi * (1 + 5**0.5) * k
    points = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    faces = ConvexHull(points).simplices
    a, b, c = np.moveaxis(points[faces], 1, 0)
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Surface(points, faces.astype(np.int32))


def pose_femur(femur: Surface, head: Array, left: bool, rng: np.random.Generator) -> Surface:
    """Turn the femur in its socket: flexion, abduction, rotation."""
    sign = 1.0 if left else -1.0
    moves = (
        ((-1, 0, 0), rng.uniform(-8, 25)),
        ((0, -sign, 0), rng.uniform(-8, 18)),
        ((0, 0, sign), rng.uniform(-25, 30)),
    )
    for axis, angle in moves:
        femur = transform(femur, rotation(np.array(axis, float), angle, head))
    return femur


def make_hip(rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Build a pelvis with both femurs and the lumbar spine."""
    model = load_limb_model()
    w = weights(rng)
    bones: Bones = []
    heads = []
    for side in ("left", "right"):
        subject = model.subject(w + rng.normal(0, 0.25, 12) * (side == "right"), side)
        mark = model.landmarks(subject, side)
        heads.append(mark.head_center)
        bones.append((1, pose_femur(subject["femur"], mark.head_center, side == "left", rng)))
        if side == "left":
            bones.append((5, subject["pelvis"]))
    pelvis = bones[1][1].vertices
    middle = np.abs(pelvis[:, 0]) < 20
    high = pelvis[middle][pelvis[middle][:, 2] > pelvis[middle][:, 2].max() - 12]
    top = np.array([0.0, high[:, 1].min() + 18, pelvis[middle][:, 2].max()])
    bones += lumbar_spine(rng, top)
    centre = np.mean(heads, 0)
    focus = [*heads, centre, centre + (0, 0, 45), centre + (0, 10, 20)]
    low, high_corner = centre + (-205, -100, -235), centre + (205, 125, 225)
    cortex = np.array([[-300, 7.0], [-110, 6.0], [-55, 1.8], [300, 1.4]]) + (centre[2], 0)
    hollow = np.concatenate([centre + (0, -35, 75), (85, 65, 130)])
    return fields(bones, low, high_corner, 2.0, np.array(focus), cortex, hollow, closing_mm=40)


def make_knee(rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Build a flexed knee, one time in four with the other one beside it."""
    model = load_limb_model()
    subject = model.subject(weights(rng), "left")
    mark = model.landmarks(subject, "left")
    flexion = max(0.0, rng.uniform(-5, 45))
    part = rng.uniform(0.2, 0.8)
    turns = {
        "femur": flexion * (part - 1),
        "patella": flexion * (part - 1) + 0.6 * flexion,
        "tibia": flexion * part,
    }
    turns["fibula"] = turns["tibia"]
    bones: Bones = []
    slide = rng.normal(0, 1.0, 3)
    for value, name in ((1, "femur"), (2, "tibia"), (3, "fibula"), (4, "patella")):
        posed = transform(subject[name], rotation(-mark.knee_axis, turns[name], mark.knee_center))
        if name in ("tibia", "fibula"):
            posed = transform(
                posed,
                rotation(
                    np.array([0, 0, 1.0]), rng.uniform(-3, 3) if name == "tibia" else 0, mark.knee_center
                ),
            )
        if name == "patella":
            slide = np.array([rng.normal(0, 2), rng.uniform(-5, 0.5), rng.normal(0, 5)])
        bones.append((value, Surface(posed.vertices + slide * (name == "patella"), posed.faces)))
    centre = mark.knee_center
    low, high = centre + (-72, -95, -185), centre + (72, 105, 175)
    if rng.random() < 0.25:
        x0 = centre[0] - rng.uniform(75, 120)
        tilt = rotation(rng.normal(size=3), rng.uniform(0, 10), centre)
        bones += [(v, mirror_x(transform(s, tilt), x0)) for v, s in bones]
        low[0] = 2 * x0 - centre[0] - 72
    focus = np.array([centre, centre + (0, -5, -15), centre + (0, -10, 10), mark.patella_center])
    cortex = np.array([[-300, 5.0], [-75, 4.0], [-40, 1.4], [40, 1.4], [75, 3.5], [300, 6.0]]) + (
        centre[2],
        0,
    )
    return fields(bones, low, high, 2.0, focus, cortex, np.zeros(6), closing_mm=24)


FOOT_CLASS = {"tibia": 2, "fibula": 3, "talus": 6, "calcaneus": 7, "navicular": 8, "cuboid": 9}


def foot_class(name: str) -> int:
    """Return the class of a foot bone."""
    if name in FOOT_CLASS:
        return FOOT_CLASS[name]
    return 10 if "cuneiform" in name else 11 if name.startswith("metatarsal") else 12


def jitter(surface: Surface, about: Array, scale: float, rng: np.random.Generator) -> Surface:
    """Give a bone its own size, turn and place."""
    m = rotation(rng.normal(size=3), rng.normal(0, 3.5), about)
    stretch = np.diag([*(scale * rng.normal(1, 0.035, 3)), 1.0])
    stretch[:3, 3] = about - stretch[:3, :3] @ about + rng.normal(0, 0.7, 3)
    return transform(surface, m @ stretch)


def make_foot(rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Build a right foot with the distal leg, in a random pose, every bone varied."""
    foot = load_foot()
    named, joints = foot.bones("right"), foot.joints("right")
    ankle = rotation(joints.ankle_axis, rng.uniform(-40, 20), joints.ankle_point)
    subtalar = rotation(joints.subtalar_axis, rng.uniform(-14, 14), joints.subtalar_point)
    chopart = named["navicular"].vertices.mean(0)
    mid = rotation(np.array([0, 1.0, 0]), rng.uniform(-10, 10), chopart) @ rotation(
        np.array([0, 0, 1.0]), rng.uniform(-10, 10), chopart
    )
    arch = rotation(np.array([1.0, 0, 0]), rng.uniform(-9, 9), chopart)
    toes, splay = rng.uniform(-35, 45), rng.normal(0, 3, 5)
    bones: Bones = []
    for name, surface in named.items():
        value = foot_class(name)
        posed = jitter(surface, surface.vertices.mean(0), 1.0 if value < 4 else rng.normal(1, 0.025), rng)
        if value >= 11:
            ray = int(name[-1]) - 1
            head = joints.metatarsal_heads[ray]
            if value == 12:
                posed = transform(posed, rotation(np.array([-1.0, 0, 0]), toes + rng.normal(0, 6), head))
            base = named[f"metatarsal_{ray + 1}"].vertices
            posed = transform(posed, rotation(np.array([0, 0, 1.0]), splay[ray], base[np.argmax(base[:, 1])]))
        if value >= 8:
            posed = transform(posed, mid @ arch)
        if value >= 7:
            posed = transform(posed, subtalar)
        if value >= 6:
            posed = transform(posed, ankle)
        bones.append((value, posed))
    points = np.concatenate([s.vertices for v, s in bones if v > 3])
    low, high = points.min(0) - 12, points.max(0) + 12
    leg = np.concatenate([s.vertices for v, s in bones if v <= 3])
    low, high = np.minimum(low, leg.min(0) - 12), np.maximum(high, leg.max(0) + 12)
    ends = [s.vertices[:, 2].max() for v, s in bones if v <= 3]
    high[2] = min(ends) - 10  # the grid ends inside the cut leg, so that its last slice continues it
    middle = {
        v: np.mean([s.vertices.mean(0) for u, s in bones if u == v], 0) for v in (6, 7, 8, 9, 10, 11, 12)
    }
    focus = np.array(
        [joints.ankle_point, middle[6], middle[8], middle[10], middle[11], (middle[7] + middle[12]) / 2]
    )
    cortex = np.array([[-300, 1.2], [12, 1.2], [45, 3.5], [300, 5.0]]) + (joints.ankle_point[2], 0)
    return fields(bones, low, high, 1.6, focus, cortex, np.zeros(6), closing_mm=12)


def fields(
    bones: Bones,
    low: Array,
    high: Array,
    spacing: float,
    focus: Array,
    cortex: Array,
    hollow: Array,
    closing_mm: float,
) -> dict[str, NDArray[np.generic]]:
    """Rasterize the bones of an anatomy; arrays are (z, y, x)."""
    shape = tuple(int(n) for n in np.ceil((high - low) / spacing)[::-1] + 1)
    nearest = np.full(shape, BAND_MM, np.float32)
    second = np.full(shape, BAND_MM, np.float32)
    label = np.zeros(shape, np.uint8)
    for value, surface in bones:
        box, distance = bone_distance(surface, low, spacing, shape)
        if distance.size == 0:
            continue
        closer = distance < nearest[box]
        second[box] = np.where(closer, nearest[box], np.minimum(second[box], distance))
        nearest[box] = np.where(closer, distance, nearest[box])
        label[box] = np.where(closer, value, label[box])
    depth, depth_origin = outline(nearest < 0, low, spacing, closing_mm)
    return {
        "distance": np.round(nearest * QUANTUM).astype(np.int8),
        "second": np.round(np.clip(second, 0, BAND_MM) * QUANTUM).astype(np.uint8),
        "label": label,
        "depth": depth,
        "origin": low.astype(np.float32),
        "spacing": np.float32(spacing),
        "depth_origin": depth_origin.astype(np.float32),
        "focus": focus.astype(np.float32),
        "cortex": cortex.astype(np.float32),
        "hollow": hollow.astype(np.float32),
    }


def bone_distance(
    surface: Surface, low: Array, spacing: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], NDArray[np.float32]]:
    """Measure the signed distance in the bone's own box of the grid."""
    size = np.array(shape[::-1])
    first = np.clip(np.floor((surface.vertices.min(0) - BAND_MM - low) / spacing), 0, size).astype(int)
    stop = np.clip(np.ceil((surface.vertices.max(0) + BAND_MM - low) / spacing) + 1, 0, size).astype(int)
    box = tuple(slice(int(a), int(b)) for a, b in zip(first[::-1], stop[::-1], strict=True))
    if np.any(stop <= first):
        return box, np.zeros((0, 0, 0), np.float32)
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing
    affine[:3, 3], affine[3, 3] = low + first * spacing, 1.0
    inner = tuple(int(n) for n in (stop - first)[::-1])
    return box, signed_distance(surface, affine, (inner[0], inner[1], inner[2]), BAND_MM)


def outline(
    bone: NDArray[np.bool_], low: Array, spacing: float, closing_mm: float
) -> tuple[NDArray[np.uint8], Array]:
    """Measure how far outside of the closed, smoothed bones each point lies, on an 8 mm grid with a wide margin."""
    step, margin = 8.0, 15
    ratio = step / spacing
    small = ndimage.zoom(bone.astype(np.float32), 1 / ratio, order=1) > 0.05
    padded = np.pad(small, [(0, 0), (margin, margin), (margin, margin)])
    padded = np.pad(padded, [(margin, margin), (0, 0), (0, 0)], mode="edge")
    reach = closing_mm / step
    away = ndimage.distance_transform_edt(~padded)
    closed = ndimage.distance_transform_edt(away <= reach) <= reach
    smooth = ndimage.gaussian_filter((~closed).astype(np.float32), 1.5) > 0.5
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(smooth) * step, 1.0)
    return np.clip(np.round(depth), 0, 255).astype(np.uint8), low - margin * step


MAKERS = {"hip": make_hip, "knee": make_knee, "foot": make_foot}


def main(arguments: Iterable[str] | None = None) -> None:
    """Write ``joint_number.npz`` files, joint by joint in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=260, help="anatomies of each joint")
    parser.add_argument(
        "--held-out", type=int, default=8, help="further anatomies of each joint, for evaluation"
    )
    given = parser.parse_args(None if arguments is None else list(arguments))
    given.out.mkdir(parents=True, exist_ok=True)
    first = list(range(12))
    numbers = [*first, *range(HELD_OUT, HELD_OUT + given.held_out), *range(len(first), given.count)]
    for number in numbers:
        for kind, (joint, make) in enumerate(MAKERS.items()):
            path = given.out / f"{joint}_{number:04d}.npz"
            if path.exists():
                continue
            start = time.perf_counter()
            anatomy = make(np.random.default_rng([kind, number]))
            partial = path.with_name(path.name + ".part")
            with partial.open("wb") as out:
                np.savez(out, allow_pickle=False, **anatomy)
            partial.rename(path)
            print(f"{path.name} {anatomy['label'].shape} {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
