"""Cases for LinearClassifier and LinearRegressor.

The scores are exact (see `binary_fractions`), so ties and scores of exactly zero occur,
and a wrong `>=` shows.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from .casebook import (
    FEATURES,
    NUMBER_TYPES,
    POST_TRANSFORMS,
    Attributes,
    Case,
    CaseMaker,
    binary_fractions,
    ml_node,
    model_of,
    tensor,
    tolerance_of,
)

INT_LABELS = [10, 30, 20]
TEXT_LABELS = ["fig", "date", "apple"]


def binary_with_one_row() -> Iterator[Case]:
    """One row of coefficients for two labels: the score is that of the second label.

    onnxruntime answers [1 - s, s], and [logistic(-s), logistic(s)] for LOGISTIC; it
    passes over SOFTMAX and SOFTMAX_ZERO. PROBIT is left out: it transforms only the
    first half of the scores and leaves the others as they happened to be in memory.
    """
    for post_transform in POST_TRANSFORMS[:-1]:
        for kind, labels in labels_of_both_kinds(2):
            name = f"linear_classifier_one_row_{kind}_{post_transform.lower()}"
            yield classifier(name, weights(1), labels, post_transform)


def binary_with_two_rows() -> Iterator[Case]:
    for post_transform in POST_TRANSFORMS:
        for kind, labels in labels_of_both_kinds(2):
            name = f"linear_classifier_two_rows_{kind}_{post_transform.lower()}"
            yield classifier(name, weights(2), labels, post_transform)


def multiclass() -> Iterator[Case]:
    for post_transform in POST_TRANSFORMS:
        for kind, labels in labels_of_both_kinds(3):
            name = f"linear_classifier_three_rows_{kind}_{post_transform.lower()}"
            yield classifier(name, weights(3), labels, post_transform)


def multi_class_flag() -> Iterator[Case]:
    """The flag says one-or-all against the rest; onnxruntime reads and ignores it."""
    for rows in (1, 3):
        attributes = {**weights(rows), "multi_class": 1}
        labels = INT_LABELS[: max(rows, 2)]
        name = f"linear_classifier_multi_class_{rows}_rows"
        yield classifier(name, attributes, labels, "LOGISTIC")


def classifier_input_types() -> Iterator[Case]:
    """Every input is turned into float32 first, whatever its type."""
    for dtype in NUMBER_TYPES:
        rows = binary_fractions(dtype=dtype)
        name = f"linear_classifier_{dtype.__name__}"
        yield classifier(name, weights(3), INT_LABELS, "SOFTMAX", rows)


def regressor() -> Iterator[Case]:
    """One target and several, with and without intercepts.

    With one target onnxruntime applies no transform but PROBIT. It has no kernel for
    other inputs than float32, which the specification allows.
    """
    for targets in (1, 3):
        for post_transform in POST_TRANSFORMS:
            name = f"linear_regressor_{targets}_targets_{post_transform.lower()}"
            yield regression(name, weights(targets), targets, post_transform)
        bare = {"coefficients": weights(targets)["coefficients"]}
        name = f"linear_regressor_{targets}_targets_no_intercepts"
        yield regression(name, bare, targets, "NONE")


def regressor_by_default() -> Iterator[Case]:
    """Without the attribute there is one target."""
    node = ml_node("LinearRegressor", ["Y"], **weights(1))
    inputs = {"X": binary_fractions()}
    model = model_of([node], inputs, {"Y": tensor(np.float32, "rows", 1)})
    yield Case("linear_regressor_default_targets", model, inputs)


def labels_of_both_kinds(count: int) -> list[tuple[str, Sequence[int | str]]]:
    return [("int_labels", INT_LABELS[:count]), ("text_labels", TEXT_LABELS[:count])]


def weights(rows: int) -> Attributes:
    """Coefficients whose scores are multiples of 1/32, mostly between -1 and 2."""
    quarters = np.random.default_rng(rows).integers(-1, 2, (rows, FEATURES))
    return {
        "coefficients": (quarters / 4).ravel().tolist(),
        "intercepts": [0.5, 0.25, 0.125][:rows],
    }


def classifier(
    name: str,
    attributes: Attributes,
    labels: Sequence[int | str],
    post_transform: str,
    rows: np.ndarray | None = None,
) -> Case:
    """A case of one LinearClassifier."""
    inputs = {"X": binary_fractions() if rows is None else rows}
    is_text = isinstance(labels[0], str)
    labels_attribute = "classlabels_strings" if is_text else "classlabels_ints"
    attributes = {**attributes, labels_attribute: labels}
    node = ml_node(
        "LinearClassifier", ["Y", "Z"], post_transform=post_transform, **attributes
    )
    answers = {
        "Y": tensor(object if is_text else np.int64, "rows"),
        "Z": tensor(np.float32, "rows", len(labels)),
    }
    model = model_of([node], inputs, answers)
    return Case(name, model, inputs, tolerance_of(post_transform))


def regression(
    name: str, attributes: Attributes, targets: int, post_transform: str
) -> Case:
    """A case of one LinearRegressor."""
    inputs = {"X": binary_fractions()}
    node = ml_node(
        "LinearRegressor",
        ["Y"],
        targets=targets,
        post_transform=post_transform,
        **attributes,
    )
    model = model_of([node], inputs, {"Y": tensor(np.float32, "rows", targets)})
    return Case(name, model, inputs, tolerance_of(post_transform))


CASES: list[CaseMaker] = [
    binary_with_one_row,
    binary_with_two_rows,
    multiclass,
    multi_class_flag,
    classifier_input_types,
    regressor,
    regressor_by_default,
]
