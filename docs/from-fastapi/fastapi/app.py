from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal

import joblib
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field
from sklearn.pipeline import Pipeline


class Message(BaseModel):
    subject: str = ""
    text: str = Field(min_length=1)


class Verdict(BaseModel):
    label: Literal["ham", "spam"]
    confidence: float


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pipeline = joblib.load(Path(__file__).with_name("spam.joblib"))
    yield


app = FastAPI(lifespan=lifespan)


def get_pipeline(request: Request) -> Pipeline:
    return request.app.state.pipeline


# Not `async def`: scikit-learn would hold up the event loop, so a thread runs it.
@app.post("/predict")
def predict(
    message: Message, pipeline: Annotated[Pipeline, Depends(get_pipeline)]
) -> Verdict:
    (scores,) = pipeline.predict_proba([f"{message.subject} {message.text}"])
    best = scores.argmax()
    return Verdict(label=pipeline.classes_[best], confidence=scores[best])


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
