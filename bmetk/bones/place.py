"""Found bones as surfaces in the world of the T1 series, and how they fill any grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmetk.anatomy import (
    BONE_LABELS,
    REGION_LABELS,
    Bone,
    Joint,
    Label,
    Region,
    Side,
    bone_value,
    region_value,
)
from bmetk.anatomy.geometry import divide_regions
from bmetk.anatomy.landmarks import Landmarks
from bmetk.bones.surfaces import Surface, voxelize
from bmetk.exam import Check, Segmentation
from bmetk.image import (
    Grid,
    LabelMap,
    Mask,
    RigidTransform,
    ScalarImage,
    field_of_view,
    isotropic_grid,
    resample_scalar,
)

Values = NDArray[np.uint8]

MARROW_SHARE = 0.5
"""Share of marrow from which on a voxel counts as marrow."""
EXTENT_SPACING_MM = 2.0
BEYOND_VIEW_MM = 20.0
"""How far the surfaces hold beyond the T1 series' view; farther away they are guesses."""
BOUNDED = frozenset(Region) - {
    Region.PROXIMAL_FEMORAL_SHAFT,
    Region.DISTAL_FEMORAL_METAPHYSIS,
    Region.PROXIMAL_TIBIAL_METAPHYSIS,
    Region.PROXIMAL_FIBULA,
    Region.DISTAL_TIBIA,
    Region.DISTAL_FIBULA,
}
"""Regions whose whole volume is defined; the others go on until the view ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Midplane:
    """Plane that divides the pelvis: a point of it, and its unit normal to the patient's left."""

    point_mm: NDArray[np.float64]
    normal: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FoundBone:
    """One structure in the world: a bone, a single phalanx, or the pelvis with both its sides.

    Parameters
    ----------
    surface : outer surface of the cortical bone, LPS mm in the world of the T1 series
    confidence : the Dice that its outline may be expected to reach, 0 to 1
    part : the region it is, where no rule divides the bone (single phalanges)
    midplane : where a bone of both sides is divided
    """

    name: str
    bone: Bone
    side: Side
    surface: Surface
    confidence: float
    part: Region | None = None
    midplane: Midplane | None = None

    @property
    def key(self) -> str:
        """Name with side."""
        return f"{self.name}_{self.side.value}"

    def values(self, points_mm: NDArray[np.float64]) -> Values:
        """Give the bone's number in a label map at points (N, 3) inside of it."""
        if self.midplane is None:
            return np.full(len(points_mm), bone_value(self.bone, self.side), np.uint8)
        left = (points_mm - self.midplane.point_mm) @ self.midplane.normal > 0
        numbers = bone_value(self.bone, Side.RIGHT), bone_value(self.bone, Side.LEFT)
        return np.where(left, numbers[1], numbers[0]).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class FoundBones:
    """What `find_bones` found in one T1 series.

    Parameters
    ----------
    joint, side : as recognised; ``both`` for both hips in one view
    structures : every bone that is in view and was found
    landmarks : what divides the bones into regions
    confidence : of each bone, 0 to 1
    checks : what the user should know
    extent_ml : volume of each region by the fitted model: the whole one where its definition is
        bounded (`BOUNDED`), the imaged part where not
    view : grid of the T1 series
    marrow : share of marrow in any bone, 0 to 1, in the world of the T1 series; None where nothing told it
    """

    joint: Joint
    side: Side
    structures: tuple[FoundBone, ...]
    landmarks: tuple[Landmarks, ...]
    confidence: Mapping[Label, float]
    checks: tuple[Check, ...]
    extent_ml: Mapping[Label, float]
    view: Grid
    marrow: ScalarImage | None = None

    @property
    def surfaces(self) -> dict[str, Surface]:
        """Surface of each structure by its name and side, LPS mm in the world of the T1 series."""
        return {found.key: found.surface for found in self.structures}

    def place(self, grid: Grid, transform: RigidTransform | None = None) -> tuple[Segmentation, Segmentation]:
        """Fill a grid with the bones, and with their regions.

        Parameters
        ----------
        grid : any grid
        transform : from the grid's world to that of the T1 series; None where they are one

        Returns
        -------
        bones, regions : Segmentation
            Up to 20 mm beyond the view of the T1 series, which may be of another plane than the grid: of
            bones that were cut by it in an outside simulator's exams, Dice rose from 0.77 to 0.85.
        """
        bones, regions = fill(self.structures, self.landmarks, self.joint, grid, transform)
        reached = isotropic_grid(self.view, EXTENT_SPACING_MM, BEYOND_VIEW_MM)
        seen = field_of_view(reached, grid, transform).array
        return (
            Segmentation(LabelMap(np.where(seen, bones.array, 0).astype(np.uint8), grid), BONE_LABELS),
            Segmentation(LabelMap(np.where(seen, regions.array, 0).astype(np.uint8), grid), REGION_LABELS),
        )

    def place_marrow(self, bones: Segmentation, transform: RigidTransform | None = None) -> Mask | None:
        """Tell which voxels of placed bones are marrow, not cortical bone; None where nothing told it.

        Parameters
        ----------
        bones : from `place`, with the same transform
        """
        if self.marrow is None:
            return None
        share = resample_scalar(self.marrow, bones.grid, transform)
        return Mask((bones.labels.array > 0) & (share.array > MARROW_SHARE), bones.grid)


def fill(
    structures: tuple[FoundBone, ...],
    landmarks: tuple[Landmarks, ...],
    joint: Joint,
    grid: Grid,
    transform: RigidTransform | None = None,
) -> tuple[LabelMap, LabelMap]:
    """Fill a grid with bones and regions, whether imaged or not; the surer bone wins where two overlap."""
    move = transform or RigidTransform.identity()
    affine = np.eye(4)
    affine[:3, :3] = move.rotation @ grid.affine[:3, :3]
    affine[:3, 3] = move.apply(grid.origin_mm)
    bones, parts = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    for found in sorted(structures, key=lambda f: f.confidence):
        inside = np.nonzero(voxelize(found.surface, affine, grid.shape))
        points = np.stack(inside, axis=-1) @ affine[:3, :3].T + affine[:3, 3]
        bones[inside] = found.values(points)
        parts[inside] = region_value(found.part, found.side) if found.part else 0
    back = move.inverse()
    regions = divide_regions(
        LabelMap(bones, grid),
        [mark.moved(back) for mark in landmarks],
        joint=joint,
        parts=LabelMap(parts, grid),
    )
    return LabelMap(bones, grid), regions


def measure_extent(
    structures: tuple[FoundBone, ...], landmarks: tuple[Landmarks, ...], joint: Joint, view: Grid
) -> dict[Label, float]:
    """Measure each region of the fitted bones: all of it if it is bounded, else its part in view, mL."""
    grid = _around(structures, view)
    _, regions = fill(structures, landmarks, joint, grid)
    seen = field_of_view(view, grid).array
    whole = np.bincount(regions.array.ravel(), minlength=256) * grid.voxel_ml
    imaged = np.bincount(regions.array[seen].ravel(), minlength=256) * grid.voxel_ml
    return {
        label: float(whole[value] if Region(label.name) in BOUNDED else imaged[value])
        for value, label in REGION_LABELS.items()
        if whole[value] > 0
    }


def _around(structures: tuple[FoundBone, ...], view: Grid) -> Grid:
    """Lay a fine grid along LPS around view and bones, no farther than 150 mm beyond the view."""
    corners = view.corners_mm
    points = np.concatenate([found.surface.vertices for found in structures])
    low = np.maximum(points.min(0), corners.min(0) - 150.0)
    high = np.minimum(points.max(0), corners.max(0) + 150.0)
    x, y, z = np.maximum(np.ceil((high - low) / EXTENT_SPACING_MM), 1).astype(int)
    spacing = (EXTENT_SPACING_MM, EXTENT_SPACING_MM, EXTENT_SPACING_MM)
    return Grid.from_axes((int(z), int(y), int(x)), spacing, np.eye(3)[:, ::-1], low + EXTENT_SPACING_MM / 2)


def bone_labels(found: FoundBone) -> Iterator[Label]:
    """List what one structure is called in results: one label, two for a divided bone."""
    sides = (Side.RIGHT, Side.LEFT) if found.midplane else (found.side,)
    for side in sides:
        yield BONE_LABELS[bone_value(found.bone, side)]
