"""Cases of LightGBM's own files: every objective, booster and kind of gap."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from casefile import DataSet, Expectation, Tensors, write_case
from native_data import CATEGORICAL, COLUMNS, Table, questions, training

EXPECTATION = Expectation(f"lightgbm {lightgbm.__version__}", 1e-12, 0.0)
ROUNDS = 15


@dataclass(frozen=True)
class Case:
    """A model to train: its parameters and its target."""

    name: str
    target: str
    parameters: dict[str, Any]
    rounds: int = ROUNDS
    names: list[str] | None = None
    categories: bool = False
    gaps: bool = True
    """Whether some of the values that train it are missing."""


def objective(name: str, target: str, **parameters: Any) -> Case:
    return Case(name, target, {"objective": name, **parameters})


OBJECTIVES = [
    objective("regression", "number"),
    objective("regression_l1", "number"),
    objective("huber", "number", alpha=0.7),
    objective("fair", "number"),
    objective("poisson", "count"),
    objective("quantile", "number", alpha=0.2),
    objective("mape", "positive"),
    objective("gamma", "positive"),
    objective("tweedie", "positive"),
    objective("binary", "binary"),
    objective("multiclass", "classes", num_class=4),
    objective("multiclassova", "classes", num_class=4),
    objective("cross_entropy", "probability"),
    objective("cross_entropy_lambda", "probability"),
    objective("lambdarank", "relevance"),
    objective("rank_xendcg", "relevance"),
]

NUMBER = {"objective": "regression"}
BINARY = {"objective": "binary"}
CLASSES = {"objective": "multiclass", "num_class": 4}
FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
DART = {"boosting": "dart", "drop_rate": 0.5}
ZERO_MISSING = {"zero_as_missing": True}
FINE_CATEGORIES = {"min_data_per_group": 5, "cat_smooth": 1.0, "cat_l2": 1.0}

OTHERS = [
    Case("named_columns", "binary", BINARY, names=COLUMNS),
    Case("square_roots", "positive", NUMBER | {"reg_sqrt": True}),
    Case("steep_sigmoid", "binary", BINARY | {"sigmoid": 2.5}),
    Case(
        "steep_sigmoid_ova", "classes", CLASSES | {"objective": "ova", "sigmoid": 0.5}
    ),
    Case("one_leaf", "number", NUMBER | {"min_data_in_leaf": 300}, rounds=3),
    Case("deep", "number", NUMBER | {"num_leaves": 200, "min_data_in_leaf": 1}, 40),
    Case("forest_number", "number", NUMBER | FOREST),
    Case("forest_binary", "binary", BINARY | FOREST),
    Case("forest_classes", "classes", CLASSES | FOREST),
    Case("dart_number", "number", NUMBER | DART),
    Case("dart_classes", "classes", CLASSES | DART),
    Case("goss", "binary", BINARY | {"data_sample_strategy": "goss"}),
    Case("no_gaps", "number", NUMBER, gaps=False),
    Case("gaps_ignored", "number", NUMBER | {"use_missing": False}),
    Case("zero_missing", "number", NUMBER | ZERO_MISSING),
    Case("zero_missing_no_gaps", "number", NUMBER | ZERO_MISSING, gaps=False),
    Case("categories_number", "number", NUMBER, categories=True),
    Case("categories_fine", "number", NUMBER | FINE_CATEGORIES, 40, categories=True),
    Case("categories_binary", "binary", BINARY | FINE_CATEGORIES, categories=True),
    Case("categories_classes", "classes", CLASSES | FINE_CATEGORIES, categories=True),
    Case(
        "categories_zero_missing",
        "number",
        NUMBER | FINE_CATEGORIES | ZERO_MISSING,
        categories=True,
    ),
    Case(
        "categories_one_hot",
        "number",
        NUMBER | {"max_cat_to_onehot": 100, "min_data_in_leaf": 3},
        categories=True,
    ),
]


def write(group_folder: Path) -> None:
    """Trains every model and writes it as a case."""
    table = training()
    rows = questions(table.rows).astype(np.float64)
    for case in OBJECTIVES + OTHERS:
        booster = train(case, table)
        write_one(group_folder, case.name, booster, rows, answers(case, booster, rows))
    write_own_objective(group_folder, table, rows)
    write_early_stopped(group_folder, table, rows)


def train(case: Case, table: Table) -> lightgbm.Booster:
    rows = table.rows.astype(np.float64)
    if not case.gaps:
        rows = np.nan_to_num(rows)
    is_ranking = case.target == "relevance"
    data = lightgbm.Dataset(
        rows,
        getattr(table, case.target),
        group=table.group_sizes if is_ranking else None,
        feature_name=case.names or "auto",
        categorical_feature=CATEGORICAL if case.categories else "auto",
    )
    return lightgbm.train(settings(case.parameters), data, case.rounds)


def settings(parameters: dict[str, Any]) -> dict[str, Any]:
    fixed = {"seed": 20, "num_threads": 1, "deterministic": True, "verbose": -1}
    return {**fixed, "num_leaves": 15, "min_data_in_leaf": 8, **parameters}


def answers(case: Case, booster: lightgbm.Booster, rows: np.ndarray) -> Tensors:
    """What the booster predicts, in the form that loadonce gives it."""
    predicted = np.asarray(booster.predict(rows))
    if case.target == "binary":
        predicted = np.column_stack([1.0 - predicted, predicted])
    if case.target in ("binary", "classes"):
        # As LGBMClassifier.predict and predict_proba do.
        label = np.argmax(predicted, axis=1).astype(np.int64)
        return {"label": label, "probabilities": predicted}
    return {"prediction": predicted}


def write_own_objective(group_folder: Path, table: Table, rows: np.ndarray) -> None:
    """A model whose objective only Python knew answers with its scores."""

    def squared(
        scores: np.ndarray, data: lightgbm.Dataset
    ) -> tuple[np.ndarray, np.ndarray]:
        return scores - np.asarray(data.get_label()), np.ones_like(scores)

    data = lightgbm.Dataset(table.rows.astype(np.float64), table.number)
    booster = lightgbm.train(settings({"objective": squared}), data, ROUNDS)
    answer = {"prediction": np.asarray(booster.predict(rows))}
    write_one(group_folder, "own_objective", booster, rows, answer)


def write_early_stopped(group_folder: Path, table: Table, rows: np.ndarray) -> None:
    """LightGBM saves the trees up to the best iteration, and no others."""
    estimator = lightgbm.LGBMClassifier(
        n_estimators=200, learning_rate=0.5, n_jobs=1, random_state=20, verbose=-1
    )
    known, unknown = slice(None, 200), slice(200, None)
    features = table.rows.astype(np.float64)
    estimator.fit(
        features[known],
        table.classes[known],
        eval_set=[(features[unknown], table.classes[unknown])],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
    )
    answer = {
        "label": estimator.predict(rows).astype(np.int64),
        "probabilities": np.asarray(estimator.predict_proba(rows)),
    }
    write_one(group_folder, "estimator_classes", estimator.booster_, rows, answer)


def write_one(
    group_folder: Path,
    name: str,
    booster: lightgbm.Booster,
    rows: np.ndarray,
    answer: Tensors,
) -> None:
    folder = group_folder / f"lightgbm_{name}"
    write_case(folder, EXPECTATION, [DataSet({"input": rows}, answer)])
    booster.save_model(folder / "model.txt")
