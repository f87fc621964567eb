"""Bones that somebody drew, corrected or found with another tool: named, to be divided into regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from bmetk.anatomy import (
    BONE_LABELS,
    REGION_LABELS,
    Bone,
    Joint,
    Label,
    Side,
    bone_value,
    region_value,
)
from bmetk.anatomy.geometry import divide_regions
from bmetk.bones.bodies import coarse_class
from bmetk.bones.border import SeenBones, settle_on_borders
from bmetk.bones.closer import FREE
from bmetk.bones.fit import Fit
from bmetk.bones.locate import CLASSES, SPACING_MM, CoarseBones, coarse_grid, gather_slices
from bmetk.bones.marks import fit_landmarks
from bmetk.bones.recognize import recognize
from bmetk.errors import UnknownNameError
from bmetk.exam import Check, CheckStatus, Segmentation
from bmetk.image import LabelMap, RigidTransform, resample_labels
from bmetk.image.grid import Grid

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class GivenBones:
    """Bones that were given, with their regions; what `FoundBones` is for bones that were searched."""

    joint: Joint
    side: Side
    bones: Segmentation
    regions: Segmentation
    checks: tuple[Check, ...]
    extent_ml: Mapping[Label, float] = field(default_factory=dict)

    def place(self, grid: Grid, transform: RigidTransform | None = None) -> tuple[Segmentation, Segmentation]:
        """Bring bones and regions to any grid, by the nearest voxel.

        Parameters
        ----------
        transform : from the grid's world to that of the bones; None where they are one
        """
        bones, regions = (
            Segmentation(resample_labels(part.labels, grid, transform), part.meaning)
            for part in (self.bones, self.regions)
        )
        return bones, regions

    def place_marrow(self, bones: Segmentation, transform: RigidTransform | None = None) -> None:
        """Tell nothing of the marrow: what was given is all there is."""
        del bones, transform


def names_bones(bones: Segmentation) -> bool:
    """Tell whether every label is a bone of a side, so that it can be divided into regions."""
    known = {bone.value for bone in Bone}
    return all(label.name in known and label.side is not None for label in bones.present().values())


def divide_given(bones: Segmentation, joint: Joint | None = None, side: Side | None = None) -> GivenBones:
    """Divide named bones into regions: the template is laid into them, and its landmarks tell where to cut.

    Parameters
    ----------
    bones : every label a `Bone` value with its side, on any grid
    joint, side : what the tags say; None to take them from the bones

    Raises
    ------
    UnknownNameError
        If a label is no bone.
    BonesNotFoundError
        If no joint can be recognised in the bones.
    """
    if not names_bones(bones):
        wrong = sorted({label.name for label in bones.present().values()} - {bone.value for bone in Bone})
        known = ", ".join(bone.value for bone in Bone)
        raise UnknownNameError(f"bones are named {', '.join(wrong) or 'without a side'}: give one of {known}")
    named = _renumbered(bones)
    sides = {label.side for label in bones.present().values()}
    own = Side.BOTH if len(sides) > 1 else next(iter(sides), side)
    recognized = recognize(_coarse(named), joint, own)
    fit = _settled(recognized.fit, named)
    landmarks = fit_landmarks(fit, tuple(fit.surface(n) for n in range(len(fit.poses))))
    kind = joint if joint is Joint.FOOT else fit.template.joint
    regions = divide_regions(named, landmarks, joint=kind, parts=_phalanges(fit, named))
    message = "bones were given, not searched; their regions follow the landmarks of a fitted template"
    return GivenBones(
        joint=kind,
        side=own or fit.template.side,
        bones=Segmentation(named, BONE_LABELS),
        regions=Segmentation(regions, REGION_LABELS),
        checks=(Check("bones_given", CheckStatus.OK, None, message),),
    )


def _renumbered(bones: Segmentation) -> LabelMap:
    """Give every bone its number in bmetk's own label maps."""
    table = np.zeros(256, np.uint8)
    for value, label in bones.present().items():
        assert label.side is not None
        table[value] = bone_value(Bone(label.name), label.side)
    return LabelMap(table[bones.labels.array], bones.grid)


def _mask(bones: LabelMap, wanted: set[Bone]) -> NDArray[np.bool_]:
    values = [value for value, label in BONE_LABELS.items() if Bone(label.name) in wanted]
    return np.isin(bones.array, values)


def _coarse(bones: LabelMap) -> CoarseBones:
    """See given bones as the network would."""
    blur = [SPACING_MM / 2 / spacing for spacing in bones.grid.spacing_mm]
    shares = np.zeros((len(CLASSES), *bones.grid.shape), np.float32)
    for number, name in enumerate(CLASSES[1:], start=1):
        mask = _mask(bones, {bone for bone in Bone if coarse_class(bone) == name})
        if mask.any():
            shares[number] = gaussian_filter(mask.astype(np.float32), blur, truncate=2.0)
    return gather_slices(shares, bones.grid, coarse_grid(bones.grid), bones.grid, CLASSES)


def _settled(fit: Fit, bones: LabelMap) -> Fit:
    """Move the template to the borders of the given bones."""
    shares = {b.name: _mask(bones, {b.bone}).astype(np.float32) for b in fit.template.bodies}
    return settle_on_borders(fit, SeenBones(shares, bones.grid), FREE[fit.template.joint])


def _phalanges(fit: Fit, bones: LabelMap) -> LabelMap | None:
    """Tell single phalanges apart by the nearest one of the template."""
    parts = [(n, body) for n, body in enumerate(fit.template.bodies) if body.part is not None]
    toes = np.nonzero(_mask(bones, {Bone.PHALANGES}))
    if not parts or not len(toes[0]):
        return None
    tree = cKDTree(np.concatenate([fit.vertices(n) for n, _ in parts]))
    numbers = [
        np.full(len(b.rest), region_value(b.part, b.side), np.uint8) for _, b in parts if b.part is not None
    ]
    nearest = tree.query(bones.grid.to_world(np.stack(toes, axis=-1)))[1]
    result = np.zeros(bones.grid.shape, np.uint8)
    result[toes] = np.concatenate(numbers)[nearest]
    return LabelMap(result, bones.grid)
