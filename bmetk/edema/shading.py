"""Coil shading: a smooth gain over the image, estimated together with the tissues.

The logarithm of both intensities is a mixture of a few tissues, each with its own level, plus a
second-order polynomial of position. A lesion is one more tissue of the mixture, so that the
polynomial does not follow it. After Wells et al., IEEE Trans Med Imaging 1996,
doi:10.1109/42.511747, with a parametric field as in Ashburner and Friston, NeuroImage 2005,
doi:10.1016/j.neuroimage.2005.02.018. Both series are received by the same coils: the field is one
common part and a smaller part that differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bmetk.image import Grid
from bmetk.image.grid import FloatArray

_TISSUES = 6
_ITERATIONS = 20
_COMMON_PENALTY = 2.0
_DIFFERENCE_PENALTY = 40.0
_LARGEST_LOG_GAIN = 1.2


@dataclass(frozen=True, slots=True)
class Shading:
    """Smooth gains of T1 and of the fluid series, as polynomials of position.

    Parameters
    ----------
    centre_mm, half_mm : frame in which the polynomials are written, shape (3,)
    coefficients : shape (2, 9), log gain of (T1, fluid) for each term
    """

    centre_mm: FloatArray
    half_mm: FloatArray
    coefficients: FloatArray

    def gains(self, grid: Grid) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Evaluate the gains of T1 and fluid on a grid, shape (S, R, C) each, about 1 in the middle."""
        x = _normalised(grid, self.centre_mm, self.half_mm)
        return _gain(x, self.coefficients[0]), _gain(x, self.coefficients[1])

    @property
    def strength(self) -> float:
        """Largest change of either gain over the frame, as a factor of at least 1."""
        corners = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * 3), axis=-1).reshape(-1, 3)
        field = _terms(corners) @ self.coefficients.T
        return float(np.exp(np.ptp(field, axis=0).max()))


def no_shading() -> Shading:
    """Return gains of 1 everywhere."""
    return Shading(np.zeros(3), np.ones(3), np.zeros((2, 9)))


def estimate_shading(
    points_mm: FloatArray, t1: npt.NDArray[np.float32], fluid: npt.NDArray[np.float32]
) -> Shading:
    """Estimate the shading of two series from voxels in and around the bones.

    Parameters
    ----------
    points_mm : shape (N, 3), LPS mm
    t1, fluid : shape (N,), intensities above the noise; N of some thousands is enough

    References
    ----------
    doi:10.1109/42.511747, doi:10.1016/j.neuroimage.2005.02.018
    """
    low, high = points_mm.min(axis=0), points_mm.max(axis=0)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, 10.0)
    terms = _terms((points_mm - centre) / half)
    floor = 0.2 * np.median(fluid)
    values = np.column_stack([np.log(np.maximum(t1, 1e-6)), np.log(np.maximum(fluid, floor))])
    coefficients = np.zeros((2, terms.shape[1]))
    membership = _first_guess(values)
    for _ in range(_ITERATIONS):
        flat = values - terms @ coefficients.T
        means, spreads, weights = _tissues(flat, membership)
        membership = _memberships(flat, means, spreads, weights)
        coefficients = _fit_field(values, terms, membership, means, spreads)
    return Shading(centre, half, coefficients)


def _terms(x: FloatArray) -> FloatArray:
    """First and second powers and products of position, shape (..., 9)."""
    s, r, c = x[..., 0], x[..., 1], x[..., 2]
    return np.stack([s, r, c, s * s, r * r, c * c, s * r, s * c, r * c], axis=-1)


def _normalised(grid: Grid, centre_mm: FloatArray, half_mm: FloatArray) -> list[npt.NDArray[np.float32]]:
    """Position in the frame as three arrays, shape (S, R, C)."""
    index = [
        np.arange(n, dtype=np.float32).reshape([-1 if k == a else 1 for k in range(3)])
        for a, n in enumerate(grid.shape)
    ]
    matrix, origin = grid.affine[:3, :3], grid.affine[:3, 3]
    result = []
    for axis in range(3):
        start = np.float32((origin[axis] - centre_mm[axis]) / half_mm[axis])
        steps = (matrix[axis] / half_mm[axis]).astype(np.float32)
        result.append(
            np.clip(steps[0] * index[0] + steps[1] * index[1] + steps[2] * index[2] + start, -1.2, 1.2)
        )
    return result


def _gain(x: list[npt.NDArray[np.float32]], coefficients: FloatArray) -> npt.NDArray[np.float32]:
    a = coefficients.astype(np.float32)
    field = x[0] * (a[0] + a[3] * x[0] + a[6] * x[1] + a[7] * x[2])
    field += x[1] * (a[1] + a[4] * x[1] + a[8] * x[2])
    field += x[2] * (a[2] + a[5] * x[2])
    gain: npt.NDArray[np.float32] = np.exp(np.clip(field, -_LARGEST_LOG_GAIN, _LARGEST_LOG_GAIN))
    return gain


def _first_guess(values: FloatArray) -> FloatArray:
    """Cluster by a few steps of k-means, started on quantiles of T1 crossed with fluid."""
    t1 = np.quantile(values[:, 0], (0.15, 0.5, 0.85))
    centres = []
    for level, low, high in zip(t1, (0.0, 0.33, 0.66), (0.33, 0.66, 1.0), strict=True):
        lower, upper = np.quantile(values[:, 0], (low, high))
        inside = values[(values[:, 0] >= lower) & (values[:, 0] <= upper), 1]
        centres += [(level, float(np.quantile(inside, q))) for q in (0.3, 0.8)]
    centre = np.asarray(centres[:_TISSUES])
    for _ in range(8):
        nearest = np.argmin(((values[:, None] - centre[None]) ** 2).sum(axis=-1), axis=1)
        for k in range(_TISSUES):
            if np.any(nearest == k):
                centre[k] = values[nearest == k].mean(axis=0)
    return np.asarray(np.eye(_TISSUES)[nearest])


def _tissues(flat: FloatArray, membership: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level, spread and share of each tissue: shapes (K, 2), (K, 2), (K,)."""
    mass = membership.sum(axis=0) + 1e-6
    means = membership.T @ flat / mass[:, None]
    spreads = membership.T @ flat**2 / mass[:, None] - means**2
    return means, np.maximum(spreads, 0.06**2), mass / mass.sum()


def _memberships(flat: FloatArray, means: FloatArray, spreads: FloatArray, weights: FloatArray) -> FloatArray:
    """Chance of each tissue at each voxel, shape (N, K); a flat outlier class takes the rest."""
    offset = flat[:, None] - means[None]
    chance = np.exp(-0.5 * (offset**2 / spreads[None]).sum(axis=-1))
    chance *= weights / np.sqrt(spreads.prod(axis=1))
    return np.asarray(chance / (chance.sum(axis=1, keepdims=True) + 0.02))


def _fit_field(
    values: FloatArray, terms: FloatArray, membership: FloatArray, means: FloatArray, spreads: FloatArray
) -> FloatArray:
    """Fit both polynomials by penalised weighted least squares, shape (2, P).

    The unknowns are a common part and a difference; residuals of a tissue weigh by its precision.
    """
    precision = membership @ (1 / spreads)
    target = (membership @ (means / spreads)) / np.maximum(precision, 1e-9)
    residual = values - target
    size = terms.shape[1]
    matrix, right = np.zeros((2 * size, 2 * size)), np.zeros(2 * size)
    for channel, sign in ((0, 1.0), (1, -1.0)):
        weight = precision[:, channel] / len(values)
        moment = terms.T @ (terms * weight[:, None])
        vector = terms.T @ (weight * (residual[:, channel] - (weight @ residual[:, channel]) / weight.sum()))
        matrix += np.kron(np.array([[1.0, sign], [sign, 1.0]]), moment)
        right += np.concatenate([vector, sign * vector])
    matrix += np.diag(np.repeat([_COMMON_PENALTY, _DIFFERENCE_PENALTY], size)) * 0.1
    common, difference = np.split(np.linalg.solve(matrix, right), 2)
    return np.stack([common + difference, common - difference])
