"""Models trained by scikit-learn and exported by skl2onnx, as users have them.

Absent are those that need operators outside the engine's set, such as MinMaxScaler with
its Add and Mul, and two kinds that skl2onnx 1.20 cannot export so that they run:
HistGradientBoosting, where it fails, and trees on float64, whose answers it declares as
float64 although the operator gives float32.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
)
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .casebook import ROWS, Case, CaseMaker

SEED = 5
INPUT_TYPES = {
    np.float32: FloatTensorType,
    np.int64: Int64TensorType,
}

IRIS = load_iris()
SPECIES = IRIS.target_names[IRIS.target]
CANCER = load_breast_cancer()
DIABETES = load_diabetes()


def classifiers() -> Iterator[Case]:
    """Each classifier on two and three classes, with numbers and texts as labels."""
    diagnoses = CANCER.target_names[CANCER.target]
    flowers, samples = IRIS.data, CANCER.data[:, :8]
    for name, untrained in classifiers_by_name().items():
        yield trained(f"{name}_binary", untrained, samples, CANCER.target)
        yield trained(f"{name}_binary_text", untrained, samples, diagnoses)
        yield trained(f"{name}_multiclass", untrained, flowers, IRIS.target)
        yield trained(f"{name}_multiclass_text", untrained, flowers, SPECIES)


def classifiers_by_name() -> dict[str, BaseEstimator]:
    return {
        "logistic": LogisticRegression(max_iter=5000),
        "decision_tree": DecisionTreeClassifier(max_depth=5, random_state=SEED),
        "random_forest": RandomForestClassifier(20, max_depth=6, random_state=SEED),
        "extra_trees": ExtraTreesClassifier(20, max_depth=6, random_state=SEED),
        "boosting": GradientBoostingClassifier(n_estimators=10, random_state=SEED),
    }


def regressors() -> Iterator[Case]:
    """Each regressor on one target, and on two where it can."""
    both = np.column_stack([DIABETES.target, -DIABETES.target / 3])
    for name, untrained in regressors_by_name().items():
        yield trained(name, untrained, DIABETES.data, DIABETES.target)
        if name != "boosting_regressor":
            yield trained(f"{name}_two_targets", untrained, DIABETES.data, both)


def regressors_by_name() -> dict[str, BaseEstimator]:
    return {
        "linear": LinearRegression(),
        "ridge": Ridge(),
        "tree_regressor": DecisionTreeRegressor(max_depth=5, random_state=SEED),
        "forest_regressor": RandomForestRegressor(20, max_depth=5, random_state=SEED),
        "extra_regressor": ExtraTreesRegressor(20, max_depth=5, random_state=SEED),
        "boosting_regressor": GradientBoostingRegressor(random_state=SEED),
    }


def pipelines() -> Iterator[Case]:
    """Each preparation before a logistic regression."""
    gaps = IRIS.data.copy()
    gaps[::4, 1] = np.nan
    gaps[1::9, 3] = np.nan
    imputer = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    yield trained("pipeline_imputer", imputer, gaps, SPECIES)
    preparations = {
        "normalizer_l1": Normalizer("l1"),
        "normalizer_l2": Normalizer("l2"),
        "normalizer_max": Normalizer("max"),
        "standard": StandardScaler(),
        "robust": RobustScaler(),
        "max_abs": MaxAbsScaler(),
    }
    for name, preparation in preparations.items():
        pipeline = make_pipeline(preparation, LogisticRegression())
        yield trained(f"pipeline_{name}", pipeline, IRIS.data, SPECIES)


def pipelines_of_trees() -> Iterator[Case]:
    """A scaler before trees, and trees that learned from missing values."""
    forest = RandomForestClassifier(10, random_state=SEED)
    scaled = make_pipeline(StandardScaler(), forest)
    yield trained("pipeline_scaled_forest", scaled, CANCER.data, CANCER.target)
    gaps = CANCER.data[:, :8].copy()
    gaps[np.random.default_rng(SEED).random(gaps.shape) < 0.1] = np.nan
    yield trained("random_forest_gaps", forest, gaps, CANCER.target)


def export_options() -> Iterator[Case]:
    """Without ZipMap, with raw scores, and for other opsets."""
    logistic = LogisticRegression(max_iter=5000)
    forest = RandomForestClassifier(10, max_depth=4, random_state=SEED)
    for name, untrained in {"logistic": logistic, "random_forest": forest}.items():
        plain = {"options": {"zipmap": False}}
        yield trained(f"{name}_without_zipmap", untrained, IRIS.data, SPECIES, **plain)
        for opset in (9, 13, 21):
            old = {"target_opset": {"": opset, "ai.onnx.ml": 1}}
            case = f"{name}_opset_{opset}"
            yield trained(case, untrained, IRIS.data, IRIS.target, **old)
    raw = {"options": {"zipmap": False, "raw_scores": True}}
    yield trained("logistic_raw_scores", logistic, IRIS.data, SPECIES, **raw)


def whole_numbers() -> Iterator[Case]:
    """Models that take int64."""
    millimetres = np.round(IRIS.data * 10).astype(np.int64)
    untrained = classifiers_by_name()
    for name in ("logistic", "decision_tree", "random_forest"):
        model = untrained[name]
        yield trained(f"{name}_int64", model, millimetres, SPECIES, np.int64)


def trained(
    name: str,
    untrained: BaseEstimator,
    data: np.ndarray,
    target: np.ndarray,
    dtype: Any = np.float32,
    **options: Any,
) -> Case:
    """A case of a model trained on this data and asked about rows spread over it."""
    model = untrained.fit(data, target)
    inputs = [("X", INPUT_TYPES[dtype]([None, data.shape[1]]))]
    exported = to_onnx(model, initial_types=inputs, name=name, **options)
    rows = data[:: len(data) // ROWS][:ROWS].astype(dtype)
    return Case(f"trained_{name}", exported, {"X": rows})


CASES: list[CaseMaker] = [
    classifiers,
    regressors,
    pipelines,
    pipelines_of_trees,
    export_options,
    whole_numbers,
]
