"""KServe's SDK over HTTP: both protocols, tensors as JSON and in binary form."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib import metadata
from typing import Any

import httpx
import numpy as np
from kserve import (
    InferenceRESTClient,
    InferInput,
    InferRequest,
    InferResponse,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput
from values import arrays

CLIENT = "kserve, REST"
CHECKED = "v1 and v2, health, every dtype, JSON and binary, mistakes"

IRIS = {"instances": [[5.1, 3.5, 1.4, 0.2]]}

Use = Callable[[InferenceRESTClient, str], Coroutine[Any, Any, None]]


def version() -> str:
    return metadata.version("kserve")


def run(protocol: str, use: Use, address: str) -> None:
    async def main() -> None:
        async with InferenceRESTClient(RESTConfig(protocol=protocol)) as client:
            await use(client, f"http://{address}")

    asyncio.run(main())


def check_health(address: str) -> None:
    async def use(client: InferenceRESTClient, base: str) -> None:
        assert await client.is_server_live(base) is True
        assert await client.is_server_ready(base) is True
        assert await client.is_model_ready(base, "simple")
        assert not await client.is_model_ready(base, "other")

    run("v2", use, address)

    async def use_v1(client: InferenceRESTClient, base: str) -> None:
        assert await client.is_server_live(base) is True

    run("v1", use_v1, address)


def check_v1(address: str) -> None:
    async def use(client: InferenceRESTClient, base: str) -> None:
        assert await client.is_model_ready(base, "iris") is True
        answer = await client.infer(base, IRIS, model_name="iris")
        assert answer["predictions"][0]["output_label"] == "setosa", answer

    run("v1", use, address)


def check_every_dtype(address: str) -> None:
    async def use(client: InferenceRESTClient, base: str) -> None:
        for dtype, array in arrays().items():
            # The client writes half precision in binary form only.
            for binary in (True,) if dtype == "FP16" else (True, False):
                model = f"identity_{dtype}"
                request = asked(model, dtype, array, binary)
                answer = await client.infer(base, request, model_name=model)
                assert request.id == answer.id
                assert given(answer) == array.tolist(), (dtype, given(answer))

    run("v2", use, address)


def asked(model: str, dtype: str, array: np.ndarray, binary: bool) -> InferRequest:
    tensor = InferInput("INPUT0", list(array.shape), dtype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    wanted = RequestedOutput("OUTPUT0", parameters={"binary_data": binary})
    return InferRequest(model, [tensor], request_id="7", request_outputs=[wanted])


def given(answer: InferResponse) -> list:
    """What the client understood; it leaves the text of JSON as text."""
    texts = answer.outputs[0].as_numpy()
    if texts.dtype != np.object_:
        return texts.tolist()
    return [
        [text.encode() if isinstance(text, str) else text for text in row]
        for row in texts.tolist()
    ]


def check_mistakes(address: str) -> None:
    async def use(client: InferenceRESTClient, base: str) -> None:
        array = np.zeros((1, 3), np.float32)
        for model, status, said in (("other", 404, "other"), ("simple", 400, "INPUT0")):
            request = asked(model, "FP32", array, binary=True)
            try:
                await client.infer(base, request, model_name=model)
            except httpx.HTTPStatusError as error:
                assert error.response.status_code == status, error
                assert said in str(error), error
            else:
                raise AssertionError(f"{model} took it")

    run("v2", use, address)
