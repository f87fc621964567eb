"""Bones follow the borders that a network would see."""

import numpy as np
import pytest

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import load_template
from bmetk.bones.border import (
    Border,
    SeenBones,
    bend_to_border,
    find_border,
    moved_mm,
    probe_of,
    settle_on_borders,
)
from bmetk.bones.closer import COLOUR_COUNT, FREE, colour_of
from bmetk.bones.fit import begin
from bmetk.bones.surfaces import Surface, signed_distance, voxelize
from bmetk.image import Grid

SHAPE, SPACING = (60, 90, 90), (2.0, 1.5, 1.5)


def knee(shift_mm=(0.0, 0.0, 0.0)):
    template = load_template(Joint.KNEE, Side.LEFT)
    middle = template.starts[0][0].middle * 0 + np.asarray(shift_mm)
    return begin(template, template.starts[0], middle)


def nothing(surface):
    """Find no border."""
    return Border(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


@pytest.fixture(scope="module")
def true_fit():
    return knee()


@pytest.fixture(scope="module")
def seen(true_fit):
    patella = [b.name for b in true_fit.template.bodies].index("patella")
    centre = true_fit.vertices(patella).mean(0) + (0.0, 30.0, 0.0)
    start = centre - np.array(SPACING)[::-1] * (np.array(SHAPE)[::-1] - 1) / 2
    grid = Grid.from_axes(SHAPE, SPACING, np.eye(3)[:, ::-1], start)
    shares = {}
    for number, body in enumerate(true_fit.template.bodies):
        off = signed_distance(true_fit.surface(number), grid.affine, grid.shape, 6.0)
        shares[body.name] = (1 / (1 + np.exp(off / 0.5))).astype(np.float32)
    return SeenBones(shares, grid)


def test_the_border_is_found_where_the_share_falls_through_a_half(true_fit, seen):
    for number, body in enumerate(true_fit.template.bodies):
        surface = true_fit.surface(number)
        border = find_border(surface, probe_of(body), seen, 4.0)
        assert len(border.which) > 20
        assert np.median(np.abs(border.offset)) < 0.3
        assert np.all((border.certainty >= 0) & (border.certainty <= 1))


def test_a_fit_that_lies_off_settles_on_the_borders(true_fit, seen):
    off = knee((3.0, -2.0, 2.5))
    settled = settle_on_borders(off, seen, FREE[Joint.KNEE])
    assert moved_mm(true_fit, off, seen) > 3.5
    assert moved_mm(true_fit, settled, seen) < 1.0


def test_a_bone_that_is_not_seen_stays(true_fit, seen):
    blind = SeenBones({**seen.shares, "patella": np.zeros_like(seen.shares["patella"])}, seen.grid)
    number = [b.name for b in true_fit.template.bodies].index("patella")
    settled = settle_on_borders(true_fit, blind, FREE[Joint.KNEE])
    moved = np.linalg.norm(settled.vertices(number) - true_fit.vertices(number), axis=1)
    assert moved.mean() < 1.5
    assert bend_to_border(settled, number, [blind], nothing)[1] == 0


def test_a_bent_surface_takes_the_shape_that_is_seen(true_fit, seen):
    number = [b.name for b in true_fit.template.bodies].index("patella")
    grown = true_fit.surface(number)
    middle = grown.vertices.mean(0)
    larger = Surface(middle + 1.1 * (grown.vertices - middle), grown.faces)
    off = signed_distance(larger, seen.grid.affine, seen.grid.shape, 6.0)
    shares = {**seen.shares, "patella": (1 / (1 + np.exp(off / 0.5))).astype(np.float32)}
    vertices, support = bend_to_border(true_fit, number, [SeenBones(shares, seen.grid)], nothing)
    truth = voxelize(larger, seen.grid.affine, seen.grid.shape)
    found = voxelize(Surface(vertices, grown.faces), seen.grid.affine, seen.grid.shape)
    before = voxelize(grown, seen.grid.affine, seen.grid.shape)

    def dice(mask):
        return 2 * np.sum(mask & truth) / (mask.sum() + truth.sum())

    assert dice(found) > 0.95 > dice(before)
    assert support > 0.9


def test_the_rim_of_a_thin_plate_moves_farther_than_a_stretch_along_its_own_normals_can():
    template = load_template(Joint.HIP, Side.BOTH)
    fit = begin(template, template.starts[0], np.zeros(3))
    number = [b.name for b in template.bodies].index("pelvis")
    pelvis = fit.surface(number)
    top = pelvis.vertices[:, 2].max()
    risen = np.clip((pelvis.vertices[:, 2] - (top - 50.0)) / 50.0, 0, 1)
    longer = Surface(pelvis.vertices + risen[:, None] * [0.0, 0.0, 8.0], pelvis.faces)
    low = longer.vertices.min(0) - 10.0
    shape = tuple(int(n) for n in np.ceil((np.ptp(longer.vertices, axis=0)[::-1] + 20.0) / 2.0))
    grid = Grid.from_axes(shape, (2.0, 2.0, 2.0), np.eye(3)[:, ::-1], low)
    off = signed_distance(longer, grid.affine, grid.shape, 6.0)
    share = (1 / (1 + np.exp(off / 0.5))).astype(np.float32)
    vertices, _ = bend_to_border(fit, number, [SeenBones({"pelvis": share}, grid)], nothing)
    truth, before, found = (
        voxelize(s, grid.affine, grid.shape) for s in (longer, pelvis, Surface(vertices, pelvis.faces))
    )
    upper = grid.world_coordinates()[..., 2] > top - 30.0

    def dice(mask):
        return 2 * np.sum(mask & truth & upper) / (np.sum(mask & upper) + np.sum(truth & upper))

    assert dice(before) < 0.85
    assert dice(found) > 0.93


def test_bones_that_meet_in_a_joint_have_different_colours():
    for joint in (Joint.HIP, Joint.KNEE):
        colours = {body.name: colour_of(body.name) for body in load_template(joint, Side.LEFT).bodies}
        assert len(set(colours.values())) >= min(len(colours), COLOUR_COUNT)
    bodies = load_template(Joint.ANKLE, Side.RIGHT).bodies
    joints = load_template(Joint.ANKLE, Side.RIGHT).links
    alike = [
        (bodies[link.first].name, bodies[link.second].name)
        for link in joints
        if colour_of(bodies[link.first].name) == colour_of(bodies[link.second].name)
        and "distal" not in bodies[link.second].name
    ]
    assert alike == []
