"""The answers of onnxruntime, and tensors as JSON of the Open Inference Protocol v2."""

import math
import os
from typing import Any

import numpy as np
import onnx

# Read when the library is loaded: it is not to report anything to anybody.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

from .casebook import Tensors

DATATYPES = {
    np.dtype(np.float32): "FP32",
    np.dtype(np.float64): "FP64",
    np.dtype(np.int64): "INT64",
    np.dtype(np.int32): "INT32",
    np.dtype(np.int16): "INT16",
    np.dtype(np.bool_): "BOOL",
    np.dtype(object): "BYTES",
}


class Reference:
    """A model in onnxruntime."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        # Each operator answers for itself, and trees are summed in their order.
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
        options.intra_op_num_threads = 1
        # No warnings: skl2onnx declares one column for trees of several targets.
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.names = [output.name for output in model.graph.output]
        self.classes = classes_of_maps(model.graph)
        self.words = words_of_maps(model.graph)

    def answers(self, inputs: Tensors) -> Tensors:
        """The outputs by name; maps are tables, columns in the order of their keys."""
        if not self.words:
            return self.run(inputs)
        maps = [self.maps(name, table) for name, table in inputs.items()]
        rows = zip(*maps, strict=True)
        each = [self.run(dict(zip(inputs, row, strict=True))) for row in rows]
        return {
            name: np.concatenate([one[name] for one in each]) for name in self.names
        }

    def run(self, inputs: dict[str, Any]) -> Tensors:
        answers = dict(
            zip(self.names, self.session.run(self.names, inputs), strict=True)
        )
        for name, classes in self.classes.items():
            rows = [[row[each] for each in classes] for row in answers[name]]
            answers[name] = np.array(rows, np.float32)
        return answers

    def maps(self, name: str, table: np.ndarray) -> list[dict[Any, float]]:
        """The rows of a table as maps without zeros."""
        words = self.words[name]
        return [
            {word: value for word, value in zip(words, row, strict=True) if value != 0}
            for row in table.tolist()
        ]


def classes_of_maps(graph: onnx.GraphProto) -> dict[str, list[Any]]:
    """The keys of each ZipMap, by the name of its output."""
    return {
        node.output[0]: [
            key.decode() if isinstance(key, bytes) else key
            for key in onnx.helper.get_attribute_value(node.attribute[0])
        ]
        for node in graph.node
        if node.op_type == "ZipMap"
    }


def words_of_maps(graph: onnx.GraphProto) -> dict[str, list[Any]]:
    """The vocabulary of each DictVectorizer, by the name of its input."""
    return {
        node.input[0]: [
            word.decode() if isinstance(word, bytes) else word
            for word in onnx.helper.get_attribute_value(node.attribute[0])
        ]
        for node in graph.node
        if node.op_type == "DictVectorizer"
    }


def tensors_as_json(tensors: Tensors) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": DATATYPES[values.dtype],
            "data": [json_value(value) for value in values.ravel().tolist()],
        }
        for name, values in tensors.items()
    ]


def json_value(value: Any) -> Any:
    """JSON has no NaN and no infinities; they are spelled as proto3 spells them."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
