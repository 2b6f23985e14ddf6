"""Models that the real libraries train and their converters export to ONNX.

What is expected are the library's own predictions on the same rows. A model of which
ONNX Runtime, too, answers otherwise is the converter's fault and no case: such models
are named below, each with its reason, and one that is not named ends the generation.
"""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from casefile import DataSet, write_case
from trained_boosting import boosting_models
from trained_scikit import scikit_models
from training import Failed, Trained

# Why a model is no case: what its converter does, told by what ONNX Runtime answers.
SOFTMAX = "takes the softmax of scores where the library takes the logistic of each"
NOT_WEIGHTED = "weighs near and far neighbours alike"
LYING_LABELS = "gives labels as a row"
NO_GAPS = "forgets to which side of a split missing values go"
NO_BOOSTER = "fails on boosters other than gbtree"
NO_OBJECTIVE = "fails on this objective"
NO_LINK = "forgets the link from score to prediction"
CONVERTER_FAULTS = {
    "lda_binary": SOFTMAX,
    "lda_binary_names": SOFTMAX,
    "qda_binary": LYING_LABELS,
    "qda_binary_names": LYING_LABELS,
    "qda_multiclass": LYING_LABELS,
    "qda_multiclass_names": LYING_LABELS,
    "k_neighbors_distance_binary": NOT_WEIGHTED,
    "k_neighbors_distance_binary_names": NOT_WEIGHTED,
    "k_neighbors_distance_multiclass": NOT_WEIGHTED,
    "k_neighbors_distance_multiclass_names": NOT_WEIGHTED,
    "k_neighbors_distance_regressor": NOT_WEIGHTED,
    "mlp_regressor_two_targets": "gives both targets in one column",
    "random_forest_gaps": NO_GAPS,
    "decision_tree_gaps": NO_GAPS,
    "calibrated_isotonic": "interpolates the isotonic function otherwise",
    "one_vs_one": "gives labels as a column",
    "xgboost_binary_dart": NO_BOOSTER,
    "xgboost_dart": NO_BOOSTER,
    "xgboost_linear": NO_BOOSTER,
    "xgboost_linear_binary": NO_BOOSTER,
    "xgboost_multiclass_softmax": NO_LINK,
    "xgboost_parallel_trees": "writes a model that ONNX Runtime refuses",
    "xgboost_reg_logistic": NO_LINK,
    "xgboost_survival_cox": "answers otherwise for this objective",
    "lightgbm_multiclass_ova": SOFTMAX,
    "lightgbm_forest": "adds the trees of a forest up where LightGBM averages them",
    "lightgbm_fair": NO_OBJECTIVE,
    "lightgbm_mape": NO_OBJECTIVE,
    "lightgbm_cross_entropy": NO_OBJECTIVE,
    "catboost_multiclass_ova": SOFTMAX,
    "catboost_poisson": NO_LINK,
    "catboost_tweedie": NO_LINK,
}


def write(group: Path) -> None:
    """Writes the group `trained`."""
    warnings.simplefilter("ignore")
    problems = []
    for trained in every_model():
        fault = verdict(trained)
        known = CONVERTER_FAULTS.get(trained.name)
        if fault is None and known is None:
            write_model(group / trained.name, trained)
        elif fault is None or known is None:
            problems.append(f"{trained.name}: {fault or 'the converter is right now'}")
        else:
            print(f"left out: {trained.name}: {known}")
    if problems:
        sys.exit("\n".join(problems))


def every_model() -> Iterator[Trained | Failed]:
    names = set()
    for models in [scikit_models, boosting_models]:
        for trained in models():
            if trained.name in names:
                raise ValueError(f"two models are called {trained.name}")
            names.add(trained.name)
            yield trained


def verdict(trained: Trained | Failed) -> str | None:
    """What is wrong with an export, if something is."""
    if isinstance(trained, Failed):
        return f"not converted: {trained.error}"
    try:
        answers = runtime_answers(trained)
    except Exception as error:
        return f"not run: {' '.join(str(error).split())[:200]}"
    for name, expected in trained.outputs.items():
        fault = difference(trained, expected, answers[name])
        if fault:
            return f"{name}: {fault}"
    return None


def runtime_answers(trained: Trained) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(trained.model, options)
    names = [output.name for output in session.get_outputs()]
    answers = session.run(names, trained.inputs)
    return dict(zip(names, map(as_array, answers), strict=True))


def as_array(answer: np.ndarray | list) -> np.ndarray:
    """A tensor; one row a dictionary where a `ZipMap` gives a list of them."""
    if isinstance(answer, list):
        return np.array([list(row.values()) for row in answer], dtype=np.float32)
    return answer


def difference(trained: Trained, expected: np.ndarray, got: np.ndarray) -> str | None:
    if expected.shape != got.shape:
        return f"shape {got.shape}, expected {expected.shape}"
    if expected.dtype.kind != "f":
        unequal = np.flatnonzero((expected != got).ravel())
    else:
        bound = trained.expectation
        near = np.isclose(
            got, expected, rtol=bound.relative, atol=bound.absolute, equal_nan=True
        )
        unequal = np.flatnonzero(~near.ravel())
    if unequal.size == 0:
        return None
    first = unequal[0]
    count = f"{unequal.size} of {expected.size}"
    return f"{got.ravel()[first]} for {expected.ravel()[first]}, {count} unequal"


def write_model(folder: Path, trained: Trained) -> None:
    # All rows at once, and the first alone: an engine may take another way for one row.
    sets = [DataSet(trained.inputs, trained.outputs), DataSet(*trained.first_row())]
    write_case(folder, trained.expectation, sets)
    (folder / "model.onnx").write_bytes(trained.model)
