import numpy as np
import pytest
from model import Message, Model, Verdict
from pydantic import ValidationError


class AlwaysSpam:
    classes_ = np.array(["ham", "spam"])

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.tile([0.25, 0.75], (len(texts), 1))


def test_the_most_likely_label_wins() -> None:
    model = Model()
    model.pipeline = AlwaysSpam()
    verdict = Verdict(label="spam", confidence=0.75)
    assert model.predict([Message(text="lunch?")]) == [verdict]


def test_a_message_has_text() -> None:
    with pytest.raises(ValidationError):
        Message(text="")
