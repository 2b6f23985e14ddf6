"""What all trained models have in common: data, and how an export becomes a case."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from casefile import Expectation, Tensors
from onnx import ModelProto, TensorProto
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.model_selection import train_test_split

SEED = 5
# Rows that are predicted; none of them was seen in training.
ROWS = 40

# Single precision against the double precision of the library.
RELATIVE = 1e-5
ABSOLUTE = 1e-6


@dataclass(frozen=True)
class Table:
    """Rows to train on, and rows to predict."""

    train: np.ndarray
    target: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Trained:
    """An exported model, rows, and the library's predictions, by name."""

    name: str
    model: bytes
    inputs: Tensors
    outputs: Tensors
    expectation: Expectation

    def first_row(self) -> tuple[Tensors, Tensors]:
        def first(tensors: Tensors) -> Tensors:
            return {name: array[:1] for name, array in tensors.items()}

        return first(self.inputs), first(self.outputs)


@dataclass(frozen=True)
class Failed:
    """A model that its converter does not convert."""

    name: str
    error: str


def table(load: Callable, columns: int | None = None, labels: bool = False) -> Table:
    """A data set of scikit-learn in single precision, with numbers or names as classes.

    Single precision from the start, so that the library and the engine see one row.
    """
    data = load()
    target = data.target_names[data.target] if labels else data.target
    rows = data.data[:, :columns].astype(np.float32)
    train, rest, train_target, _ = train_test_split(
        rows, target, test_size=0.35, random_state=SEED
    )
    return Table(train, train_target, rest[:ROWS])


IRIS = table(load_iris)
IRIS_NAMES = table(load_iris, labels=True)
WINE = table(load_wine)
CANCER = table(load_breast_cancer, columns=10)
CANCER_NAMES = table(load_breast_cancer, columns=10, labels=True)
DIABETES = table(load_diabetes)


def with_gaps(rows: np.ndarray) -> np.ndarray:
    """The rows with every seventh number missing."""
    rows = rows.copy()
    rows.ravel()[::7] = np.nan
    return rows


DTYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.INT64: np.int64,
    TensorProto.INT32: np.int32,
    TensorProto.BOOL: np.bool_,
    TensorProto.STRING: np.object_,
}


def outputs_of(model: ModelProto, predictions: list[np.ndarray]) -> Tensors:
    """The predictions in the dtypes and ranks that the model's outputs have."""
    outputs = {}
    for info, prediction in zip(model.graph.output, predictions, strict=True):
        kind = info.type.tensor_type
        if not info.type.HasField("tensor_type"):
            outputs[info.name] = np.asarray(prediction, dtype=np.float32)
            continue
        array = np.asarray(prediction).astype(DTYPES[kind.elem_type])
        if kind.HasField("shape") and len(kind.shape.dim) == array.ndim + 1:
            array = array[..., np.newaxis]
        outputs[info.name] = array
    return outputs


def attempt(name: str, make: Callable[[], Trained]) -> Trained | Failed:
    try:
        return make()
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return Failed(name, text[:200])


def probabilities(estimator: Any, rows: np.ndarray) -> np.ndarray:
    """What a classifier gives beside its label: probabilities, else its scores.

    Of two classes scikit-learn gives one score, an export both: it, and its negative.
    """
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(rows)
    scores = estimator.decision_function(rows)
    return scores if scores.ndim == 2 else np.column_stack([-scores, scores])


def clear_rows(estimator: Any, rows: Any) -> np.ndarray:
    """Which rows do not lie so near a border that rounding decides on their class."""
    best = np.sort(probabilities(estimator, rows), axis=1)
    return best[:, -1] - best[:, -2] > 1e-4


def serialized(model: ModelProto) -> bytes:
    onnx.checker.check_model(model)
    return model.SerializeToString()
