"""Cases for TreeEnsembleClassifier.

The specification says little about two classes. What onnxruntime does there hangs on
whether all votes are for one class, whether a weight is negative, how many base values
there are, and which classes the row's leaves voted for; each case here pins one of
these rules down. Where it contradicts the specification:

- With two classes, one that no leaf of the row voted for scores zero, whatever its base
  value is.
- With two base values, the votes for the second class are lost: its score is its base
  value and the votes for the first class.
- When the votes are for both classes, integer labels are not used: the label is 0 or 1.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from .casebook import (
    DEFAULT_OPSETS,
    NUMBER_TYPES,
    POST_TRANSFORMS,
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
from .forests import (
    LEQ,
    MODES,
    Forest,
    as_tensors,
    chain_of_equals,
    rows_beside_thresholds,
    vote_for_each,
    vote_for_one_of,
    with_nodes_out_of_order,
)

INT_LABELS = [10, 30, 20]
TEXT_LABELS = ["fig", "date", "apple"]
SIGNS = {"positive": 0, "mixed": -7}
BASE_VALUES = [0.125, -0.25, 0.0625]


def binary_by_one_class() -> Iterator[Case]:
    """Two labels, and all votes are for one of them, which need not be the second.

    PROBIT with a single score is left out: onnxruntime writes only the first of the two
    answers, and the other is what happened to be in memory.
    """
    for class_id in (0, 1):
        for sign, lowest in SIGNS.items():
            for base in (0, 1, 2):
                single = class_id == 0 and base < 2
                transforms = POST_TRANSFORMS[:-1] if single else POST_TRANSFORMS
                for transform in transforms:
                    forest = Forest(vote_for_each(class_id, lowest=lowest))
                    name = f"tree_binary_id_{class_id}_{sign}_base_{base}"
                    yield classifier(name, forest, INT_LABELS[:2], transform, base)


def binary_by_both_classes() -> Iterator[Case]:
    """Each leaf votes for both classes; the label follows the second one's sign."""
    for sign, lowest in SIGNS.items():
        for base in (0, 1, 2):
            for transform in POST_TRANSFORMS:
                forest = Forest(vote_for_each(0, 1, lowest=lowest))
                name = f"tree_binary_both_{sign}_base_{base}"
                yield classifier(name, forest, TEXT_LABELS[:2], transform, base)


def binary_by_either_class() -> Iterator[Case]:
    """Each leaf votes for one of the two, so some rows have no vote for the second.

    Such a row has a single score, unless there are two base values. What onnxruntime
    leaves unwritten then is left out here: PROBIT, and everything with one base value.
    """
    for base in (0, 2):
        for transform in POST_TRANSFORMS if base else POST_TRANSFORMS[:-1]:
            # With this seed the tree without branches votes for the first class.
            forest = Forest(vote_for_one_of(0, 0, 1, lowest=-7), seed=1)
            name = f"tree_binary_either_base_{base}"
            yield classifier(name, forest, TEXT_LABELS[:2], transform, base)


def binary_labels() -> Iterator[Case]:
    """Votes for one class give its label, votes for both the numbers 0 and 1."""
    kinds: dict[str, Sequence[int | str]] = {
        "text": TEXT_LABELS[:2],
        "int": [-5, 7],
        "zero_one": [0, 1],
    }
    for kind, labels in kinds.items():
        for votes, ids in {"one": [0], "both": [0, 1]}.items():
            forest = Forest(vote_for_each(*ids, lowest=-7))
            name = f"tree_binary_labels_{kind}_{votes}"
            yield classifier(name, forest, labels)


def multiclass() -> Iterator[Case]:
    """Three classes; the first with the highest score wins, of those with a vote."""
    makers = {
        "each": vote_for_each(0, 1, 2, lowest=-7),
        "one": vote_for_one_of(0, 1, 2),
    }
    for votes, maker in makers.items():
        for base in (0, 3):
            for transform in POST_TRANSFORMS:
                name = f"tree_multiclass_{votes}_base_{base}"
                yield classifier(name, Forest(maker), INT_LABELS, transform, base)
    negative = Forest(lambda random: [(int(random.integers(3)), -0.25)])
    yield classifier("tree_multiclass_negative", negative, TEXT_LABELS)


def node_modes() -> Iterator[Case]:
    """Each comparison, and all of them mixed, with numbers that are often equal."""
    rows = binary_fractions(dtype=np.int64).astype(np.float32)
    rows[::5, 0] = np.nan
    rows[1::7, 2] = np.nan
    modes = {mode.removeprefix("BRANCH_").lower(): (mode,) for mode in MODES}
    for name, some in {**modes, "mixed": tuple(MODES)}.items():
        for tracks in (False, True):
            forest = Forest(vote_for_each(0, 1, 2), some, tracks)
            tracked = "tracked" if tracks else "untracked"
            yield classifier(
                f"tree_mode_{name}_nan_{tracked}", forest, INT_LABELS, rows=rows
            )


def chain() -> Iterator[Case]:
    """A switch over values of one feature, which engines like to turn into a set."""
    rows = binary_fractions(dtype=np.int64).astype(np.float32)
    special = [1.5, np.nan, np.inf, 40, -2, 0.5]
    rows[: len(special), 0] = special
    lists = chain_of_equals("class", [1, 3, 2, -2, 40])
    yield classifier("tree_chain_of_equals", lists, INT_LABELS, rows=rows)


def input_types() -> Iterator[Case]:
    for dtype in NUMBER_TYPES:
        rows = binary_fractions(dtype=dtype)
        forest = Forest(vote_for_one_of(0, 1, 2), tuple(MODES))
        yield classifier(f"tree_input_{dtype.__name__}", forest, INT_LABELS, rows=rows)


def numbers_as_tensors() -> Iterator[Case]:
    """The tensor's type must be that of the thresholds: float64 for float64 inputs."""
    forest = Forest(vote_for_each(0, 1, 2, lowest=-7))
    plain = {**forest.attributes("class"), "base_values": BASE_VALUES}
    for dtype in NUMBER_TYPES:
        lists = as_tensors(plain, np.float64 if dtype == np.float64 else np.float32)
        rows = binary_fractions(dtype=dtype)
        name = f"tree_as_tensor_{dtype.__name__}"
        yield classifier(name, lists, INT_LABELS, rows=rows, opsets=Opsets(ml=3))
    yield classifier("tree_ml_3", forest, INT_LABELS, opsets=Opsets(ml=3))


def thresholds_of_float64() -> Iterator[Case]:
    """float64 inputs are compared as such, whichever way the threshold is written."""
    lists = Forest(vote_for_each(0, 1, 2), LEQ).attributes("class")
    for dtype in (np.float32, np.float64):
        rows, tenths = rows_beside_thresholds(dtype)
        values = [tenths[i % len(tenths)] for i in range(len(lists["nodes_values"]))]
        tenths_in = {**lists, "nodes_values": values}
        is_tensor = dtype == np.float64
        used = as_tensors(tenths_in, np.float64) if is_tensor else tenths_in
        name = f"tree_threshold_{dtype.__name__}"
        yield classifier(name, used, INT_LABELS, rows=rows, opsets=Opsets(ml=3))


def node_order() -> Iterator[Case]:
    lists = with_nodes_out_of_order(Forest(vote_for_each(0, 1, 2)).attributes("class"))
    yield classifier("tree_nodes_out_of_order", lists, INT_LABELS)


def classifier(
    name: str,
    trees: Forest | Attributes,
    labels: Sequence[int | str],
    post_transform: str = "",
    base_values: int = 0,
    rows: np.ndarray | None = None,
    opsets: Opsets = DEFAULT_OPSETS,
) -> Case:
    """A case of one TreeEnsembleClassifier."""
    attributes = trees.attributes("class") if isinstance(trees, Forest) else dict(trees)
    is_text = isinstance(labels[0], str)
    attributes["classlabels_strings" if is_text else "classlabels_int64s"] = labels
    if post_transform:
        attributes["post_transform"] = post_transform
        name = f"{name}_{post_transform.lower()}"
    if base_values:
        attributes["base_values"] = BASE_VALUES[:base_values]
    inputs = {"X": binary_fractions() if rows is None else rows}
    answers = {
        "Y": tensor(object if is_text else np.int64, "rows"),
        "Z": tensor(np.float32, "rows", len(labels)),
    }
    node = ml_node("TreeEnsembleClassifier", ["Y", "Z"], **attributes)
    model = model_of([node], inputs, answers, opsets)
    return Case(name, model, inputs, tolerance_of(post_transform))


CASES: list[CaseMaker] = [
    binary_by_one_class,
    binary_by_both_classes,
    binary_by_either_class,
    binary_labels,
    multiclass,
    node_modes,
    chain,
    input_types,
    numbers_as_tensors,
    thresholds_of_float64,
    node_order,
]
