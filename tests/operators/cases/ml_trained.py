"""Models of support vectors and of categories, trained and exported as users have them.

Here are those that need no operator of the default domain beyond Cast, Concat, Reshape
and Identity; the others are where those operators are.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from .casebook import ROWS, Case, CaseMaker, Tolerance
from .trained import CANCER, DIABETES, IRIS, SEED, SPECIES, trained

# Probabilities of an SVC are on their way out of scikit-learn, not out of models.
warnings.filterwarnings("ignore", category=FutureWarning, module="sklearn")

KERNELS = ["linear", "poly", "rbf", "sigmoid"]
# Scores are differences of large sums in single precision, so that onnxruntime's own
# last digits depend on the processor. Some coefficients here are above 70.
SUMS = Tolerance(absolute=1e-4, relative=1e-4)

COLUMN_TYPES = {
    "f": FloatTensorType,
    "i": Int64TensorType,
    "O": StringTensorType,
}
NUMBERS = np.random.default_rng(SEED)
COLOURS = np.array(["rot", "grün", "blau"], object)[NUMBERS.integers(0, 3, 150)]
SIZES = np.array(["S", "M", "L", "Größe XL"], object)[NUMBERS.integers(0, 4, 150)]
GRADES = NUMBERS.integers(-1, 3, 150)


def support_vector_classifiers() -> Iterator[Case]:
    """With and without probabilities, of two and three classes, as numbers and texts.

    Three classes without probabilities need operators of the default domain.
    """
    for kernel in KERNELS:
        for kind, make in {"svc": SVC, "nu_svc": NuSVC}.items():
            plain = make(kernel=kernel, random_state=SEED)
            fitted = make(kernel=kernel, random_state=SEED, probability=True)
            few = CANCER.data[:, :4] / 100
            name = f"{kind}_{kernel}"
            yield close(trained(name, plain, few, CANCER.target))
            yield close(trained(f"{name}_binary", fitted, few, CANCER.target))
            yield close(trained(f"{name}_multiclass", fitted, IRIS.data, SPECIES))


def support_vector_regressors() -> Iterator[Case]:
    for kernel in KERNELS:
        for kind, make in {"svr": SVR, "nu_svr": NuSVR}.items():
            untrained = make(kernel=kernel)
            data, target = DIABETES.data, DIABETES.target
            yield close(trained(f"{kind}_{kernel}", untrained, data, target))


def encoders() -> Iterator[Case]:
    """Encoders alone, asked about categories that they know and that they do not."""
    texts = {"colour": COLOURS, "size": SIZES}
    strangers = {**texts, "colour": np.where(GRADES == 0, "unbekannt", COLOURS)}
    codes = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    yield columns("ordinal", OrdinalEncoder(), texts)
    yield columns("ordinal_unknown", OrdinalEncoder(**codes), texts, asked=strangers)
    grades = {"first": GRADES, "second": GRADES[::-1].copy()}
    yield columns("ordinal_int64", OrdinalEncoder(), grades)
    target = TargetEncoder(target_type="binary", random_state=SEED)
    yield columns("target_encoder", target, texts, IRIS.target > 0)
    for kind, names in {"text": SPECIES.astype(object), "int64": IRIS.target}.items():
        yield label_encoder(f"label_encoder_{kind}", names)


def mixed_columns() -> Iterator[Case]:
    """One input a column, numbers and texts, before different models."""
    models = {
        "logistic": LogisticRegression(max_iter=5000),
        "forest": RandomForestClassifier(5, random_state=SEED),
        "boosting": GradientBoostingClassifier(n_estimators=5, random_state=SEED),
        "svc": SVC(probability=True, random_state=SEED),
    }
    length, width = IRIS.data.T[:2].astype(np.float32)
    data = {"length": length, "width": width, "colour": COLOURS, "size": SIZES}
    strangers = {**data, "colour": np.where(GRADES == 0, "unbekannt", COLOURS)}
    for name, model in models.items():
        known = OneHotEncoder(handle_unknown="ignore")
        preparation = ColumnTransformer(
            [("numbers", StandardScaler(), [0, 1]), ("texts", known, [2, 3])]
        )
        pipeline = make_pipeline(preparation, model)
        case = columns(f"mixed_{name}", pipeline, data, SPECIES, asked=strangers)
        yield close(case) if name == "svc" else case


def other_preparations() -> Iterator[Case]:
    """What stands before a model as an operator of this domain."""
    gaps = IRIS.data.copy()
    gaps[::4, 1] = np.nan
    yield trained("binarizer", Binarizer(threshold=2.0), IRIS.data, None)
    yield trained("select_k_best", SelectKBest(k=2), IRIS.data, IRIS.target)
    for strategy in ("mean", "median", "most_frequent"):
        imputer = SimpleImputer(strategy=strategy)
        yield trained(f"imputer_{strategy}", imputer, gaps, None)
    indicator = SimpleImputer(add_indicator=True)
    yield trained("imputer_with_indicator", indicator, gaps, None)


def columns(
    name: str,
    untrained: BaseEstimator,
    data: dict[str, np.ndarray],
    target: np.ndarray | None = None,
    asked: dict[str, np.ndarray] | None = None,
) -> Case:
    """A case of a model with an input for each column, which is asked other rows."""
    model = untrained.fit(np.column_stack([*map(as_objects, data.values())]), target)
    types = [
        (column, COLUMN_TYPES[values.dtype.kind]([None, 1]))
        for column, values in data.items()
    ]
    exported = to_onnx(model, initial_types=types, name=name)
    inputs = {
        column: values.astype(data[column].dtype)[:: len(values) // ROWS, None][:ROWS]
        for column, values in (asked or data).items()
    }
    return Case(f"trained_{name}", exported, inputs)


def as_objects(values: np.ndarray) -> np.ndarray:
    return values.astype(object)


def label_encoder(name: str, labels: np.ndarray) -> Case:
    kind: Any = COLUMN_TYPES[labels.dtype.kind]
    types = [("X", kind([None]))]
    exported = to_onnx(LabelEncoder().fit(labels), initial_types=types, name=name)
    return Case(f"trained_{name}", exported, {"X": labels[:: len(labels) // ROWS]})


def close(case: Case) -> Case:
    """The same case, held to what single precision can say of such sums."""
    return Case(case.name, case.model, case.inputs, SUMS, case.row_counts)


CASES: list[CaseMaker] = [
    support_vector_classifiers,
    support_vector_regressors,
    encoders,
    mixed_columns,
    other_preparations,
]
