"""Which regions are neighbours, and the way from one to another."""

from __future__ import annotations

from bmetk.anatomy import Region, Side
from bmetk.tracking.graph import named_path, neighbours, shortest_path

RIGHT, LEFT = Side.RIGHT, Side.LEFT


def test_every_region_of_both_sides_is_reached_from_every_other() -> None:
    start = (RIGHT, Region.FEMORAL_HEAD)
    assert len(neighbours()) == 2 * len(Region)
    assert all(shortest_path(start, node)[-1] == node for node in neighbours())


def test_neighbours_are_mutual() -> None:
    assert all(node in neighbours()[near] for node, found in neighbours().items() for near in found)


def test_the_way_from_hip_to_knee_runs_down_the_femur() -> None:
    path = named_path(("femoral_head", RIGHT), ("medial_femoral_condyle", RIGHT))
    assert path[1] == "right femoral_neck"
    assert path[-2:] == ("right distal_femoral_metaphysis", "right medial_femoral_condyle")
    assert len(path) == 6


def test_the_other_side_is_one_step_from_its_mirror_image() -> None:
    assert named_path(("talus", RIGHT), ("talus", LEFT)) == ("right talus", "left talus")


def test_a_region_of_one_s_own_has_no_way() -> None:
    assert named_path(("label_1", None), ("talus", LEFT)) == ()
