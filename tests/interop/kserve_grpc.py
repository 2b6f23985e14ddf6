"""KServe's SDK over gRPC."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve_rest import given, version
from values import arrays

CLIENT = "kserve, gRPC"
CHECKED = "health, every dtype, mistakes"

__all__ = ["version"]

# The client logs every mistake with its traceback, and these are asked for.
logging.disable(logging.ERROR)

Use = Callable[[InferenceGRPCClient], Coroutine[Any, Any, None]]


def run(use: Use, address: str) -> None:
    async def main() -> None:
        async with InferenceGRPCClient(address) as client:
            await use(client)

    asyncio.run(main())


def asked(model: str, dtype: str, array: np.ndarray) -> InferRequest:
    tensor = InferInput("INPUT0", list(array.shape), dtype)
    # The client's own default, typed contents, cannot hold half precision.
    tensor.set_data_from_numpy(array, binary_data=dtype == "FP16")
    return InferRequest(model, [tensor], request_id="7")


def check_health(address: str) -> None:
    async def use(client: InferenceGRPCClient) -> None:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("simple")

    run(use, address)


def check_every_dtype(address: str) -> None:
    async def use(client: InferenceGRPCClient) -> None:
        for dtype, array in arrays().items():
            answer = await client.infer(asked(f"identity_{dtype}", dtype, array))
            assert answer.id == "7"
            assert given(answer) == array.tolist(), (dtype, given(answer))

    run(use, address)


def check_mistakes(address: str) -> None:
    array = np.zeros((1, 3), np.float32)

    async def use(client: InferenceGRPCClient) -> None:
        for model, code in (
            ("other", grpc.StatusCode.NOT_FOUND),
            ("simple", grpc.StatusCode.INVALID_ARGUMENT),
        ):
            try:
                await client.infer(asked(model, "FP32", array))
            except grpc.RpcError as error:
                assert error.code() == code, error
            else:
                raise AssertionError(f"{model} took it")

    run(use, address)
