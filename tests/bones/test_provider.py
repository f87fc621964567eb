"""Bones found in painted pictures, from coarse bones that are given."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bmetk.anatomy import Bone, Joint, Side, bone_value
from bmetk.bones import find_bones, provider
from bmetk.bones.bodies import mean_limb
from bmetk.bones.locate import CLASSES, CoarseBones, coarse_grid
from bmetk.bones.place import BEYOND_VIEW_MM
from bmetk.bones.shape_model import load_limb_model
from bmetk.bones.surfaces import signed_distance
from bmetk.errors import BonesNotFoundError
from bmetk.exam import CheckStatus
from bmetk.image import Grid, RigidTransform, ScalarImage, field_of_view

NAMES = ("femur", "tibia", "fibula", "patella")


def picture(side):
    """Paint a sagittal view of the mean knee: bright marrow, dark cortical bone, grey around."""
    bones = mean_limb(side)
    centre = load_limb_model().landmarks(bones, side.value).knee_center
    spacing, shape = (4.0, 1.2, 1.2), (26, 120, 110)
    axes = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    grid = Grid.from_axes(shape, spacing, axes, centre - axes @ ((np.array(shape) - 1) * spacing / 2))
    distance = {n: signed_distance(bones[n], grid.affine, shape, 4.0) for n in NAMES}
    nearest = np.min(list(distance.values()), axis=0)
    image = np.where(nearest < -1.5, 1.0, np.where(nearest < 0, 0.05, 0.4))
    noise = np.random.default_rng(5).normal(0, 0.03, shape)
    return ScalarImage(gaussian_filter(image, (0, 0.5, 0.5)) * 300 + noise * 300, grid), bones, distance


def coarse_of(image, bones):
    grid = coarse_grid(image.grid)
    covered = field_of_view(image.grid, grid).array
    share = np.zeros((len(CLASSES), *grid.shape), np.float32)
    for name in NAMES:
        off = signed_distance(bones[name], grid.affine, grid.shape, 8.0)
        share[CLASSES.index(name)] = np.where(covered, 1 / (1 + np.exp(off / 1.5)), 0)
    share[0] = 1 - np.minimum(share.sum(0), 1)
    return CoarseBones(share, grid, CLASSES, covered)


@pytest.fixture(scope="module", params=[Side.LEFT, Side.RIGHT])
def case(request):
    image, bones, distance = picture(request.param)
    coarse = coarse_of(image, bones)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "locate_bones", lambda t1, joint=None, threads=1: coarse)
        found = find_bones(image, joint=Joint.KNEE)
        doubted = find_bones(image, side=request.param.opposite)
    return request.param, image, distance, found, doubted


def test_joint_and_side_are_recognised_without_tags(case):
    side, _, _, found, _ = case
    assert (found.joint, found.side) == (Joint.KNEE, side)
    assert all(check.status is CheckStatus.OK for check in found.checks if check.name == "side")


def test_a_tagged_side_stands_but_is_warned_of_where_the_picture_disagrees(case):
    side, _, _, _, doubted = case
    check = next(c for c in doubted.checks if c.name == "side")
    assert doubted.side is side.opposite
    assert check.status is CheckStatus.WARN
    assert "fits the other side better" in check.message


def test_bones_fill_their_place(case):
    side, image, distance, found, _ = case
    bones, regions = found.place(image.grid)
    for name, least in (("femur", 0.95), ("tibia", 0.95), ("patella", 0.9), ("fibula", 0.8)):
        filled = bones.labels.array == bone_value(Bone(name), side)
        truth = distance[name] < 0
        assert 2 * np.sum(filled & truth) / (filled.sum() + truth.sum()) > least, name
    assert np.all((regions.labels.array > 0) == (bones.labels.array > 0))


def test_bones_move_with_the_grid(case):
    _, image, _, found, _ = case
    turn = RigidTransform.about(image.grid.centre_mm, np.eye(3), (3.0, -8.0, 5.0))
    affine = image.grid.affine.copy()
    affine[:3, 3] = turn.inverse().apply(image.grid.origin_mm)
    here, there = found.place(image.grid), found.place(Grid(image.grid.shape, affine), turn)
    for a, b in zip(here, there, strict=True):
        assert np.mean(a.labels.array != b.labels.array) < 0.001


def test_bones_go_on_a_little_beyond_the_view_of_t1(case):
    side, image, distance, found, _ = case
    cut, step = 13, image.grid.spacing_mm[0]
    narrow = replace(found, view=Grid((cut, *image.grid.shape[1:]), image.grid.affine))
    bones, _ = narrow.place(image.grid)
    beyond = cut + round(BEYOND_VIEW_MM / step)
    femur = bones.labels.array == bone_value(Bone.FEMUR, side)
    assert not bones.labels.array[beyond:].any()
    near = slice(cut, beyond)
    truth = (distance["femur"] < 0)[near]
    assert 2 * np.sum(femur[near] & truth) / (femur[near].sum() + truth.sum()) > 0.93


def test_whole_regions_have_an_extent_at_least_as_large_as_what_is_imaged(case):
    _, image, _, found, _ = case
    _, regions = found.place(image.grid)
    for label, mask in regions.areas():
        assert found.extent_ml[label] > 0.9 * mask.volume_ml, label


def test_an_empty_picture_has_no_bones(case, monkeypatch):
    _, image, _, _, _ = case
    grid = coarse_grid(image.grid)
    share = np.zeros((len(CLASSES), *grid.shape), np.float32)
    share[0] = 1
    nothing = CoarseBones(share, grid, CLASSES, np.ones(grid.shape, bool))
    monkeypatch.setattr(provider, "locate_bones", lambda t1, joint=None, threads=1: nothing)
    with pytest.raises(BonesNotFoundError, match="--bones"):
        find_bones(image)


def test_a_thin_bone_is_trusted_less_for_the_same_evidence():
    thick, thin = provider.expected_dice(0.9, 0.9, 33.0), provider.expected_dice(0.9, 0.9, 8.0)
    assert thin < thick < 1
    assert provider.expected_dice(0.1, 0.1, 8.0) == 0
    assert provider.expected_dice(0.1, 0.1, 33.0) < 0.5
