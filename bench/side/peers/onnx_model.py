"""The model of a peer, and rows in and out of it: what each of them would write."""

import os
from typing import Any

import numpy as np
import onnxruntime

Json = Any


class Model:
    """A session of one thread, as all contestants have it."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.inputs = {
            tensor.name: np.float32 if tensor.type == "tensor(float)" else np.int64
            for tensor in self.session.get_inputs()
        }
        self.outputs = [tensor.name for tensor in self.session.get_outputs()]

    def run(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = self.session.run(self.outputs, tensors)
        return dict(zip(self.outputs, outputs, strict=True))

    def predict(self, instances: list[Json]) -> list[Json]:
        """Protocol v1: a row each, of the one tensor or of all by name."""
        return self.as_rows(self.run(self.of_rows(instances)))

    def of_rows(self, instances: list[Json]) -> dict[str, np.ndarray]:
        if isinstance(instances[0], dict):
            return {
                name: np.array([row[name] for row in instances], dtype)
                for name, dtype in self.inputs.items()
            }
        ((name, dtype),) = self.inputs.items()
        return {name: np.array(instances, dtype)}

    def as_rows(self, outputs: dict[str, np.ndarray]) -> list[Json]:
        columns = [array.tolist() for array in outputs.values()]
        if len(columns) == 1:
            return columns[0]
        rows = zip(*columns, strict=True)
        return [dict(zip(outputs, row, strict=True)) for row in rows]
