"""Trains the example models and writes each as a folder that loadonce can serve.

A folder holds the model, as ONNX or in the format of the library that trained it, a
`model.toml` with what the model's file cannot say (column names, class names, the
checksum), and samples: requests with their expected answers. The answers come from the
library that trained the model, never from an ONNX run, so a server that agrees with
them agrees with the model as it was trained.

    python examples/train.py [--out examples/models]
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import xgboost
from folders import (
    Answer,
    Sample,
    checksum,
    plain,
    predictions,
    readable_json,
    samples_of_input,
    tensors,
    write_folder,
)
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 20
# The models in ONNX count in 32 bits, the library that trained them in 64.
TOLERANCE = {"absolute": 1e-6, "relative": 1e-5}
# A library's own file holds all that it knows, so the answers are its own.
XGBOOST_TOLERANCE = {"absolute": 0.0, "relative": 1e-6}
LIGHTGBM_TOLERANCE = {"absolute": 0.0, "relative": 1e-12}


@dataclass(frozen=True)
class Table:
    """Rows to ask about, and how the model calls its input and their columns."""

    input_name: str
    columns: list[str]
    rows: np.ndarray
    datatype: str = "FP32"


@dataclass(frozen=True)
class Example:
    """A trained model with everything that goes into its folder."""

    name: str
    content: bytes
    columns: dict[str, list[str]]
    labels: dict[str, list[str]]
    samples: dict[str, Sample]
    file: str = "model.onnx"
    tolerance: dict[str, float] = field(default_factory=lambda: TOLERANCE)


def iris() -> Example:
    """Logistic regression on species names, with the ZipMap that skl2onnx adds."""
    flowers = load_iris()
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    classifier = make_pipeline(StandardScaler(), LogisticRegression())
    classifier.fit(flowers.data, flowers.target_names[flowers.target])

    def answer(rows: np.ndarray) -> Answer:
        return {
            "output_label": classifier.predict(rows),
            "output_probability": classifier.predict_proba(rows),
        }

    table = Table("measurements", columns, flowers.data[[0, 60, 110]])
    return Example(
        name="iris",
        content=export("iris", classifier, table),
        columns={table.input_name: columns},
        labels=dict.fromkeys(
            ("output_label", "output_probability"), classifier.classes_.tolist()
        ),
        samples=samples_of_table("flower", table, answer),
    )


def wine() -> Example:
    """A random forest on integer labels, exported without ZipMap."""
    wines = load_wine()
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    forest.fit(wines.data, wines.target)

    def answer(rows: np.ndarray) -> Answer:
        return {
            "label": forest.predict(rows),
            "probabilities": forest.predict_proba(rows),
        }

    table = Table("analysis", wines.feature_names, wines.data[[20, 80, 150]])
    return Example(
        name="wine",
        content=export("wine", forest, table, options={"zipmap": False}),
        columns={table.input_name: table.columns},
        labels={"probabilities": wines.target_names.tolist()},
        samples=samples_of_table("wine", table, answer),
    )


def diabetes() -> Example:
    """Gradient-boosted trees that foretell the progress of a disease in a year."""
    patients = load_diabetes(scaled=False)
    trees = GradientBoostingRegressor(n_estimators=60, random_state=SEED)
    regressor = make_pipeline(StandardScaler(), trees)
    regressor.fit(patients.data, patients.target)

    def answer(rows: np.ndarray) -> Answer:
        return {"variable": regressor.predict(rows).reshape(-1, 1)}

    rows = rows_far_from_splits(regressor, patients.data)[:3]
    table = Table("patient", patients.feature_names, rows)
    return Example(
        name="diabetes",
        content=export("diabetes", regressor, table),
        columns={table.input_name: table.columns},
        labels={},
        samples=samples_of_table("patient", table, answer),
    )


def digits() -> Example:
    """A small neural network on images of 8x8 pixels, written as plain ONNX."""
    pixels, targets = load_digits(return_X_y=True)
    brightness = pixels / 16
    network = MLPClassifier(hidden_layer_sizes=(32,), max_iter=600, random_state=SEED)
    network.fit(brightness, targets)

    def answer(images: np.ndarray) -> Answer:
        return {"probabilities": network.predict_proba(images.reshape(-1, 64))}

    return Example(
        name="digits",
        content=as_bytes(network_as_onnx(network)),
        columns={},
        labels={"probabilities": [str(digit) for digit in range(10)]},
        samples=samples_of_input(
            ("a seven, as a row of pixels", "a three and a four"),
            "image",
            brightness[[7, 3, 4]].reshape(-1, 8, 8),
            answer,
        ),
    )


def tumor() -> Example:
    """Whether a tumor is malignant, as XGBoost saves it; some values are missing."""
    tumors = load_breast_cancer()
    columns = [name.replace(" ", "_") for name in tumors.feature_names]
    measurements = with_gaps(tumors.data)
    # The data count benign as 1.
    malignant = 1 - tumors.target
    classifier = xgboost.XGBClassifier(
        n_estimators=40, max_depth=3, n_jobs=1, random_state=SEED
    )
    classifier.fit(measurements, malignant)
    booster = classifier.get_booster()
    booster.feature_names = columns

    def answer(rows: np.ndarray) -> Answer:
        return {
            "label": classifier.predict(rows, validate_features=False),
            "probabilities": classifier.predict_proba(rows, validate_features=False),
        }

    table = Table("input", columns, measurements[[0, 19, 40]])
    return Example(
        name="tumor",
        content=bytes(booster.save_raw("json")),
        columns={},
        labels={"probabilities": ["benign", "malignant"]},
        samples=samples_of_table("tumor", table, answer),
        file="model.json",
        tolerance=XGBOOST_TOLERANCE,
    )


def progression() -> Example:
    """What `diabetes` foretells, as LightGBM saves it; sex is a category."""
    patients = load_diabetes(scaled=False)
    parameters = {
        "objective": "regression",
        "num_leaves": 7,
        "seed": SEED,
        "num_threads": 1,
        "deterministic": True,
        "verbose": -1,
    }
    data = lightgbm.Dataset(
        patients.data,
        patients.target,
        feature_name=patients.feature_names,
        categorical_feature=["sex"],
    )
    booster = lightgbm.train(parameters, data, num_boost_round=60)

    def answer(rows: np.ndarray) -> Answer:
        return {"prediction": np.asarray(booster.predict(rows))}

    rows = patients.data[[0, 1, 2]]
    table = Table("input", patients.feature_names, rows, datatype="FP64")
    return Example(
        name="progression",
        content=booster.model_to_string().encode(),
        columns={},
        labels={},
        samples=samples_of_table("patient", table, answer),
        file="model.txt",
        tolerance=LIGHTGBM_TOLERANCE,
    )


EXAMPLES = [iris, wine, diabetes, digits, tumor, progression]


def with_gaps(rows: np.ndarray) -> np.ndarray:
    """The rows without a twentieth of their numbers."""
    is_missing = np.random.default_rng(SEED).random(rows.shape) < 0.05
    gappy: np.ndarray = np.where(is_missing, np.nan, rows)
    return gappy


def export(name: str, trained: BaseEstimator, table: Table, **options: Any) -> bytes:
    """The trained model as skl2onnx writes it, the same bytes every time."""
    width = FloatTensorType([None, len(table.columns)])
    inputs = [(table.input_name, width)]
    # Without a name the graph gets a random one.
    model: onnx.ModelProto = to_onnx(
        trained, initial_types=inputs, name=name, **options
    )
    # skl2onnx keeps the domains in a set, whose order differs from run to run.
    versions = sorted({(used.domain, used.version) for used in model.opset_import})
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*used) for used in versions)
    return as_bytes(model)


def as_bytes(model: onnx.ModelProto) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def network_as_onnx(network: MLPClassifier) -> onnx.ModelProto:
    """The graph of a network with one hidden layer, from a batch of images on."""
    weights = [*network.coefs_, *network.intercepts_]
    names = ["hidden_weights", "class_weights", "hidden_bias", "class_bias"]
    nodes = [
        helper.make_node("Flatten", ["image"], ["pixels"], axis=1),
        helper.make_node("Gemm", ["pixels", names[0], names[2]], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", names[1], names[3]], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    float32 = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", float32, ["batch", 8, 8])],
        [helper.make_tensor_value_info("probabilities", float32, ["batch", 10])],
        [
            numpy_helper.from_array(values.astype(np.float32), name)
            for name, values in zip(names, weights, strict=True)
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def rows_far_from_splits(regressor: Pipeline, rows: np.ndarray) -> np.ndarray:
    """The rows that reach the same leaves when their features move a little.

    The exported scaler counts in 32 bits, the trained one in 64. A row beside a split
    may go left in one and right in the other, and neither is wrong.
    """
    scaler, trees = regressor.steps[0][1], regressor.steps[1][1]
    scaled = scaler.transform(rows)
    leaves = trees.apply(scaled)
    below, above = (trees.apply(scaled + nudge) for nudge in (-1e-4, 1e-4))
    far: np.ndarray = rows[((leaves == below) & (leaves == above)).all(axis=1)]
    return far


def samples_of_table(
    thing: str, table: Table, answer: Callable[[np.ndarray], Answer]
) -> dict[str, Sample]:
    """The three ways to ask a model with named columns."""
    one, three = table.rows[:1], answer(table.rows)
    named = [dict(zip(table.columns, row, strict=True)) for row in plain(table.rows)]
    return {
        "one_row": Sample(
            f"one {thing}, as a row of numbers",
            {"instances": plain(one)},
            predictions(answer(one)),
        ),
        "named_columns": Sample(
            f"three {thing}s, by column name",
            {"instances": named},
            predictions(three),
        ),
        "tensors": Sample(
            f"three {thing}s, as tensors",
            tensors("inputs", {table.input_name: table.rows}, table.datatype),
            tensors("outputs", three, table.datatype),
        ),
    }


def write(example: Example, models: Path) -> None:
    """Writes the folder of one model and says how large it became."""
    files = {
        example.file: example.content,
        "model.toml": settings_as_toml(example).encode(),
    }
    write_folder(models / example.name, files, example.samples, example.tolerance)


def settings_as_toml(example: Example) -> str:
    """The text of `model.toml`; a JSON list of plain strings is a TOML one as well."""
    lines = [checksum(example.content)]
    for name, columns in example.columns.items():
        lines += ["", f"[inputs.{name}]", f"columns = {readable_json(columns)}"]
    for name, labels in example.labels.items():
        lines += ["", f"[outputs.{name}]", f"labels = {readable_json(labels)}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains and writes the examples.")
    default = Path(__file__).parent / "models"
    parser.add_argument("--out", type=Path, default=default, help="folder of models")
    models = parser.parse_args().out
    for example in EXAMPLES:
        write(example(), models)


if __name__ == "__main__":
    main()
