"""Random forests as the attribute lists of the tree operators.

Thresholds are multiples of 1/2 and weights multiples of 1/32, so that rows meet a
threshold exactly now and then, and sums are exact in any order.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from .casebook import FEATURES, Attributes

# What a leaf votes: ids of classes or targets, each with a weight.
Votes = list[tuple[int, float]]
VoteMaker = Callable[[np.random.Generator], Votes]
Lists = dict[str, list[Any]]

LEQ = ("BRANCH_LEQ",)
MODES = [f"BRANCH_{mode}" for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")]
TREES = 4


def vote_for_each(*ids: int, lowest: int = 0) -> VoteMaker:
    """Each leaf votes for all of the ids, with weights below 1/4."""
    return lambda random: [(each, random.integers(lowest, 8) / 32) for each in ids]


def vote_for_one_of(*ids: int, lowest: int = 0) -> VoteMaker:
    """Each leaf votes for one of the ids."""
    return lambda random: [(int(random.choice(ids)), random.integers(lowest, 8) / 32)]


@dataclass(frozen=True)
class Forest:
    """What to grow; the trees have 0, 1, 2 and 3 levels of branches, in this order."""

    votes: VoteMaker
    modes: Sequence[str] = LEQ
    tracks_missing: bool = False
    seed: int = 7

    def attributes(self, side: str) -> Attributes:
        """The lists; `side` is `class` or `target`, as the operator calls its votes."""
        random = np.random.default_rng(self.seed)
        lists: Lists = defaultdict(list)
        for tree in range(TREES):
            first_leaf = 2**tree - 1
            for node in range(2 * first_leaf + 1):
                if node < first_leaf:
                    add_node(lists, tree, node, self.branch(node, random))
                else:
                    add_node(lists, tree, node, LEAF)
                    add_votes(lists, side, tree, node, self.votes(random))
        if not self.tracks_missing:
            del lists["nodes_missing_value_tracks_true"]
        return dict(lists)

    def branch(self, node: int, random: np.random.Generator) -> Attributes:
        """A comparison whose children are where a heap has them."""
        return {
            "featureids": int(random.integers(FEATURES)),
            "values": random.integers(-4, 5) / 2,
            "modes": str(random.choice(self.modes)),
            "truenodeids": 2 * node + 1,
            "falsenodeids": 2 * node + 2,
            "missing_value_tracks_true": int(random.integers(2)),
        }


LEAF = {
    "featureids": 0,
    "values": 0.0,
    "modes": "LEAF",
    "truenodeids": 0,
    "falsenodeids": 0,
    "missing_value_tracks_true": 0,
}


def add_node(lists: Lists, tree: int, node: int, fields: Attributes) -> None:
    for field, value in {"treeids": tree, "nodeids": node, **fields}.items():
        lists[f"nodes_{field}"].append(value)


def add_votes(lists: Lists, side: str, tree: int, node: int, votes: Votes) -> None:
    for each, weight in votes:
        lists[f"{side}_treeids"].append(tree)
        lists[f"{side}_nodeids"].append(node)
        lists[f"{side}_ids"].append(each)
        lists[f"{side}_weights"].append(float(weight))


def chain_of_equals(side: str, values: Sequence[float]) -> Attributes:
    """One tree that asks feature 0 for one value after the other, as a switch does."""
    lists: Lists = defaultdict(list)
    for step, value in enumerate(values):
        node = 2 * step
        branch = {
            "values": float(value),
            "modes": "BRANCH_EQ",
            "truenodeids": node + 1,
            "falsenodeids": node + 2,
            "missing_value_tracks_true": step % 2,
        }
        add_node(lists, 0, node, {**LEAF, **branch})
        add_node(lists, 0, node + 1, LEAF)
        add_votes(lists, side, 0, node + 1, [(step % 3, step + 1)])
    last = 2 * len(values)
    add_node(lists, 0, last, LEAF)
    add_votes(lists, side, 0, last, [(0, -1)])
    return dict(lists)


def with_nodes_out_of_order(attributes: Attributes) -> Attributes:
    """The same trees, with the nodes after each root listed backwards.

    The roots stay first: a tree begins with the first of its nodes in the lists.
    """
    trees = attributes["nodes_treeids"]
    order = sorted(
        range(len(trees)),
        key=lambda i: (trees[i], attributes["nodes_nodeids"][i] != 0, -i),
    )
    return {
        name: [values[i] for i in order] if name.startswith("nodes_") else values
        for name, values in attributes.items()
    }


def as_tensors(attributes: Attributes, dtype: Any) -> Attributes:
    """The numbers as tensors of this type, as ai.onnx.ml 3 allows."""
    numbers = ("nodes_values", "class_weights", "target_weights", "base_values")
    return {
        f"{name}_as_tensor" if name in numbers else name: (
            onnx.numpy_helper.from_array(np.array(values, dtype), name)
            if name in numbers
            else values
        )
        for name, values in attributes.items()
    }


def rows_beside_thresholds(dtype: Any) -> tuple[np.ndarray, list[float]]:
    """Thresholds of tenths, and float64 rows on them and closer than float32 can see.

    The thresholds are tenths as `dtype` has them.
    """
    random = np.random.default_rng(3)
    tenths = random.integers(-5, 6, (70, FEATURES)) / 10
    nudges = random.choice([-1e-12, 0.0, 1e-12], tenths.shape)
    thresholds = [float(value) for value in np.arange(-5, 6) / 10]
    return tenths.astype(dtype).astype(np.float64) + nudges, thresholds
