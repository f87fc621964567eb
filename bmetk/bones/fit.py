"""Fit a template to points and planes: poses of all bones, and the modes they share, by Gauss-Newton.

A statistical shape model in the sense of Cootes et al. (1995, doi:10.1006/cviu.1995.1004), with
point-to-plane distances (Chen and Medioni, 1992, doi:10.1016/0262-8856(92)90066-C) and robust
weights. Every bone may leave the pose that the whole template has, and pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from bmetk.bones.bodies import Body, Pose, Template, Vector
from bmetk.bones.links import Link
from bmetk.bones.surfaces import Points, Surface

POSE = 9
"""Parameters of a pose: shift, turn, stretch."""
_TURN, _STRETCH = slice(3, 6), slice(6, 9)


@dataclass(frozen=True, slots=True)
class Stiffness:
    """Standard deviations of the priors; what is free to move has a large one.

    Parameters
    ----------
    shift_mm, turn_deg, stretch : of a bone against the pose of the whole template
    group_stretch : of the whole template against its adult size
    modes : of the weights, in standard deviations of the model
    data_mm : of one independent observation
    joint_mm : of the distance that a joint opens or slips, where the template has joints
    """

    shift_mm: float = 8.0
    turn_deg: float = 10.0
    stretch: float = 0.02
    group_stretch: float = 0.08
    modes: float = 1.0
    data_mm: float = 2.0
    joint_mm: float = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A template as it lies in the world: the group's pose against a start, each body's pose, the modes."""

    template: Template
    start: tuple[Pose, ...]
    group: Pose
    poses: tuple[Pose, ...]
    weights: Vector

    def shape(self, number: int) -> Points:
        """Return a body's rest shape with its modes, shape (V, 3), mm."""
        body = self.template.bodies[number]
        return body.rest + np.tensordot(self.weights, body.modes, 1) if len(body.modes) else body.rest

    def vertices(self, number: int) -> Points:
        """Return a body's vertices in the world, shape (V, 3), mm."""
        return self.poses[number].apply(self.shape(number))

    def surface(self, number: int) -> Surface:
        """Return a body in the world."""
        return Surface(self.vertices(number), self.template.bodies[number].faces)

    def expected(self, number: int) -> Pose:
        """Return the pose that the group gives to a body."""
        start = self.start[number]
        return Pose(self.group.rotation @ start.rotation, self.group.stretch, self.group.apply(start.middle))


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What one body should do: vertex ``index[i]`` should move by ``offset[i]`` along ``normal[i]``."""

    index: NDArray[np.int64]
    normal: Points
    offset: Vector
    weight: Vector


def begin(template: Template, start: Sequence[Pose], shift_mm: Vector, scale: float = 1.0) -> Fit:
    """Lay a template down: scaled about the origin of its frame, then shifted."""
    group = Pose(np.eye(3), np.full(3, scale), np.asarray(shift_mm, np.float64))
    poses = tuple(Pose(p.rotation, group.stretch, group.apply(p.middle)) for p in start)
    return Fit(template, tuple(start), group, poses, np.zeros(template.mode_count))


def anchored(fit: Fit) -> Fit:
    """Expect every body where it now lies, so that one that sees nothing stays there."""
    group = fit.group
    start = tuple(
        Pose(
            group.rotation.T @ pose.rotation,
            pose.stretch,
            ((pose.middle - group.middle) @ group.rotation) / group.stretch,
        )
        for pose in fit.poses
    )
    return replace(fit, start=start)


def step(fit: Fit, observed: Sequence[Observations | None], stiffness: Stiffness) -> Fit:
    """Take one Gauss-Newton step towards what was observed; None where a body saw nothing."""
    count = len(fit.poses)
    modes = fit.template.mode_count
    size = POSE * (count + 1) + modes
    normal, right = np.zeros((size, size)), np.zeros(size)
    for number, seen in enumerate(observed):
        if seen is not None and len(seen.index):
            _add_data(normal, right, fit, number, seen, stiffness)
        _add_coupling(normal, right, fit, number, stiffness)
    for link in fit.template.links:
        _add_link(normal, right, fit, link, stiffness)
    _add_group_prior(normal, right, fit, stiffness)
    if modes:
        tail = np.arange(size - modes, size)
        normal[tail, tail] += stiffness.modes**-2
        right[tail] -= fit.weights / stiffness.modes**2
    normal[np.arange(size), np.arange(size)] += 1e-9
    return _moved(fit, np.asarray(np.linalg.solve(normal, right), np.float64))


def _add_data(
    normal: Points, right: Vector, fit: Fit, number: int, seen: Observations, stiffness: Stiffness
) -> None:
    body, pose = fit.template.bodies[number], fit.poses[number]
    shape = fit.shape(number)[seen.index]
    rows = _rows(body, pose, shape, seen)
    weight = seen.weight / stiffness.data_mm**2
    block = rows.T @ (rows * weight[:, None])
    first = POSE * (number + 1)
    columns = np.concatenate(
        [np.arange(first, first + POSE), np.arange(len(right) - fit.template.mode_count, len(right))]
    )
    normal[np.ix_(columns, columns)] += block
    right[columns] += rows.T @ (weight * seen.offset)


def _rows(body: Body, pose: Pose, shape: Points, seen: Observations) -> Points:
    """Return the derivatives of each observed distance by the body's pose and the modes, shape (N, 9 + K)."""
    arms = (shape * pose.stretch) @ pose.rotation.T
    along = seen.normal @ pose.rotation  # the normal in the body's own axes
    parts = [seen.normal, np.cross(arms, seen.normal), along * shape * pose.stretch]
    if len(body.modes):
        moves = body.modes[:, seen.index] * pose.stretch
        parts.append(np.einsum("kvx,vx->vk", moves, along))
    return np.concatenate(parts, axis=1)


def _add_coupling(normal: Points, right: Vector, fit: Fit, number: int, stiffness: Stiffness) -> None:
    """Hold a body to the pose of the group."""
    pose, expected = fit.poses[number], fit.expected(number)
    arm = expected.middle - fit.group.middle
    rows = np.zeros((POSE, 2 * POSE))
    rows[:, POSE:] = np.eye(POSE)
    rows[:, :POSE] = -np.eye(POSE)
    rows[:3, _TURN] = _cross_matrix(arm)
    rows[:3, _STRETCH] = -fit.group.rotation * (fit.group.rotation.T @ arm)
    turned = Rotation.from_matrix(pose.rotation @ expected.rotation.T).as_rotvec()
    off = np.concatenate(
        [pose.middle - expected.middle, turned, np.log(pose.stretch) - np.log(expected.stretch)]
    )
    free = fit.template.bodies[number].freedom
    deviations = (free * stiffness.shift_mm, np.radians(free * stiffness.turn_deg), stiffness.stretch)
    weight = np.repeat(deviations, 3) ** -2.0
    first = POSE * (number + 1)
    columns = np.concatenate([np.arange(POSE), np.arange(first, first + POSE)])
    normal[np.ix_(columns, columns)] += rows.T @ (rows * weight[:, None])
    right[columns] -= rows.T @ (weight * off)


def _add_link(normal: Points, right: Vector, fit: Fit, link: Link, stiffness: Stiffness) -> None:
    """Hold two bodies together in their joint."""
    ends = ((link.first, link.first_rest, 1.0), (link.second, link.second_rest, -1.0))
    rows = np.concatenate([sign * _point_rows(fit.poses[n], rest) for n, rest, sign in ends], axis=1)
    gap = fit.poses[link.first].apply(link.first_rest) - fit.poses[link.second].apply(link.second_rest)
    expected = fit.expected(link.first).apply(link.first_rest) - fit.expected(link.second).apply(
        link.second_rest
    )
    columns = np.concatenate([np.arange(POSE * (n + 1), POSE * (n + 2)) for n, _, _ in ends])
    weight = stiffness.joint_mm**-2.0
    normal[np.ix_(columns, columns)] += weight * rows.T @ rows
    right[columns] -= weight * rows.T @ (gap - expected)


def _point_rows(pose: Pose, rest: Vector) -> Points:
    """Return the derivative of a point of a body by the body's pose, shape (3, 9)."""
    arm = pose.apply(rest) - pose.middle
    return np.concatenate([np.eye(3), -_cross_matrix(arm), pose.rotation * (rest * pose.stretch)], axis=1)


def _add_group_prior(normal: Points, right: Vector, fit: Fit, stiffness: Stiffness) -> None:
    index = np.arange(6, 9)
    normal[index, index] += stiffness.group_stretch**-2
    right[index] -= np.log(fit.group.stretch) / stiffness.group_stretch**2


def _moved(fit: Fit, change: Vector) -> Fit:
    modes = fit.template.mode_count
    weights = np.clip(fit.weights + change[len(change) - modes :], -3.0, 3.0) if modes else fit.weights
    poses = tuple(_turned(p, change[POSE * (n + 1) :][:POSE]) for n, p in enumerate(fit.poses))
    return replace(fit, group=_turned(fit.group, change[:POSE]), poses=poses, weights=weights)


def _turned(pose: Pose, change: Vector) -> Pose:
    turn = Rotation.from_rotvec(np.clip(change[_TURN], -0.5, 0.5)).as_matrix()
    stretch = pose.stretch * np.exp(np.clip(change[_STRETCH], -0.1, 0.1))
    return Pose(turn @ pose.rotation, np.clip(stretch, 0.6, 1.5), pose.middle + change[:3])


def _cross_matrix(arm: Vector) -> Points:
    """Return M with ``M @ turn = -(turn x arm)``."""
    x, y, z = arm
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], np.float64)
