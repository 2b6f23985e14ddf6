"""How a conformance case lies on disk.

The layout is that of the ONNX project's own backend tests, so theirs and ours are read
by the same code:

    GROUP/CASE/model.onnx | model.json | model.ubj | model.txt   [+ its external data]
    GROUP/CASE/case.json                      tolerance, and where the answers come from
    GROUP/CASE/test_data_set_0/input_0.pb      TensorProto, named, one file an input
    GROUP/CASE/test_data_set_0/output_0.pb     TensorProto, named, one file an output
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Expectation:
    """How near an answer must come, and whose answer it is."""

    source: str
    """The library that answered, with its version: `xgboost 3.2.0`."""
    relative: float
    absolute: float


@dataclass(frozen=True)
class DataSet:
    """Inputs and the answers expected, by name."""

    inputs: Tensors
    outputs: Tensors


def write_case(
    folder: Path,
    expectation: Expectation,
    data_sets: list[DataSet],
) -> None:
    """Writes all of a case but its model."""
    write_expectation(folder, expectation)
    for index, data_set in enumerate(data_sets):
        target = folder / f"test_data_set_{index}"
        target.mkdir(exist_ok=True)
        write_tensors(target, "input", data_set.inputs)
        write_tensors(target, "output", data_set.outputs)


def write_expectation(folder: Path, expectation: Expectation) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(expectation), indent=2) + "\n"
    (folder / "case.json").write_text(text)


def write_tensors(folder: Path, kind: str, tensors: Tensors) -> None:
    for index, (name, array) in enumerate(tensors.items()):
        proto = to_proto(name, np.asarray(array))
        (folder / f"{kind}_{index}.pb").write_bytes(proto.SerializeToString())


def to_proto(name: str, array: np.ndarray) -> TensorProto:
    if array.dtype.kind in "OUS":
        texts = [str(text).encode() for text in array.ravel()]
        return helper.make_tensor(name, TensorProto.STRING, array.shape, texts)
    return numpy_helper.from_array(np.asarray(array, order="C"), name)
