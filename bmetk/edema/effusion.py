"""How much joint fluid there is: the bright, thick fluid that reaches the joint's bones from outside.

Free water is brighter than muscle on every fluid-sensitive series (its T2 is ten times as long), and muscle
is in every exam. A film of synovial fluid, cartilage and most vessels are thin; a distended recess is not.
A vessel that is as thick runs on as a tube.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import JOINT_OF_REGION, REGIONS_OF_JOINT, Joint, Region, Side
from bmetk.edema.muscle import muscle_below_fluid
from bmetk.edema.pieces import connect, disk, principal_lengths_mm
from bmetk.edema.shading import Shading, no_shading
from bmetk.edema.volume import BoolArray, Float32Array, boxes
from bmetk.exam import Finding, Segmentation
from bmetk.image import Grid, ScalarImage, crop_box, crop_grid

_AWAY = frozenset(
    {Region.ACETABULUM, Region.PROXIMAL_FEMORAL_SHAFT}
    | {region for region, joint in JOINT_OF_REGION.items() if joint is Joint.FOOT}
)
"""Regions that reach far from their joint, beside vessels, and those of small joints."""
_REACH_MM, _KNEE_REACH_MM, _NEAR_MM = 18.0, 45.0, 3.0
"""How far from the bones recesses reach, in the knee the suprapatellar one, and how near fluid must come."""
_THICK_MM = 3.0
_TUBE_RATIO, _WIDE_RATIO, _TUBE_MM, _TUBE_NEAR = 2.4, 4.0, 10.5, 0.25
"""How much longer than wide a vessel is, and several side by side, from which width on these are taken for
several, and what share of it lies at the bones at most."""
_OVER_MARROW = 6.0
"""Least fluid over normal marrow where no muscle is found, which fat suppression changes most."""
_FLUID_T1 = 0.75
_EFFUSION_ML = 2.5


def joint_effusions(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bones: Segmentation,
    regions: Segmentation,
    to_muscle: float,
    shading: Shading | None = None,
) -> list[Finding]:
    """Measure the joint fluid of each side that is shown, mL, and call 2.5 mL or more an effusion.

    Parameters
    ----------
    t1 : ScalarImage on the grid of ``fluid``; None if there is none
    fluid : ScalarImage
    bones, regions : Segmentation on the same grid
    to_muscle : signal of joint fluid as a multiple of muscle's
    shading : Shading of both series; None for none

    Returns
    -------
    list of one Finding a side; none where no joint is shown
    """
    names = {value: label for value, label in regions.present().items() if label.name not in _AWAY}
    bone = bones.labels.array > 0
    findings = []
    for side in sorted({label.side for label in names.values()}, key=str):
        values = [value for value, label in names.items() if label.side is side]
        if len(values) > 1:
            joint = np.isin(regions.labels.array, values)
            knee = all(names[value].name in REGIONS_OF_JOINT[Joint.KNEE] for value in values)
            reach_mm = _KNEE_REACH_MM if knee else _REACH_MM
            volume_ml = _fluid_ml(t1, fluid, bone, joint, to_muscle, reach_mm, shading or no_shading())
            findings.append(_told(volume_ml, side))
    return findings


def _told(volume_ml: float, side: Side | None) -> Finding:
    message = f"{volume_ml:.1f} mL of bright fluid at the joint (effusion: {_EFFUSION_ML:g} mL or more)"
    return Finding("joint_effusion", side, volume_ml >= _EFFUSION_ML, volume_ml, "mL", message)


def _fluid_ml(
    t1: ScalarImage | None,
    fluid: ScalarImage,
    bone: BoolArray,
    joint: BoolArray,
    to_muscle: float,
    reach_mm: float,
    shading: Shading,
) -> float:
    box = crop_box(joint, fluid.grid, reach_mm)
    grid = crop_grid(fluid.grid, box)
    gain_t1, gain = shading.gains(grid)
    image, outside = fluid.array[box] / gain, ~bone[box]
    dark = None if t1 is None else t1.array[box] / gain_t1
    if dark is not None:
        dark /= max(float(np.median(dark[~outside])), 1e-6)
    away = _distance_in_plane(joint[box], grid.spacing_mm[1:])
    bright = outside & (away < reach_mm) & (image > _least_signal(image, dark, outside, to_muscle))
    if dark is not None:
        bright &= dark < _FLUID_T1
    labels = connect(bright)
    reaching = np.bincount(labels[away < _NEAR_MM], minlength=int(labels.max()) + 1) > 0
    reaching[0] = False
    thick = ndimage.binary_opening(reaching[labels], disk(_THICK_MM / 2 / grid.spacing_mm[1]))
    parts = connect(thick)
    fluid_voxels = 0
    for number, place in boxes(parts, pad=0):
        inside = parts[place] == number
        if not _is_tube(np.argwhere(inside), away[place][inside], grid):
            fluid_voxels += int(np.count_nonzero(inside))
    return fluid_voxels * grid.voxel_ml


def _is_tube(index: npt.NDArray[np.intp], away_mm: npt.NDArray[np.float64], grid: Grid) -> bool:
    """Tell a vessel: far longer than wide, and not along the bones of the joint."""
    longest, middle, _ = principal_lengths_mm(index, grid)
    ratio = _TUBE_RATIO if middle < _TUBE_MM else _WIDE_RATIO
    return bool(longest > ratio * middle and (away_mm < _NEAR_MM).mean() < _TUBE_NEAR)


def _least_signal(
    image: Float32Array, dark: Float32Array | None, outside: BoolArray, to_muscle: float
) -> float:
    """Tell from which signal on it is fluid: the geometric mean of that of fluid and of muscle or marrow."""
    marrow = max(float(np.median(image[~outside])), 1e-6)
    muscle = None if dark is None else muscle_below_fluid(dark, image, outside, to_muscle)
    return _OVER_MARROW * marrow if muscle is None else float(np.sqrt(to_muscle)) * max(muscle, marrow)


def _distance_in_plane(mask: BoolArray, spacing_mm: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Measure how far each pixel lies from what is marked in its slice, mm; infinite in slices without."""
    away = np.full(mask.shape, np.inf)
    for plane, target in zip(mask, away, strict=True):
        if plane.any():
            target[:] = ndimage.distance_transform_edt(~plane, sampling=spacing_mm)
    return away
