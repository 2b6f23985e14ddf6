"""NVIDIA's asynchronous `tritonclient` over HTTP, which always accepts gzip."""

import asyncio

import numpy as np
import tritonclient.http.aio as triton
from triton_http import asked, version
from values import arrays

CLIENT = "tritonclient.http.aio"
CHECKED = "health, every dtype, 200 requests at once"

__all__ = ["version"]


def check_health_and_every_dtype(address: str) -> None:
    asyncio.run(ask_all(address))


async def ask_all(address: str) -> None:
    async with triton.InferenceServerClient(address) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert (await client.get_model_metadata("simple"))["name"] == "simple"
        for dtype, array in arrays().items():
            inputs = [asked(array, binary=True)]
            answer = await client.infer(f"identity_{dtype}", inputs)
            assert (answer.as_numpy("OUTPUT0") == array).all(), dtype


def check_many_at_once(address: str) -> None:
    asyncio.run(ask_at_once(address))


async def ask_at_once(address: str) -> None:
    async with triton.InferenceServerClient(address) as client:

        async def ask(number: int) -> None:
            array = np.full((2, 500), number, np.float32)
            inputs = [asked(array, binary=number % 2 == 0)]
            answer = await client.infer("identity_FP32", inputs)
            assert (answer.as_numpy("OUTPUT0") == array).all(), number

        await asyncio.gather(*map(ask, range(200)))
