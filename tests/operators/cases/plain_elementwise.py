"""Cases for the operators that compute element by element, with broadcasting."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .casebook import ROWS, Case, CaseMaker, binary_fractions
from .plain import (
    APPROXIMATED,
    FLOATS,
    NUMBERS,
    deep,
    name_of,
    node,
    nonzero,
    plain_case,
    special,
    texts,
)

EXACT = {"Abs": NUMBERS, "Neg": NUMBERS, "Sign": NUMBERS, "Relu": NUMBERS}
ROUNDED = ["Sqrt", "Floor", "Ceil", "Round", "Reciprocal"]
CURVES = ["Exp", "Log", "Tanh", "Sigmoid", "Softplus", "Softsign", "Sin", "Cos", "Erf"]
# ONNX Runtime has these in single precision only.
SINGLE = ["Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"]


def exact_unary() -> Iterator[Case]:
    for operator, dtypes in EXACT.items():
        for dtype in dtypes:
            if operator == "Relu" and dtype == np.int64:
                continue
            rows = special(dtype) if dtype in FLOATS else binary_fractions(4, dtype)
            yield unary(operator, rows)
    for operator in ROUNDED:
        for dtype in FLOATS:
            yield unary(operator, special(dtype))
    yield unary("Not", binary_fractions() > 0)


def curves() -> Iterator[Case]:
    """Where ONNX Runtime approximates, and within the range of each function."""
    rows = binary_fractions(8, np.float32)
    for operator in [*CURVES, *SINGLE]:
        dtypes = FLOATS if operator in ("Exp", "Log", "Tanh", "Sigmoid") else FLOATS[:1]
        for dtype in dtypes:
            own = np.abs(rows) if operator in ("Log", "Acosh") else rows
            own = own / 5 if operator in ("Asin", "Acos", "Atanh") else own
            own = own + 1 if operator == "Acosh" else own
            yield unary(operator, own.astype(dtype))


def unary(operator: str, rows: np.ndarray) -> Case:
    tolerance = {"tolerance": APPROXIMATED} if operator in [*CURVES, *SINGLE] else {}
    name = f"{operator.lower()}_{name_of(rows.dtype)}"
    return plain_case(name, node(operator, "X"), {"X": rows}, **tolerance)


def unary_in_opsets() -> Iterator[Case]:
    for opset in (9, 12, 13, 21):
        for operator in ("Abs", "Exp", "Sigmoid", "Relu"):
            rows = {"X": binary_fractions()}
            name = f"{operator.lower()}_opset_{opset}"
            tolerance = APPROXIMATED
            yield plain_case(
                name, node(operator, "X"), rows, opset=opset, tolerance=tolerance
            )


def missing_and_infinite() -> Iterator[Case]:
    for dtype in FLOATS:
        rows = {"X": special(dtype)}
        yield plain_case(f"isnan_{name_of(dtype)}", node("IsNaN", "X"), rows)
        for above, below in [(1, 1), (1, 0), (0, 1), (0, 0)]:
            found = node("IsInf", "X", detect_positive=above, detect_negative=below)
            yield plain_case(f"isinf_{above}{below}_{name_of(dtype)}", found, rows)


def arithmetic() -> Iterator[Case]:
    for operator in ("Add", "Sub", "Mul", "Div"):
        for dtype in NUMBERS:
            rows = {"A": binary_fractions(4, dtype), "B": nonzero(4, dtype)}
            name = f"{operator.lower()}_{name_of(dtype)}"
            yield plain_case(name, node(operator, "A", "B"), rows)
    for dtype in FLOATS:
        rows = {"A": special(dtype), "B": special(dtype)[:, ::-1].copy()}
        for operator in ("Add", "Sub", "Mul", "Div"):
            name = f"{operator.lower()}_special_{name_of(dtype)}"
            yield plain_case(name, node(operator, "A", "B"), rows)


def wrapping() -> Iterator[Case]:
    """Integers wrap around."""
    for dtype in (np.int64, np.int32):
        limits = np.iinfo(dtype)
        rows = np.tile(np.array([limits.min, limits.max, 3, -1], dtype), (ROWS, 1))
        for operator in ("Add", "Sub", "Mul"):
            name = f"{operator.lower()}_wrapping_{name_of(dtype)}"
            yield plain_case(name, node(operator, "A", "A"), {"A": rows})


def broadcasting() -> Iterator[Case]:
    """Against constants of every shape that goes with rows, and among inputs."""
    shapes: list[tuple[int, ...]] = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 2, 1)]
    for number, shape in enumerate(shapes):
        constant = {"B": nonzero(6).ravel()[: int(np.prod(shape))].reshape(shape)}
        name = f"sub_broadcast_{number}"
        yield plain_case(name, node("Sub", "X", "B"), {"X": deep()}, constant)
        yield plain_case(f"{name}_r", node("Sub", "B", "X"), {"X": deep()}, constant)
    columns = {"A": deep((3,)), "B": deep((1,))}
    yield plain_case("mul_rows_by_column", node("Mul", "A", "B"), columns)
    yield plain_case("mul_column_by_rows", node("Mul", "B", "A"), columns)
    outer = {"A": deep((3, 1)), "B": deep((1, 4))}
    yield plain_case("mul_outer", node("Mul", "A", "B"), outer)
    wider = {"B": np.arange(5, dtype=np.float32).reshape(5, 1, 1)}
    yield plain_case("add_wider", node("Add", "X", "B"), {"X": deep((3,))}, wider)
    one = {"B": np.full((1, 1, 1), 2, np.float32)}
    yield plain_case("add_one_wider", node("Add", "X", "B"), {"X": deep((3,))}, one)


def powers() -> Iterator[Case]:
    for base in NUMBERS:
        for exponent in NUMBERS:
            rows = {"A": nonzero(4, base)}
            powers = {"B": np.array([0, 1, 2, 3], exponent)}
            name = f"pow_{name_of(base)}_{name_of(exponent)}"
            yield plain_case(
                name, node("Pow", "A", "B"), rows, powers, tolerance=APPROXIMATED
            )
    for power in (0.5, -1.0, 2.0, 3.0, np.nan):
        power_of = {"B": np.array(power, np.float32)}
        rows = {"A": np.abs(special(np.float32))}
        name = f"pow_{power}"
        yield plain_case(
            name, node("Pow", "A", "B"), rows, power_of, tolerance=APPROXIMATED
        )


def remainders() -> Iterator[Case]:
    for dtype in NUMBERS:
        rows = {"A": binary_fractions(4, dtype), "B": nonzero(4, dtype)}
        for fmod in (0, 1):
            if fmod == 0 and dtype in FLOATS:
                continue
            name = f"mod_{fmod}_{name_of(dtype)}"
            yield plain_case(name, node("Mod", "A", "B", fmod=fmod), rows)


def comparisons() -> Iterator[Case]:
    operators = ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"]
    for operator in operators:
        for dtype in NUMBERS:
            rows = {"A": binary_fractions(4, dtype), "B": nonzero(4, dtype)}
            rows["B"][:, :2] = rows["A"][:, :2]
            name = f"{operator.lower()}_{name_of(dtype)}"
            yield plain_case(name, node(operator, "A", "B"), rows)
        rows = {"A": special(np.float32), "B": special(np.float32)[:, ::-1].copy()}
        name = f"{operator.lower()}_special"
        yield plain_case(name, node(operator, "A", "B"), rows)
    truths = {"A": binary_fractions() > 0, "B": nonzero() > 0}
    yield plain_case("equal_bool", node("Equal", "A", "B"), truths)
    words = {"A": texts(), "B": texts()[::-1].copy()}
    yield plain_case("equal_string", node("Equal", "A", "B"), words, opset=19)
    word = {"B": np.array(["n1"], object)}
    yield plain_case(
        "equal_one_string", node("Equal", "A", "B"), {"A": texts()}, word, opset=19
    )


def logic() -> Iterator[Case]:
    rows = {"A": binary_fractions() > 0, "B": nonzero() > 0}
    for operator in ("And", "Or", "Xor"):
        yield plain_case(f"{operator.lower()}", node(operator, "A", "B"), rows)


def variadic() -> Iterator[Case]:
    for operator in ("Sum", "Mean", "Min", "Max"):
        dtypes: list[Any] = NUMBERS if operator in ("Min", "Max") else FLOATS[:1]
        for dtype in dtypes:
            rows = {"A": deep((3,), dtype), "B": deep((1,), dtype)}
            rows["C"] = deep((3,), dtype)[::-1].copy()
            name = f"{operator.lower()}_of_three_{name_of(dtype)}"
            yield plain_case(name, node(operator, "A", "B", "C"), rows)
        rows = {"A": special(np.float32), "B": special(np.float32)[:, ::-1].copy()}
        yield plain_case(f"{operator.lower()}_special", node(operator, "A", "B"), rows)
        one = {"A": binary_fractions()}
        yield plain_case(f"{operator.lower()}_of_one", node(operator, "A"), one)


def clip() -> Iterator[Case]:
    for dtype in NUMBERS:
        rows = {"X": special(dtype) if dtype in FLOATS else binary_fractions(4, dtype)}
        bounds = {"low": np.array(-1, dtype), "high": np.array(2, dtype)}
        for kept in (["low", "high"], ["low", ""], ["", "high"], []):
            given = {name: bounds[name] for name in kept if name}
            name = f"clip_{'_'.join(kept) or 'open'}_{name_of(dtype)}"
            names = ["X", *kept]
            yield plain_case(name, node("Clip", *names), rows, given)
    for attributes in ({"min": -1.0, "max": 2.0}, {"max": 0.0}, {}):
        name = f"clip_attributes_{len(attributes)}"
        rows = {"X": binary_fractions()}
        yield plain_case(name, node("Clip", "X", **attributes), rows, opset=10)


def where() -> Iterator[Case]:
    for dtype in NUMBERS:
        rows = {
            "C": binary_fractions(seed=3) > 0,
            "A": nonzero(4, np.int64).astype(dtype),
            "B": binary_fractions(4, np.int64).astype(dtype),
        }
        yield plain_case(f"where_{name_of(dtype)}", node("Where", "C", "A", "B"), rows)
    words = {"C": binary_fractions(seed=3) > 0, "A": texts(), "B": texts()[::-1].copy()}
    yield plain_case("where_string", node("Where", "C", "A", "B"), words)
    constants = {"A": np.array(1, np.float32), "B": nonzero(3)[0]}
    column = {"C": deep((1,)) > 0}
    yield plain_case("where_broadcast", node("Where", "C", "A", "B"), column, constants)


CASES: list[CaseMaker] = [
    exact_unary,
    curves,
    unary_in_opsets,
    missing_and_infinite,
    arithmetic,
    wrapping,
    broadcasting,
    powers,
    remainders,
    comparisons,
    logic,
    variadic,
    clip,
    where,
]
