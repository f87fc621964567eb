"""The packaged bone shapes: a statistical model of the lower limb with the pelvis, and a foot.

Sources and licences are named in NOTICE; `benchmarks/training/make_shapes.py` makes the files. Everything is
LPS, mm. The plane x = 0 is the pelvis's plane of symmetry, and the mean left hip lies at y = z = 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmetk.bones.surfaces import Faces, Points, Surface, clearance, merge, mirror_x
from bmetk.errors import SettingsError, UnknownNameError
from bmetk.image import RigidTransform

Vector = NDArray[np.float64]
Indices = NDArray[np.int64]

LEG = ("femur", "patella", "tibia", "fibula")
SHANK = ("tibia", "fibula")
HIP_GAP_MM = 3.0
KNEE_GAP_MM = 4.0
"""Bone to bone, the cartilage of both sides."""
PATELLA_GAP_MM = 4.0
FIBULA_GAP_MM = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class LimbLandmarks:
    """Landmarks of a limb as it is posed: points and lengths in LPS mm, axes as unit vectors."""

    side: str
    head_center: Vector
    """Centre of the sphere fitted to the femoral head."""
    head_radius_mm: float
    acetabulum_center: Vector
    """Centre of the sphere fitted to the socket's floor on this side."""
    femur_axis_point: Vector
    femur_axis: Vector
    """Along the shaft, towards the head."""
    knee_axis: Vector
    """Through the centres of the posterior condyles, towards the patient's left."""
    knee_center: Vector
    """Midway between the centres of the posterior condyles."""
    medial_condyle_center: Vector
    lateral_condyle_center: Vector
    medial_condyle_distal: Vector
    lateral_condyle_distal: Vector
    medial_condyle_posterior: Vector
    lateral_condyle_posterior: Vector
    medial_epicondyle: Vector
    lateral_epicondyle: Vector
    notch: Vector
    """Middle of the roof of the intercondylar notch."""
    femur_distal: Vector
    """The most distal point of the femur as it lies in a person at rest."""
    femur_up: Vector
    """Towards the head of that person, as the femur lies in the model."""
    tibia_axis_point: Vector
    tibia_axis: Vector
    """Along the shaft, towards the knee."""
    tibia_proximal: Vector
    """The most proximal point of the tibia as it lies in a person at rest."""
    tibia_up: Vector
    """Towards the head of that person, as the tibia lies in the model."""
    medial_plateau: Vector
    lateral_plateau: Vector
    plafond: Vector
    medial_malleolus: Vector
    lateral_malleolus: Vector
    fibula_head: Vector
    patella_center: Vector


@dataclass(frozen=True, slots=True, eq=False)
class ShapeModes:
    """One bone of the model: its mean and how it varies."""

    mean: Points
    """Shape (V, 3), mm."""
    faces: Faces
    modes: NDArray[np.float32]
    """Displacement at one standard deviation of each mode, shape (12, V, 3), mm."""

    def surface(self, weights: Vector) -> Surface:
        """Return the bone of a subject."""
        return Surface(self.mean + np.tensordot(weights, self.modes[: len(weights)], 1), self.faces)


_CONDYLES = ("medial", "lateral")
_CONDYLE_MARKS = (
    ("condyle_distal", "distal"),
    ("condyle_posterior", "posterior"),
    ("epicondyle", "epicondyle"),
)
"""Landmark of a condyle, and the name of its marks."""


@dataclass(frozen=True, slots=True, eq=False)
class LimbShapeModel:
    """Shapes of a left limb and the pelvis; one set of weights moves all bones together."""

    parts: Mapping[str, ShapeModes]
    marks: Mapping[str, Mapping[str, Indices]]
    """Vertices that give the landmarks, by bone and mark."""

    @property
    def modes(self) -> int:
        """Number of modes."""
        return len(self.parts["femur"].modes)

    def subject(self, weights: ArrayLike = (), side: str = "left") -> dict[str, Surface]:
        """Return one person's bones: the whole pelvis and one limb.

        Parameters
        ----------
        weights : shape (K,), K <= 12
            Standard deviations along the modes; missing ones are 0. Within plus or minus 2 is plausible.
        side : str
            ``left`` or ``right``. The hip bones of both sides are mirror images, so that the limbs of
            ``left`` and ``right`` fit one pelvis.

        Returns
        -------
        dict[str, Surface]
            ``pelvis``, ``femur``, ``patella``, ``tibia``, ``fibula``.

        Raises
        ------
        SettingsError
            If there are more weights than modes.
        """
        values = np.atleast_1d(np.asarray(weights, np.float64))
        if values.ndim != 1 or len(values) > self.modes:
            raise SettingsError(f"weights have shape {values.shape}: give at most {self.modes} numbers")
        bones = {name: part.surface(values) for name, part in self.parts.items()}
        sacrum, hip_bone = bones.pop("sacrum"), self._open_socket(bones)
        bones = self._seat({"pelvis": merge([hip_bone, mirror_x(hip_bone), sacrum]), **bones})
        if is_left(side):
            return bones
        return {name: mirror_x(bone) for name, bone in bones.items()}

    def _open_socket(self, bones: dict[str, Surface]) -> Surface:
        """Take out the hip bone, with its socket pressed clear of the head that will lie in its middle.

        The wall is thinned, in the order of its layers, so that it cannot fold.
        """
        hip_bone = bones.pop("hip_bone")
        center, socket = fit_sphere(hip_bone.vertices[self.marks["hip_bone"]["acetabulum"]])
        head = fit_sphere(bones["femur"].vertices[self.marks["femur"]["head"]])[1] + HIP_GAP_MM
        inner, outer = socket - 2.0, max(socket, head) + 8.0
        arms = hip_bone.vertices - center
        reach = np.linalg.norm(arms, axis=1, keepdims=True)
        pressed = head + (outer - head) * np.maximum(reach - inner, 0.0) / (outer - inner)
        return Surface(
            center + arms * np.where(reach < outer, np.maximum(pressed / reach, 1.0), 1.0), hip_bone.faces
        )

    def _seat(self, bones: dict[str, Surface]) -> dict[str, Surface]:
        """Set the joints of a left limb: the source's bones vary in place too, and overlap at the knee."""
        marks = self.landmarks(bones)
        bones = shift(bones, marks.acetabulum_center - marks.head_center, LEG)
        marks = self.landmarks(bones)
        condyles = (marks.medial_condyle_distal + marks.lateral_condyle_distal) / 2
        off = condyles - (marks.medial_plateau + marks.lateral_plateau) / 2
        down, front = -marks.tibia_axis, np.cross(marks.knee_axis, marks.femur_axis)
        bones = shift(bones, off - down * (off @ down), SHANK)
        bones = shift(bones, down * (KNEE_GAP_MM - clearance(bones["tibia"], bones["femur"], down)), SHANK)
        outward = marks.lateral_plateau - marks.medial_plateau
        outward = _unit(outward - down * (outward @ down))
        close = max(FIBULA_GAP_MM - clearance(bones["fibula"], bones["tibia"], outward), 0.0)
        bones = shift(bones, outward * min(close, 10.0), ("fibula",))
        front = _unit(front)
        far = PATELLA_GAP_MM - clearance(bones["patella"], bones["femur"], front)
        return shift(bones, front * far, ("patella",))

    def landmarks(self, bones: Mapping[str, Surface], side: str = "left") -> LimbLandmarks:
        """Find the landmarks of a subject, posed or not; ``bones`` must come from this model.

        Marks are vertex numbers, so they follow shape, side and pose.
        """
        left = 1.0 if is_left(side) else -1.0
        femur, tibia = (bones[n].vertices for n in ("femur", "tibia"))
        at = {
            (b, m): bones[b].vertices[i]
            for b in ("femur", "tibia", "fibula")
            for m, i in self.marks[b].items()
        }
        mean = {key: points.mean(0) for key, points in at.items()}
        head, radius = fit_sphere(at["femur", "head"])
        (medial, _), (lateral, _) = (fit_sphere(at["femur", f"{s}_condyle"]) for s in _CONDYLES)
        shafts = {b: _unit(mean[b, "shaft_proximal"] - mean[b, "shaft_distal"]) for b in ("femur", "tibia")}
        up = {"femur": self._up("femur", femur, left), "tibia": self._up("tibia", tibia, left)}
        condyles = {f"{s}_{f}": mean["femur", f"{s}_{m}"] for s in _CONDYLES for f, m in _CONDYLE_MARKS}
        return LimbLandmarks(
            side=str(side),
            head_center=head,
            head_radius_mm=radius,
            acetabulum_center=fit_sphere(bones["pelvis"].vertices[self.marks["hip_bone"]["acetabulum"]])[0],
            femur_axis_point=mean["femur", "shaft_distal"],
            femur_axis=shafts["femur"],
            knee_axis=left * _unit(lateral - medial),
            knee_center=(medial + lateral) / 2,
            medial_condyle_center=medial,
            lateral_condyle_center=lateral,
            **condyles,
            notch=mean["femur", "notch"],
            femur_distal=femur[np.argmin(femur @ up["femur"])],
            femur_up=up["femur"],
            tibia_axis_point=mean["tibia", "shaft_proximal"],
            tibia_axis=shafts["tibia"],
            tibia_proximal=tibia[np.argmax(tibia @ up["tibia"])],
            tibia_up=up["tibia"],
            medial_plateau=mean["tibia", "medial_plateau"],
            lateral_plateau=mean["tibia", "lateral_plateau"],
            plafond=mean["tibia", "plafond"],
            medial_malleolus=mean["tibia", "malleolus"],
            lateral_malleolus=mean["fibula", "malleolus"],
            fibula_head=mean["fibula", "head"],
            patella_center=bones["patella"].vertices.mean(0),
        )

    def _up(self, name: str, placed: Points, left: float) -> Vector:
        """Turn the model's upward direction as a bone was turned; ``left`` is -1 for a right limb."""
        return RigidTransform.between(self.parts[name].mean * (left, 1.0, 1.0), placed).rotation[:, 2]


@dataclass(frozen=True, slots=True, eq=False)
class FootJoints:
    """Axes of a foot's joints in LPS mm: a right-handed turn about each is the named motion."""

    ankle_point: Vector
    ankle_axis: Vector
    """Dorsiflexion, across the trochlea of the talus."""
    subtalar_point: Vector
    subtalar_axis: Vector
    """Inversion."""
    metatarsal_heads: Points
    """Centres of the heads, big toe first, shape (5, 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class FootModel:
    """One foot with the distal 90 mm of the leg, stored as the right one; there are no modes."""

    right: Mapping[str, Surface]
    axes: Mapping[str, Points]

    def bones(self, side: str = "right") -> dict[str, Surface]:
        """Return the bones, the phalanges each under its own name (``proximal_phalanx_1``, ...)."""
        return {n: mirror_x(s) if is_left(side) else s for n, s in self.right.items()}

    def joints(self, side: str = "right") -> FootJoints:
        """Return the axes in the neutral pose of `bones`."""
        mirror = np.array([-1.0, 1.0, 1.0]) if is_left(side) else np.ones(3)
        turned = mirror * mirror.prod()  # an axis of rotation is a pseudovector
        return FootJoints(
            ankle_point=self.axes["talocrural_point"] * mirror,
            ankle_axis=self.axes["talocrural_axis"] * turned,
            subtalar_point=self.axes["subtalar_point"] * mirror,
            subtalar_axis=self.axes["subtalar_axis"] * turned,
            metatarsal_heads=self.axes["metatarsal_heads"] * mirror,
        )


@cache
def load_limb_model() -> LimbShapeModel:
    """Load the packaged limb model, once."""
    data = _read("limb_shapes.npz")
    names = [key.removesuffix(".mean") for key in data if key.endswith(".mean")]
    parts = {
        n: ShapeModes(
            data[f"{n}.mean"].astype(np.float64),
            data[f"{n}.faces"].astype(np.int32),
            data[f"{n}.modes"].astype(np.float32),
        )
        for n in names
    }
    marks: dict[str, dict[str, Indices]] = {n: {} for n in names}
    for key, value in data.items():
        bone, _, mark = key.partition(".at.")
        if mark:
            marks[bone][mark] = value.astype(np.int64)
    return LimbShapeModel(MappingProxyType(parts), MappingProxyType(marks))


@cache
def load_foot() -> FootModel:
    """Load the packaged foot, once; vertices are stored in steps of 1/64 mm about the ankle."""
    data = _read("foot_shapes.npz")
    names = [key.removesuffix(".faces") for key in data if key.endswith(".faces")]
    right = {
        n: Surface(data[f"{n}.vertices"].astype(np.float64) / 64.0, data[f"{n}.faces"].astype(np.int32))
        for n in names
    }
    axes = {
        key.removeprefix("at."): value.astype(np.float64)
        for key, value in data.items()
        if key.startswith("at.")
    }
    return FootModel(MappingProxyType(right), MappingProxyType(axes))


def shift(bones: Mapping[str, Surface], offset: Vector, names: Collection[str]) -> dict[str, Surface]:
    """Move the named bones by an offset, mm; the others stay."""
    return {n: Surface(b.vertices + offset, b.faces) if n in names else b for n, b in bones.items()}


def is_left(side: str) -> bool:
    """Tell left from right; anything else is an `UnknownNameError`."""
    if side not in ("left", "right"):
        raise UnknownNameError(f"side is {str(side)!r}: give left or right")
    return side == "left"


def fit_sphere(points: Points) -> tuple[Vector, float]:
    """Fit a sphere to points (N, 3) by linear least squares: its centre and radius, mm."""
    middle = points.mean(0)
    near = points - middle
    system = np.column_stack([2.0 * near, np.ones(len(near))])
    x = np.linalg.lstsq(system, (near**2).sum(1), rcond=None)[0]
    return middle + x[:3], float(np.sqrt(x[3] + x[:3] @ x[:3]))


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector))


def _read(name: str) -> dict[str, NDArray[np.generic]]:
    """Read a packaged file; nothing in it is pickled."""
    with as_file(files("bmetk.bones") / "data" / name) as path, np.load(path, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}
