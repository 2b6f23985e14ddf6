"""Boosted trees of XGBoost, LightGBM and CatBoost, exported by their converters.

Rankers have none.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnx
import xgboost
from casefile import Expectation
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.base import is_classifier
from training import (
    CANCER,
    DIABETES,
    IRIS,
    SEED,
    Failed,
    Table,
    Trained,
    attempt,
    clear_rows,
    outputs_of,
    serialized,
    with_gaps,
)

OPSET = 15
TOLERANCE = (1e-5, 1e-5)

COUNTS = replace(DIABETES, target=np.round(DIABETES.target / 50))
POSITIVE = replace(DIABETES, target=DIABETES.target / 100)
SHARES = replace(DIABETES, target=DIABETES.target / 400)


def boosting_models() -> Iterator[Trained | Failed]:
    for models in [xgboost_models, lightgbm_models, catboost_models]:
        yield from models()


def gaps(data: Table) -> Table:
    return Table(with_gaps(data.train), data.target, with_gaps(data.rows))


def made(
    name: str,
    estimator: Any,
    data: Table,
    convert: Callable[[Any, int], onnx.ModelProto],
) -> Trained | Failed:
    """Trains, converts, and predicts with the library."""

    def make() -> Trained:
        fitted = estimator.fit(data.train, data.target)
        rows = data.rows
        if isinstance(fitted, lightgbm.LGBMModel):
            rows = rows[~on_border(fitted, rows)]
        if is_classifier(fitted):
            rows = rows[clear_rows(fitted, rows)]
            predictions = [fitted.predict(rows).reshape(-1), fitted.predict_proba(rows)]
        else:
            predictions = [fitted.predict(rows)]
            if isinstance(fitted, catboost.CatBoost):
                # Declared as a list, but the operator gives a column.
                predictions = [predictions[0].reshape(-1, 1)]
        model = convert(fitted, rows.shape[1])
        outputs = outputs_of(model, predictions)
        library = type(estimator).__module__.partition(".")[0]
        source = f"{library} {globals()[library].__version__}"
        inputs = {model.graph.input[0].name: rows}
        expectation = Expectation(source, *TOLERANCE)
        return Trained(name, serialized(model), inputs, outputs, expectation)

    return attempt(name, make)


def xgboost_models() -> Iterator[Trained | Failed]:
    shape = {"n_estimators": 12, "max_depth": 4, "random_state": SEED, "n_jobs": 1}
    classifier, regressor = xgboost.XGBClassifier, xgboost.XGBRegressor
    tables = {
        "binary": (classifier(**shape), CANCER),
        "binary_gaps": (classifier(**shape), gaps(CANCER)),
        "binary_base_score": (classifier(base_score=0.3, **shape), CANCER),
        "binary_dart": (classifier(booster="dart", rate_drop=0.3, **shape), CANCER),
        "multiclass": (classifier(**shape), IRIS),
        "multiclass_gaps": (classifier(**shape), gaps(IRIS)),
        "multiclass_softmax": (classifier(objective="multi:softmax", **shape), IRIS),
        "parallel_trees": (classifier(num_parallel_tree=3, **shape), CANCER),
        "linear": (regressor(booster="gblinear", n_estimators=20), DIABETES),
        "linear_binary": (classifier(booster="gblinear", n_estimators=20), CANCER),
        "dart": (regressor(booster="dart", rate_drop=0.3, **shape), DIABETES),
        "early_stopped": (regressor(**shape), gaps(DIABETES)),
    }
    objectives = {
        "reg:squarederror": DIABETES,
        "reg:squaredlogerror": POSITIVE,
        "reg:absoluteerror": DIABETES,
        "reg:pseudohubererror": DIABETES,
        "reg:quantileerror": DIABETES,
        "reg:logistic": SHARES,
        "reg:gamma": POSITIVE,
        "reg:tweedie": POSITIVE,
        "count:poisson": COUNTS,
        "survival:cox": POSITIVE,
    }
    for objective, data in objectives.items():
        extra = {"quantile_alpha": 0.7} if "quantile" in objective else {}
        model = regressor(objective=objective, **extra, **shape)
        tables[objective.replace(":", "_")] = (model, data)
    for kind, (model, data) in tables.items():
        yield made(f"xgboost_{kind}", model, data, to_onnx_from_xgboost)


def to_onnx_from_xgboost(fitted: Any, columns: int) -> onnx.ModelProto:
    kind = FloatTensorType([None, columns])
    return convert_xgboost(fitted, initial_types=[("rows", kind)], target_opset=OPSET)


def lightgbm_models() -> Iterator[Trained | Failed]:
    shape = {
        "n_estimators": 12,
        "num_leaves": 8,
        "random_state": SEED,
        "n_jobs": 1,
        "verbose": -1,
    }
    classifier, regressor = lightgbm.LGBMClassifier, lightgbm.LGBMRegressor
    tables = {
        "binary": (classifier(**shape), CANCER),
        "binary_gaps": (classifier(**shape), gaps(CANCER)),
        "multiclass": (classifier(**shape), IRIS),
        "multiclass_gaps": (classifier(**shape), gaps(IRIS)),
        "multiclass_ova": (classifier(objective="multiclassova", **shape), IRIS),
        "unbalanced": (classifier(is_unbalance=True, **shape), CANCER),
        "dart": (regressor(boosting_type="dart", **shape), DIABETES),
        "forest": (
            regressor(
                boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **shape
            ),
            DIABETES,
        ),
        "regression_gaps": (regressor(**shape), gaps(DIABETES)),
        "zero_as_missing": (regressor(zero_as_missing=True, **shape), gaps(DIABETES)),
    }
    objectives = {
        "regression": DIABETES,
        "regression_l1": DIABETES,
        "huber": DIABETES,
        "fair": DIABETES,
        "quantile": DIABETES,
        "mape": DIABETES,
        "poisson": COUNTS,
        "gamma": POSITIVE,
        "tweedie": POSITIVE,
        "cross_entropy": SHARES,
    }
    for objective, data in objectives.items():
        tables[objective] = (regressor(objective=objective, **shape), data)
    for kind, (model, data) in tables.items():
        yield made(f"lightgbm_{kind}", model, data, to_onnx_from_lightgbm)


def on_border(fitted: Any, rows: np.ndarray) -> np.ndarray:
    """Rows with a value that is a split's threshold, once that has single precision.

    LightGBM splits in double precision, where such a value lies on one side of it.
    """
    splits = fitted.booster_.trees_to_dataframe().dropna(subset=["split_feature"])
    names = fitted.booster_.feature_name()
    touched = np.zeros(len(rows), dtype=bool)
    for feature, threshold in zip(
        splits["split_feature"], splits["threshold"].astype(float), strict=True
    ):
        touched |= rows[:, names.index(feature)] == np.float32(threshold)
    return touched


def to_onnx_from_lightgbm(fitted: Any, columns: int) -> onnx.ModelProto:
    kind = FloatTensorType([None, columns])
    return convert_lightgbm(
        fitted, initial_types=[("rows", kind)], target_opset=OPSET, zipmap=False
    )


def catboost_models() -> Iterator[Trained | Failed]:
    shape = {
        "iterations": 12,
        "depth": 4,
        "random_seed": SEED,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    }
    classifier, regressor = catboost.CatBoostClassifier, catboost.CatBoostRegressor
    tables = {
        "binary": (classifier(**shape), CANCER),
        "binary_gaps": (classifier(**shape), gaps(CANCER)),
        "multiclass": (classifier(**shape), IRIS),
        "multiclass_ova": (
            classifier(loss_function="MultiClassOneVsAll", **shape),
            IRIS,
        ),
        "regression_gaps": (regressor(**shape), gaps(DIABETES)),
    }
    for loss in ["RMSE", "MAE", "Quantile:alpha=0.7", "Huber:delta=20", "MAPE"]:
        kind = loss.partition(":")[0].lower()
        tables[kind] = (regressor(loss_function=loss, **shape), DIABETES)
    tables["poisson"] = (regressor(loss_function="Poisson", **shape), COUNTS)
    tables["tweedie"] = (
        regressor(loss_function="Tweedie:variance_power=1.5", **shape),
        POSITIVE,
    )
    for kind, (model, data) in tables.items():
        yield made(f"catboost_{kind}", model, data, to_onnx_from_catboost)


def to_onnx_from_catboost(fitted: Any, _columns: int) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        fitted.save_model(str(path), format="onnx")
        return onnx.load(path)
