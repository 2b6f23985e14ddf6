"""Cases for the operators that change each number: Scaler, Normalizer, Imputer."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .casebook import (
    NUMBER_TYPES,
    Attributes,
    Case,
    CaseMaker,
    binary_fractions,
    ml_node,
    model_of,
    tensor,
)


def scaler() -> Iterator[Case]:
    """(X - offset) * scale, with a value for each feature or one for all."""
    per_feature = {"offset": [0.5, -1.0, 2.0, 16777216.0], "scale": [2, 0.25, -1, 4]}
    for dtype in NUMBER_TYPES:
        rows = binary_fractions(dtype=dtype)
        # Odd and above 2^24: whether it is rounded before the subtraction shows here.
        rows[:, 3] = 16777217
        yield one_input(
            f"scaler_per_feature_{dtype.__name__}", "Scaler", rows, per_feature
        )
    rows = binary_fractions()
    for_all = {"offset": [0.5], "scale": [0.125]}
    yield one_input("scaler_one_for_all", "Scaler", rows, for_all)


def normalizer() -> Iterator[Case]:
    """Each norm over rows of every kind of sign."""
    for norm in ("MAX", "L1", "L2"):
        for dtype in NUMBER_TYPES:
            rows = binary_fractions(dtype=dtype)
            rows[1] = 0
            rows[2] = [-1, -2, -3, -4]
            # The largest number is zero, so MAX leaves the row as it is.
            rows[3] = [-1, 0, -2, 0]
            name = f"normalizer_{norm.lower()}_{dtype.__name__}"
            yield one_input(name, "Normalizer", rows, {"norm": norm})


def imputer_of_nan() -> Iterator[Case]:
    """A missing value is a NaN; infinities are values like any other."""
    rows = binary_fractions()
    rows[::3, 1] = np.nan
    rows[1] = [np.nan, np.inf, -np.inf, np.nan]
    nan = {"replaced_value_float": float("nan")}
    for name, values in {
        "per_feature": [1.0, 2.0, 3.0, 4.0],
        "one_for_all": [9.0],
    }.items():
        attributes = {"imputed_value_floats": values, **nan}
        yield one_input(f"imputer_nan_{name}", "Imputer", rows, attributes, np.float32)


def imputer_of_value() -> Iterator[Case]:
    """A missing value is a certain number, and then a NaN stays a NaN.

    onnxruntime has no Imputer for float64 and int32, which the specification allows.
    """
    floats, whole = binary_fractions(), binary_fractions(dtype=np.int64)
    floats[::3, 1] = -1.5
    floats[1] = [np.nan, -1.5, 0, -0.0]
    whole[2] = [0, 1, 0, 2**53 + 1]
    for name, count in {"per_feature": 4, "one_for_all": 1}.items():
        values = [float(n) for n in range(1, count + 1)]
        attributes = {"imputed_value_floats": values, "replaced_value_float": -1.5}
        yield one_input(
            f"imputer_float32_{name}", "Imputer", floats, attributes, np.float32
        )
        numbers = [2**53 + n for n in range(1, count + 1)]
        attributes = {"imputed_value_int64s": numbers, "replaced_value_int64": 0}
        yield one_input(f"imputer_int64_{name}", "Imputer", whole, attributes, np.int64)


def one_input(
    name: str,
    operator: str,
    rows: np.ndarray,
    attributes: Attributes,
    answer_type: Any = np.float32,
) -> Case:
    """A case of one operator that keeps the shape."""
    node = ml_node(operator, ["Y"], **attributes)
    answer = {"Y": tensor(answer_type, "rows", rows.shape[1])}
    return Case(name, model_of([node], {"X": rows}, answer), {"X": rows})


CASES: list[CaseMaker] = [scaler, normalizer, imputer_of_nan, imputer_of_value]
