"""NVIDIA's `tritonclient` over gRPC, as people use it."""

import queue
from collections.abc import Callable
from importlib import metadata

import numpy as np
import tritonclient.grpc as triton
from ml_dtypes import bfloat16
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from values import ANY_STRINGS, arrays

CLIENT = "tritonclient.grpc"
CHECKED = "health, metadata, every dtype, streams, gzip, messages above 4 MiB, mistakes"

# No answer takes longer.
DEADLINE = 60.0


def version() -> str:
    return metadata.version("tritonclient")


def asked(array: np.ndarray, name: str = "INPUT0") -> triton.InferInput:
    tensor = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array)


def rows(number: int) -> np.ndarray:
    return np.full((2, 2), number, np.float32)


def check_health_and_metadata(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("simple")
        assert client.is_model_ready("simple", "1")
        assert client.get_server_metadata().name == "loadonce"
        assert "statistics" in client.get_server_metadata(as_json=True)["extensions"]
        metadata = client.get_model_metadata("simple")
        assert [tensor.name for tensor in metadata.inputs] == ["INPUT0", "INPUT1"]
        assert list(metadata.outputs[0].shape) == [1, 16]
        config = client.get_model_config("simple").config
        assert config.input[0].data_type == triton.model_config_pb2.TYPE_INT32
        index = client.get_model_repository_index()
        assert {"simple", "identity_FP32"} <= {model.name for model in index.models}


def check_add_and_subtract(address: str) -> None:
    left = np.arange(16, dtype=np.int32).reshape(1, 16)
    right = np.ones((1, 16), np.int32)
    inputs = [asked(left), asked(right, "INPUT1")]
    outputs = [triton.InferRequestedOutput(name) for name in ("OUTPUT1", "OUTPUT0")]
    with triton.InferenceServerClient(address) as client:
        for wanted in (None, outputs):
            answer = client.infer("simple", inputs, outputs=wanted, request_id="7")
            assert answer.get_response().id == "7"
            assert (answer.as_numpy("OUTPUT0") == left + right).all()
            assert (answer.as_numpy("OUTPUT1") == left - right).all()
        assert answer.get_response().outputs[0].name == "OUTPUT1"


def check_every_dtype(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        for dtype, array in arrays().items():
            answer = client.infer(f"identity_{dtype}", [asked(array)])
            given = answer.as_numpy("OUTPUT0")
            assert given.dtype == array.dtype, (dtype, given.dtype)
            assert (given == array).all(), (dtype, given)


def check_bfloat16(address: str) -> None:
    array = np.array([[1.5, -2.0], [0.0, 65280.0]], bfloat16)
    tensor = triton.InferInput("INPUT0", array.shape, "BF16").set_data_from_numpy(array)
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("identity_BF16", [tensor])
        assert (answer.as_numpy("OUTPUT0") == array).all()


def check_strings(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("identity_BYTES", [asked(ANY_STRINGS)])
        assert answer.as_numpy("OUTPUT0").tolist() == ANY_STRINGS.tolist()


def check_typed_contents(address: str) -> None:
    """What other clients send, and what is then answered in the same form."""
    messages = triton.service_pb2
    request = messages.ModelInferRequest(model_name="identity_INT8")
    tensor = request.inputs.add(name="INPUT0", datatype="INT8", shape=[1, 3])
    tensor.contents.int_contents.extend([-128, 0, 127])
    with triton.InferenceServerClient(address) as client:
        answer = client._client_stub.ModelInfer(request)
        assert list(answer.outputs[0].contents.int_contents) == [-128, 0, 127]
        assert not answer.raw_output_contents
        request.outputs.add(name="OUTPUT0").parameters["binary_data"].bool_param = True
        answer = client._client_stub.ModelInfer(request)
        assert list(answer.raw_output_contents) == [b"\x80\x00\x7f"]


def check_compression(address: str) -> None:
    array = np.arange(4096, dtype=np.float32).reshape(64, 64)
    with triton.InferenceServerClient(address) as client:
        answer = client.infer(
            "identity_FP32", [asked(array)], compression_algorithm="gzip"
        )
        assert (answer.as_numpy("OUTPUT0") == array).all()


def check_messages_above_4_mib(address: str) -> None:
    array = np.random.default_rng(0).random((1500, 2000), np.float32)
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("identity_FP32", [asked(array)])
        assert (answer.as_numpy("OUTPUT0") == array).all()


def check_mistakes(address: str) -> None:
    array = np.zeros((1, 3), np.int32)
    with triton.InferenceServerClient(address) as client:
        for model, tensor, status in [
            ("other", asked(array), "StatusCode.NOT_FOUND"),
            ("simple", asked(array), "StatusCode.INVALID_ARGUMENT"),
            ("simple", asked(array, "nothing"), "StatusCode.INVALID_ARGUMENT"),
            ("identity_FP32", asked(array), "StatusCode.INVALID_ARGUMENT"),
        ]:
            refused(status, client.infer, model, [tensor])
        refused("StatusCode.NOT_FOUND", client.is_model_ready, "other")
        refused("StatusCode.UNIMPLEMENTED", client.load_model, "simple")
        refused("StatusCode.UNIMPLEMENTED", client.get_log_settings)
        too_large = asked(np.zeros(20_000_000, np.float32))
        refused("RESOURCE_EXHAUSTED", client.infer, "identity_FP32", [too_large])


def refused(status: str, ask: Callable[..., object], *arguments: object) -> None:
    try:
        ask(*arguments)
    except InferenceServerException as error:
        assert status in str(error.status()), error
        assert error.message(), error
    else:
        raise AssertionError(f"not refused with {status}: {arguments}")


def check_timeouts(address: str) -> None:
    """A time that no answer can keep, and one that it can."""
    inputs = [asked(rows(1))]
    with triton.InferenceServerClient(address) as client:
        refused(
            "DEADLINE_EXCEEDED",
            lambda: client.infer("identity_FP32", inputs, client_timeout=1e-6),
        )
        for limit in ({"client_timeout": DEADLINE}, {"timeout": int(DEADLINE * 1e6)}):
            client.infer("identity_FP32", inputs, **limit)


def check_streaming(address: str) -> None:
    answers: queue.Queue = queue.Queue()
    with triton.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(50):
            model = "other" if number == 20 else "identity_FP32"
            client.async_stream_infer(
                model, [asked(rows(number))], request_id=str(number)
            )
        for number in range(50):
            result, error = answers.get(timeout=DEADLINE)
            if number == 20:
                assert "unknown" in error.message()
                continue
            assert error is None, error
            assert result.get_response().id == str(number)
            assert (result.as_numpy("OUTPUT0") == rows(number)).all()
        client.stop_stream()


def check_many_at_once(address: str) -> None:
    answers: queue.Queue = queue.Queue()
    with triton.InferenceServerClient(address) as client:
        for number in range(200):
            client.async_infer(
                "identity_FP32",
                [asked(rows(number))],
                callback=lambda result, error: answers.put((result, error)),
                request_id=str(number),
            )
        for _ in range(200):
            result, error = answers.get(timeout=DEADLINE)
            assert error is None, error
            number = int(result.get_response().id)
            assert (result.as_numpy("OUTPUT0") == rows(number)).all()


def check_statistics(address: str) -> None:
    with triton.InferenceServerClient(address) as client:

        def count() -> int:
            statistics = client.get_inference_statistics("identity_FP32")
            return statistics.model_stats[0].inference_count

        before = count()
        client.infer("identity_FP32", [asked(np.zeros((3, 2), np.float32))])
        assert count() - before == 3
