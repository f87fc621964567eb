"""Write a trained slice network as ONNX, any number and size of slices.

python benchmarks/training/export.py --weights /tmp/run/last.pt --out bmetk/bones/data/slices.onnx
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import onnx
import torch
from slice_net import SliceNet


def main() -> None:
    """Read the arguments, export, and write the provenance into the file's metadata."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="how it was trained")
    given = parser.parse_args()
    weights = torch.load(given.weights)
    inputs = weights["down.0.0.weight"].shape[1]
    net = SliceNet(inputs, len(weights["last.bias"]))
    net.load_state_dict(weights)
    names = {0: "slice", 2: "row", 3: "column"}
    partial = given.out.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(),
            (torch.zeros(2, inputs, 64, 96),),
            str(partial),
            input_names=["slices"],
            output_names=["logits"],
            dynamic_axes={"slices": names, "logits": names},
            opset_version=18,
            dynamo=False,
        )
    model = onnx.load(str(partial))
    model.producer_name, model.doc_string = "bmetk", given.note
    onnx.save(model, str(partial))
    partial.rename(given.out)


if __name__ == "__main__":
    main()
