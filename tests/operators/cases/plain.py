"""What the cases of plain operators share: a model of one node, and rows to ask it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from .casebook import (
    EXACT_TO_ROUNDING,
    FEATURES,
    ROWS,
    Case,
    Opsets,
    Tensors,
    Tolerance,
    binary_fractions,
    model_of,
)

NUMBERS = [np.float32, np.float64, np.int64, np.int32]
FLOATS = [np.float32, np.float64]
SPECIAL = [0.0, -0.0, 0.5, -2.5, 1e-7, 1e30, np.nan, np.inf, -np.inf]
# ONNX Runtime says the type of an output that a model leaves open.
OPEN = onnx.TypeProto()

# ONNX Runtime approximates exponentials and their kin in single precision.
APPROXIMATED = Tolerance(absolute=2e-6, relative=2e-5)


def plain_case(
    name: str,
    node: onnx.NodeProto,
    inputs: Tensors,
    constants: Tensors | None = None,
    opset: int = 18,
    tolerance: Tolerance = EXACT_TO_ROUNDING,
    fixed: bool = False,
) -> Case:
    """A case of one node; with `fixed`, of as many rows as there are."""
    outputs = {output: OPEN for output in node.output if output}
    rows: str | int = len(next(iter(inputs.values()))) if fixed else "rows"
    counts: Sequence[int] = (int(rows),) if fixed else (1, 3, ROWS)
    model = model_of([node], inputs, outputs, Opsets(opset), constants, rows)
    if node.domain not in ("", "ai.onnx.ml"):
        model.opset_import.append(helper.make_opsetid(node.domain, 1))
    return Case(name, model, inputs, tolerance, counts)


def node(operator: str, *inputs: str, outputs: Any = ("Y",), **attributes: Any) -> Any:
    """A node that gives Y, unless it is said otherwise."""
    return helper.make_node(operator, list(inputs), list(outputs), **attributes)


def name_of(dtype: Any) -> str:
    name = np.dtype(dtype).name
    return "string" if name == "object" else name


def deep(shape: tuple[int, ...] = (2, 3), dtype: Any = np.float32) -> np.ndarray:
    """Rows of ordinary values of more than one axis."""
    width = int(np.prod(shape))
    return binary_fractions(width, dtype).reshape(ROWS, *shape)


def special(dtype: Any) -> np.ndarray:
    """Rows that begin with every extraordinary value of a float."""
    rows = binary_fractions(len(SPECIAL), dtype)
    rows[0] = SPECIAL
    rows[1] = np.roll(SPECIAL, 1)
    return rows


def nonzero(columns: int = FEATURES, dtype: Any = np.float32) -> np.ndarray:
    """Rows without a zero, to divide by."""
    rows = binary_fractions(columns, dtype, seed=7)
    rows[rows == 0] = 3
    return rows


def texts(columns: int = FEATURES) -> np.ndarray:
    """Rows of words."""
    numbers = binary_fractions(columns, np.int64)
    return np.array([[f"n{number}" for number in row] for row in numbers], object)
