"""Cases for the operators that turn categories into numbers and the other way round.

What is only in one of the two is left out: onnxruntime has no Binarizer for other types
than float32, no OneHotEncoder for int32, and not every pair of types of a LabelEncoder.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from .casebook import (
    ROWS,
    Attributes,
    Case,
    CaseMaker,
    Opsets,
    binary_fractions,
    ml_node,
    model_of,
    tensor,
)

# No rows, one row, and many.
ROW_COUNTS = (0, 1, 3, ROWS)

# Of each type four keys and two elements that are none.
ELEMENTS: dict[Any, list[Any]] = {
    object: ["pear", "", "Grüße", "日本", "Pear", "pear "],
    np.int64: [0, -1, 7, 2**53 + 1, 2**53, 1],
    np.float32: [0.0, -1.5, 0.1, np.inf, -np.inf, 1.5],
    np.float64: [0.0, -1.5, 0.1, 1e300, 0.1 + 1e-16, 1.5],
}
VALUES: dict[Any, list[Any]] = {
    object: ["a", "ß", "", "d"],
    np.int64: [3, -(2**62), 0, 3],
    np.float32: [0.5, -0.0, np.nan, np.inf],
    np.float64: [0.1, -0.0, np.nan, 1e300],
    np.int16: [3, -300, 0, 3],
}
LISTS = {object: "strings", np.int64: "int64s", np.float32: "floats"}
DEFAULTS: dict[Any, Attributes] = {
    object: {"default_string": "übrig"},
    np.int64: {"default_int64": 9},
    np.float32: {"default_float": 9.5},
}


def label_encoder_of_classes() -> Iterator[Case]:
    """Version 1: the number of a class, and the class of a number."""
    classes = {"classes_strings": ["pear", "", "Grüße", "pear", "日本"]}
    numbers = np.array([0, 1, 2, 3, 4, 5, -1, 2**40])
    texts = np.array([*ELEMENTS[object], "fig"], object)
    defaults = {**DEFAULTS[object], **DEFAULTS[np.int64]}
    for name, attributes in {"": classes, "_default": {**classes, **defaults}}.items():
        case = f"label_encoder_classes{name}"
        yield encoder(f"{case}_of_texts", attributes, texts, np.int64, 1)
        yield encoder(f"{case}_of_numbers", attributes, numbers, object, 1)


def label_encoder_of_lists() -> Iterator[Case]:
    """Versions 2 and up: each pair of types that have a list."""
    for version in (2, 3, 4):
        for key_type, keys in LISTS.items():
            for value_type, values in LISTS.items():
                lists = {
                    f"keys_{keys}": ELEMENTS[key_type][:4],
                    f"values_{values}": VALUES[value_type],
                }
                pair = f"{name_of(key_type)}_to_{name_of(value_type)}_{version}"
                rows = np.array(ELEMENTS[key_type], key_type)
                name = f"label_encoder_{pair}"
                yield encoder(name, lists, rows, value_type, version)
                full = {**lists, **DEFAULTS[value_type]}
                yield encoder(f"{name}_default", full, rows, value_type, version)


def label_encoder_of_tensors() -> Iterator[Case]:
    """Version 4: pairs of types, where only a tensor can hold some of them."""
    for key_type, value_type in pairs_of_tensors():
        tensors = {
            "keys_tensor": constant(ELEMENTS[key_type][:4], key_type),
            "values_tensor": constant(VALUES[value_type], value_type),
        }
        rows = np.array(ELEMENTS[key_type], key_type)
        name = f"label_encoder_tensors_{name_of(key_type)}_to_{name_of(value_type)}"
        yield encoder(name, tensors, rows, value_type, 4)
        full = {
            **tensors,
            "default_tensor": constant(VALUES[value_type][1:2], value_type),
        }
        yield encoder(f"{name}_default", full, rows, value_type, 4)


def pairs_of_tensors() -> list[tuple[Any, Any]]:
    of_lists = [(key, value) for key in LISTS for value in LISTS]
    doubles = [(np.float64, each) for each in (np.float64, np.int64, object)]
    to_doubles = [(each, np.float64) for each in (np.int64, object)]
    return [*of_lists, *doubles, *to_doubles, (object, np.int16)]


def label_encoder_of_passed_over_defaults() -> Iterator[Case]:
    """Attributes that look like the default of a type that only a tensor can hold."""
    keys = {"keys_int64s": [1, 2]}
    doubles = {**keys, "values_tensor": constant([1.5, 2.5], np.float64)}
    rows = np.array([1, 2, 3])
    attributes = {**doubles, **DEFAULTS[np.float32]}
    yield encoder(
        "label_encoder_default_float_of_doubles", attributes, rows, np.float64, 4
    )


def label_encoder_of_repeated_keys() -> Iterator[Case]:
    """The first of equal keys counts; minus zero is zero; NaN from version 4 on."""
    lists = {
        "keys_floats": [1.0, 1.0, np.nan, -0.0, np.nan],
        "values_int64s": [1, 2, 3, 4, 5],
    }
    rows = np.array([1.0, np.nan, 0.0, -0.0, -np.nan, 7.0], np.float32)
    for version in (2, 4):
        name = f"label_encoder_repeated_{version}"
        yield encoder(name, lists, rows, np.int64, version)


def category_mapper() -> Iterator[Case]:
    """In the direction that the input says; of equal categories the last counts."""
    categories = {
        "cats_strings": ["pear", "", "Grüße", "pear", "日本"],
        "cats_int64s": [4, -1, 2**53 + 1, 6, 4],
    }
    texts = np.array(ELEMENTS[object], object)
    numbers = np.array([4, -1, 2**53 + 1, 6, 2**53, 0])
    defaults = {**DEFAULTS[object], **DEFAULTS[np.int64]}
    both = {"": categories, "_default": {**categories, **defaults}}
    for name, attributes in both.items():
        case = f"category_mapper{name}"
        node = ml_node("CategoryMapper", ["Y"], **attributes)
        yield of_rows(f"{case}_of_texts", node, texts, np.int64, 1)
        yield of_rows(f"{case}_of_numbers", node, numbers, object, 1)


def one_hot_encoder() -> Iterator[Case]:
    """Floats are cut to whole numbers; what no int64 holds is no category."""
    numbers = [0.0, -0.5, 1.7, -1.2, 3.0, np.nan, np.inf, -1e30]
    rows = {
        np.int64: np.array([0, -1, 3, 2**53 + 1, 2**53, 7]),
        np.float32: np.array(numbers, np.float32),
        np.float64: np.array(numbers, np.float64),
        object: np.array(ELEMENTS[object], object),
    }
    for dtype, elements in rows.items():
        categories: Attributes = {"cats_int64s": [3, 0, -1, 2**53 + 1, 1]}
        if dtype is object:
            categories = {"cats_strings": ["Grüße", "", "pear", "日本"]}
        name = f"one_hot_{name_of(dtype)}"
        yield one_hot(name, categories, table_of(elements))
        column = np.resize(elements, ROWS)
        yield one_hot(f"{name}_vector", categories, column)
        yield one_hot(f"{name}_column", categories, column[:, None])
    repeated = {"cats_int64s": [1, 2, 1]}
    yield one_hot("one_hot_repeated", repeated, np.resize([1, 2, 3], ROWS))
    known = {"cats_int64s": [1, 2], "zeros": 0}
    yield one_hot("one_hot_all_known", known, np.resize([1, 2], ROWS))


def binarizer() -> Iterator[Case]:
    """An element on the threshold is not above it."""
    rows = binary_fractions()
    rows[0] = [0.0, -0.0, np.inf, -np.inf]
    for name, attributes in {"default": {}, "half": {"threshold": 0.5}}.items():
        node = ml_node("Binarizer", ["Y"], **attributes)
        answer = {"Y": tensor(np.float32, "rows", rows.shape[1])}
        inputs = {"X": rows}
        model = model_of([node], inputs, answer)
        yield Case(f"binarizer_{name}", model, inputs, row_counts=ROW_COUNTS)


def encoder(
    name: str, attributes: Attributes, elements: np.ndarray, answer: Any, version: int
) -> Case:
    node = ml_node("LabelEncoder", ["Y"], **attributes)
    return of_rows(name, node, elements, answer, version)


def of_rows(
    name: str, node: onnx.NodeProto, elements: np.ndarray, answer: Any, version: int
) -> Case:
    """A case of one node over rows of these elements, each in each column."""
    rows = table_of(elements)
    answers = {"Y": tensor(answer, "rows", rows.shape[1])}
    model = model_of([node], {"X": rows}, answers, Opsets(ml=version))
    return Case(name, model, {"X": rows}, row_counts=ROW_COUNTS)


def one_hot(name: str, categories: Attributes, rows: np.ndarray) -> Case:
    node = ml_node("OneHotEncoder", ["Y"], **categories)
    answer = {"Y": tensor(np.float32, "rows", *rows.shape[1:], "categories")}
    model = model_of([node], {"X": rows}, answer)
    return Case(name, model, {"X": rows}, row_counts=ROW_COUNTS)


def table_of(elements: np.ndarray) -> np.ndarray:
    """Three columns, in each of which each of the elements comes by."""
    return np.stack([np.roll(elements, -row)[:3] for row in range(ROWS)])


def constant(elements: list[Any], dtype: Any) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array(elements, dtype))


def name_of(dtype: Any) -> str:
    return "string" if dtype is object else np.dtype(dtype).name


CASES: list[CaseMaker] = [
    label_encoder_of_classes,
    label_encoder_of_lists,
    label_encoder_of_tensors,
    label_encoder_of_passed_over_defaults,
    label_encoder_of_repeated_keys,
    category_mapper,
    one_hot_encoder,
    binarizer,
]
