"""NVIDIA's asynchronous `tritonclient` over gRPC."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import tritonclient.grpc.aio as triton
from triton_grpc import asked, rows, version
from values import arrays

__all__ = ["version"]

CLIENT = "tritonclient.grpc.aio"
CHECKED = "health, metadata, every dtype, many at once, streams"


def check_health_and_every_dtype(address: str) -> None:
    asyncio.run(ask_all(address))


async def ask_all(address: str) -> None:
    async with triton.InferenceServerClient(address) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert (await client.get_model_metadata("simple")).name == "simple"
        for dtype, array in arrays().items():
            answer = await client.infer(f"identity_{dtype}", [asked(array)])
            assert (answer.as_numpy("OUTPUT0") == array).all(), dtype


def check_many_at_once(address: str) -> None:
    asyncio.run(ask_at_once(address))


async def ask_at_once(address: str) -> None:
    async with triton.InferenceServerClient(address) as client:

        async def ask(number: int) -> None:
            answer = await client.infer("identity_FP32", [asked(rows(number))])
            assert (answer.as_numpy("OUTPUT0") == rows(number)).all(), number

        await asyncio.gather(*map(ask, range(200)))


def check_streaming(address: str) -> None:
    asyncio.run(ask_in_a_stream(address))


async def ask_in_a_stream(address: str) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for number in range(30):
            yield {"model_name": "identity_FP32", "inputs": [asked(rows(number))]}

    async with triton.InferenceServerClient(address) as client:
        count = 0
        async for result, error in client.stream_infer(requests()):
            assert error is None, error
            assert (result.as_numpy("OUTPUT0") == rows(count)).all()
            count += 1
        assert count == 30
