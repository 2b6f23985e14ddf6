"""A fitted estimator of scikit-learn."""

import joblib
import numpy as np
from peer_model import Model
from sklearn.base import is_classifier


class EstimatorModel(Model):
    """Answers with one call of the library, as it has a thread and no more."""

    def __init__(self, file: str) -> None:
        self.estimator = joblib.load(file)
        self.inputs = {"x": np.float64}

    def run(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not is_classifier(self.estimator):
            return {"prediction": self.estimator.predict(tensors["x"])}
        probabilities = self.estimator.predict_proba(tensors["x"])
        label = self.estimator.classes_.take(probabilities.argmax(axis=1))
        return {"label": label, "probabilities": probabilities}
