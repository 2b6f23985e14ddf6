"""Cases for the operators that move elements and change axes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import numpy_helper

from .casebook import ROWS, Case, CaseMaker, binary_fractions
from .plain import NUMBERS, deep, name_of, node, plain_case, texts

MOVED = [*NUMBERS, np.bool_, object]


def any_rows(dtype: Any, columns: int = 6) -> np.ndarray:
    if dtype is object:
        return texts(columns)
    numbers = binary_fractions(columns, np.int64)
    return numbers > 0 if dtype == np.bool_ else numbers.astype(dtype)


def transpose() -> Iterator[Case]:
    for dtype in MOVED:
        rows = {"X": any_rows(dtype).reshape(ROWS, 2, 3)}
        turned = node("Transpose", "X", perm=[0, 2, 1])
        yield plain_case(f"transpose_{name_of(dtype)}", turned, rows)
    rows = {"X": deep((2, 3, 4))}
    for order in ([0, 3, 1, 2], [1, 0, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3]):
        name = f"transpose_{'_'.join(map(str, order))}"
        yield plain_case(name, node("Transpose", "X", perm=order), rows)
    yield plain_case("transpose_default", node("Transpose", "X"), rows)
    column = {"X": deep((1, 4))}
    yield plain_case("transpose_thin", node("Transpose", "X", perm=[0, 2, 1]), column)


def slices() -> Iterator[Case]:
    rows = {"X": deep((5, 4))}
    ranges: list[tuple[list[int], list[int], list[int], list[int]]] = [
        ([1], [3], [1], [1]),
        ([1, 0], [4, 2], [1, 2], [2, 1]),
        ([-1], [-6], [1], [-1]),
        ([-2], [2**63 - 1], [-1], [1]),
        ([4], [-(2**63)], [1], [-2]),
        ([3], [1], [2], [1]),
        ([-100], [100], [1], [3]),
    ]
    for number, (starts, ends, axes, steps) in enumerate(ranges):
        constants = {
            "starts": np.array(starts),
            "ends": np.array(ends),
            "axes": np.array(axes),
            "steps": np.array(steps),
        }
        cut = node("Slice", "X", *constants)
        yield plain_case(f"slice_{number}", cut, rows, constants)
    few = {"X": binary_fractions()[:5]}
    default = {"starts": np.array([1, 1], np.int32), "ends": np.array([3, 9], np.int32)}
    cut = node("Slice", "X", "starts", "ends")
    yield plain_case("slice_of_rows", cut, few, default, fixed=True)
    skipped = {**default, "steps": np.array([2, 1], np.int32)}
    cut = node("Slice", "X", "starts", "ends", "", "steps")
    yield plain_case("slice_without_axes", cut, few, skipped, fixed=True)
    for dtype in (np.int64, np.bool_, object):
        if dtype == np.bool_:
            continue
        old = node("Slice", "X", starts=[1], ends=[-1], axes=[1])
        name = f"slice_opset_9_{name_of(dtype)}"
        yield plain_case(name, old, {"X": any_rows(dtype)}, opset=9)


def expand_and_tile() -> Iterator[Case]:
    for dtype in [np.float32, np.int64, np.bool_, object]:
        rows = {"X": any_rows(dtype, 3).reshape(ROWS, 3, 1)}
        shape = {"shape": np.array([3, 2])}
        name = f"expand_{name_of(dtype)}"
        yield plain_case(name, node("Expand", "X", "shape"), rows, shape)
        repeats = {"repeats": np.array([1, 2, 3])}
        name = f"tile_{name_of(dtype)}"
        yield plain_case(name, node("Tile", "X", "repeats"), rows, repeats)
    rows = {"X": deep((3, 1))}
    for number, shape in enumerate([[1], [1, 3, 4], [2, 1, 1, 1], []]):
        constant = {"shape": np.array(shape, np.int64)}
        name = f"expand_{number}"
        yield plain_case(name, node("Expand", "X", "shape"), rows, constant)
    few = {"X": binary_fractions()[:3]}
    repeats = {"repeats": np.array([2, 2])}
    tiled = node("Tile", "X", "repeats")
    yield plain_case("tile_rows", tiled, few, repeats, fixed=True)


def split() -> Iterator[Case]:
    outputs = ("A", "B", "C")
    for dtype in [np.float32, np.int64, object]:
        rows = {"X": any_rows(dtype)}
        parts = {"parts": np.array([1, 3, 2])}
        cut = node("Split", "X", "parts", outputs=outputs, axis=1)
        yield plain_case(f"split_{name_of(dtype)}", cut, rows, parts)
    rows = {"X": deep((3, 6))}
    equal = node("Split", "X", outputs=outputs, axis=-1, num_outputs=3)
    yield plain_case("split_equal", equal, rows)
    uneven = node("Split", "X", outputs=("A", "B"), axis=1, num_outputs=2)
    yield plain_case("split_uneven", uneven, rows)
    old = node("Split", "X", outputs=outputs, axis=2, split=[1, 2, 3])
    yield plain_case("split_opset_11", old, rows, opset=11)
    even = node("Split", "X", outputs=outputs, axis=2)
    yield plain_case("split_equal_opset_13", even, rows, opset=13)
    few = {"X": binary_fractions()[:6]}
    rows_cut = node("Split", "X", outputs=outputs, num_outputs=3)
    yield plain_case("split_of_rows", rows_cut, few, fixed=True)


def squeeze_and_unsqueeze() -> Iterator[Case]:
    rows = {"X": deep((1, 3, 1))}
    for number, axes in enumerate([[1], [3], [1, -1]]):
        constant = {"axes": np.array(axes)}
        squeezed = node("Squeeze", "X", "axes")
        yield plain_case(f"squeeze_{number}", squeezed, rows, constant)
        old = node("Squeeze", "X", axes=axes)
        yield plain_case(f"squeeze_{number}_opset_12", old, rows, opset=12)
    few = {"X": rows["X"][:4]}
    yield plain_case("squeeze_all", node("Squeeze", "X"), few, fixed=True)
    plain = {"X": binary_fractions()}
    for number, axes in enumerate([[1], [-1], [2, 1], [1, 3, -1]]):
        constant = {"axes": np.array(axes)}
        wider = node("Unsqueeze", "X", "axes")
        yield plain_case(f"unsqueeze_{number}", wider, plain, constant)
        old = node("Unsqueeze", "X", axes=axes)
        yield plain_case(f"unsqueeze_{number}_opset_12", old, plain, opset=12)


def flatten() -> Iterator[Case]:
    rows = {"X": deep((2, 3))}
    for axis in (0, 1, 2, 3, -1):
        yield plain_case(f"flatten_{axis}", node("Flatten", "X", axis=axis), rows)
    words = {"X": texts()}
    yield plain_case("flatten_string", node("Flatten", "X"), words)


def lengths() -> Iterator[Case]:
    rows = {"X": deep((2, 3))}
    yield plain_case("shape", node("Shape", "X"), rows)
    for start, end in [(1, 3), (-2, 100), (0, -1), (2, 1)]:
        told = node("Shape", "X", start=start, end=end)
        yield plain_case(f"shape_{start}_{end}", told, rows)
    yield plain_case("size", node("Size", "X"), rows)


def gather() -> Iterator[Case]:
    for dtype in MOVED:
        rows = {"X": any_rows(dtype)}
        positions = {"at": np.array([[3, 0], [-1, 3]])}
        found = node("Gather", "X", "at", axis=1)
        yield plain_case(f"gather_{name_of(dtype)}", found, rows, positions)
    inner = {"X": deep((2, 3))}
    one = {"at": np.array(1, np.int32)}
    yield plain_case("gather_one", node("Gather", "X", "at", axis=2), inner, one)
    # Whole rows of texts are left out: onnxruntime answers their ends with "".
    labels = {"labels": np.array(["fig", "date"], object)}
    classes = {"at": np.arange(ROWS) % 2}
    yield plain_case("gather_rows", node("Gather", "labels", "at"), classes, labels)
    few = {"X": binary_fractions()[:5]}
    order = {"at": np.array([4, 0, -2])}
    picked = node("Gather", "X", "at")
    yield plain_case("gather_of_rows", picked, few, order, fixed=True)


def gather_elements() -> Iterator[Case]:
    at = np.abs(binary_fractions(3, np.int64)) % 4
    for dtype in [np.float32, np.int64, object]:
        rows = {"X": any_rows(dtype, 4), "at": at - 4 * (at > 2)}
        found = node("GatherElements", "X", "at", axis=1)
        yield plain_case(f"gatherelements_{name_of(dtype)}", found, rows)
    inner = {"X": deep((3, 2)), "at": (deep((2, 2), np.int64) % 3).astype(np.int32)}
    found = node("GatherElements", "X", "at", axis=1)
    yield plain_case("gatherelements_inner", found, inner)
    few = {"X": binary_fractions()[:5], "at": np.array([[0, 4, 2, 1], [-1, 0, 0, 3]])}
    for name in few:
        few[name] = few[name][:2]
    few["at"] %= 2
    down = node("GatherElements", "X", "at", axis=0)
    yield plain_case("gatherelements_of_rows", down, few, fixed=True)


def gather_nd() -> Iterator[Case]:
    constant = {"X": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}
    at = np.stack([np.arange(ROWS) % 2, np.arange(ROWS) % 3, -1 - np.arange(ROWS) % 4])
    for depth in (1, 2, 3):
        rows = {"at": at.T[:, :depth].copy()}
        found = node("GatherND", "X", "at")
        yield plain_case(f"gathernd_{depth}", found, rows, constant)
    rows = {"X": deep((3, 2)), "at": (np.arange(ROWS) % 3).reshape(ROWS, 1)}
    batched = node("GatherND", "X", "at", batch_dims=1)
    yield plain_case("gathernd_batch", batched, rows)
    words = {"X": np.array([["fig", "date"], ["pear", "nut"]], object)}
    rows = {"at": at.T[:, :1].copy()}
    yield plain_case("gathernd_string", node("GatherND", "X", "at"), rows, words)


def compress() -> Iterator[Case]:
    rows = {"X": deep((4, 2))}
    chosen = {"chosen": np.array([True, False, True])}
    found = node("Compress", "X", "chosen", axis=1)
    yield plain_case("compress_axis", found, rows, chosen)
    few = {"X": binary_fractions()[:3]}
    flat = node("Compress", "X", "chosen")
    yield plain_case("compress_flat", flat, few, chosen, fixed=True)
    words = {"X": texts()}
    yield plain_case(
        "compress_string", node("Compress", "X", "chosen", axis=-1), words, chosen
    )


def scatter() -> Iterator[Case]:
    at = np.tile(np.array([[3, 0, -2]]), (ROWS, 1))
    for dtype in [np.float32, np.int64, object]:
        new = texts(3) if dtype is object else any_rows(dtype, 3)
        rows = {"X": any_rows(dtype, 4), "at": at, "new": new}
        put = node("ScatterElements", "X", "at", "new", axis=1)
        yield plain_case(f"scatterelements_{name_of(dtype)}", put, rows)
    twice = np.tile(np.array([[1, 1, -1]]), (ROWS, 1))
    for dtype in NUMBERS:
        for reduction in ("add", "mul", "min", "max"):
            rows = {"X": any_rows(dtype, 4), "at": twice, "new": any_rows(dtype, 3)}
            put = node("ScatterElements", "X", "at", "new", axis=1, reduction=reduction)
            name = f"scatterelements_{reduction}_{name_of(dtype)}"
            yield plain_case(name, put, rows)
    rows = {"X": any_rows(np.float32, 4), "at": at, "new": any_rows(np.float32, 3)}
    old = node("Scatter", "X", "at", "new", axis=1)
    yield plain_case("scatter_opset_10", old, rows, opset=10)


def scatter_nd() -> Iterator[Case]:
    places = {"at": np.array([[0, 1], [4, -1], [0, 1]])}
    for reduction in ("none", "add", "mul", "min", "max"):
        inputs = {"X": binary_fractions()[:5]}
        new = {**places, "new": np.array([7, -8, 2], np.float32)}
        put = node("ScatterND", "X", "at", "new", reduction=reduction)
        name = f"scatternd_{reduction}"
        yield plain_case(name, put, inputs, new, fixed=True)
    whole = {"at": np.array([[3], [-1]]), "new": binary_fractions()[:2]}
    put = node("ScatterND", "X", "at", "new")
    few = {"X": binary_fractions()[:5]}
    yield plain_case("scatternd_rows", put, few, whole, fixed=True)


def constants() -> Iterator[Case]:
    """Every form of Constant, as an answer beside the rows."""
    values: dict[str, Any] = {
        "value": numpy_helper.from_array(np.array([[1.5, 2]], np.float64)),
        "value_float": 1.5,
        "value_floats": [1.5, 2.5],
        "value_int": 7,
        "value_ints": [7, -7],
        "value_string": "fig",
        "value_strings": ["fig", "date"],
    }
    for form, value in values.items():
        yield plain_case(f"constant_{form}", node("Constant", **{form: value}), ROW)


ROW = {"unused": binary_fractions(1)[:1]}


def filled() -> Iterator[Case]:
    shapes = {"shape": np.array([[2, 3]])[0]}
    for dtype in [*NUMBERS, np.bool_]:
        value = numpy_helper.from_array(np.array([1], dtype))
        made = node("ConstantOfShape", "shape", value=value)
        yield plain_case(f"constantofshape_{name_of(dtype)}", made, shapes, fixed=True)
    default = node("ConstantOfShape", "shape")
    yield plain_case("constantofshape_default", default, shapes, fixed=True)
    none = {"shape": np.array([0, 3])}
    yield plain_case("constantofshape_empty", default, none, fixed=True)


def ranges() -> Iterator[Case]:
    for dtype in NUMBERS:
        ends: list[tuple[int, int, int]] = [
            (0, 5, 1),
            (7, -3, -2),
            (3, 3, 1),
            (0, 7, 3),
        ]
        for number, (start, limit, delta) in enumerate(ends):
            given = {"start": start, "limit": limit, "delta": delta}
            bounds = {key: np.array(value, dtype) for key, value in given.items()}
            made = node("Range", *bounds)
            name = f"range_{number}_{name_of(dtype)}"
            yield plain_case(name, made, ROW, bounds)


def one_hot() -> Iterator[Case]:
    positions = binary_fractions(3, np.int64)
    values: dict[Any, list[Any]] = {np.float32: [0.5, 2], np.int64: [-1, 9]}
    for dtype, pair in values.items():
        for axis in (-1, 1, 2):
            constants = {"depth": np.array([5]), "values": np.array(pair, dtype)}
            hot = node("OneHot", "X", "depth", "values", axis=axis)
            name = f"onehot_{axis}_{name_of(dtype)}"
            yield plain_case(name, hot, {"X": positions}, constants)
    words = {"depth": np.array(5), "values": np.array(["off", "on"], object)}
    hot = node("OneHot", "X", "depth", "values")
    yield plain_case("onehot_string", hot, {"X": positions}, words)
    floats = {"depth": np.array(4, np.float32), "values": np.array([0, 1], np.float32)}
    rows = {"X": positions.astype(np.float32)}
    yield plain_case("onehot_float_positions", hot, rows, floats)


def non_zero() -> Iterator[Case]:
    for dtype in [np.float32, np.int64, np.int32, np.bool_]:
        rows = {"X": any_rows(dtype)[:5]}
        found = node("NonZero", "X")
        yield plain_case(f"nonzero_{name_of(dtype)}", found, rows, fixed=True)
    few = {"X": deep()[:4]}
    yield plain_case("nonzero_deep", node("NonZero", "X"), few, fixed=True)


CASES: list[CaseMaker] = [
    transpose,
    slices,
    expand_and_tile,
    split,
    squeeze_and_unsqueeze,
    flatten,
    lengths,
    gather,
    gather_elements,
    gather_nd,
    compress,
    scatter,
    scatter_nd,
    constants,
    filled,
    ranges,
    one_hot,
    non_zero,
]
