"""NVIDIA's `tritonclient` over HTTP, as people use it."""

from importlib import metadata

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from values import ANY_STRINGS, arrays

CLIENT = "tritonclient.http"
CHECKED = "health, metadata, statistics, every dtype both ways, gzip, labels, mistakes"


def version() -> str:
    return metadata.version("tritonclient")


def asked(
    array: np.ndarray, *, binary: bool, name: str = "INPUT0"
) -> triton.InferInput:
    tensor = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array, binary_data=binary)


def check_health_and_metadata(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("simple")
        assert client.is_model_ready("simple", "1")
        assert not client.is_model_ready("other")
        assert client.get_server_metadata()["name"] == "loadonce"
        inputs = client.get_model_metadata("simple")["inputs"]
        assert [tensor["name"] for tensor in inputs] == ["INPUT0", "INPUT1"]
        config = client.get_model_config("simple")
        assert config["input"][0]["data_type"] == "TYPE_INT32"
        index = client.get_model_repository_index()
        assert {"simple", "identity_FP32"} <= {model["name"] for model in index}


def check_add_and_subtract(address: str) -> None:
    left = np.arange(16, dtype=np.int32).reshape(1, 16)
    right = np.ones((1, 16), np.int32)
    with triton.InferenceServerClient(address) as client:
        for binary in (True, False):
            inputs = [
                asked(left, binary=binary),
                asked(right, binary=binary, name="INPUT1"),
            ]
            outputs = [
                triton.InferRequestedOutput("OUTPUT0", binary_data=binary),
                triton.InferRequestedOutput("OUTPUT1", binary_data=not binary),
            ]
            for wanted in (None, outputs):
                answer = client.infer("simple", inputs, outputs=wanted, request_id="7")
                assert answer.get_response()["id"] == "7"
                assert (answer.as_numpy("OUTPUT0") == left + right).all()
                assert (answer.as_numpy("OUTPUT1") == left - right).all()


def check_add_and_subtract_text(address: str) -> None:
    left, right = np.arange(16).reshape(1, 16), np.ones((1, 16), int)
    inputs = [
        asked(text(numbers), binary=True, name=name)
        for name, numbers in (("INPUT0", left), ("INPUT1", right))
    ]
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("simple_string", inputs)
        assert (answer.as_numpy("OUTPUT0") == text(left + right)).all()
        assert (answer.as_numpy("OUTPUT1") == text(left - right)).all()


def text(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.bytes_).astype(np.object_)


def check_every_dtype(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        for dtype, array in arrays().items():
            # The client writes no half precision and no text as JSON numbers or bytes.
            for binary in (True,) if dtype in ("FP16", "BYTES") else (True, False):
                inputs = [asked(array, binary=binary)]
                answer = client.infer(f"identity_{dtype}", inputs)
                given = answer.as_numpy("OUTPUT0")
                assert given.dtype == array.dtype, (dtype, given.dtype)
                assert (given == array).all(), (dtype, given)


def check_strings(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("identity_BYTES", [asked(ANY_STRINGS, binary=True)])
        assert answer.as_numpy("OUTPUT0").tolist() == ANY_STRINGS.tolist()


def check_labels(address: str) -> None:
    array = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)
    wanted = triton.InferRequestedOutput("output_probability", class_count=2)
    with triton.InferenceServerClient(address) as client:
        tensor = asked(array, binary=True, name="measurements")
        answer = client.infer("iris", [tensor], outputs=[wanted])
        classes = answer.as_numpy("output_probability")
        assert classes.shape == (2, 2), classes
        labels = [row[0].decode().split(":")[1:] for row in classes]
        assert labels == [["0", "setosa"], ["2", "virginica"]], classes


def check_compression(address: str) -> None:
    array = np.arange(4096, dtype=np.float32).reshape(64, 64)
    with triton.InferenceServerClient(address) as client:
        for binary in (True, False):
            for algorithm in ("gzip", "deflate"):
                answer = client.infer(
                    "identity_FP32",
                    [asked(array, binary=binary)],
                    request_compression_algorithm=algorithm,
                    response_compression_algorithm=algorithm,
                )
                assert (answer.as_numpy("OUTPUT0") == array).all()


def check_mistakes(address: str) -> None:
    array = np.zeros((1, 3), np.int32)
    with triton.InferenceServerClient(address) as client:
        for model, tensor, status in [
            ("other", asked(array, binary=True), "404"),
            ("simple", asked(array, binary=True), "400"),
            ("simple", asked(array, binary=False, name="nothing"), "400"),
            ("identity_FP32", asked(array, binary=True), "400"),
        ]:
            try:
                client.infer(model, [tensor])
            except InferenceServerException as error:
                assert error.status() == status, error
                assert error.message(), error
            else:
                raise AssertionError(f"{model} took {tensor.name()}")


def check_statistics(address: str) -> None:
    array = np.zeros((3, 2), np.float32)
    with triton.InferenceServerClient(address) as client:

        def counts() -> tuple[int, int]:
            statistics = client.get_inference_statistics("identity_FP32")
            model = statistics["model_stats"][0]
            return model["inference_count"], model["execution_count"]

        before = counts()
        client.infer("identity_FP32", [asked(array, binary=True)])
        after = counts()
        assert (after[0] - before[0], after[1] - before[1]) == (3, 1), (before, after)


def check_start_of_a_perf_analyzer(address: str) -> None:
    """What NVIDIA's load generator asks first, and what it makes of it (its source,
    `src/model_parser.cc` and `src/inference_profiler.cc`)."""
    with triton.InferenceServerClient(address) as client:
        assert "statistics" in client.get_server_metadata()["extensions"]
        for name in ("simple", "identity_FP32", "iris"):
            model = client.get_model_metadata(name)
            config = client.get_model_config(name)
            batched = int(config["max_batch_size"]) > 0
            for direction in ("input", "output"):
                shapes = {
                    tensor["name"]: tensor["shape"][batched:]
                    for tensor in model[f"{direction}s"]
                }
                for tensor in config[direction]:
                    dims = [int(dim) for dim in tensor["dims"]]
                    assert shapes[tensor["name"]] == dims, (name, tensor)
