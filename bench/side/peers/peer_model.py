"""The model of a peer, and rows in and out of it: what each of them would write."""

import os
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

Json = Any


class Model(ABC):
    """Tensors by name in and out."""

    inputs: dict[str, Any]
    """Their dtypes."""

    @abstractmethod
    def run(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]: ...

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


def load() -> Model:
    """The model of the file MODEL; nothing is imported that another kind needs."""
    file = os.environ["MODEL"]
    if file.endswith(".onnx"):
        from onnx_model import OnnxModel  # noqa: PLC0415

        return OnnxModel(file)
    from estimator_model import EstimatorModel  # noqa: PLC0415

    return EstimatorModel(file)
