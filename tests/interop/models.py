"""Writes models for foreign clients to ask: Triton's public examples, built anew.

`simple` adds and subtracts, as in Triton's quick start, and `simple_string` does so
with numbers that are text; `identity_DTYPE` gives back what it takes, for every dtype
of the protocol.
"""

import sys
from collections.abc import Sequence
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


INPUTS, OUTPUTS = ("INPUT0", "INPUT1"), ("OUTPUT0", "OUTPUT1")


def sum_and_difference(inputs: Sequence[str], outputs: Sequence[str]) -> list:
    operators = zip(("Add", "Sub"), outputs, strict=True)
    return [helper.make_node(name, inputs, [output]) for name, output in operators]


def casts(inputs: Sequence[str], outputs: Sequence[str], to: int) -> list:
    pairs = zip(inputs, outputs, strict=True)
    return [helper.make_node("Cast", [old], [new], to=to) for old, new in pairs]


def simple() -> list:
    return sum_and_difference(INPUTS, OUTPUTS)


def simple_string() -> list:
    numbers, results = ("number0", "number1"), ("sum", "difference")
    return [
        *casts(INPUTS, numbers, TensorProto.INT32),
        *sum_and_difference(numbers, results),
        *casts(results, OUTPUTS, TensorProto.STRING),
    ]


def main(folder: Path) -> None:
    for nodes, dtype in (
        (simple, TensorProto.INT32),
        (simple_string, TensorProto.STRING),
    ):
        save(
            folder / nodes.__name__,
            nodes(),
            [(name, dtype, [1, 16]) for name in INPUTS],
            [(name, dtype, [1, 16]) for name in OUTPUTS],
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
