"""Where a voxel of the patient lies, there its layer shows it; an edit goes back to that voxel."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import CENTRE_MM, LESION_MM, make_grid, make_result, with_series
from napari.layers import Labels, Layer

from bmetk.anatomy import Region, Side, region_value
from bmetk.review import begin
from napari_bmetk._frame import AXES, frame_of, native_plane
from napari_bmetk._layers import ROLES, draft_layers, exam_title
from napari_bmetk._session import edited

LATERAL = region_value(Region.LATERAL_FEMORAL_CONDYLE, Side.LEFT)


def layers_of(plane: str, tilt_deg: float = 0.0) -> dict[str, Layer]:
    """Make the layers of the phantom, by their role."""
    draft = begin(with_series(make_result(make_grid(plane, tilt_deg))))
    created = (Layer.create(*data) for data in draft_layers(draft, name="knee"))
    return {layer.metadata["bmetk_role"]: layer for layer in created}


def value_at(layer: Layer, point_mm: np.ndarray) -> float:
    """Read a layer at a point of the patient, LPS mm."""
    index = np.round(layer.world_to_data(point_mm[::-1])).astype(int)
    return float(layer.data[tuple(index)])


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_each_layer_shows_the_lesion_where_it_is(plane: str, tilt_deg: float):
    layers = layers_of(plane, tilt_deg)
    assert tuple(layers) == ROLES
    assert value_at(layers["edema"], LESION_MM) == 1
    assert value_at(layers["ratio"], LESION_MM) == pytest.approx(3.0, abs=0.3)
    assert value_at(layers["fluid"], LESION_MM) == pytest.approx(300, abs=30)
    assert value_at(layers["T1"], LESION_MM) == pytest.approx(120, abs=30)
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
    assert sorted(layers_of("coronal", 0.3)["ratio"].data.shape) == [24, 64, 80]


def test_every_layer_is_in_millimetres_along_named_axes(plane: str):
    for layer in layers_of(plane).values():
        assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
        assert layer.axis_labels == AXES
        assert min(layer.scale) > 0


def test_windows_show_marrow_neither_black_nor_white():
    layers = layers_of("coronal")
    low, high = layers["fluid"].contrast_limits
    assert low < 100 <= high
    assert layers["ratio"].contrast_limits == [0, 4]
    assert layers["probability"].contrast_limits == [0, 1]


def test_the_true_grid_stays_in_the_metadata():
    grid = make_grid("sagittal", 20.0)
    np.testing.assert_allclose(layers_of("sagittal", 20.0)["bones"].metadata["affine_lps"], grid.affine)


def test_a_label_tells_its_region_and_side():
    regions = layers_of("axial")["regions"]
    assert isinstance(regions, Labels)
    told = regions.features.set_index("index").loc[LATERAL]
    assert (told["region"], told["side"]) == ("lateral_femoral_condyle", "left")


def test_native_plane_is_the_axis_of_the_slices(plane: str):
    assert ["axial", "coronal", "sagittal"][native_plane(make_grid(plane))] == plane


def test_title_tells_day_joint_and_side():
    assert exam_title(make_result(make_grid("axial")).exam) == "2024-03-01 knee left"


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_an_edit_goes_back_to_the_voxels_under_it_and_leaves_the_rest(plane: str, tilt_deg: float):
    grid = make_grid(plane, tilt_deg)
    draft, frame = begin(make_result(grid)), frame_of(grid)
    before = frame.show_labels(draft.marks)
    place = frame.grid.world_coordinates()
    erased = before * (place[..., 0] < LESION_MM[0]).astype(np.uint8)
    changed = edited(draft, "edema", frame, before, erased)
    x_mm = grid.world_coordinates()[..., 0]
    kept = changed.edema.array
    # Voxels further from the cut than a voxel is long lie surely on one side of it.
    sure = np.abs(x_mm - LESION_MM[0]) > np.linalg.norm(grid.spacing_mm)
    wrong = sure & (kept != (draft.edema.array & (x_mm < LESION_MM[0])))
    # An oblique lesion has single voxels at its edge that the display does not show: they stay as they were.
    assert wrong.sum() <= (0.01 * draft.edema.array.sum() if tilt_deg else 0)
    np.testing.assert_array_equal(kept[wrong], draft.edema.array[wrong])
    assert kept.any()
    assert not (kept & ~draft.edema.array).any()


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_without_an_edit_no_voxel_changes(plane: str, tilt_deg: float):
    grid = make_grid(plane, tilt_deg)
    draft, frame = begin(make_result(grid)), frame_of(grid)
    shown = frame.show_labels(draft.marks)
    np.testing.assert_array_equal(frame.take_back(draft.marks.array, shown, shown), draft.marks.array)
