"""Where a voxel of the patient lies, there its layer shows it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import CENTRE_MM, LESION_MM, make_grid, make_result
from napari.layers import Labels, Layer

from bmetk.anatomy import Region, Side, region_value
from napari_bmetk._layers import AXES, exam_layers, exam_title, native_plane

LATERAL = region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.LEFT)


def layers_of(plane: str, tilt_deg: float = 0.0) -> dict[str, Layer]:
    """Make the layers of the phantom, by their role."""
    created = (Layer.create(*data) for data in exam_layers(make_result(make_grid(plane, tilt_deg))))
    return {layer.metadata["bmetk_role"]: layer for layer in created}


def value_at(layer: Layer, point_mm: np.ndarray) -> float:
    """Read a layer at a point of the patient, LPS mm."""
    index = np.round(layer.world_to_data(point_mm[::-1])).astype(int)
    return float(layer.data[tuple(index)])


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_each_layer_shows_the_lesion_where_it_is(plane: str, tilt_deg: float):
    layers = layers_of(plane, tilt_deg)
    assert value_at(layers["edema"], LESION_MM) == 1
    assert value_at(layers["ratio"], LESION_MM) == pytest.approx(3.0, abs=0.3)
    assert value_at(layers["regions"], LESION_MM) == LATERAL


@pytest.mark.parametrize("mirrored", [[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
def test_no_axis_is_mirrored(plane: str, mirrored: list[int]):
    edema = layers_of(plane)["edema"]
    assert value_at(edema, CENTRE_MM + (LESION_MM - CENTRE_MM) * mirrored) == 0


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_volume_on_display_is_that_of_the_result(plane: str, tilt_deg: float):
    edema = layers_of(plane, tilt_deg)["edema"]
    truth = make_result(make_grid(plane, tilt_deg)).edema
    shown_ml = np.count_nonzero(edema.data) * np.prod(edema.scale) / 1000
    assert shown_ml == pytest.approx(truth.volume_ml, rel=0.001 if tilt_deg == 0 else 0.1)


def test_a_slight_tilt_is_shown_without_resampling():
    layer = layers_of("coronal", 0.3)["ratio"]
    assert sorted(layer.data.shape) == [24, 64, 80]


def test_every_layer_is_in_millimetres_along_named_axes(plane: str):
    for layer in layers_of(plane).values():
        assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
        assert layer.axis_labels == AXES
        assert min(layer.scale) > 0


def test_the_true_grid_stays_in_the_metadata():
    grid = make_grid("sagittal", 20.0)
    layer = layers_of("sagittal", 20.0)["bones"]
    np.testing.assert_allclose(layer.metadata["affine_lps"], grid.affine)


def test_a_label_tells_its_region_and_side():
    regions = layers_of("axial")["regions"]
    assert isinstance(regions, Labels)
    told = regions.features.set_index("index").loc[LATERAL]
    assert (told["region"], told["side"]) == ("lateral_femoral_condyle", "left")


def test_native_plane_is_the_axis_of_the_slices(plane: str):
    assert ["axial", "coronal", "sagittal"][native_plane(make_grid(plane))] == plane


def test_title_tells_day_joint_and_side():
    assert exam_title(make_result(make_grid("axial")).exam) == "2024-03-01 knee left"
