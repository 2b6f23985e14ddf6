"""Cases for TreeEnsembleRegressor.

onnxruntime takes float32 and float64 inputs only, and refuses base values that are not
as many as the targets. With one target it applies no transform but PROBIT.
"""

from collections.abc import Iterator

import numpy as np

from .casebook import (
    DEFAULT_OPSETS,
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
    MODES,
    Forest,
    as_tensors,
    rows_beside_thresholds,
    vote_for_each,
    vote_for_one_of,
)

AGGREGATES = ["SUM", "AVERAGE", "MIN", "MAX"]
BASE_VALUES = [0.5, -0.25, 2.0]


def aggregates() -> Iterator[Case]:
    """Base values are added last, to the average too, and to the least and the most."""
    for aggregate in AGGREGATES:
        for targets in (1, 3):
            for base in (False, True):
                forest = Forest(vote_for_each(*range(targets), lowest=-7))
                based = "base" if base else "no_base"
                name = f"tree_regressor_{aggregate.lower()}_{targets}_targets_{based}"
                attributes = {"aggregate_function": aggregate, **base_of(base, targets)}
                yield regressor(name, forest, targets, attributes)


def targets_without_votes() -> Iterator[Case]:
    """onnxruntime answers zero for such a target, and does not add its base value."""
    for aggregate in AGGREGATES:
        forest = Forest(vote_for_one_of(0, 1, 2, lowest=-7))
        attributes = {"aggregate_function": aggregate, **base_of(True, 3)}
        name = f"tree_regressor_{aggregate.lower()}_without_votes"
        yield regressor(name, forest, 3, attributes)


def several_votes() -> Iterator[Case]:
    """A leaf with several votes for one target.

    They all count when there are several targets. With a single one onnxruntime takes
    the first and drops the others, which the specification does not say.
    """
    for aggregate in AGGREGATES:
        for targets in (1, 2):
            forest = Forest(vote_for_each(0, targets - 1, 0, lowest=-7))
            name = f"tree_regressor_{aggregate.lower()}_{targets}_targets_several_votes"
            yield regressor(name, forest, targets, {"aggregate_function": aggregate})


def post_transforms() -> Iterator[Case]:
    for transform in POST_TRANSFORMS:
        for targets in (1, 2):
            for sign, lowest in {"positive": 0, "mixed": -7}.items():
                forest = Forest(vote_for_each(*range(targets), lowest=lowest))
                name = f"tree_regressor_{transform.lower()}_{targets}_targets_{sign}"
                yield regressor(name, forest, targets, {"post_transform": transform})


def missing_values() -> Iterator[Case]:
    rows = binary_fractions(dtype=np.int64).astype(np.float32)
    rows[::3, 0] = np.nan
    rows[::4, 3] = np.nan
    for tracks in (False, True):
        forest = Forest(vote_for_each(0), tuple(MODES), tracks)
        name = f"tree_regressor_nan_{'tracked' if tracks else 'untracked'}"
        yield regressor(name, forest, 1, {}, rows)


def input_types() -> Iterator[Case]:
    """With float64 inputs the sums are float64 as well, and rounded at the end."""
    plain = {**Forest(vote_for_each(0, 1)).attributes("target"), **base_of(True, 2)}
    for dtype in (np.float32, np.float64):
        rows = binary_fractions(dtype=dtype)
        name = f"tree_regressor_{dtype.__name__}"
        yield regressor(name, plain, 2, {}, rows)
        lists = as_tensors(plain, dtype)
        yield regressor(f"{name}_as_tensor", lists, 2, {}, rows, Opsets(ml=3))


def sums_of_float64() -> Iterator[Case]:
    """Large votes that cancel leave what float32 would have lost."""
    votes = [(0, 2.0**30), (0, 2.0**-3), (0, -(2.0**30)), (0, 2.0**-4)]
    lists = Forest(lambda random: [votes[int(random.integers(4))]]).attributes("target")
    rows, _ = rows_beside_thresholds(np.float64)
    yield regressor("tree_regressor_float64_sums", lists, 1, {}, rows)


def base_of(base: bool, targets: int) -> Attributes:
    return {"base_values": BASE_VALUES[:targets]} if base else {}


def regressor(
    name: str,
    trees: Forest | Attributes,
    targets: int,
    attributes: Attributes,
    rows: np.ndarray | None = None,
    opsets: Opsets = DEFAULT_OPSETS,
) -> Case:
    """A case of one TreeEnsembleRegressor."""
    lists = trees.attributes("target") if isinstance(trees, Forest) else trees
    inputs = {"X": binary_fractions() if rows is None else rows}
    node = ml_node(
        "TreeEnsembleRegressor", ["Y"], n_targets=targets, **lists, **attributes
    )
    answers = {"Y": tensor(np.float32, "rows", targets)}
    model = model_of([node], inputs, answers, opsets)
    transform = attributes.get("post_transform", "NONE")
    return Case(name, model, inputs, tolerance_of(transform))


CASES: list[CaseMaker] = [
    aggregates,
    targets_without_votes,
    several_votes,
    post_transforms,
    missing_values,
    input_types,
    sums_of_float64,
]
