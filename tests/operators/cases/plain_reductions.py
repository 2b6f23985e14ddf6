"""Cases for the operators that reduce, order or normalize along axes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .casebook import Case, CaseMaker, binary_fractions
from .plain import (
    APPROXIMATED,
    FLOATS,
    NUMBERS,
    deep,
    name_of,
    node,
    nonzero,
    plain_case,
)

REDUCTIONS = {
    "ReduceSum": NUMBERS,
    "ReduceMean": NUMBERS,
    "ReduceProd": NUMBERS,
    "ReduceMax": NUMBERS,
    "ReduceMin": NUMBERS,
    "ReduceSumSquare": NUMBERS,
    "ReduceL1": [np.float32, np.int32],
    "ReduceL2": [np.float32, np.int32],
    "ReduceLogSum": FLOATS[:1],
    "ReduceLogSumExp": FLOATS,
}


def reductions() -> Iterator[Case]:
    """Each with axes as an input, and as an attribute before that."""
    for operator, dtypes in REDUCTIONS.items():
        for dtype in dtypes:
            rows = {"X": positive(dtype) if "Log" in operator else deep(dtype=dtype)}
            name = f"{operator.lower()}_{name_of(dtype)}"
            axes = {"axes": np.array([1])}
            reduced = node(operator, "X", "axes")
            yield plain_case(name, reduced, rows, axes, tolerance=APPROXIMATED)
            if operator == "ReduceSum":
                continue
            attribute = node(operator, "X", axes=[1], keepdims=0)
            case = f"{name}_attribute"
            yield plain_case(case, attribute, rows, opset=13, tolerance=APPROXIMATED)


def positive(dtype: Any) -> np.ndarray:
    return np.abs(deep(dtype=dtype)) + 1


def reduced_axes() -> Iterator[Case]:
    """Every choice of axes, kept and not, and none at all."""
    rows = {"X": deep((2, 3, 2))}
    choices = [[1], [2], [3], [-1], [1, 2], [1, 3], [2, 3], [1, 2, 3]]
    for number, axes in enumerate(choices):
        for keep in (0, 1):
            constant = {"axes": np.array(axes)}
            reduced = node("ReduceSum", "X", "axes", keepdims=keep)
            yield plain_case(f"reducesum_axes_{number}_{keep}", reduced, rows, constant)
    few = {"X": deep((2, 3))[:5]}
    for axes in ([0], [0, 1], [0, 2], []):
        constant = {"axes": np.array(axes, np.int64)}
        name = f"reducesum_rows_{len(axes)}_{sum(axes)}"
        reduced = node("ReduceSum", "X", "axes")
        yield plain_case(name, reduced, few, constant, fixed=True)
    yield plain_case("reducemax_all", node("ReduceMax", "X"), few, fixed=True)
    whole = node("ReduceSum", "X", "axes", noop_with_empty_axes=1)
    none = {"axes": np.array([], np.int64)}
    yield plain_case("reducesum_none", whole, {"X": deep()}, none)
    old = node("ReduceSum", "X", axes=[-1])
    yield plain_case("reducesum_opset_12", old, {"X": deep()}, opset=12)


def reduced_truths() -> Iterator[Case]:
    """Of bool since operator set 20."""
    rows = {"X": deep() > 0}
    axes = {"axes": np.array([2])}
    for operator in ("ReduceMax", "ReduceMin"):
        reduced = node(operator, "X", "axes")
        yield plain_case(f"{operator.lower()}_bool", reduced, rows, axes, opset=20)


def arguments() -> Iterator[Case]:
    for operator in ("ArgMax", "ArgMin"):
        for dtype in [np.float32, np.float64, np.int64, np.int32]:
            rows = {"X": deep((3, 4), dtype)}
            if operator == "ArgMin" and dtype == np.int64:
                continue
            for axis, keep, last in [(1, 1, 0), (-1, 0, 0), (2, 1, 1)]:
                found = node(
                    operator, "X", axis=axis, keepdims=keep, select_last_index=last
                )
                name = f"{operator.lower()}_{axis}_{keep}{last}_{name_of(dtype)}"
                yield plain_case(name, found, rows)
        few = {"X": binary_fractions()[:7]}
        default = node(operator, "X")
        yield plain_case(f"{operator.lower()}_of_rows", default, few, fixed=True)


def top_k() -> Iterator[Case]:
    outputs = ("Y", "Z")
    for dtype in NUMBERS:
        rows = {"X": binary_fractions(6, dtype)}
        for largest in (0, 1):
            for count in (1, 3, 6):
                found = node("TopK", "X", "k", outputs=outputs, largest=largest)
                name = f"topk_{count}_{largest}_{name_of(dtype)}"
                k = {"k": np.array([count])}
                yield plain_case(name, found, rows, k)
    inner = node("TopK", "X", "k", outputs=outputs, axis=1)
    k = {"k": np.array([2])}
    yield plain_case("topk_axis_1", inner, {"X": deep((3, 2))}, k)
    old = node("TopK", "X", outputs=outputs, k=2)
    yield plain_case("topk_opset_9", old, {"X": binary_fractions()}, opset=9)
    few = {"X": binary_fractions()[:5]}
    across = node("TopK", "X", "k", outputs=outputs, axis=0)
    yield plain_case("topk_of_rows", across, few, k, fixed=True)


def soft() -> Iterator[Case]:
    """Along one axis, and before operator set 13 from an axis on."""
    rows = {"X": deep((3, 4)) * 3}
    for operator in ("Softmax", "LogSoftmax", "Hardmax"):
        for opset, axes in {18: [1, 2, -1, None], 11: [1, 2, -1, None]}.items():
            for axis in axes:
                flags = {} if axis is None else {"axis": axis}
                name = f"{operator.lower()}_opset_{opset}_axis_{axis}"
                soft = node(operator, "X", **flags)
                yield plain_case(name, soft, rows, opset=opset, tolerance=APPROXIMATED)
        if operator == "Hardmax":
            continue
        wide = {"X": rows["X"].astype(np.float64)}
        name = f"{operator.lower()}_float64"
        yield plain_case(name, node(operator, "X"), wide, tolerance=APPROXIMATED)
    large = {"X": np.abs(binary_fractions()) * 1000}
    yield plain_case("softmax_large", node("Softmax", "X"), large)
    few = {"X": binary_fractions()[:5]}
    across = node("Softmax", "X", axis=0)
    yield plain_case("softmax_of_rows", across, few, fixed=True)


def lp_normalization() -> Iterator[Case]:
    rows = deep((3, 4))
    rows[0] = 0
    for order in (1, 2):
        for axis in (1, 2, -1):
            for dtype in FLOATS:
                inputs = {"X": rows.astype(dtype)}
                name = f"lpnormalization_{order}_{axis}_{name_of(dtype)}"
                normal = node("LpNormalization", "X", p=order, axis=axis)
                yield plain_case(name, normal, inputs)


def cumulative() -> Iterator[Case]:
    for dtype in NUMBERS:
        rows = {"X": deep((3, 2), dtype)}
        for exclusive in (0, 1):
            for reverse in (0, 1):
                sums = node("CumSum", "X", "axis", exclusive=exclusive, reverse=reverse)
                name = f"cumsum_{exclusive}{reverse}_{name_of(dtype)}"
                axis = {"axis": np.array(1)}
                yield plain_case(name, sums, rows, axis)
    axis = {"axis": np.array(-1, np.int32)}
    sums = node("CumSum", "X", "axis")
    yield plain_case("cumsum_last", sums, {"X": nonzero(5)}, axis)


CASES: list[CaseMaker] = [
    reductions,
    reduced_axes,
    reduced_truths,
    arguments,
    top_k,
    soft,
    lp_normalization,
    cumulative,
]
