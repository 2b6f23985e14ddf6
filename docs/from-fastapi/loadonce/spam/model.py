from pathlib import Path
from typing import Literal

import joblib
from pydantic import BaseModel, Field


class Message(BaseModel):
    subject: str = ""
    text: str = Field(min_length=1)


class Verdict(BaseModel):
    label: Literal["ham", "spam"]
    confidence: float


class Model:
    def load(self) -> None:
        self.pipeline = joblib.load(Path(__file__).with_name("spam.joblib"))

    def predict(self, rows: list[Message]) -> list[Verdict]:
        scores = self.pipeline.predict_proba([f"{m.subject} {m.text}" for m in rows])
        return [
            Verdict(label=self.pipeline.classes_[best], confidence=row[best])
            for best, row in zip(scores.argmax(axis=1), scores, strict=True)
        ]
