"""Signs that argue against transient osteoporosis: a serpiginous double line, and the core that it encloses.

The double line of osteonecrosis: a rim of sclerosis, dark on both series, and granulation tissue inside it,
bright on the fluid-sensitive one. The geographic core within is fatty at first (Mitchell et al. 1987,
doi:10.1148/radiology.162.3.3809484).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bmetk.anatomy import Region, Side
from bmetk.edema.pieces import connect, convex_hull, disk
from bmetk.edema.volume import BoolArray, boxes, depth_below_surface
from bmetk.exam import Finding, Segmentation
from bmetk.image import Box, Grid, Mask, ScalarImage, crop_box, crop_grid, spread_numbers

_PLACES = {
    "femoral head": (Region.FEMORAL_HEAD, Region.FEMORAL_NECK),
    "femoral condyles": (Region.MEDIAL_FEMORAL_CONDYLE, Region.LATERAL_FEMORAL_CONDYLE),
    "talus": (Region.TALUS,),
}
_LINE_MM = 4.0
"""Wider than this is no line."""
_DARK_SHARE = 0.22
"""Part of normal marrow's T1 signal that a line lacks against its surroundings."""
_BRIGHT_DEVIATIONS = 3.0
_BESIDE_MM = 3.0
_CLEAR_MM = 3.0
_LEAST_EXTENT_MM = 15.0
_LEAST_ML = 0.25
_GAPS_MM = (4.0, 6.5)
"""How far a line is drawn on to the surface of the bone; it is looked for at `_CLEAR_MM` from it."""
_SIDE_MM = 6.0
_LEAST_CORE_ML = 1.0


def osteonecrosis_signs(
    t1: ScalarImage, fluid: ScalarImage, regions: Segmentation, edema: Mask
) -> Iterator[Finding]:
    """Look for a double line and its core where osteonecrosis is usual, once for each place that is imaged.

    Parameters
    ----------
    t1, fluid : ScalarImage on one grid
    regions : Segmentation on the same grid
    edema : Mask on the same grid; lines within it are those of a fracture
    """
    for place, names in _PLACES.items():
        for side in (Side.RIGHT, Side.LEFT):
            values = [
                v
                for v, label in regions.present().items()
                if (label.name, label.side) in {(n.value, side) for n in names}
            ]
            area = np.isin(regions.labels.array, values)
            if area.any():
                yield from _observe(place, side, t1, fluid, area, edema.array)


def _observe(
    place: str, side: Side, t1: ScalarImage, fluid: ScalarImage, area: BoolArray, edema: BoolArray
) -> tuple[Finding, Finding]:
    box = crop_box(area, fluid.grid, _LINE_MM)
    grid = crop_grid(fluid.grid, box)
    line, bright = _double_line(t1.array[box], fluid.array[box], area[box], grid)
    line = _long_pieces(line & ~edema[box], grid)
    volume_ml = float(np.count_nonzero(line)) * grid.voxel_ml
    there = volume_ml >= _LEAST_ML
    message = (
        f"{volume_ml:.2f} mL of thin dark line on T1 with a bright one beside it in the {side} {place} "
        f"(a sign of osteonecrosis: {_LEAST_ML:.2f} mL or more over {_LEAST_EXTENT_MM:.0f} mm)"
    )
    core = _enclosed(line, bright, area[box], grid) if there else np.zeros_like(line)
    return Finding("double_line", side, there, volume_ml, "mL", message), _core_finding(
        place, side, t1.array[box], core & ~line, area[box] & ~core & ~line, grid
    )


def _core_finding(
    place: str,
    side: Side,
    t1: npt.NDArray[np.floating],
    core: BoolArray,
    around: BoolArray,
    grid: Grid,
) -> Finding:
    """Tell of the marrow that a double line encloses, and how much of the T1 signal around it has kept."""
    volume_ml = float(np.count_nonzero(core)) * grid.voxel_ml
    message = f"no double line encloses marrow in the {side} {place}"
    if core.any():
        message = f"{volume_ml:.1f} mL of marrow enclosed by the double line in the {side} {place}"
    if core.any() and around.any():
        share = float(np.median(t1[core]) / max(float(np.median(t1[around])), 1e-6))
        message += f", with {share:.0%} of the T1 signal of the marrow around it"
    return Finding("geographic_core", side, volume_ml >= _LEAST_CORE_ML, volume_ml, "mL", message)


def _enclosed(line: BoolArray, bright: BoolArray, area: BoolArray, grid: Grid) -> BoolArray:
    """Mark what lines enclose with the surface of the bone, slice by slice, or else by themselves."""
    core = np.zeros_like(area)
    pixel_mm = min(grid.spacing_mm[1:])
    for here, beside, marrow, out in zip(line, bright & ~line, area, core, strict=True):
        if not here.any():
            continue
        parts = (_cut_off(here, beside, marrow, gap_mm / pixel_mm, pixel_mm) for gap_mm in _GAPS_MM)
        found = next((part for part in parts if part is not None), None)
        out[:] = convex_hull(here) & marrow if found is None else found
    return core


def _cut_off(
    line: BoolArray, bright: BoolArray, marrow: BoolArray, gap: float, pixel_mm: float
) -> BoolArray | None:
    """Mark the parts of a slice of marrow, cut by a widened line, on whose side the bright line lies.

    None where it is not cut, or the bright line is on no side or on all.
    """
    parts, count = ndimage.label(marrow & ~ndimage.binary_dilation(line, disk(gap)[0]))
    if count < 2:
        return None
    owner = np.where(marrow, spread_numbers(parts, (1.0, 1.0)), 0)
    to_line = ndimage.distance_transform_edt(~line)
    close = (to_line < _SIDE_MM / pixel_mm) & ~line
    beside = bright & (to_line < _LINE_MM / pixel_mm)
    if not beside.any():
        return None
    nearer = to_line - ndimage.distance_transform_edt(~beside)
    sums, sizes = (np.bincount(owner[close], w, minlength=count + 1)[1:] for w in (nearer[close], None))
    inner = 1 + np.flatnonzero(sums > 0)
    return np.isin(owner, inner) if 0 < len(inner) < np.count_nonzero(sizes) else None


def _double_line(
    t1: npt.NDArray[np.floating], fluid: npt.NDArray[np.floating], area: BoolArray, grid: Grid
) -> tuple[BoolArray, BoolArray]:
    """Mark dark lines on T1 along which the fluid-sensitive series shows a bright line, and bright lines."""
    inner = area & (depth_below_surface(area.astype(np.uint8), grid) > _CLEAR_MM)
    if not inner.any():
        return inner, inner
    size = _size(_LINE_MM, grid)
    level = float(np.percentile(t1[inner], 75))
    dark = inner & (ndimage.grey_closing(t1, size) - t1 > _DARK_SHARE * level)
    above = fluid - ndimage.grey_opening(fluid, size)
    usual = float(np.median(above[inner]))
    spread = 1.4826 * float(np.median(np.abs(above[inner] - usual)))
    bright = area & (above > usual + _BRIGHT_DEVIATIONS * max(spread, 1e-6))
    beside = dark & ndimage.binary_dilation(bright, np.ones(_size(_BESIDE_MM, grid), bool))
    return np.asarray(beside), np.asarray(bright & inner)


def _size(width_mm: float, grid: Grid) -> tuple[int, int, int]:
    """Odd window of about twice a width within the slice."""
    rows, columns = (2 * max(1, round(width_mm / s)) + 1 for s in grid.spacing_mm[1:])
    return 1, rows, columns


def _long_pieces(mask: BoolArray, grid: Grid) -> BoolArray:
    """Keep connected pieces that extend far."""
    labels = connect(mask)
    kept = np.zeros(mask.shape, bool)
    for number, box in boxes(labels, pad=0):
        if float(np.linalg.norm(_extent_mm(box, grid))) >= _LEAST_EXTENT_MM:
            kept[box] |= labels[box] == number
    return kept


def _extent_mm(box: Box, grid: Grid) -> npt.NDArray[np.float64]:
    return np.array([(b.stop - b.start) * s for b, s in zip(box, grid.spacing_mm, strict=True)])
