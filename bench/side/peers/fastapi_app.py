"""FastAPI as its documentation has it: a lifespan, a dependency, a thin handler.

HANDLERS is `def` or `async`: on a thread, or on the event loop.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Header, Request
from peer_model import Model, load
from pydantic import BaseModel, Field


class Tokens(BaseModel):
    input_ids: list[int]
    attention_mask: list[int]
    token_type_ids: list[int]


class Rows(BaseModel):
    instances: Annotated[list[list[float]] | list[Tokens], Field(min_length=1)]


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Tensors(BaseModel):
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.model = load()
    yield


app = FastAPI(lifespan=lifespan)


def get_model(request: Request) -> Model:
    return request.app.state.model


async def get_model_async(request: Request) -> Model:
    return request.app.state.model


Threaded = Annotated[Model, Depends(get_model)]
Inline = Annotated[Model, Depends(get_model_async)]


def predict(model: Model, rows: Rows) -> dict[str, Any]:
    instances = [
        row.model_dump() if isinstance(row, Tokens) else row for row in rows.instances
    ]
    return {"predictions": model.predict(instances)}


def infer(model: Model, array: np.ndarray) -> dict[str, Any]:
    (means,) = model.run({"x": array}).values()
    output = {"name": "mean", "shape": [1], "datatype": "FP32", "data": means.tolist()}
    return {"outputs": [output]}


def array_of(tensors: Tensors) -> np.ndarray:
    tensor = tensors.inputs[0]
    return np.array(tensor.data, np.float32).reshape(tensor.shape)


def array_of_bytes(body: bytes, length: int) -> np.ndarray:
    """The elements behind the JSON."""
    tensor = json.loads(body[:length])["inputs"][0]
    return np.frombuffer(body, np.float32, offset=length).reshape(tensor["shape"])


WORK = os.environ["WORK"]
V1 = f"/v1/models/{WORK}:predict"
V2 = f"/v2/models/{WORK}/infer"

if os.environ["BINARY"]:

    @app.post(V2)
    async def infer_binary(
        request: Request,
        model: Inline,
        inference_header_content_length: Annotated[int, Header()],
    ) -> dict[str, Any]:
        body = await request.body()
        return infer(model, array_of_bytes(body, inference_header_content_length))

elif os.environ["HANDLERS"] == "def":

    @app.post(V1)
    def predict_on_a_thread(rows: Rows, model: Threaded) -> dict[str, Any]:
        return predict(model, rows)

    @app.post(V2)
    def infer_on_a_thread(tensors: Tensors, model: Threaded) -> dict[str, Any]:
        return infer(model, array_of(tensors))

else:

    @app.post(V1)
    async def predict_inline(rows: Rows, model: Inline) -> dict[str, Any]:
        return predict(model, rows)

    @app.post(V2)
    async def infer_inline(tensors: Tensors, model: Inline) -> dict[str, Any]:
        return infer(model, array_of(tensors))
