"""Rigid movements of the patient between two images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bmetk.errors import RegistrationError
from bmetk.image.grid import FloatArray


@dataclass(frozen=True, slots=True)
class RigidTransform:
    """Rotation and translation from fixed-image world to moving-image world, LPS mm.

    A point p of the fixed image lies at ``rotation @ p + translation_mm`` in the moving one, the
    direction that resampling needs.

    Parameters
    ----------
    rotation : array, shape (3, 3), a proper rotation
    translation_mm : array, shape (3,)

    Raises
    ------
    RegistrationError
        If ``rotation`` is not a proper rotation.
    """

    rotation: FloatArray
    translation_mm: FloatArray

    def __post_init__(self) -> None:
        rotation = np.array(self.rotation, dtype=np.float64)
        translation = np.array(self.translation_mm, dtype=np.float64)
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise RegistrationError("a rigid transform needs a 3x3 rotation and 3 translations")
        if np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-6 or np.linalg.det(rotation) < 0:
            raise RegistrationError("the matrix of a rigid transform must be a proper rotation")
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation_mm", translation)

    @classmethod
    def identity(cls) -> RigidTransform:
        """Leave every point where it is."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def about(
        cls, centre_mm: npt.ArrayLike, rotation: npt.ArrayLike, shift_mm: npt.ArrayLike = (0, 0, 0)
    ) -> RigidTransform:
        """Rotate about a point, then shift."""
        centre = np.asarray(centre_mm, dtype=np.float64)
        matrix = np.asarray(rotation, dtype=np.float64)
        return cls(matrix, centre - matrix @ centre + np.asarray(shift_mm, dtype=np.float64))

    @classmethod
    def between(cls, points_mm: FloatArray, placed_mm: FloatArray) -> RigidTransform:
        """Find what carries points to where they were placed, both of shape (N, 3), by least squares.

        Kabsch 1976, doi:10.1107/S0567739476001873.
        """
        a, b = points_mm.mean(0), placed_mm.mean(0)
        u, _, vt = np.linalg.svd((points_mm - a).T @ (placed_mm - b))
        flip = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
        rotation = (u @ flip @ vt).T
        return cls(rotation, b - rotation @ a)

    def apply(self, points_mm: npt.ArrayLike) -> FloatArray:
        """Move points, shape (..., 3), LPS mm."""
        return np.asarray(np.asarray(points_mm, dtype=np.float64) @ self.rotation.T + self.translation_mm)

    def inverse(self) -> RigidTransform:
        """Move points back."""
        return RigidTransform(self.rotation.T, -self.rotation.T @ self.translation_mm)

    def after(self, first: RigidTransform) -> RigidTransform:
        """Compose: ``first``, then this one."""
        return RigidTransform(self.rotation @ first.rotation, self.apply(first.translation_mm))

    @property
    def angle_deg(self) -> float:
        """Rotation angle, degrees."""
        cosine = (np.trace(self.rotation) - 1) / 2
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def displacement_mm(self, points_mm: npt.ArrayLike) -> FloatArray:
        """Distance that each point, shape (..., 3), moves, mm, shape (...)."""
        points = np.asarray(points_mm, dtype=np.float64)
        return np.asarray(np.linalg.norm(self.apply(points) - points, axis=-1))
