"""Cases for the operators that pick, join, reshape and cast."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper

from .casebook import (
    NUMBER_TYPES,
    ROWS,
    Case,
    CaseMaker,
    Opsets,
    binary_fractions,
    element_type,
    ml_node,
    model_of,
    tensor,
)

ONNX_OPSETS = [9, 11, 13, 14, 17, 19, 21]
ALL_TYPES = [*NUMBER_TYPES, np.bool_, object]


def zip_map() -> Iterator[Case]:
    """Maps are answered as the tensor of their values, in the order of the classes."""
    labels = {
        "strings": ["pear", "fig", "apple"],
        "int64s": [30, -1, 7],
    }
    inputs = {"X": binary_fractions(columns=3)}
    for kind, classes in labels.items():
        keys: dict[str, Any] = {f"classlabels_{kind}": classes}
        node = ml_node("ZipMap", ["Y"], **keys)
        key = onnx.TensorProto.STRING if kind == "strings" else onnx.TensorProto.INT64
        answer = helper.make_map_type_proto(key, tensor(np.float32))
        maps = {"Y": helper.make_sequence_type_proto(answer)}
        yield Case(f"zip_map_{kind}", model_of([node], inputs, maps), inputs)


def array_feature_extractor() -> Iterator[Case]:
    """Columns by their numbers, in any order and more than once."""
    columns = {"columns": np.array([3, 0, 3, 1], np.int64)}
    node = ml_node("ArrayFeatureExtractor", ["Y"], ["X", "columns"])
    for dtype in [*NUMBER_TYPES, object]:
        inputs = {"X": rows_of(dtype)}
        answer = {"Y": tensor(dtype, "rows", 4)}
        model = model_of([node], inputs, answer, constants=columns)
        yield Case(f"extractor_{name_of(dtype)}", model, inputs)
    deep = {"X": binary_fractions(columns=8).reshape(ROWS, 2, 4)}
    answer = {"Y": tensor(np.float32, "rows", 2, 4)}
    model = model_of([node], deep, answer, constants=columns)
    yield Case("extractor_3d", model, deep)


def labels_by_number() -> Iterator[Case]:
    """How exporters turn the number of a class into its label."""
    labels = {"text": np.array(["fig", "date"], object), "int": np.array([7, -7])}
    inputs = {"class": np.arange(ROWS) % 2}
    nodes = [
        ml_node("ArrayFeatureExtractor", ["found"], ["labels", "class"]),
        helper.make_node("Reshape", ["found", "shape"], ["label"]),
    ]
    for kind, values in labels.items():
        constants = {"labels": values, "shape": np.array([-1])}
        answer = {"label": tensor(values.dtype, "rows")}
        model = model_of(nodes, inputs, answer, constants=constants)
        yield Case(f"extractor_labels_{kind}", model, inputs)


def feature_vectorizer() -> Iterator[Case]:
    """Columns side by side as float32; too few are filled with zeros, too many cut."""
    for dtype in NUMBER_TYPES:
        yield vectorizer(f"vectorizer_{name_of(dtype)}", [2, 3], [2, 3], dtype)
    yield vectorizer("vectorizer_one_input", [4], [4], np.float32)
    yield vectorizer("vectorizer_filled", [2, 3], [3, 5], np.float32)
    yield vectorizer("vectorizer_cut", [4, 3, 2], [1, 3, 1], np.int64)


def vectorizer(name: str, given: list[int], taken: list[int], dtype: Any) -> Case:
    inputs = {
        f"X{number}": binary_fractions(columns, dtype, seed=number)
        for number, columns in enumerate(given)
    }
    node = ml_node("FeatureVectorizer", ["Y"], list(inputs), inputdimensions=taken)
    answer = {"Y": tensor(np.float32, "rows", sum(taken))}
    return Case(name, model_of([node], inputs, answer), inputs)


def identity() -> Iterator[Case]:
    node = helper.make_node("Identity", ["X"], ["Y"])
    for dtype in ALL_TYPES:
        yield one_node(f"identity_{name_of(dtype)}", node, rows_of(dtype), dtype, 4)
    for opset in ONNX_OPSETS:
        rows = binary_fractions()
        yield one_node(
            f"identity_opset_{opset}", node, rows, np.float32, 4, opset=opset
        )


def cast() -> Iterator[Case]:
    """From each type to each, with values that both types can say.

    A number that the target cannot hold has no defined answer and is left out, as is
    the text of such a number. Text is cast to integers and bool from whole numbers.
    """
    for source in ALL_TYPES:
        for target in ALL_TYPES:
            rows = castable_rows(source, target)
            node = helper.make_node("Cast", ["X"], ["Y"], to=element_type(target))
            name = f"cast_{name_of(source)}_to_{name_of(target)}"
            yield one_node(name, node, rows, target, rows.shape[1])


def cast_in_opsets() -> Iterator[Case]:
    for opset in ONNX_OPSETS:
        for target in (np.int64, object):
            node = helper.make_node("Cast", ["X"], ["Y"], to=element_type(target))
            name = f"cast_to_{name_of(target)}_opset_{opset}"
            rows = binary_fractions()
            yield one_node(name, node, rows, target, 4, opset=opset)


def castable_rows(source: Any, target: Any) -> np.ndarray:
    """Some rows of ordinary values, and a first one of the extraordinary."""
    to_integer = target in (np.int64, np.int32)
    special: dict[Any, list[Any]] = {
        np.float32: [0.0, -0.0, -2.75] + ([] if to_integer else FLOATS),
        np.float64: [0.0, -0.0, -2.75] + ([] if to_integer else FLOATS),
        np.int64: [0, -1, 2**40 + 5, 2**53 + 1, -(2**63), 2**63 - 1],
        np.int32: [0, -1, 2**24 + 1, -(2**31), 2**31 - 1],
        np.bool_: [True, False],
        object: texts_for(target),
    }
    first = np.array(special[source], source)
    return np.stack([np.roll(first, row) for row in range(ROWS)])


FLOATS = [1e10, 1.1, 123456.789, 1e-7, 1 / 3, 1e8, np.nan, np.inf, -np.inf]


def texts_for(target: Any) -> list[str]:
    """Texts that onnxruntime reads as such a value; for others it fails."""
    if target in (np.float32, np.float64):
        return ["1.5", "-3e2", "7", "NaN", "INF", "+INF", "-INF", "-0", "0.1"]
    if target in (np.int64, np.int32):
        return ["7", "-12", "0", "+5", "2147483647"]
    return ["0", "1", "7"] if target == np.bool_ else ["1.5", "", "pear", "Grüße"]


def reshape() -> Iterator[Case]:
    """Zero takes the dimension over, minus one takes what is left."""
    shapes = {
        "0_-1": [0, -1],
        "-1_4": [-1, 4],
        "0_2_2": [0, 2, 2],
        "-1_1_4": [-1, 1, 4],
    }
    for name, shape in shapes.items():
        yield reshaped(f"reshape_to_{name}", binary_fractions(), shape)
    deep = binary_fractions(columns=8).reshape(ROWS, 2, 4)
    yield reshaped("reshape_3d_to_0_-1", deep, [0, -1])
    yield reshaped("reshape_3d_to_0_0_2_-1", deep, [0, 0, 2, -1])
    yield reshaped("reshape_column_to_-1", binary_fractions(columns=1), [-1])
    for dtype in (np.int64, object):
        yield reshaped(f"reshape_{name_of(dtype)}", rows_of(dtype), [-1, 2, 2])
    for opset in ONNX_OPSETS:
        rows = binary_fractions()
        yield reshaped(f"reshape_opset_{opset}", rows, [0, -1], opset=opset)


def reshape_with_allowzero() -> Iterator[Case]:
    """With the flag a zero is a zero, so only an empty tensor can have one."""
    yield reshaped("reshape_allowzero", binary_fractions(), [-1, 2, 2], allowzero=1)
    empty = np.zeros((2, 0), np.float32)
    shape = {"shape": np.array([0, 5])}
    node = helper.make_node("Reshape", ["X", "shape"], ["Y"], allowzero=1)
    answer = {"Y": tensor(np.float32, 0, 5)}
    model = model_of([node], {"X": empty}, answer, constants=shape, rows=2)
    yield Case("reshape_allowzero_empty", model, {"X": empty}, row_counts=(2,))


def reshape_across_rows() -> Iterator[Case]:
    """The rows are mixed, so the model has no free dimension to batch."""
    rows = binary_fractions()[:6]
    node = helper.make_node("Reshape", ["X", "shape"], ["Y"])
    for name, shape in {"-1": [-1], "3_-1": [3, -1], "4_6": [4, 6]}.items():
        answer = {"Y": tensor(np.float32, *rows.reshape(shape).shape)}
        constants = {"shape": np.array(shape)}
        model = model_of([node], {"X": rows}, answer, constants=constants, rows=6)
        case = f"reshape_across_rows_to_{name}"
        yield Case(case, model, {"X": rows}, row_counts=(6,))


def reshaped(
    name: str, rows: np.ndarray, shape: list[int], opset: int = 17, **flags: Any
) -> Case:
    """A case of one Reshape that keeps the rows."""
    node = helper.make_node("Reshape", ["X", "shape"], ["Y"], **flags)
    kept = [each or rows.shape[i] for i, each in enumerate(shape)]
    answer = {"Y": tensor(rows.dtype, "rows", *rows.reshape(kept).shape[1:])}
    constants = {"shape": np.array(shape)}
    model = model_of([node], {"X": rows}, answer, Opsets(opset), constants)
    return Case(name, model, {"X": rows})


def concat() -> Iterator[Case]:
    """Along each axis but the first, counted from either end."""
    for axis in (1, 2, -1, -2):
        # Only the joined axis may differ in length.
        lengths = [(2, 3), (4, 3), (1, 3)] if axis in (1, -2) else [(2, 3), (2, 1)]
        inputs = {
            f"X{number}": binary_fractions(a * b, seed=number).reshape(ROWS, a, b)
            for number, (a, b) in enumerate(lengths)
        }
        yield joined(f"concat_axis_{axis}", inputs, axis, 13)
    for dtype in ALL_TYPES:
        rows = {"X0": rows_of(dtype), "X1": rows_of(dtype)[:, :2]}
        yield joined(f"concat_{name_of(dtype)}", rows, 1, 13)
    for opset in ONNX_OPSETS:
        rows = {"X0": binary_fractions(), "X1": binary_fractions(2, seed=2)}
        # A negative axis came with opset 11.
        yield joined(f"concat_opset_{opset}", rows, 1 if opset < 11 else -1, opset)


def concat_of_rows() -> Iterator[Case]:
    """Along the rows, so the model has no free dimension to batch."""
    inputs = {"X0": binary_fractions()[:2], "X1": binary_fractions(seed=2)[:2]}
    for axis in (0, -2):
        node = helper.make_node("Concat", list(inputs), ["Y"], axis=axis)
        answer = {"Y": tensor(np.float32, 4, 4)}
        model = model_of([node], inputs, answer, rows=2)
        yield Case(f"concat_rows_axis_{axis}", model, inputs, row_counts=(2,))


def joined(name: str, inputs: dict[str, np.ndarray], axis: int, opset: int) -> Case:
    """A case of one Concat."""
    parts = list(inputs.values())
    node = helper.make_node("Concat", list(inputs), ["Y"], axis=axis)
    shape = np.concatenate(parts, axis).shape[1:]
    answer = {"Y": tensor(parts[0].dtype, "rows", *shape)}
    return Case(name, model_of([node], inputs, answer, Opsets(opset)), inputs)


def one_node(
    name: str,
    node: onnx.NodeProto,
    rows: np.ndarray,
    answer_type: Any,
    columns: int,
    opset: int = 17,
) -> Case:
    """A case of one node that answers rows of a matrix with rows of a matrix."""
    answer = {"Y": tensor(answer_type, "rows", columns)}
    return Case(name, model_of([node], {"X": rows}, answer, Opsets(opset)), {"X": rows})


def rows_of(dtype: Any) -> np.ndarray:
    """Ordinary rows of any type."""
    numbers = binary_fractions(dtype=np.int64)
    if dtype is object:
        return np.array([[f"n{number}" for number in row] for row in numbers], object)
    return numbers > 0 if dtype == np.bool_ else numbers.astype(dtype)


def name_of(dtype: Any) -> str:
    name = np.dtype(dtype).name
    return "string" if name == "object" else name


CASES: list[CaseMaker] = [
    zip_map,
    array_feature_extractor,
    labels_by_number,
    feature_vectorizer,
    identity,
    cast,
    cast_in_opsets,
    reshape,
    reshape_with_allowzero,
    reshape_across_rows,
    concat,
    concat_of_rows,
]
