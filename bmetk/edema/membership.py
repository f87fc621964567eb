"""How likely each pixel of marrow is edema, by a network that is told both signals in units of normal marrow.

It was trained on simulated exams alone (`benchmarks/training/edema`). The physics is what it is told: fluid
and T1 signal against the patient's normal fatty marrow, the share of water that the fluid signal stands for
by the sequence's equation, and deviations above the bone's own noise.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage, special

from bmetk.bones.slices import load_network
from bmetk.edema.volume import BoolArray, Float32Array, widened

_BLOCK = 16
_BATCH = 4
_MARGIN = 24
"""Pixels around what is wanted that the network sees."""


def edema_probability(told: Float32Array, wanted: BoolArray, *, threads: int = 1) -> Float32Array:
    """Ask the network about every slice, where an answer is wanted.

    Parameters
    ----------
    told : float32, shape (S, C, R, K), what `describe` gathered
    wanted : bool, shape (S, R, K)
    threads : how many cores to use

    Returns
    -------
    float32, shape (S, R, K), 0 to 1; 0 where it was not wanted
    """
    result = np.zeros(wanted.shape, np.float32)
    shown = np.flatnonzero(wanted.any(axis=(1, 2)))
    for first in range(0, len(shown), _BATCH):
        slices = slice(int(shown[first]), int(shown[min(first + _BATCH, len(shown)) - 1]) + 1)
        for rows, columns in _windows(np.asarray(wanted[slices].any(axis=0))):
            part = np.ascontiguousarray(told[slices, :, rows, columns])
            window = (slices, rows, columns)
            result[window] = np.maximum(result[window], special.expit(_run(part, threads)))
    result[~wanted] = 0
    return result


def _windows(wanted: BoolArray) -> list[tuple[slice, slice]]:
    """Box what is wanted with a margin, one box for what lies apart: two hips are two boxes."""
    labels, _ = ndimage.label(widened(wanted, (_MARGIN, _MARGIN)))
    return [(box[0], box[1]) for box in ndimage.find_objects(labels)]


def _run(told: Float32Array, threads: int) -> Float32Array:
    """Run the network on (N, C, R, K), padded to its block and cut back: logits (N, R, K)."""
    rows, columns = told.shape[2:]
    padding = ((0, 0), (0, 0), (0, -rows % _BLOCK), (0, -columns % _BLOCK))
    logits = load_network("bmetk.edema", "edema.onnx", threads).run(None, {"slices": np.pad(told, padding)})[
        0
    ]
    return np.asarray(logits[:, 0, :rows, :columns], dtype=np.float32)
