"""The sentence encoder all-MiniLM-L6-v2 as an ONNX graph.

The package ships the weights without a graph. This is the graph of BERT (Devlin et al.,
2019) as its `config.json` says, with the mean pooling and normalization of
sentence-transformers.
"""

import json
import math
from pathlib import Path

import numpy as np
from casefile import Tensors
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

HEADS = 12
WIDTH = 384
LAYERS = 6
EPSILON = 1e-12

SENTENCES = [
    "the cat sits on the mat",
    "a dog lies on the floor",
    "the bank raised its interest rates again this year",
]


class Graph:
    """Nodes and weights as they come; a value is known by its name."""

    def __init__(self, weights: Tensors) -> None:
        self.weights = weights
        self.nodes = []
        self.initializers = {}

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"/{operator}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [name], **attributes)
        self.nodes.append(node)
        return name

    def constant(self, value: object, dtype: type = np.int64) -> str:
        name = f"constant_{len(self.initializers)}"
        self.initializers[name] = np.array(value, dtype=dtype)
        return name

    def weight(self, name: str) -> str:
        self.initializers[name] = self.weights[name]
        return name

    def linear(self, value: str, name: str) -> str:
        turned = f"{name}.weight.T"
        self.initializers[turned] = self.weights[f"{name}.weight"].T.copy()
        product = self.add("MatMul", value, turned)
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def norm(self, value: str, name: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add(
            "LayerNormalization", value, scale, bias, axis=-1, epsilon=EPSILON
        )


def encoder(package: Path) -> ModelProto:
    """The graph with the package's weights: ids and mask in, one unit vector a row."""
    graph = Graph(safetensors(package / "model.safetensors"))
    tokens = embedded(graph)
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = graph.add("Sub", graph.constant(1.0, np.float32), mask)
    hidden = graph.add("Mul", hidden, graph.constant(-1e9, np.float32))
    hidden = graph.add("Unsqueeze", hidden, graph.constant([1, 2]))
    for index in range(LAYERS):
        name = f"encoder.layer.{index}"
        attended = attention(graph, tokens, hidden, f"{name}.attention")
        tokens = feed_forward(graph, attended, name)
    pooled(graph, tokens, mask)
    return model(graph)


def embedded(graph: Graph) -> str:
    length = graph.add("Shape", "input_ids", start=1, end=2)
    length = graph.add("Squeeze", length)
    zero, one = graph.constant(0), graph.constant(1)
    positions = graph.add("Range", zero, length, one)
    total = None
    for kind, ids in [
        ("word", "input_ids"),
        ("token_type", "token_type_ids"),
        ("position", positions),
    ]:
        table = graph.weight(f"embeddings.{kind}_embeddings.weight")
        rows = graph.add("Gather", table, ids)
        total = rows if total is None else graph.add("Add", total, rows)
    return graph.norm(total, "embeddings.LayerNorm")


def attention(graph: Graph, tokens: str, hidden: str, name: str) -> str:
    split = graph.constant([0, 0, HEADS, WIDTH // HEADS])

    def heads(kind: str, perm: list[int]) -> str:
        value = graph.linear(tokens, f"{name}.self.{kind}")
        return graph.add("Transpose", graph.add("Reshape", value, split), perm=perm)

    query, key = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])
    scores = graph.add("MatMul", query, key)
    root = graph.constant(math.sqrt(WIDTH // HEADS), np.float32)
    scores = graph.add("Add", graph.add("Div", scores, root), hidden)
    weights = graph.add("Softmax", scores, axis=-1)
    mixed = graph.add("MatMul", weights, heads("value", [0, 2, 1, 3]))
    mixed = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", mixed, graph.constant([0, 0, WIDTH]))
    mixed = graph.linear(mixed, f"{name}.output.dense")
    return graph.norm(graph.add("Add", mixed, tokens), f"{name}.output.LayerNorm")


def feed_forward(graph: Graph, tokens: str, name: str) -> str:
    inner = graph.linear(tokens, f"{name}.intermediate.dense")
    root = graph.constant(math.sqrt(2), np.float32)
    error = graph.add("Erf", graph.add("Div", inner, root))
    error = graph.add("Add", error, graph.constant(1.0, np.float32))
    inner = graph.add(
        "Mul", graph.add("Mul", inner, error), graph.constant(0.5, np.float32)
    )
    outer = graph.linear(inner, f"{name}.output.dense")
    return graph.norm(graph.add("Add", outer, tokens), f"{name}.output.LayerNorm")


def pooled(graph: Graph, tokens: str, mask: str) -> None:
    spread = graph.add("Unsqueeze", mask, graph.constant([2]))
    total = graph.add(
        "ReduceSum", graph.add("Mul", tokens, spread), graph.constant([1]), keepdims=0
    )
    count = graph.add("ReduceSum", mask, graph.constant([1]), keepdims=1)
    mean = graph.add("Div", total, count)
    length = graph.add(
        "Sqrt",
        graph.add(
            "ReduceSum", graph.add("Mul", mean, mean), graph.constant([1]), keepdims=1
        ),
    )
    graph.nodes.append(helper.make_node("Div", [mean, length], ["sentence_embedding"]))


def model(graph: Graph) -> ModelProto:
    ids = ["input_ids", "attention_mask", "token_type_ids"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ids
    ]
    output = helper.make_tensor_value_info(
        "sentence_embedding", TensorProto.FLOAT, ["batch", WIDTH]
    )
    weights = [
        numpy_helper.from_array(array, name)
        for name, array in graph.initializers.items()
    ]
    made = helper.make_graph(graph.nodes, "minilm", inputs, [output], weights)
    made = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    checker.check_model(made)
    return made


def safetensors(path: Path) -> Tensors:
    """A file's tensors: length of the header, header in JSON, then the elements."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        elements = np.frombuffer(content[start + begin : start + end], dtype=np.float32)
        tensors[name] = elements.reshape(entry["shape"])
    return tensors


def sentences(package: Path) -> list[Tensors]:
    """All sentences at once, and the first alone; every word is in the vocabulary."""
    words = (package / "vocab.txt").read_text(encoding="utf-8").splitlines()
    known = {word: index for index, word in enumerate(words)}
    rows = [
        [known[word] for word in ["[CLS]", *text.split(), "[SEP]"]]
        for text in SENTENCES
    ]
    width = max(map(len, rows))
    ids = np.array([row + [known["[PAD]"]] * (width - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    tensors = {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(ids),
    }
    short = len(rows[0])
    return [tensors, {name: array[:1, :short] for name, array in tensors.items()}]


def check(vectors: np.ndarray) -> None:
    """The graph is the right one if it finds meaning: an animal is like an animal."""
    like = vectors @ vectors.T
    if like[0, 1] < 0.3 or abs(like[0, 2]) > 0.1:
        raise ValueError(f"the encoder finds no meaning in sentences: {like}")
