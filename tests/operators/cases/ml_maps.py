"""Cases for DictVectorizer, whose input is a map in the file and a table in the engine.

Of the maps that the operator takes onnxruntime's Python has those of floats only. It
takes one at a time; the answers to the rows of a table are put together from these.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    DictionaryType,
    FloatTensorType,
    StringTensorType,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .casebook import (
    DEFAULT_OPSETS,
    Case,
    CaseMaker,
    binary_fractions,
    ml_node,
    tensor,
)
from .trained import IRIS, SPECIES


def dict_vectorizer() -> Iterator[Case]:
    vocabularies: dict[str, list[Any]] = {
        "strings": ["pear", "Grüße", "", "apple"],
        "int64s": [7, -1, 2**40, 0],
    }
    for kind, words in vocabularies.items():
        is_text = kind == "strings"
        named = {"string_vocabulary" if is_text else "int64_vocabulary": words}
        node = ml_node("DictVectorizer", ["Y"], **named)
        key = onnx.TensorProto.STRING if is_text else onnx.TensorProto.INT64
        values = binary_fractions(columns=len(words))
        values[2] = [np.nan, np.inf, -0.0, 0.0]
        model = model_of_maps(node, key, len(words))
        yield Case(f"dict_vectorizer_{kind}", model, {"X": values})


def model_of_maps(node: onnx.NodeProto, key: int, words: int) -> onnx.ModelProto:
    values = helper.make_map_type_proto(key, tensor(np.float32))
    graph = helper.make_graph(
        [node],
        "case",
        [helper.make_value_info("X", values)],
        [helper.make_value_info("Y", tensor(np.float32, "rows", words))],
    )
    versions = [("", DEFAULT_OPSETS.onnx), ("ai.onnx.ml", DEFAULT_OPSETS.ml)]
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*each) for each in versions],
        ir_version=DEFAULT_OPSETS.ir_version(),
    )


def pipeline_of_maps() -> Iterator[Case]:
    """A model that was trained on dictionaries, some of which lack a measurement."""
    names = ["sepal length", "sepal width", "petal length", "petal width"]
    data = IRIS.data * (np.arange(IRIS.data.size).reshape(IRIS.data.shape) % 7 > 0)
    maps = [
        {name: value for name, value in zip(names, row, strict=True) if value}
        for row in data
    ]
    untrained = make_pipeline(
        DictVectorizer(sparse=False), StandardScaler(), LogisticRegression()
    )
    kind = DictionaryType(StringTensorType([1]), FloatTensorType([1]))
    name = "dict_vectorizer_pipeline"
    model = to_onnx(
        untrained.fit(maps, SPECIES), initial_types=[("X", kind)], name=name
    )
    in_order = np.argsort(names)
    rows = data[::2, in_order].astype(np.float32)
    yield Case(f"trained_{name}", model, {"X": rows})


CASES: list[CaseMaker] = [dict_vectorizer, pipeline_of_maps]
