"""Cases for SVMClassifier and SVMRegressor.

The machines are random: what they decide means nothing, but every kernel function and
every way from scores to answers comes by. Scores of linear machines are exact (see
`binary_fractions`), so a tie is a tie everywhere.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .casebook import (
    EXACT_TO_ROUNDING,
    FEATURES,
    NUMBER_TYPES,
    POST_TRANSFORMS,
    ROWS,
    Attributes,
    Case,
    CaseMaker,
    Tolerance,
    binary_fractions,
    ml_node,
    model_of,
    tensor,
    tolerance_of,
)

ROW_COUNTS = (0, 1, 3, ROWS)
# Gamma, coef0 and degree.
KERNELS = {
    "linear": ("LINEAR", [0.5, 0.25, 3.0]),
    "poly_2": ("POLY", [0.25, 0.5, 2.0]),
    "poly_3": ("POLY", [0.25, 0.5, 3.0]),
    "poly_4": ("POLY", [0.25, 0.5, 4.0]),
    "rbf": ("RBF", [0.125, 0.0, 0.0]),
    "sigmoid": ("SIGMOID", [0.125, 0.5, 0.0]),
}
INT_LABELS = [10, 30, 20, -7]
TEXT_LABELS = ["fig", "Grüße", "", "apple"]
# Sums of powers, in another order than here: an answer near zero is off by more.
SUMS = Tolerance(absolute=1e-5)


def pairs_by_kernel() -> Iterator[Case]:
    """Each kernel function with 2, 3 and 4 classes, with and without probabilities."""
    for kernel, (kernel_type, params) in KERNELS.items():
        for classes in (2, 3, 4):
            for kind, has_probabilities in (("", False), ("_probabilities", True)):
                attributes = {
                    **machine(classes, has_probabilities),
                    "kernel_type": kernel_type,
                    "kernel_params": params,
                }
                name = f"svm_{kernel}_{classes}_classes{kind}"
                yield classifier(name, attributes, classes, tolerance=SUMS)


def pairs_by_transform() -> Iterator[Case]:
    """Each transform of scores of pairs and of probabilities, with texts as labels.

    Left out is PROBIT on the single score of two classes: onnxruntime transforms it and
    leaves the second column as it happened to be in memory.
    """
    for post_transform in POST_TRANSFORMS:
        for classes in (2, 3):
            for kind, has_probabilities in (("pairs", False), ("probabilities", True)):
                if (post_transform, classes, kind) == ("PROBIT", 2, "pairs"):
                    continue
                attributes = {
                    **machine(classes, has_probabilities),
                    "post_transform": post_transform,
                }
                name = f"svm_{post_transform.lower()}_{classes}_{kind}"
                tolerance = tolerance_of(post_transform)
                yield classifier(
                    name, attributes, classes, labels=TEXT_LABELS, tolerance=tolerance
                )


def linear_machines() -> Iterator[Case]:
    """A vector of coefficients for each class, and one rho for all of them.

    With two classes the second wins as soon as any score is above zero, or from one
    half on where no coefficient is negative, but not where there are probabilities,
    which are not even applied.
    """
    for classes in (2, 3, 4):
        for post_transform in POST_TRANSFORMS:
            for kind in ("mixed", "positive"):
                attributes = {
                    **linear(classes, kind == "positive"),
                    "post_transform": post_transform,
                }
                name = f"svm_machine_{kind}_{classes}_{post_transform.lower()}"
                tolerance = tolerance_of(post_transform)
                yield classifier(name, attributes, classes, tolerance=tolerance)
    border = {**linear(2, True), "coefficients": [1.0, 0, 0, 0, 0, 1.0, 0, 0]}
    rows = binary_fractions()
    # With rho the greatest score, which is the first, is just one half.
    rows[:3, :2] = [[0.375, -1.0], [0.25, -1.0], [0.5, -1.0]]
    yield classifier("svm_machine_at_one_half", border, 2, rows)
    fitted = {**linear(2, False), "prob_a": [-1.0], "prob_b": [0.5]}
    yield classifier("svm_machine_with_probabilities", fitted, 2)


def unusual_machines() -> Iterator[Case]:
    """A class without vectors, missing values, and rows that come to no decision."""
    lonely = machine(3, True) | {"vectors_per_class": [6, 0, 3]}
    yield classifier("svm_class_without_vectors", lonely, 3)
    gaps = binary_fractions()
    gaps[::3, 1] = np.nan
    for kind, has_probabilities in (("pairs", False), ("probabilities", True)):
        yield classifier(f"svm_gaps_{kind}", machine(3, has_probabilities), 3, gaps)
    even = machine(2, False) | {"coefficients": [0.0] * 6, "rho": [0.0]}
    yield classifier("svm_tie", even, 2)


def classifier_input_types() -> Iterator[Case]:
    for dtype in NUMBER_TYPES:
        rows = binary_fractions(dtype=dtype)
        yield classifier(f"svm_{dtype.__name__}", machine(3, False), 3, rows)


def regressors() -> Iterator[Case]:
    """Each kernel function; onnxruntime takes float32 and applies no transform."""
    for kernel, (kernel_type, params) in KERNELS.items():
        attributes = {
            **regressor_of(5),
            "kernel_type": kernel_type,
            "kernel_params": params,
        }
        yield regressor(f"svm_regressor_{kernel}", attributes)
        one_class = {**attributes, "one_class": 1}
        yield regressor(f"svm_regressor_{kernel}_one_class", one_class)
    for post_transform in POST_TRANSFORMS:
        attributes = {**regressor_of(5), "post_transform": post_transform}
        yield regressor(f"svm_regressor_{post_transform.lower()}", attributes)
    linear_only = {
        "coefficients": [0.5, -1.0, 0.25, 0.125],
        "rho": [0.25],
        "kernel_type": "RBF",
        "kernel_params": [0.5, 0.0, 0.0],
    }
    yield regressor("svm_regressor_machine", linear_only)
    yield regressor("svm_regressor_machine_one_class", {**linear_only, "one_class": 1})
    gaps = binary_fractions()
    gaps[::3, 1] = np.nan
    yield regressor("svm_regressor_gaps", {**regressor_of(5), "one_class": 1}, gaps)


def machine(classes: int, has_probabilities: bool) -> Attributes:
    """A linear machine with support vectors, not as many for each class."""
    random = np.random.default_rng(classes)
    counts = [4, 2, 3, 5][:classes]
    vectors, pairs = sum(counts), classes * (classes - 1) // 2
    attributes = {
        "vectors_per_class": counts,
        "support_vectors": eighths(random, vectors * FEATURES),
        "coefficients": eighths(random, vectors * (classes - 1)),
        "rho": eighths(random, pairs),
        "kernel_params": [0.5, 0.25, 3.0],
    }
    if has_probabilities:
        attributes["prob_a"] = (random.integers(-16, -4, pairs) / 8).tolist()
        attributes["prob_b"] = eighths(random, pairs)
    return attributes


def linear(classes: int, is_positive: bool) -> Attributes:
    coefficients = eighths(np.random.default_rng(classes), classes * FEATURES)
    if is_positive:
        coefficients = [abs(each) for each in coefficients]
    return {
        "coefficients": coefficients,
        "rho": [0.125],
        "kernel_params": [0.0, 0.0, 0.0],
    }


def regressor_of(vectors: int) -> Attributes:
    random = np.random.default_rng(vectors)
    return {
        "n_supports": vectors,
        "support_vectors": eighths(random, vectors * FEATURES),
        "coefficients": eighths(random, vectors),
        "rho": [0.125],
        "kernel_params": [0.5, 0.25, 3.0],
    }


def eighths(random: np.random.Generator, count: int) -> list[float]:
    return (random.integers(-8, 9, count) / 8).tolist()


def classifier(
    name: str,
    attributes: Attributes,
    classes: int,
    rows: np.ndarray | None = None,
    labels: list[Any] = INT_LABELS,
    tolerance: Tolerance = EXACT_TO_ROUNDING,
) -> Case:
    """A case of one SVMClassifier."""
    inputs = {"X": binary_fractions() if rows is None else rows}
    is_text = isinstance(labels[0], str)
    kind = "classlabels_strings" if is_text else "classlabels_ints"
    named = {**attributes, kind: labels[:classes]}
    node = ml_node("SVMClassifier", ["Y", "Z"], **named)
    answers = {
        "Y": tensor(object if is_text else np.int64, "rows"),
        "Z": tensor(np.float32, "rows", "scores"),
    }
    model = model_of([node], inputs, answers)
    return Case(name, model, inputs, tolerance, ROW_COUNTS)


def regressor(
    name: str, attributes: Attributes, rows: np.ndarray | None = None
) -> Case:
    inputs = {"X": binary_fractions() if rows is None else rows}
    node = ml_node("SVMRegressor", ["Y"], **attributes)
    model = model_of([node], inputs, {"Y": tensor(np.float32, "rows", 1)})
    return Case(name, model, inputs, SUMS, ROW_COUNTS)


CASES: list[CaseMaker] = [
    pairs_by_kernel,
    pairs_by_transform,
    linear_machines,
    unusual_machines,
    classifier_input_types,
    regressors,
]
