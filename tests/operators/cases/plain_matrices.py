"""Cases for products of matrices, distances, and Scan, and for what a plan folds."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .casebook import ROWS, Case, CaseMaker, Opsets, binary_fractions, model_of, tensor
from .plain import FLOATS, NUMBERS, OPEN, deep, name_of, node, plain_case


def products() -> Iterator[Case]:
    for dtype in NUMBERS:
        constant = {"W": binary_fractions(3, dtype)[:4]}
        rows = {"X": binary_fractions(4, dtype)}
        name = f"matmul_{name_of(dtype)}"
        yield plain_case(name, node("MatMul", "X", "W"), rows, constant)
    wide = {"W": binary_fractions(9)}
    rows = {"X": binary_fractions(ROWS, seed=5)}
    yield plain_case("matmul_wide", node("MatMul", "X", "W"), rows, wide)
    vector = {"W": binary_fractions(1)[:4, 0]}
    plain = {"X": binary_fractions()}
    yield plain_case("matmul_vector", node("MatMul", "X", "W"), plain, vector)
    left = {"W": binary_fractions(2, seed=4)[:5]}
    stacks = {"X": deep((2, 3))}
    yield plain_case("matmul_left", node("MatMul", "W", "X"), stacks, left)
    both = {"A": deep((2, 3)), "B": deep((3, 4))}
    yield plain_case("matmul_stacks", node("MatMul", "A", "B"), both)
    shared = {"W": deep((3, 4))[0]}
    yield plain_case("matmul_shared", node("MatMul", "X", "W"), stacks, shared)
    several = {"W": deep((3, 2))[:5]}
    single = {"X": deep((1, 4, 3))}
    yield plain_case("matmul_broadcast", node("MatMul", "X", "W"), single, several)
    dot = {"W": binary_fractions(1)[:3, 0]}
    yield plain_case("matmul_deep_vector", node("MatMul", "X", "W"), stacks, dot)


def gemm() -> Iterator[Case]:
    for dtype in FLOATS:
        for turned in (0, 1):
            weights = binary_fractions(3, dtype)[:4]
            constants = {
                "W": weights.T.copy() if turned else weights,
                "B": binary_fractions(3, dtype, seed=3)[0],
            }
            rows = {"X": binary_fractions(4, dtype)}
            for inputs in (["X", "W"], ["X", "W", "B"]):
                product = node("Gemm", *inputs, transB=turned, alpha=0.5, beta=-2.0)
                name = f"gemm_{turned}_{len(inputs)}_{name_of(dtype)}"
                given = {each: constants[each] for each in inputs[1:]}
                yield plain_case(name, product, rows, given)
    square = {"X": binary_fractions()[:6]}
    for number, shape in enumerate([(), (1,), (1, 1), (4, 1), (1, 6), (4, 6)]):
        size = int(np.prod(shape))
        added = np.resize(binary_fractions(4, seed=2), size).reshape(shape)
        constants = {"W": binary_fractions(6, seed=8)[:6].T.copy(), "B": added}
        product = node("Gemm", "X", "W", "B", transA=1, transB=1)
        name = f"gemm_turned_{number}"
        yield plain_case(name, product, square, constants, fixed=True)
    constants = {"W": binary_fractions(3)[:4], "B": binary_fractions(3)[0]}
    for opset in (9, 11):
        product = node("Gemm", "X", "W", "B")
        rows = {"X": binary_fractions()}
        yield plain_case(f"gemm_opset_{opset}", product, rows, constants, opset)


def distances() -> Iterator[Case]:
    for dtype in FLOATS:
        for metric in ("euclidean", "sqeuclidean"):
            points = {"P": binary_fractions(4, dtype, seed=9)[:7] + 9}
            distance = helper.make_node(
                "CDist", ["X", "P"], ["Y"], domain="com.microsoft", metric=metric
            )
            rows = {"X": binary_fractions(4, dtype)}
            name = f"cdist_{metric}_{name_of(dtype)}"
            yield plain_case(name, distance, rows, points)


def body_of(
    nodes: list[onnx.NodeProto], inputs: list[str], outputs: list[str]
) -> onnx.GraphProto:
    """The graph within a Scan."""
    return helper.make_graph(
        nodes,
        "body",
        [helper.make_value_info(name, OPEN) for name in inputs],
        [helper.make_value_info(name, OPEN) for name in outputs],
    )


def scans() -> Iterator[Case]:
    """Distances to constants as converters write them, and running sums."""
    difference = body_of(
        [
            node("Identity", "state", outputs=["next"]),
            node("Sub", "state", "point", outputs=["apart"]),
            node("ReduceSumSquare", "apart", outputs=["square"], axes=[1], keepdims=0),
        ],
        ["state", "point"],
        ["next", "square"],
    )
    points = {"points": binary_fractions(4, seed=6)[:9]}
    scan = node(
        "Scan",
        "X",
        "points",
        outputs=["kept", "Y"],
        body=difference,
        num_scan_inputs=1,
    )
    rows = {"X": binary_fractions()}
    yield plain_case("scan_distances", scan, rows, points, opset=13)
    total = body_of(
        [
            node("Add", "state", "entry", outputs=["next"]),
            # What the graph around it has, `scale`, is seen within as well.
            node("Mul", "next", "scale", outputs=["scaled"]),
        ],
        ["state", "entry"],
        ["next", "scaled"],
    )
    few = {"X": deep((4, 3))[:2]}
    start = {"start": np.array([1, 2, 3], np.float32), "scale": np.float32(2)}
    for number, (axis, backwards, out) in enumerate([(0, 0, 0), (0, 1, 1), (0, 0, -1)]):
        inner = node("Squeeze", "X", "zero", outputs=["entries"])
        scan = node(
            "Scan",
            "start",
            "entries",
            outputs=["last", "Y"],
            body=total,
            num_scan_inputs=1,
            scan_input_axes=[axis],
            scan_input_directions=[backwards],
            scan_output_axes=[out],
            scan_output_directions=[backwards],
        )
        constants = {
            "zero": np.array([0]),
            **{name: np.asarray(value) for name, value in start.items()},
        }
        one = {"X": few["X"][:1]}
        outputs = {"last": OPEN, "Y": OPEN}
        model = model_of([inner, scan], one, outputs, Opsets(18), constants, rows=1)
        yield Case(f"scan_sums_{number}", model, one, row_counts=(1,))
    columns = node(
        "Scan",
        "start",
        "X",
        outputs=["last", "Y"],
        body=total,
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
    )
    begin = {"start": np.zeros((1, 3), np.float32), "scale": np.array(2, np.float32)}
    yield plain_case("scan_axis", columns, {"X": deep((4, 3))[:1]}, begin, fixed=True)


def folded() -> Iterator[Case]:
    """Shapes that a graph computes, from constants and from the request."""
    nodes = [
        node("Shape", "X", outputs=["shape"]),
        node("Gather", "shape", "zero", outputs=["rows"]),
        node("Unsqueeze", "rows", "first", outputs=["rows1"]),
        node("Concat", "rows1", "rest", outputs=["new"], axis=0),
        node("Reshape", "X", "new", outputs=["Y"]),
        node("ConstantOfShape", "shape", outputs=["Z"]),
        node("Mul", "rest", "rest", outputs=["square"]),
        node("Cast", "square", outputs=["W"], to=onnx.TensorProto.FLOAT),
        node("Add", "X", "W", outputs=["V"]),
    ]
    constants = {
        "zero": np.array(0),
        "first": np.array([0]),
        "rest": np.array([2, 6, 1]),
    }
    outputs = {"Y": OPEN, "Z": OPEN, "V": OPEN}
    rows = {"X": deep((4, 3))}
    model = model_of(nodes, rows, outputs, Opsets(18), constants)
    yield Case("folded_shapes", model, rows)


def initializers_as_inputs() -> Iterator[Case]:
    """Files of old formats list their constants among the inputs."""
    rows = {"X": binary_fractions()}
    weights = binary_fractions(3)[:4]
    model = model_of([node("MatMul", "X", "W")], rows, {"Y": OPEN})
    model.graph.initializer.append(numpy_helper.from_array(weights, "W"))
    listed = helper.make_value_info("W", tensor(np.float32, 4, 3))
    model.graph.input.append(listed)
    yield Case("initializer_as_input", model, rows)


CASES: list[CaseMaker] = [
    products,
    gemm,
    distances,
    scans,
    folded,
    initializers_as_inputs,
]
