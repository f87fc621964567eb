"""Joints as adults have them pass; joints laid wrong or bent out of shape are told."""

from dataclasses import replace

import numpy as np
import pytest

from bmetk.anatomy import Joint, Side
from bmetk.bones.bodies import load_template
from bmetk.bones.fit import begin
from bmetk.bones.selfcheck import check_geometry
from bmetk.bones.surfaces import Surface
from bmetk.exam import CheckStatus
from bmetk.image import Grid

WIDE = Grid.from_axes((200, 200, 200), (6.0, 6.0, 6.0), np.eye(3)[:, ::-1], (-600.0, -600.0, -600.0))


def laid(joint, side):
    template = load_template(joint, side)
    fit = begin(template, template.starts[len(template.starts) // 2], np.zeros(3))
    fit = replace(fit, group=replace(fit.group, middle=np.zeros(3)))
    return fit, [fit.surface(n) for n in range(len(fit.poses))]


def warned(fit, surfaces, view=WIDE):
    return {c.name for c in check_geometry(fit, surfaces, view) if c.status is CheckStatus.WARN}


@pytest.mark.parametrize("joint", [Joint.HIP, Joint.KNEE, Joint.ANKLE])
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_the_mean_joint_passes(joint, side):
    fit, surfaces = laid(joint, side)
    checks = list(check_geometry(fit, surfaces, WIDE))
    assert checks
    assert warned(fit, surfaces) == set()


def test_both_hips_pass_together():
    fit, surfaces = laid(Joint.HIP, Side.BOTH)
    names = {check.name for check in check_geometry(fit, surfaces, WIDE)}
    assert {"geometry_hip_joint_left", "geometry_hip_joint_right"} <= names
    assert warned(fit, surfaces) == set()


def moved(fit, surfaces, name, change):
    number = [body.name for body in fit.template.bodies].index(name)
    changed = list(surfaces)
    changed[number] = Surface(change(surfaces[number].vertices), surfaces[number].faces)
    return changed


@pytest.mark.parametrize(
    ("joint", "name", "change", "expected"),
    [
        (Joint.HIP, "femur", lambda v: v + (0.0, 0.0, -12.0), "geometry_hip_joint_left"),
        (Joint.HIP, "femur", lambda v: v.mean(0) + 1.5 * (v - v.mean(0)), "geometry_head_radius_left"),
        (Joint.HIP, "femur", lambda v: v * (1.0, 1.35, 1.0), "geometry_head_sphere_left"),
        (Joint.KNEE, "tibia", lambda v: v + (0.0, 0.0, -20.0), "geometry_knee_joint_left"),
        (Joint.KNEE, "femur", lambda v: v.mean(0) + 0.6 * (v - v.mean(0)), "geometry_condyles_left"),
        (Joint.ANKLE, "talus", lambda v: v + (0.0, 0.0, -14.0), "geometry_overlap"),
    ],
)
def test_what_is_laid_wrong_is_told(joint, name, change, expected):
    fit, surfaces = laid(joint, Side.LEFT)
    assert expected in warned(fit, moved(fit, surfaces, name, change))


def test_what_is_not_in_view_is_not_judged():
    fit, surfaces = laid(Joint.KNEE, Side.LEFT)
    away = Grid.from_axes((20, 20, 20), (4.0, 4.0, 4.0), np.eye(3)[:, ::-1], (900.0, 900.0, 900.0))
    names = {check.name for check in check_geometry(fit, surfaces, away)}
    assert names == {"geometry_overlap"}
