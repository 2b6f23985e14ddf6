"""Writes the models whose memory is measured, and their requests, as models.py does.

models/network             hundreds of megabytes of weights, in one file
models/network-external    the same with its weights in a file beside it
models/big-forest          a fitted forest of scikit-learn
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from estimators import big_forest, write_estimator
from models import SEED, Tensors, answers, model_of, pair, tensor_info
from onnx import ModelProto, helper, numpy_helper

# 403 MB of singles.
WIDTH, LAYERS = 2048, 24
REQUESTS = 8


def network() -> tuple[ModelProto, list[Tensors]]:
    """Square layers, scaled so that values stay as large as they came."""
    random = np.random.default_rng(SEED)
    scale = np.float32(np.sqrt(2 / WIDTH))
    nodes, weights, value = [], [], "x"
    for index in range(LAYERS):
        weight = random.standard_normal((WIDTH, WIDTH), dtype=np.float32) * scale
        names = [f"weight_{index}", f"product_{index}", f"value_{index}"]
        weights.append(numpy_helper.from_array(weight, names[0]))
        nodes.append(helper.make_node("MatMul", [value, names[0]], [names[1]]))
        nodes.append(helper.make_node("Relu", [names[1]], [names[2]]))
        value = names[2]
    shape = ["batch", WIDTH]
    info = [tensor_info("x", shape)], [tensor_info(value, shape)]
    graph = helper.make_graph(nodes, "network", *info, weights)
    table = random.standard_normal((REQUESTS, 1, WIDTH), dtype=np.float32)
    return model_of(graph, 17), [{"x": row} for row in table]


def write(target: Path) -> None:
    (target / "requests").mkdir()
    for name in ("network", "network-external"):
        (target / "models" / name).mkdir(parents=True)
    model, requests = network()
    onnx.save(model, target / "models/network/model.onnx")
    pairs = list(map(pair, requests, answers(model, requests)))
    file = target / "requests/network.json"
    file.write_text(json.dumps(pairs, separators=(",", ":")))
    shutil.copy(file, file.with_name("network-external.json"))
    # This takes the weights out of the model.
    onnx.save(
        model,
        target / "models/network-external/model.onnx",
        save_as_external_data=True,
        location="weights.bin",
    )
    write_estimator(target, "big-forest", *big_forest())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
