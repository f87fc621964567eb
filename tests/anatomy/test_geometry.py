"""Regions of analytic bones: their borders lie where the definitions say."""

from dataclasses import replace

import numpy as np
import pytest

from bmetk.anatomy import Bone, Joint, Region, Side, bone_value, region_value
from bmetk.anatomy.geometry import divide_regions
from bmetk.anatomy.landmarks import ADULT_HEAD_RADIUS_MM, HipLandmarks, KneeLandmarks
from bmetk.errors import GridMismatchError
from bmetk.image import Grid, LabelMap, RigidTransform

CENTRE = np.array([12.0, -7.0, 31.0])


def block(grid, bone, side=Side.LEFT):
    return LabelMap(np.full(grid.shape, bone_value(bone, side), np.uint8), grid)


def hip(side=Side.LEFT, radius=ADULT_HEAD_RADIUS_MM):
    return HipLandmarks(side, CENTRE, radius, np.array([0.0, 0.0, -1.0]))


def knee(side=Side.LEFT, scale=1.0):
    up = np.array([0.0, 0.0, 1.0])
    lateral = np.array([1.0 if side is Side.LEFT else -1.0, 0.0, 0.0])
    return KneeLandmarks(side, CENTRE, lateral, up, CENTRE, up, CENTRE, scale)


def found(regions, region, side=Side.LEFT):
    return regions.array == region_value(region, side)


def test_head_is_the_part_of_the_femur_within_its_sphere(grid):
    regions = divide_regions(block(grid, Bone.FEMUR), [hip(radius=12.0)], joint=Joint.HIP)
    distance = np.linalg.norm(grid.world_coordinates() - CENTRE, axis=-1)
    np.testing.assert_array_equal(found(regions, Region.FEMORAL_HEAD), distance <= 1.06 * 12.0)


def test_neck_and_trochanters_follow_in_adult_millimetres():
    grid = Grid.from_axes((140, 3, 3), (1, 1, 1), np.eye(3)[:, ::-1], CENTRE - (1, 1, 120))
    regions = divide_regions(block(grid, Bone.FEMUR), [hip()], joint=Joint.HIP)
    below = -np.arange(-120, 20)
    column = regions.array[:, 1, 1]
    neck = below[column == region_value(Region.FEMORAL_NECK, Side.LEFT)]
    trochanters = below[column == region_value(Region.INTERTROCHANTERIC, Side.LEFT)]
    shaft = below[column == region_value(Region.PROXIMAL_FEMORAL_SHAFT, Side.LEFT)]
    assert neck.max() == pytest.approx(ADULT_HEAD_RADIUS_MM + 24, abs=1)
    assert (trochanters.min(), trochanters.max()) == (neck.max() + 1, 85)
    assert shaft.min() == 86


def test_acetabulum_lies_within_20_mm_of_the_head(grid):
    regions = divide_regions(block(grid, Bone.PELVIS), [hip(radius=5.0)], joint=Joint.HIP)
    distance = np.linalg.norm(grid.world_coordinates() - CENTRE, axis=-1)
    reach = 5.0 + 20.0 * 5.0 / ADULT_HEAD_RADIUS_MM
    np.testing.assert_array_equal(found(regions, Region.ACETABULUM), distance <= reach)


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_condyles_are_split_at_the_notch_and_end_42_mm_up(grid, side):
    regions = divide_regions(block(grid, Bone.FEMUR, side), [knee(side, 0.3)], joint=Joint.KNEE)
    away = (grid.world_coordinates() - CENTRE) * (1.0 if side is Side.LEFT else -1.0, 1.0, 1.0)
    low = away[..., 2] <= 42 * 0.3
    lateral, medial = Region.LATERAL_FEMORAL_CONDYLE, Region.MEDIAL_FEMORAL_CONDYLE
    np.testing.assert_array_equal(found(regions, lateral, side), low & (away[..., 0] > 0))
    np.testing.assert_array_equal(found(regions, medial, side), low & (away[..., 0] <= 0))
    np.testing.assert_array_equal(found(regions, Region.DISTAL_FEMORAL_METAPHYSIS, side), ~low)


def test_plateaus_are_the_top_25_mm_of_the_tibia(grid):
    regions = divide_regions(block(grid, Bone.TIBIA), [knee(scale=0.3)], joint=Joint.KNEE)
    deep = CENTRE[2] - grid.world_coordinates()[..., 2] > 25 * 0.3
    np.testing.assert_array_equal(found(regions, Region.PROXIMAL_TIBIAL_METAPHYSIS), deep)


def test_whole_bones_take_the_end_that_the_joint_shows(grid):
    for joint, region in ((Joint.KNEE, Region.PROXIMAL_FIBULA), (Joint.ANKLE, Region.DISTAL_FIBULA)):
        assert found(divide_regions(block(grid, Bone.FIBULA), [], joint=joint), region).all()


def test_named_parts_take_precedence_within_the_bone(grid):
    parts = np.zeros(grid.shape, np.uint8)
    parts[:4] = region_value(Region.PROXIMAL_PHALANX_1, Side.LEFT)
    regions = divide_regions(block(grid, Bone.PHALANGES), [], joint=Joint.FOOT, parts=LabelMap(parts, grid))
    assert found(regions, Region.PROXIMAL_PHALANX_1)[:4].all()
    assert found(regions, Region.DISTAL_PHALANGES)[4:].all()


def test_parts_on_another_grid_are_refused(grid):
    other = replace(grid, shape=(grid.shape[0] - 1, *grid.shape[1:]))
    with pytest.raises(GridMismatchError):
        divide_regions(block(grid, Bone.PHALANGES), [], joint=Joint.FOOT, parts=block(other, Bone.PHALANGES))


def test_moved_landmarks_divide_the_moved_grid_alike(grid):
    turn = RigidTransform.about(CENTRE, np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), (5, 6, 7))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn.rotation @ grid.affine[:3, :3], turn.apply(grid.origin_mm)
    moved = Grid(grid.shape, affine)
    for bone, marks, joint in ((Bone.FEMUR, hip(), Joint.HIP), (Bone.TIBIA, knee(scale=0.31), Joint.KNEE)):
        here = divide_regions(block(grid, bone), [marks], joint=joint)
        there = divide_regions(block(moved, bone), [marks.moved(turn)], joint=joint)
        assert np.mean(here.array != there.array) < 0.001
