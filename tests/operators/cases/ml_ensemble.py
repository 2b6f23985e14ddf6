"""Cases for TreeEnsemble of ai.onnx.ml 5, with lists of branches and lists of leaves.

Thresholds and rows are multiples of 1/8 (see `binary_fractions`): rows lie on
thresholds, and sums are exact. Members are whole numbers, for onnxruntime refuses most
others; where one of them is below 0 or above 30, or there are many, it also cuts the
fractions of the rows, which are left out there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from .casebook import (
    FEATURES,
    ROWS,
    Attributes,
    Case,
    CaseMaker,
    Opsets,
    binary_fractions,
    ml_node,
    model_of,
    tensor,
    tolerance_of,
)

ROW_COUNTS = (0, 1, 3, ROWS)
MODES = {"leq": 0, "lt": 1, "gte": 2, "gt": 3, "eq": 4, "neq": 5, "member": 6}
MEMBER = MODES["member"]
# As onnxruntime numbers them; the specification has the second and third exchanged.
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
AGGREGATES = {"average": 0, "sum": 1, "min": 2, "max": 3}


@dataclass
class Forest:
    """Random trees, as the operator's attributes have them."""

    random: np.random.Generator
    modes: list[int]
    targets: int
    most_members: int = 4
    nodes: list[dict[str, Any]] = field(default_factory=list)
    leaves: list[tuple[int, float]] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def grow(self, depth: int) -> None:
        """Adds a tree of that depth."""
        self.roots.append(self.grow_node(depth))

    def grow_node(self, depth: int) -> int:
        position = len(self.nodes)
        node = {
            "nodes_modes": int(self.random.choice(self.modes)),
            "nodes_featureids": int(self.random.integers(FEATURES)),
            "nodes_splits": self.eighth(),
            "members": self.members(),
            "nodes_missing_value_tracks_true": int(self.random.integers(2)),
        }
        self.nodes.append(node)
        for side in ("true", "false"):
            is_leaf = depth == 1 or self.random.random() < 0.2
            child = self.grow_leaf() if is_leaf else self.grow_node(depth - 1)
            node |= {f"nodes_{side}nodeids": child, f"nodes_{side}leafs": int(is_leaf)}
        return position

    def grow_leaf(self) -> int:
        target = int(self.random.integers(self.targets))
        self.leaves.append((target, self.eighth() / 4))
        return len(self.leaves) - 1

    def members(self) -> list[float]:
        count = self.random.integers(1, self.most_members + 1)
        return self.random.integers(0, 5, count).astype(float).tolist()

    def eighth(self) -> float:
        return float(self.random.integers(-32, 33) / 8)

    def attributes(self, dtype: Any) -> Attributes:
        lists: Attributes = {
            name: [node[name] for node in self.nodes]
            for name in self.nodes[0]
            if name not in ("members", "nodes_modes", "nodes_splits")
        }
        splits = [node["nodes_splits"] for node in self.nodes]
        modes = [node["nodes_modes"] for node in self.nodes]
        members = [
            value
            for node in self.nodes
            if node["nodes_modes"] == MEMBER
            for value in [*node["members"], np.nan]
        ]
        if members:
            lists["membership_values"] = constant(members, dtype)
        return {
            **lists,
            "nodes_modes": constant(modes, np.uint8),
            "nodes_splits": constant(splits, dtype),
            "tree_roots": self.roots,
            "leaf_targetids": [target for target, _ in self.leaves],
            "leaf_weights": constant([weight for _, weight in self.leaves], dtype),
            "n_targets": self.targets,
        }


def modes() -> Iterator[Case]:
    """Each mode alone and all together, with missing values that go either way."""
    for name, mode in MODES.items():
        yield ensemble(f"ensemble_{name}", forest([mode], 1))
    yield ensemble("ensemble_mixed", forest(list(MODES.values()), 3), targets=3)
    nowhere = forest([0], 1)
    del nowhere["nodes_missing_value_tracks_true"]
    yield ensemble("ensemble_missing_goes_nowhere", nowhere)
    rated = forest([0], 1)
    count = len(rated["nodes_featureids"])
    rated["nodes_hitrates"] = constant([0.5] * count, np.float32)
    yield ensemble("ensemble_hitrates", rated)


def members() -> Iterator[Case]:
    """Few and many of them, of any size and sign."""
    whole = np.floor(binary_fractions())
    many = forest([MEMBER], 1, most_members=60)
    yield ensemble("ensemble_many_members", many, rows=whole)
    huge = [1.0, 7.0, 40.0, 2.0**20, -3.0, np.nan]
    rows = np.floor(binary_fractions())
    rows[:6, 0] = huge
    attributes = stump(MEMBER, membership_values=constant(huge, np.float32))
    yield ensemble("ensemble_great_members", attributes, rows=rows)


def transforms() -> Iterator[Case]:
    for number, transform in enumerate(TRANSFORMS):
        for targets in (1, 3):
            attributes = forest([0, 1], targets) | {"post_transform": number}
            name = f"ensemble_{transform.lower()}_{targets}_targets"
            yield ensemble(name, attributes, targets=targets, post_transform=transform)


def aggregates() -> Iterator[Case]:
    for name, number in AGGREGATES.items():
        for targets in (1, 3):
            attributes = forest([0, 3], targets) | {"aggregate_function": number}
            case = f"ensemble_{name}_{targets}_targets"
            yield ensemble(case, attributes, targets=targets)


def doubles() -> Iterator[Case]:
    """Everything in double precision, the answer too."""
    for name, targets in {"one_target": 1, "three_targets": 3}.items():
        attributes = forest([0, 1, 2, 3], targets, dtype=np.float64)
        rows = binary_fractions(dtype=np.float64)
        rows[::5, 2] = np.nan
        yield ensemble(f"ensemble_double_{name}", attributes, targets, rows)
    fine = {
        "nodes_splits": constant([0.1], np.float64),
        "leaf_weights": constant([0.1, 1e300], np.float64),
    }
    rows = np.resize([0.1, 0.1 + 1e-16, 0.1 - 1e-16], (ROWS, 1))
    yield ensemble("ensemble_double_fine", stump(0) | fine, rows=rows)


def shapes_of_trees() -> Iterator[Case]:
    """A tree that is a leaf, trees in common, and nodes in none."""
    same = {"nodes_truenodeids": [1]}
    yield ensemble("ensemble_single_leaf", stump(0) | same)
    yield ensemble("ensemble_twice", stump(0) | {"tree_roots": [0, 0]})
    two = forest([0], 1)
    yield ensemble("ensemble_unreached", two | {"tree_roots": two["tree_roots"][:1]})


def forest(
    modes: list[int], targets: int, dtype: Any = np.float32, most_members: int = 4
) -> Attributes:
    """The attributes of seven trees."""
    seed = sum(modes) + 10 * targets
    trees = Forest(np.random.default_rng(seed), modes, targets, most_members)
    for tree in range(7):
        trees.grow(depth=1 + tree % 4)
    return trees.attributes(dtype)


def stump(mode: int, **others: Any) -> Attributes:
    """The attributes of a tree with one node."""
    return {
        "nodes_modes": constant([mode], np.uint8),
        "nodes_featureids": [0],
        "nodes_splits": constant([0.5], np.float32),
        "nodes_truenodeids": [0],
        "nodes_trueleafs": [1],
        "nodes_falsenodeids": [1],
        "nodes_falseleafs": [1],
        "tree_roots": [0],
        "leaf_targetids": [0, 0],
        "leaf_weights": constant([0.25, -0.5], np.float32),
        "n_targets": 1,
        **others,
    }


def ensemble(
    name: str,
    attributes: Attributes,
    targets: int = 1,
    rows: np.ndarray | None = None,
    post_transform: str = "NONE",
) -> Case:
    """A case of one TreeEnsemble; without rows they are some with missing values."""
    if rows is None:
        rows = binary_fractions()
        rows[::5, 2] = np.nan
    node = ml_node("TreeEnsemble", ["Y"], **attributes)
    answer = {"Y": tensor(rows.dtype, "rows", targets)}
    model = model_of([node], {"X": rows}, answer, Opsets(ml=5))
    return Case(name, model, {"X": rows}, tolerance_of(post_transform), ROW_COUNTS)


def constant(elements: list[Any], dtype: Any) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array(elements, dtype))


CASES: list[CaseMaker] = [
    modes,
    members,
    transforms,
    aggregates,
    doubles,
    shapes_of_trees,
]
