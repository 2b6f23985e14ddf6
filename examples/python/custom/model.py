"""Names an iris by its measurements.

Rows and answers have types: requests are checked before `predict` is called, and the
server's documentation shows their fields.
"""

import json
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

WEIGHTS = Path(__file__).with_name("weights.json")
MILLIMETRES = 10.0


class Flower(BaseModel):
    """What is measured of a flower."""

    sepal_length: float = Field(gt=0)
    sepal_width: float = Field(gt=0)
    petal_length: float = Field(gt=0)
    petal_width: float = Field(gt=0)
    unit: Literal["cm", "mm"] = "cm"

    def centimetres(self) -> list[float]:
        """The measurements in the order and unit of the training."""
        lengths = [
            self.sepal_length,
            self.sepal_width,
            self.petal_length,
            self.petal_width,
        ]
        if self.unit == "cm":
            return lengths
        return [length / MILLIMETRES for length in lengths]


class Species(BaseModel):
    """What flower it is, and how sure that is."""

    species: Literal["setosa", "versicolor", "virginica"]
    confidence: float = Field(ge=0, le=1)


class Model:
    """Logistic regression on standardised measurements."""

    def load(self) -> None:
        """Reads the weights: once, whatever the number of workers."""
        weights = json.loads(WEIGHTS.read_text())
        self.species = weights["species"]
        self.mean = np.array(weights["mean"])
        self.scale = np.array(weights["scale"])
        self.coefficients = np.array(weights["coefficients"])
        self.intercepts = np.array(weights["intercepts"])

    def predict(self, rows: list[Flower]) -> list[Species]:
        """Answers all flowers of the requests that share a run."""
        measurements = np.array([row.centimetres() for row in rows])
        standardised = (measurements - self.mean) / self.scale
        scores = standardised @ self.coefficients.T + self.intercepts
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        confidence = odds / odds.sum(axis=1, keepdims=True)
        return [
            Species(species=self.species[best], confidence=row[best])
            for best, row in zip(confidence.argmax(axis=1), confidence, strict=True)
        ]
