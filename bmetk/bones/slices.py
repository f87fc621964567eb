"""Name the bone of every pixel, slice by slice, with a small network.

A 2D U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28) sees each slice with its two
neighbours, always the same way up, and is told the plane. One serves any view of the lower limb and is told
the joint where it is known; closer ones are told what a first fit knows of each pixel (`foot.py`,
`closer.py`). All were trained on simulated bodies alone, scanned with random contrast, pose, field of view
and slices by the recipe of SynthSeg (Billot et al. 2023, doi:10.1016/j.media.2023.102789);
`benchmarks/training/locate` holds script and logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from bmetk.anatomy import Joint
from bmetk.errors import GeometryError
from bmetk.image import Grid, ScalarImage, crop_grid, shrink_in_plane

FloatArray = NDArray[np.float32]

PIXEL_MM = 2.2
"""In-plane spacing that the network of any joint was trained about."""
_BLOCK = 16
"""The network halves its grid four times."""
_BATCH = 8
_INPUTS = 10
"""Three slices, the field of view, three planes; then the joints, or three things told of each pixel."""
_FIRST_PLANE = 4
_FIRST_TOLD = 7
_JOINT_FLAG = {Joint.HIP: 0, Joint.KNEE: 1, Joint.ANKLE: 2, Joint.FOOT: 2}
_BODY = 0.1
"""Share of the brightest intensity below which a voxel is air."""

# By the axis of the slice normal (x, y, z): the plane's flag, and the LPS directions of down and right.
_LAYOUT = {
    0: (2, np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0])),
    1: (1, np.array([0.0, 0.0, -1.0]), np.array([1.0, 0.0, 0.0])),
    2: (0, np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])),
}


def slice_probabilities(
    image: ScalarImage, *, joint: Joint | None = None, threads: int = 1
) -> tuple[FloatArray, Grid]:
    """Give the probability of each class at every pixel.

    Parameters
    ----------
    image : any scale of intensity; marrow should be bright
    joint : what is known to be in view; None where the picture alone must tell
    threads : processor threads of the network

    Returns
    -------
    probabilities : float32, shape (K, S, R, C), summing to 1 over the classes
    grid : Grid of shape (S, R, C), about 2.2 mm in plane
    """
    upright, plane = stand_upright(image)
    thin = shrink_in_plane(upright, PIXEL_MM)
    told = np.zeros((1, 3, 1, 1), dtype=np.float32)
    if joint in _JOINT_FLAG:
        told[:, _JOINT_FLAG[joint]] = 1
    logits = _run_all("slices.onnx", thin.array, plane, told, threads)
    return softmax(logits), thin.grid


@dataclass(frozen=True, slots=True, eq=False)
class Closeup:
    """A part of a series, thinned for a closer network: shape (S, R, C), upright."""

    image: ScalarImage
    plane: int

    def points(self) -> NDArray[np.float64]:
        """Return where the pixels lie, shape (S, R, C, 3), LPS mm."""
        return self.image.grid.world_coordinates()

    def name_pixels(self, network: str, told: FloatArray, *, threads: int = 1) -> FloatArray:
        """Run a network that is told (3, S, R, C) beside the picture: logits (K, S, R, C)."""
        return _run_all(network, self.image.array, self.plane, np.moveaxis(told, 0, 1), threads)


def close_up(image: ScalarImage, points: NDArray[np.float64], pixel_mm: float) -> Closeup:
    """Cut out the box about points and thin its pixels for a closer network.

    Parameters
    ----------
    image : any scale of intensity; marrow should be bright
    points : shape (N, 3), LPS, mm: the box about them is looked at
    pixel_mm : in-plane spacing, about

    Raises
    ------
    GeometryError
        If no point is in view.
    """
    upright, plane = stand_upright(image)
    return Closeup(shrink_in_plane(_crop(upright, points), pixel_mm), plane)


def softmax(logits: FloatArray) -> FloatArray:
    """Turn logits (K, ...) into probabilities that sum to 1 over the classes."""
    raised = np.exp(logits - logits.max(axis=0, keepdims=True))
    return np.asarray(raised / raised.sum(axis=0, keepdims=True), dtype=np.float32)


def _crop(image: ScalarImage, points: NDArray[np.float64]) -> ScalarImage:
    """Cut out the box of voxels that holds the points in view."""
    index = image.grid.to_index(points[image.grid.contains(points)])
    if not len(index):
        raise GeometryError("none of the bones found at first lies in the image: check its geometry")
    low = np.maximum(np.floor(index.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 1, image.grid.shape)
    s, r, c = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return ScalarImage(image.array[s, r, c], crop_grid(image.grid, (s, r, c)))


def stand_upright(image: ScalarImage) -> tuple[ScalarImage, int]:
    """Reorder the axes so that slices come first and every slice stands the same way.

    Axial slices show the front on top, coronal and sagittal ones the head; the patient's right is on the
    left, or the front in sagittal slices. Nothing is interpolated.

    Returns
    -------
    image : the same voxels in the same places
    plane : 0 axial, 1 coronal, 2 sagittal
    """
    axes, spacing = image.grid.axes, image.grid.spacing_mm
    thick = int(np.argmax(spacing)) if max(spacing) > 1.3 * float(np.median(spacing)) else 0
    plane, down, right = _LAYOUT[int(np.argmax(np.abs(axes[:, thick])))]
    first, second = (axis for axis in range(3) if axis != thick)
    if abs(axes[:, first] @ down) < abs(axes[:, second] @ down):
        first, second = second, first
    order = (thick, first, second)
    affine = image.grid.affine[:, [*order, 3]].copy()
    array = image.array.transpose(order)
    for place, direction in ((1, down), (2, right)):
        if affine[:3, place] @ direction < 0:
            array = np.flip(array, place)
            affine[:3, 3] += affine[:3, place] * (array.shape[place] - 1)
            affine[:3, place] *= -1
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]), affine)
    return ScalarImage(np.ascontiguousarray(array), grid), plane


def normalize(array: FloatArray) -> FloatArray:
    """Scale intensities so that the bright tissue is near 1, 2 at most."""
    body = array[array > _BODY * np.quantile(array, 0.99)]
    top = float(np.quantile(body, 0.95)) if body.size else 1.0
    return np.asarray(np.clip(array / max(top, 1e-6), 0, 2), dtype=np.float32)


def _run_all(network: str, array: FloatArray, plane: int, told: FloatArray, threads: int) -> FloatArray:
    """Run a network on (S, R, C), a few slices at a time; ``told`` (S, 3, R, C) may be (1, 3, 1, 1)."""
    scaled = normalize(array)
    last = len(scaled) - 1
    near = scaled[np.stack([np.clip(np.arange(len(scaled)) + d, 0, last) for d in (-1, 0, 1)], axis=1)]
    told = np.broadcast_to(told, (len(near), *told.shape[1:]))
    parts = [slice(k, k + _BATCH) for k in range(0, len(near), _BATCH)]
    answers = [_run(network, near[part], plane, told[part], threads) for part in parts]
    return np.ascontiguousarray(np.concatenate(answers).transpose(1, 0, 2, 3))


def _run(network: str, slices: FloatArray, plane: int, told: FloatArray, threads: int) -> FloatArray:
    """Run a network on (N, 3, R, C), padded evenly and cut back: logits (N, K, R, C)."""
    count, _, rows, columns = slices.shape
    missing = [-n % _BLOCK for n in (rows, columns)]
    before = [m // 2 for m in missing]
    inputs = np.zeros((count, _INPUTS, rows + missing[0], columns + missing[1]), dtype=np.float32)
    window = (slice(before[0], before[0] + rows), slice(before[1], before[1] + columns))
    inputs[(slice(None), slice(0, 3), *window)] = slices
    inputs[(slice(None), 3, *window)] = 1
    inputs[:, _FIRST_PLANE + plane] = 1
    everywhere = (slice(None), slice(None)) if told.shape[2:] == (1, 1) else window
    inputs[(slice(None), slice(_FIRST_TOLD, _INPUTS), *everywhere)] = told
    logits = load_network("bmetk.bones", network, threads).run(None, {"slices": inputs})[0]
    return np.asarray(logits[(slice(None), slice(None), *window)], dtype=np.float32)


@cache
def load_network(package: str, network: str, threads: int) -> ort.InferenceSession:
    """Load a network from the ``data`` of a package, once for each number of threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # What a run needed goes back: kept for the next one, a hip's takes 700 MB from all other work.
    options.enable_cpu_mem_arena = False
    # Idle threads must not burn a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = files(package).joinpath("data", network).read_bytes()
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
