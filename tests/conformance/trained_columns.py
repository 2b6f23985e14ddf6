"""Tables of columns of different types: one input a column, as users have them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas
import sklearn
from casefile import Expectation, Tensors
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from training import (
    ROWS,
    SEED,
    Failed,
    Trained,
    attempt,
    clear_rows,
    outputs_of,
    serialized,
)

PORTS = ["Cherbourg", "Queenstown", "Southampton", "Ærøskøbing"]
# One port is none of them.
KNOWN = [["female", "male"], PORTS[:3]]
TYPES = {"f": FloatTensorType, "i": Int64TensorType, "O": StringTensorType}
OPSETS = {"": 18, "ai.onnx.ml": 3}


def passengers(count: int, seed: int, gaps: bool) -> pandas.DataFrame:
    """Made up: numbers with gaps, whole numbers, and text."""
    random = np.random.default_rng(seed)
    age = random.uniform(1, 80, count).astype(np.float32)
    if gaps:
        age[::6] = np.nan
    return pandas.DataFrame(
        {
            "age": age,
            "fare": random.gamma(2.0, 20.0, count).astype(np.float32),
            "class": random.integers(1, 4, count),
            "sex": random.choice(["female", "male"], count).astype(object),
            "port": random.choice(PORTS, count, p=[0.3, 0.1, 0.5, 0.1]).astype(object),
        }
    )


def survived(table: pandas.DataFrame) -> np.ndarray:
    score = (table["sex"] == "female") * 2.0 - table["class"] * 0.6
    score += np.log1p(table["fare"]) * 0.3 - np.nan_to_num(table["age"], nan=30.0) / 60
    return (score > score.median()).to_numpy()


TRAIN = passengers(300, SEED, gaps=True)
REST = passengers(ROWS, SEED + 1, gaps=True)
YES = np.where(survived(TRAIN), "yes", "no").astype(object)
NUMBERS = ["age", "fare"]
TEXTS = ["sex", "port"]


def column_models() -> Iterator[Trained | Failed]:
    logistic = LogisticRegression(max_iter=500)
    forest = RandomForestClassifier(10, max_depth=5, random_state=SEED)
    for kind, encoder in encoders().items():
        yield export(f"columns_{kind}_logistic", make_pipeline(encoder, logistic))
        yield export(f"columns_{kind}_forest", make_pipeline(encoder, forest))
        yield export(f"columns_{kind}", encoder)
    boosting = GradientBoostingRegressor(n_estimators=10, random_state=SEED)
    prepared = encoders()["one_hot"]
    fares = TRAIN["fare"].to_numpy()
    yield export("columns_boosting_regressor", make_pipeline(prepared, boosting), fares)
    yield export("columns_ridge", make_pipeline(prepared, Ridge()), fares)
    one_hot = make_column_transformer((OneHotEncoder(), [*TEXTS, "class"]))
    yield export("columns_bernoulli_nb", make_pipeline(one_hot, BernoulliNB()))
    yield from texts()


def encoders() -> dict[str, ColumnTransformer]:
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    mean = make_pipeline(SimpleImputer(), MinMaxScaler())
    binned = KBinsDiscretizer(
        3, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
    )
    both = FeatureUnion([("scaled", StandardScaler()), ("range", MinMaxScaler())])
    return {
        "one_hot": make_column_transformer(
            (filled, NUMBERS),
            (OneHotEncoder(categories=KNOWN, handle_unknown="ignore"), TEXTS),
            (OneHotEncoder(), ["class"]),
        ),
        "dense": make_column_transformer(
            (mean, NUMBERS),
            (OneHotEncoder(drop="first", sparse_output=False), TEXTS),
            remainder="passthrough",
        ),
        "ordinal": make_column_transformer(
            (filled, NUMBERS),
            (OrdinalEncoder(), TEXTS),
            ("drop", ["class"]),
        ),
        "union": make_column_transformer(
            (both, ["fare", "class"]), (binned, ["fare"]), (OneHotEncoder(), ["sex"])
        ),
    }


def texts() -> Iterator[Trained | Failed]:
    """Encoders alone, and words."""
    yield export("one_hot_texts", make_column_transformer((OneHotEncoder(), TEXTS)))
    yield export("ordinal_texts", make_column_transformer((OrdinalEncoder(), TEXTS)))
    filled = SimpleImputer(missing_values=PORTS[1], strategy="most_frequent")
    encoded = make_pipeline(filled, OneHotEncoder(sparse_output=False))
    yield export("imputed_texts", make_column_transformer((encoded, TEXTS)))
    yield export(
        "count_words",
        make_column_transformer((CountVectorizer(lowercase=False), "sex")),
    )
    yield export(
        "tfidf_words",
        make_column_transformer((TfidfVectorizer(lowercase=False), "sex")),
    )


def export(name: str, estimator: Any, target: np.ndarray = YES) -> Trained | Failed:
    """The trained estimator with one input for each column that it was trained on."""

    def make() -> Trained:
        fitted = estimator.fit(TRAIN, target)
        rows = REST
        options = None
        if is_classifier(fitted):
            rows = rows[clear_rows(fitted, rows)]
            options = {id(fitted): {"zipmap": False}}
        columns = as_columns(rows)
        types = [(name, TYPES[a.dtype.kind]([None, 1])) for name, a in columns.items()]
        model = to_onnx(
            fitted, initial_types=types, options=options, target_opset=OPSETS
        )
        used = {info.name for info in model.graph.input}
        inputs = {name: array for name, array in columns.items() if name in used}
        outputs = outputs_of(model, predictions(fitted, rows))
        expectation = Expectation(f"scikit-learn {sklearn.__version__}", 1e-4, 1e-5)
        return Trained(name, serialized(model), inputs, outputs, expectation)

    return attempt(name, make)


def as_columns(rows: pandas.DataFrame) -> Tensors:
    return {name: rows[name].to_numpy().reshape(-1, 1) for name in rows.columns}


def predictions(fitted: Any, rows: pandas.DataFrame) -> list[np.ndarray]:
    if is_classifier(fitted):
        return [fitted.predict(rows), fitted.predict_proba(rows)]
    if hasattr(fitted, "predict"):
        return [fitted.predict(rows)]
    transformed = fitted.transform(rows)
    return [transformed.toarray() if hasattr(transformed, "toarray") else transformed]
