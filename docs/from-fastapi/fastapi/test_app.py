from collections.abc import Iterator

import numpy as np
import pytest
from app import app, get_pipeline
from fastapi.testclient import TestClient


class AlwaysSpam:
    classes_ = np.array(["ham", "spam"])

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.tile([0.25, 0.75], (len(texts), 1))


@pytest.fixture
def client() -> Iterator[TestClient]:
    app.dependency_overrides[get_pipeline] = AlwaysSpam
    yield TestClient(app)
    app.dependency_overrides.clear()


def test_the_most_likely_label_wins(client: TestClient) -> None:
    answer = client.post("/predict", json={"text": "lunch?"})
    assert answer.json() == {"label": "spam", "confidence": 0.75}


def test_a_message_has_text(client: TestClient) -> None:
    assert client.post("/predict", json={"text": ""}).status_code == 422
