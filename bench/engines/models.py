"""Writes the models of the engines' benchmark: one folder a model and number of rows.

NAME-ROWS/model.onnx | model.json | model.txt     the same model in each format
NAME-ROWS/test_data_set_0/input_0.pb              one request
"""

import shutil
import sys
import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "conformance"))

import networks  # noqa: E402
from casefile import write_tensors  # noqa: E402

ROWS = (1, 64)
TREES = 100


def scikit_learn(model: BaseEstimator, features: np.ndarray) -> dict[str, bytes]:
    options = {"zipmap": False} if hasattr(model, "classes_") else None
    onnx = to_onnx(model, features[:1], options=options, target_opset=17)
    return {"model.onnx": onnx.SerializeToString()}


def classical() -> dict[str, tuple[dict[str, bytes], np.ndarray]]:
    """Models of scikit-learn by name, with rows to ask them about."""
    models = {}
    for name, load, model in [
        ("logistic", load_iris, LogisticRegression(max_iter=500)),
        (
            "scaler-logistic",
            load_breast_cancer,
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        ),
        (
            "forest",
            load_breast_cancer,
            RandomForestClassifier(TREES, random_state=0),
        ),
        (
            "forest-regression",
            load_diabetes,
            RandomForestRegressor(TREES, random_state=0),
        ),
        (
            "perceptron",
            load_digits,
            MLPClassifier((64,), max_iter=300, random_state=0),
        ),
    ]:
        features, target = load(return_X_y=True)
        features = features.astype(np.float32)
        models[name] = (scikit_learn(model.fit(features, target), features), features)
    return models


def boosted() -> dict[str, tuple[dict[str, bytes], np.ndarray]]:
    """Models of the boosters by name, in their own format and in ONNX."""
    features, target = load_breast_cancer(return_X_y=True)
    features = features.astype(np.float32)
    kind = [("input", FloatTensorType([None, features.shape[1]]))]
    ours = xgboost.XGBClassifier(n_estimators=TREES, max_depth=6).fit(features, target)
    theirs = lightgbm.LGBMClassifier(n_estimators=TREES, verbose=-1)
    theirs.fit(features, target)
    convert_ours = onnxmltools.convert_xgboost(ours, initial_types=kind)
    convert_theirs = onnxmltools.convert_lightgbm(
        theirs, initial_types=kind, zipmap=False
    )
    return {
        "xgboost": (
            {
                "model.onnx": convert_ours.SerializeToString(),
                "model.json": bytes(ours.get_booster().save_raw("json")),
            },
            features,
        ),
        "lightgbm": (
            {
                "model.onnx": convert_theirs.SerializeToString(),
                "model.txt": theirs.booster_.model_to_string().encode(),
            },
            features,
        ),
    }


# Of the trained networks of the conformance suite, those that rten also runs.
NETWORKS = (
    "magika",
    "minilm",
    "ocr_direction_opset_17",
    "ocr_recognition_opset_17",
    "silero_vad",
)


def write_networks(target: Path, data: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        networks.write(Path(folder), data)
        for name in NETWORKS:
            shutil.copytree(Path(folder) / name, target / f"network-{name}")


def write(target: Path) -> None:
    for name, (files, features) in (classical() | boosted()).items():
        for rows in ROWS:
            folder = target / f"{name}-{rows}"
            (folder / "test_data_set_0").mkdir(parents=True)
            for file, content in files.items():
                (folder / file).write_bytes(content)
            write_tensors(folder / "test_data_set_0", "input", {"x": features[:rows]})


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    write_networks(Path(sys.argv[1]), Path(sys.argv[2]))
