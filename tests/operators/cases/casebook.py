"""What a case is, and the tools that the case modules share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

FEATURES = 4
ROWS = 70

POST_TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
NUMBER_TYPES = [np.float32, np.float64, np.int64, np.int32]

# The IR version that came with each of these opsets, newest first.
IR_VERSIONS = [(21, 10), (19, 9), (15, 8), (9, 7)]

Tensors = dict[str, np.ndarray]
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be from the reference."""

    absolute: float = 1e-6
    relative: float = 1e-5


EXACT_TO_ROUNDING = Tolerance()
# PROBIT's approximation subtracts nearly equal numbers for scores near one half.
PROBIT_TOLERANCE = Tolerance(relative=1e-3)


def tolerance_of(post_transform: str) -> Tolerance:
    return PROBIT_TOLERANCE if post_transform == "PROBIT" else EXACT_TO_ROUNDING


@dataclass(frozen=True)
class Case:
    """A model and the inputs to ask it; the answers come from the reference."""

    name: str
    model: onnx.ModelProto
    inputs: Tensors
    tolerance: Tolerance = EXACT_TO_ROUNDING
    row_counts: Sequence[int] = (1, 3, ROWS)

    def batches(self) -> Iterator[tuple[int, Tensors]]:
        """The first rows of the inputs, for each of the row counts."""
        for count in self.row_counts:
            yield count, {name: rows[:count] for name, rows in self.inputs.items()}


CaseMaker = Callable[[], Iterator[Case]]


@dataclass(frozen=True)
class Opsets:
    """The versions of the operator sets that a model declares."""

    onnx: int = 17
    ml: int = 1

    def ir_version(self) -> int:
        return next(version for first, version in IR_VERSIONS if self.onnx >= first)


DEFAULT_OPSETS = Opsets()


def binary_fractions(
    columns: int = FEATURES, dtype: Any = np.float32, seed: int = 1
) -> np.ndarray:
    """Rows of multiples of 1/8, or of whole numbers for integers, from -4 to 4.

    Sums and products of such numbers are exact in any order, so an answer that differs
    from the reference follows another rule and not just another rounding.
    """
    eighths = np.random.default_rng(seed).integers(-32, 33, (ROWS, columns))
    is_whole = np.issubdtype(dtype, np.integer)
    return (eighths // 8 if is_whole else eighths / 8).astype(dtype)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Tensors,
    outputs: dict[str, onnx.TypeProto],
    opsets: Opsets = DEFAULT_OPSETS,
    constants: Tensors | None = None,
    rows: str | int = "rows",
) -> onnx.ModelProto:
    """A model of these nodes whose inputs begin with the dimension `rows`."""
    types = {
        name: tensor(each.dtype, rows, *each.shape[1:]) for name, each in inputs.items()
    }
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_value_info(*each) for each in types.items()],
        [helper.make_value_info(*each) for each in outputs.items()],
        [
            onnx.numpy_helper.from_array(values, name)
            for name, values in (constants or {}).items()
        ],
    )
    versions = [("", opsets.onnx), ("ai.onnx.ml", opsets.ml)]
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*each) for each in versions],
        ir_version=opsets.ir_version(),
    )


def tensor(dtype: Any, *shape: str | int) -> onnx.TypeProto:
    """The type of a tensor; Python objects stand for strings, as in numpy."""
    return helper.make_tensor_type_proto(element_type(dtype), shape)


def element_type(dtype: Any) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def ml_node(
    operator: str,
    outputs: Sequence[str],
    inputs: Sequence[str] = ("X",),
    **attributes: Any,
) -> onnx.NodeProto:
    """A node of the domain for classical models."""
    return helper.make_node(
        operator, inputs, outputs, domain="ai.onnx.ml", **attributes
    )
