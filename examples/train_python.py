"""Trains what the models in Python of `examples/python` load, and writes their samples.

The code of `custom` and `nearest` is written by hand and stands beside what is written
here. Expected answers come from scikit-learn, not from that code.

    python examples/train_python.py [--out examples/python]
"""

import argparse
import io
import itertools
import json
import random
from pathlib import Path
from typing import Any

import joblib
import numpy as np
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
from sklearn.datasets import load_digits, load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 20
# The library's own object answers, or code that counts in 64 bits as the library does.
TOLERANCE = {"absolute": 1e-9, "relative": 1e-9}
# The model counts in 32 bits, the library in 64.
NEAREST_TOLERANCE = {"absolute": 1e-6, "relative": 1e-5}
KNOWN_IMAGES = 300
NEIGHBOURS = 3

# Messages are made of these: every opening with every body of its kind, and some end.
SPAM = [
    [
        "congratulations, you have been selected",
        "dear customer, this is your last chance",
        "urgent notice about your account",
        "you are our lucky winner",
        "special offer for you only",
        "no credit check needed",
    ],
    [
        "claim your free prize now",
        "win a cash reward of 5000 dollars",
        "get cheap loans approved today",
        "click here for a free gift card",
        "buy cheap watches at half the price",
        "verify your password to receive the money",
        "earn money from home with no risk",
        "your free trial of the diet pills waits",
    ],
    [
        "call now",
        "offer ends tonight",
        "act now and save",
        "click the link below",
        "reply stop to unsubscribe",
    ],
]
HAM = [
    [
        "hi, thanks for your message",
        "good morning everybody",
        "hey, are you at home",
        "dear colleagues",
        "sorry that I missed your call",
        "hello again",
    ],
    [
        "the meeting is moved to three o'clock",
        "I have read the report and like it",
        "shall we have lunch on friday",
        "the train is late, so start without me",
        "could you look at the change I made",
        "the children have a day off from school",
        "the money for the tickets is on the table",
        "please call your mother about the weekend",
    ],
    [
        "see you tomorrow",
        "tell me what you think",
        "thanks a lot",
        "have a nice evening",
        "best wishes",
    ],
]
QUESTIONS = [
    "You have won a free prize! Click here to claim your cash reward.",
    "Shall we move the meeting to friday? The report is not done.",
    "Thanks for the gift card, the children like it.",
]


def spam(models: Path) -> None:
    """A pipeline on text, as joblib saves it; it needs no code."""
    texts, labels = messages()
    vectorizer = TfidfVectorizer()
    pipeline = make_pipeline(vectorizer, LogisticRegression(C=10))
    pipeline.fit(texts, labels)
    # An address in memory: another one in every run, and made again where it lacks.
    del vectorizer._stop_words_id
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer)
    content = buffer.getvalue()

    def answer(texts: np.ndarray) -> Answer:
        return {
            "label": pipeline.predict(texts),
            "probabilities": pipeline.predict_proba(texts),
        }

    said = ("one message", "two messages")
    questions = np.array(QUESTIONS)
    samples = samples_of_input(said, "text", questions, answer, "FP64")
    reason = "# Loading a pickle runs it, so it had better be this one."
    settings = f"{reason}\n{checksum(content)}\n"
    files = {"model.joblib": content, "model.toml": settings.encode()}
    write_folder(models / "spam", files, samples, TOLERANCE)


def messages() -> tuple[list[str], list[str]]:
    """Messages and what they are, the same every time."""
    chance = random.Random(SEED)
    texts, labels = [], []
    for label, (openings, bodies, ends) in (("spam", SPAM), ("ham", HAM)):
        for opening, body in itertools.product(openings, bodies):
            texts.append(f"{opening}, {body}, {chance.choice(ends)}")
            labels.append(label)
    return texts, labels


def custom(models: Path) -> None:
    """Weights of a logistic regression as JSON, for code with types."""
    flowers = load_iris()
    classifier = make_pipeline(StandardScaler(), LogisticRegression())
    classifier.fit(flowers.data, flowers.target_names[flowers.target])
    scaler, regression = classifier.named_steps.values()
    weights = {
        "species": regression.classes_,
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "coefficients": regression.coef_,
        "intercepts": regression.intercept_,
    }
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    measured = flowers.data[[0, 60, 110]]
    rows = [dict(zip(columns, row, strict=True)) for row in measured.tolist()]

    def answer(rows: np.ndarray) -> list[dict[str, Any]]:
        confidence = classifier.predict_proba(rows).max(axis=1)
        named = {"species": classifier.predict(rows), "confidence": confidence}
        return predictions(named)["predictions"]

    # Whole centimetres, as 51 millimetres are not 5.1 centimetres to the last bit.
    large = dict(zip(columns, [60, 30, 50, 20], strict=True))
    samples = {
        "flowers": Sample(
            "three flowers", {"instances": rows}, {"predictions": answer(measured)}
        ),
        "millimetres": Sample(
            "a flower in millimetres",
            {"instances": [{**large, "unit": "mm"}]},
            {"predictions": answer(np.array([[6.0, 3.0, 5.0, 2.0]]))},
        ),
        "tensors": Sample(
            "three flowers, each a JSON text in a tensor",
            tensors("inputs", {"rows": as_json(rows)}),
            tensors("outputs", {"predictions": as_json(answer(measured))}),
        ),
    }
    content = readable_json({name: plain(part) for name, part in weights.items()})
    files = {"weights.json": f"{content}\n".encode()}
    write_folder(models / "custom", files, samples, TOLERANCE)


def as_json(rows: list[dict[str, Any]]) -> np.ndarray:
    """The JSON text of each row."""
    return np.array([json.dumps(row) for row in rows])


def nearest(models: Path) -> None:
    """Images of digits, for code on arrays that finds the most similar ones."""
    digits = load_digits()
    known = {
        "images": digits.images[:KNOWN_IMAGES].astype(np.uint8),
        "digits": digits.target[:KNOWN_IMAGES].astype(np.int64),
    }
    content = io.BytesIO()
    np.savez(content, **known)
    search = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine")
    search.fit(known["images"].reshape(KNOWN_IMAGES, -1).astype(float))

    def answer(images: np.ndarray) -> Answer:
        distances, places = search.kneighbors(images.reshape(len(images), -1))
        return {"digit": known["digits"][places], "similarity": 1 - distances}

    images = digits.images[[1003, 1031, 1071]]
    said = ("an image, as rows of pixels", "two images")
    samples = samples_of_input(said, "image", images, answer)
    files = {"digits.npz": content.getvalue()}
    write_folder(models / "nearest", files, samples, NEAREST_TOLERANCE)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains and writes the examples.")
    default = Path(__file__).parent / "python"
    parser.add_argument("--out", type=Path, default=default, help="folder of models")
    models = parser.parse_args().out
    for write in (spam, custom, nearest):
        write(models)


if __name__ == "__main__":
    main()
