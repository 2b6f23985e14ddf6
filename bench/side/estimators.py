"""Writes the models in Python and their requests, beside what models.py writes.

models/NAME/model.joblib, or models/NAME/model.py and what it loads
models/NAME/samples/   requests with which ours tries whether rows may share a run
requests/NAME.json     requests with the answers that the library itself gives
"""

import json
import shutil
import sys
from pathlib import Path

import joblib
import numpy as np
from models import IMAGE, SEED, Json, as_tensors, pair, rows
from sklearn.base import BaseEstimator, is_classifier
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

SERVED = Path(__file__).with_name("served")
TREES = 100
# So many that the forest takes more than 200 MB.
BIG_TABLE = (24_000, 8)
IMAGES = 4
SAMPLES = 4

Fitted = tuple[BaseEstimator, np.ndarray]


def iris() -> Fitted:
    features, target = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=500).fit(features, target), features


def forest() -> Fitted:
    features, target = load_breast_cancer(return_X_y=True)
    return RandomForestClassifier(TREES, random_state=SEED).fit(
        features, target
    ), features


def big_forest() -> Fitted:
    """Nearly as many leaves as rows in each tree, as the target is mostly noise."""
    random = np.random.default_rng(SEED)
    features = random.random(BIG_TABLE)
    target = features.sum(axis=1) + random.standard_normal(len(features))
    model = RandomForestRegressor(TREES, max_features=1, random_state=SEED)
    return model.fit(features, target), features


def answer(model: BaseEstimator, features: np.ndarray) -> dict[str, np.ndarray]:
    if not is_classifier(model):
        return {"prediction": model.predict(features)}
    return {
        "label": model.predict(features),
        "probabilities": model.predict_proba(features),
    }


def pairs_of(model: BaseEstimator, features: np.ndarray) -> list[Json]:
    requests = rows("x", features)
    return [pair(inputs, answer(model, inputs["x"])) for inputs in requests]


def echoes() -> list[Json]:
    """Images, and the same as answers; as tensors only."""
    random = np.random.default_rng(SEED)
    pairs = []
    for _ in range(IMAGES):
        image = random.random(IMAGE, dtype=np.float32)
        request, same = as_tensors({"x": image}), as_tensors({"y": image})
        pairs.append({"v2": ({"inputs": request}, {"outputs": same})})
    return pairs


def write(target: Path) -> None:
    fitted = {
        "iris-joblib": iris(),
        "forest-joblib": forest(),
        "big-forest": big_forest(),
    }
    for name, (model, features) in fitted.items():
        write_estimator(target, name, model, features)
    same, counted = (target / "models" / name for name in ("forest-joblib", "counted"))
    shutil.copytree(SERVED / "counted", counted)
    shutil.copy(same / "model.joblib", counted / "forest.joblib")
    shutil.copytree(same / "samples", counted / "samples")
    requests = target / "requests"
    shutil.copy(requests / "forest-joblib.json", requests / "counted.json")
    shutil.copytree(SERVED / "echo", target / "models" / "echo")
    write_requests(target, "echo", echoes())


def write_estimator(
    target: Path, name: str, model: BaseEstimator, features: np.ndarray
) -> None:
    folder = target / "models" / name
    folder.mkdir()
    joblib.dump(model, folder / "model.joblib")
    pairs = pairs_of(model, features)
    write_requests(target, name, pairs)
    write_samples(folder, pairs)


def write_requests(target: Path, name: str, pairs: list[Json]) -> None:
    text = json.dumps(pairs, separators=(",", ":"))
    (target / "requests" / f"{name}.json").write_text(text)


def write_samples(folder: Path, pairs: list[Json]) -> None:
    (folder / "samples").mkdir()
    for index, protocols in enumerate(pairs[:SAMPLES]):
        request, response = protocols["v1"]
        sample = json.dumps({"request": request, "response": response})
        (folder / "samples" / f"{index}.json").write_text(sample)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
