"""Cases of XGBoost's own files: every objective and booster, in both formats."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from casefile import DataSet, Expectation, Tensors, write_case
from native_data import CATEGORICAL, COLUMNS, Table, questions, training
from scipy.special import softmax

EXPECTATION = Expectation(f"xgboost {xgboost.__version__}", 1e-6, 0.0)
ROUNDS = 12


@dataclass(frozen=True)
class Case:
    """A model to train: its parameters, its target, and what it is trained on."""

    name: str
    target: str
    parameters: dict[str, Any]
    rounds: int = ROUNDS
    names: list[str] | None = None
    categories: bool = False
    targets: int = 1
    ranking: bool = False
    bounds: bool = False


def objective(name: str, target: str, **parameters: Any) -> Case:
    label = name.replace(":", "_")
    return Case(label, target, {"objective": name, **parameters})


OBJECTIVES = [
    objective("reg:squarederror", "number"),
    objective("reg:squaredlogerror", "positive"),
    objective("reg:logistic", "probability"),
    objective("reg:pseudohubererror", "number", huber_slope=0.5),
    objective("reg:absoluteerror", "number"),
    objective("reg:quantileerror", "number", quantile_alpha=0.3),
    objective("reg:gamma", "positive"),
    objective("reg:tweedie", "positive", tweedie_variance_power=1.3),
    objective("binary:logistic", "binary"),
    objective("binary:logitraw", "binary"),
    objective("binary:hinge", "binary"),
    objective("multi:softmax", "classes", num_class=4),
    objective("multi:softprob", "classes", num_class=4),
    objective("count:poisson", "count"),
    objective("survival:cox", "positive"),
]

RANKINGS = ["rank:ndcg", "rank:pairwise", "rank:map"]
DISTRIBUTIONS = ["normal", "logistic", "extreme"]

SQUARED = {"objective": "reg:squarederror"}
LOGISTIC = {"objective": "binary:logistic"}
SOFTPROB = {"objective": "multi:softprob", "num_class": 4}
DART = {"booster": "dart", "rate_drop": 0.5}
PARTITION = {"max_cat_to_onehot": 1}
ONE_TREE = {"multi_strategy": "multi_output_tree"}

OTHERS = [
    Case("named_columns", "binary", LOGISTIC, names=COLUMNS),
    Case("no_trees", "number", SQUARED, rounds=0),
    Case("stumps", "number", SQUARED | {"max_depth": 1}),
    Case("no_split_found", "number", SQUARED | {"gamma": 1e9}),
    Case("base_score_given", "number", SQUARED | {"base_score": 7.25}),
    Case("base_score_of_logistic", "binary", LOGISTIC | {"base_score": 0.2}),
    Case(
        "base_score_of_poisson",
        "count",
        {"objective": "count:poisson", "base_score": 3.0},
    ),
    Case("deep", "number", SQUARED | {"max_depth": 12, "min_child_weight": 0}, 60),
    Case(
        "leaf_wise", "number", SQUARED | {"grow_policy": "lossguide", "max_leaves": 9}
    ),
    Case("exact", "number", SQUARED | {"tree_method": "exact"}),
    Case("approx", "number", SQUARED | {"tree_method": "approx"}),
    Case("pruned", "number", SQUARED | {"tree_method": "exact", "gamma": 8.0}),
    Case(
        "random_forest",
        "classes",
        SOFTPROB | {"num_parallel_tree": 7, "subsample": 0.6, "eta": 1.0},
        rounds=1,
    ),
    Case(
        "boosted_forest", "number", SQUARED | {"num_parallel_tree": 3, "subsample": 0.6}
    ),
    Case("dart_binary", "binary", LOGISTIC | DART, rounds=30),
    Case("dart_classes", "classes", SOFTPROB | DART, rounds=20),
    Case("dart_weighted", "number", SQUARED | DART | {"normalize_type": "forest"}, 30),
    Case("gblinear_number", "number", SQUARED | {"booster": "gblinear"}),
    Case("gblinear_binary", "binary", LOGISTIC | {"booster": "gblinear"}),
    Case("gblinear_classes", "classes", SOFTPROB | {"booster": "gblinear"}),
    Case(
        "categories_one_hot",
        "number",
        SQUARED | {"max_cat_to_onehot": 100},
        categories=True,
    ),
    Case("categories_partition", "number", SQUARED | PARTITION, categories=True),
    Case("categories_binary", "binary", LOGISTIC | PARTITION, 40, categories=True),
    Case("categories_classes", "classes", SOFTPROB | PARTITION, categories=True),
    Case(
        "categories_approx",
        "number",
        SQUARED | {"tree_method": "approx"},
        categories=True,
    ),
    Case("categories_dart", "classes", SOFTPROB | DART, categories=True),
    Case("targets", "number", SQUARED, targets=3),
    Case("targets_binary", "binary", LOGISTIC, targets=3),
    Case("targets_one_tree", "number", SQUARED | ONE_TREE, targets=3),
    Case("targets_one_tree_binary", "binary", LOGISTIC | ONE_TREE, targets=2),
    Case("classes_one_tree", "classes", SOFTPROB | ONE_TREE),
    Case(
        "quantiles",
        "number",
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]},
    ),
]


def write(group_folder: Path) -> None:
    """Trains every model and writes its cases, one a format."""
    table = training()
    for case in cases():
        booster = train(case, table)
        rows = questions(table.rows)
        answer = answers(case, booster, matrix(case, rows))
        write_both(group_folder, case.name, booster, rows, answer)
    write_estimators(group_folder, table)


def cases() -> list[Case]:
    rankings = [
        Case(name.replace(":", "_"), "relevance", {"objective": name}, ranking=True)
        for name in RANKINGS
    ]
    survivals = [
        Case(
            f"survival_aft_{distribution}",
            "positive",
            {"objective": "survival:aft", "aft_loss_distribution": distribution},
            bounds=True,
        )
        for distribution in DISTRIBUTIONS
    ]
    return OBJECTIVES + rankings + survivals + OTHERS


def train(case: Case, table: Table) -> xgboost.Booster:
    target = getattr(table, case.target)
    if case.name == "rank_map":
        target = (target > 2).astype(int)
    data = matrix(case, table.rows)
    if case.bounds:
        data.set_float_info("label_lower_bound", target)
        upper = np.where(table.binary == 1, np.inf, target)
        data.set_float_info("label_upper_bound", upper)
    elif case.targets > 1:
        shifted = [np.roll(target, shift) for shift in range(case.targets)]
        data.set_label(np.column_stack(shifted))
    else:
        data.set_label(target)
    if case.ranking:
        data.set_group(table.group_sizes)
    parameters = {"seed": 20, "nthread": 1, "max_depth": 4} | case.parameters
    return xgboost.train(parameters, data, num_boost_round=case.rounds)


def matrix(case: Case, rows: np.ndarray) -> xgboost.DMatrix:
    if not case.categories:
        return xgboost.DMatrix(rows, feature_names=case.names)
    types = ["c" if index in CATEGORICAL else "q" for index in range(len(COLUMNS))]
    return xgboost.DMatrix(rows, feature_types=types, enable_categorical=True)


def answers(case: Case, booster: xgboost.Booster, data: xgboost.DMatrix) -> Tensors:
    """What the booster predicts, in the form that loadonce gives it."""
    predicted = booster.predict(data)
    name = case.parameters["objective"]
    if name == "binary:logistic":
        return decided(predicted)
    if name == "binary:hinge":
        return {"label": predicted.astype(np.int64)}
    if name == "multi:softprob":
        label = np.argmax(predicted, axis=1)
        return {"label": label.astype(np.int64), "probabilities": predicted}
    if name == "multi:softmax":
        # As XGBClassifier.predict_proba does.
        scores = booster.predict(data, output_margin=True)
        label = predicted.astype(np.int64)
        return {"label": label, "probabilities": softmax(scores, axis=1)}
    return {"prediction": predicted}


def decided(probability: np.ndarray) -> Tensors:
    """As XGBClassifier.predict and predict_proba do."""
    label = (probability > 0.5).astype(np.int64)
    if probability.ndim == 1:
        probability = np.column_stack([1.0 - probability, probability])
    return {"label": label, "probabilities": probability}


def write_estimators(group_folder: Path, table: Table) -> None:
    """Files of scikit-learn's estimators, which stop at the best iteration."""
    rows = questions(table.rows)
    early = {"n_estimators": 200, "learning_rate": 1.0, "max_depth": 4, "n_jobs": 1}
    estimators = {
        "classes": xgboost.XGBClassifier(early_stopping_rounds=3, **early),
        "binary": xgboost.XGBClassifier(early_stopping_rounds=3, **early),
        "number": xgboost.XGBRegressor(
            early_stopping_rounds=3, num_parallel_tree=2, **early
        ),
    }
    for target, estimator in estimators.items():
        labels = getattr(table, target)
        known, unknown = slice(None, 200), slice(200, None)
        evaluation = [(table.rows[unknown], labels[unknown])]
        estimator.fit(
            table.rows[known], labels[known], eval_set=evaluation, verbose=False
        )
        predicted = estimator.predict(rows)
        answer: Tensors = {"prediction": predicted}
        if target != "number":
            label = predicted.astype(np.int64)
            answer = {"label": label, "probabilities": estimator.predict_proba(rows)}
        name = f"estimator_{target}"
        write_both(group_folder, name, estimator, rows, answer)
        booster = estimator.get_booster()
        whole = Case(name, target, {"objective": estimator.objective})
        answer = answers(whole, booster, matrix(whole, rows))
        write_both(group_folder, f"booster_of_{name}", booster, rows, answer)


def write_both(
    group_folder: Path,
    name: str,
    model: xgboost.Booster | xgboost.XGBModel,
    rows: np.ndarray,
    answer: Tensors,
) -> None:
    for extension in ["json", "ubj"]:
        folder = group_folder / f"xgboost_{name}_{extension}"
        write_case(folder, EXPECTATION, [DataSet({"input": rows}, answer)])
        model.save_model(folder / f"model.{extension}")
