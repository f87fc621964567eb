"""The double line of osteonecrosis in an analytic femoral head."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.anatomy import REGION_LABELS, Region, Side, region_value
from bmetk.edema.necrosis import osteonecrosis_signs
from bmetk.exam import Finding, Segmentation
from bmetk.image import LabelMap, Mask, ScalarImage
from tests.edema.phantom import slices

HEAD_MM = 24.0


def observe_both(*, dark: bool, bright: bool, edematous: bool = False) -> tuple[Finding, Finding, float]:
    """Draw a bowl within a head: a dark line on T1, a bright one on the fluid series 2 mm inside of it.

    Return what is said of line and core, and the volume inside of the bowl.
    """
    grid = slices("coronal")
    points = grid.world_coordinates()
    rng = np.random.default_rng(1)
    head = np.linalg.norm(points, axis=-1) < HEAD_MM
    offset = np.linalg.norm(points - (0, 0, HEAD_MM), axis=-1) - 17.0
    t1 = 700.0 * head * (1 - 0.8 * dark * np.exp(-((offset / 0.9) ** 2)))
    fluid = 60.0 * head + 400.0 * head * bright * np.exp(-(((offset + 2) / 0.9) ** 2))
    t1, fluid = (image + rng.normal(0, 12, grid.shape) for image in (t1, fluid))
    value = region_value(Region.FEMORAL_HEAD, Side.LEFT)
    regions = Segmentation(LabelMap((head * value).astype(np.uint8), grid), REGION_LABELS)
    edema = Mask(head if edematous else np.zeros(grid.shape, bool), grid)
    line, core = osteonecrosis_signs(ScalarImage(t1, grid), ScalarImage(fluid, grid), regions, edema)
    assert (line.side, core.side) == (Side.LEFT, Side.LEFT)
    return line, core, float(np.count_nonzero(head & (offset < 0))) * grid.voxel_ml


def observe(*, dark: bool, bright: bool, edematous: bool = False) -> Finding:
    """Return what is said of the line."""
    return observe_both(dark=dark, bright=bright, edematous=edematous)[0]


def test_a_dark_line_with_a_bright_one_beside_it_is_seen() -> None:
    assert observe(dark=True, bright=True).present


def test_a_dark_line_alone_is_a_scar() -> None:
    assert not observe(dark=True, bright=False).present


def test_a_bright_line_alone_is_none() -> None:
    assert not observe(dark=False, bright=True).present


def test_lines_within_edema_are_those_of_a_fracture() -> None:
    assert not observe(dark=True, bright=True, edematous=True).present


def test_the_marrow_within_a_double_line_is_its_geographic_core() -> None:
    _, core, true_ml = observe_both(dark=True, bright=True)
    assert core.kind == "geographic_core"
    assert core.present
    assert core.value == pytest.approx(true_ml, rel=0.35)
    assert "100% of the T1" in core.message or "99% of the T1" in core.message


@pytest.mark.parametrize(("dark", "bright"), [(True, False), (False, True)])
def test_without_a_double_line_nothing_is_enclosed(*, dark: bool, bright: bool) -> None:
    _, core, _ = observe_both(dark=dark, bright=bright)
    assert (core.present, core.value) == (False, 0.0)
