"""Read the weights of a slice network, be it a checkpoint or the ONNX file that ships."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read weights by their names in `slice_net.SliceNet`.

    ONNX has no group normalisation of its own in the version written by ``export.py``: its scale and shift are a
    product and a sum, named after the layer that they belong to.
    """
    if path.suffix != ".onnx":
        return dict(torch.load(path))
    graph = onnx.load(str(path)).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    weights = {name: value for name, value in values.items() if name.endswith((".weight", ".bias"))}
    for node in graph.node:
        part = {"Mul": "weight", "Add": "bias"}.get(node.op_type)
        if part and node.input[1] in values:
            layer = node.output[0].split("/")[-2]
            weights[f"{layer}.{part}"] = values[node.input[1]].flatten()
    return weights
