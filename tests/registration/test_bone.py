"""One bone between two exams: found to a fraction of a millimetre, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from bmetk.errors import SettingsError
from bmetk.exam import CheckStatus
from bmetk.image import Mask, RigidTransform
from bmetk.registration import BoneRegistrationSettings, BoneView, register_bone, view_bone
from tests.registration.bones import SHAPE, bone_at, grid_of, image_at, surface_points, turned

STILL = RigidTransform.identity()
MOVED = turned((9.0, -6.0, 14.0), (6.0, -9.0, 5.0))


def seen(place: RigidTransform, plane: str, *, images: bool, gain: float = 1.0) -> BoneView:
    grid = grid_of(plane, tuple(place.translation_mm))
    pictures = {"t1": (image_at(place, grid, gain), None)} if images else {}
    return view_bone(bone_at(place, grid), pictures)


def error_mm(found: RigidTransform | None, true: RigidTransform) -> float:
    assert found is not None
    points = surface_points()
    return float(np.linalg.norm(found.apply(points) - true.apply(points), axis=1).max())


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal", "oblique"])
def test_surfaces_alone_find_a_turned_bone_within_a_millimetre(plane: str) -> None:
    found = register_bone(seen(STILL, "sagittal", images=False), seen(MOVED, plane, images=False))
    assert found.check.status is CheckStatus.OK
    assert found.correlation is None
    assert error_mm(found.transform, MOVED) < 1.0


def test_intensities_find_it_closer_whatever_the_gain() -> None:
    pair = [[seen(STILL, "sagittal", images=i), seen(MOVED, "coronal", images=i, gain=2.5)] for i in (0, 1)]
    surfaces, both = (register_bone(*views) for views in pair)
    assert both.correlation is not None
    assert both.correlation > 0.9
    assert error_mm(both.transform, MOVED) < min(0.5, error_mm(surfaces.transform, MOVED))


def test_the_way_back_is_the_inverse_of_the_way_there() -> None:
    one, other = seen(STILL, "sagittal", images=True), seen(MOVED, "coronal", images=True)
    there, back = register_bone(one, other).transform, register_bone(other, one).transform
    assert there is not None
    assert back is not None
    assert back.after(there).displacement_mm(surface_points()).max() < 1e-9


def test_a_view_that_ends_within_the_bone_is_no_surface() -> None:
    grid = grid_of("coronal", (0.0, 0.0, 25.0))  # cuts the condyles off half way
    cut = view_bone(bone_at(STILL, grid))
    found = register_bone(seen(STILL, "sagittal", images=False), cut)
    assert error_mm(found.transform, STILL) < 1.0


def test_a_shaft_that_could_slide_is_refused() -> None:
    grid = grid_of("axial")
    points = grid.world_coordinates()
    shaft = view_bone(Mask(np.linalg.norm(points[..., :2], axis=-1) < 12, grid))
    found = register_bone(shaft, shaft)
    assert found.transform is None
    assert found.check.status is CheckStatus.FAIL
    assert "slide or turn" in found.check.message


def test_another_bone_is_refused() -> None:
    grid = grid_of("coronal")
    points = grid.world_coordinates() / np.array([32.0, 10.0, 22.0])
    found = register_bone(
        seen(STILL, "sagittal", images=False), view_bone(Mask(np.linalg.norm(points, axis=-1) < 1, grid))
    )
    assert found.transform is None


def test_a_sliver_of_bone_is_refused_in_words() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10, 50:53, 50:53] = True
    sliver = view_bone(Mask(mask, grid_of("axial")))
    found = register_bone(sliver, seen(STILL, "axial", images=False))
    assert found.transform is None
    assert "too little" in found.check.message


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="100 points"):
        BoneRegistrationSettings(points=10)
