"""Writes models for foreign clients to ask: Triton's public examples, built anew.

`simple` adds and subtracts, as in Triton's quick start; `identity_DTYPE` gives back
what it takes, for every dtype of the protocol.
"""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

DTYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}

Tensors = list[tuple[str, int, list[int | str]]]


def save(folder: Path, nodes: list, inputs: Tensors, outputs: Tensors) -> None:
    infos = [
        [helper.make_tensor_value_info(*tensor) for tensor in tensors]
        for tensors in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, folder.name, *infos)
    opset = helper.make_opsetid("", 16)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    (folder / "model.toml").write_text('engine = "onnxruntime"\n')


def main(folder: Path) -> None:
    shape = [1, 16]
    names = ("INPUT0", "INPUT1")
    save(
        folder / "simple",
        [
            helper.make_node("Add", names, ["OUTPUT0"]),
            helper.make_node("Sub", names, ["OUTPUT1"]),
        ],
        [(name, TensorProto.INT32, shape) for name in names],
        [(name, TensorProto.INT32, shape) for name in ("OUTPUT0", "OUTPUT1")],
    )
    for name, dtype in DTYPES.items():
        save(
            folder / f"identity_{name}",
            [helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])],
            [("INPUT0", dtype, ["rows", "columns"])],
            [("OUTPUT0", dtype, ["rows", "columns"])],
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
