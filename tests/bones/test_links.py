"""The joints of a foot hold its bones together in a fit."""

from dataclasses import replace

import numpy as np
import pytest

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import load_template
from bmetk.bones.fit import Observations, Stiffness, begin, step

SLIP = np.array([9.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def foot():
    return load_template(Joint.ANKLE, Side.LEFT)


def linked(template):
    names = [body.name for body in template.bodies]
    return {frozenset({names[link.first], names[link.second]}) for link in template.links}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("talus", "navicular"),
        ("calcaneus", "cuboid"),
        ("medial_cuneiform", "metatarsal_1"),
        ("metatarsal_2", "metatarsal_3"),
        ("metatarsal_3", "proximal_phalanx_3"),
    ],
)
def test_bones_that_meet_are_linked(foot, first, second):
    assert frozenset({first, second}) in linked(foot)


@pytest.mark.parametrize(
    ("first", "second"),
    [("tibia", "talus"), ("calcaneus", "metatarsal_2"), ("metatarsal_2", "proximal_phalanx_3")],
)
def test_hinges_and_strangers_are_not(foot, first, second):
    assert frozenset({first, second}) not in linked(foot)


def test_a_link_is_one_point_at_rest(foot):
    fit = begin(foot, foot.starts[1], np.zeros(3))
    for link in foot.links:
        gap = fit.poses[link.first].apply(link.first_rest) - fit.poses[link.second].apply(link.second_rest)
        assert np.linalg.norm(gap) < 15.0


def slip_of_the_second_ray(template):
    """Pull the second metatarsal aside, its neighbours seen in place; return how far it goes, mm."""
    fit = begin(template, template.starts[1], np.zeros(3))
    names = [body.name for body in template.bodies]
    start = fit.poses[names.index("metatarsal_2")].middle
    for _ in range(6):
        seen = []
        for number, body in enumerate(template.bodies):
            index = np.arange(0, len(body.rest), 9)
            aim = begin(template, template.starts[1], np.zeros(3)).vertices(number)[index]
            aim = aim + SLIP * (body.name == "metatarsal_2")
            offset = (aim - fit.vertices(number)[index])[:, 0]
            strength = 0.02 if body.name == "metatarsal_2" else 1.0
            normal = np.tile([1.0, 0.0, 0.0], (len(index), 1))
            seen.append(Observations(index, normal, offset, np.full(len(index), strength)))
        fit = step(fit, seen, Stiffness(shift_mm=8, turn_deg=8, data_mm=2))
    return float(np.linalg.norm(fit.poses[names.index("metatarsal_2")].middle - start))


def test_links_keep_a_ray_from_slipping(foot):
    free, held = slip_of_the_second_ray(replace(foot, links=())), slip_of_the_second_ray(foot)
    assert free > 3.0
    assert held < 0.5 * free
