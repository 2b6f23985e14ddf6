"""`curl`, and what it does by itself: keeps connections, asks before it sends much."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import IRIS, IRIS_PATH, identity_request, output
from served import EXAMPLES, Server

CLIENT = "curl"
CHECKED = (
    "keep-alive, HTTP/1.0, HTTP/2, gzip, chunks, `Expect: 100-continue`, Unix domain "
    "socket, mistakes"
)
OF_DEBIAN = True

IDENTITY_PATH = "/v2/models/identity_FP32/infer"
JSON = ("-H", "content-type: application/json")


def version() -> str:
    return output("curl", "--version").split()[1]


def curl(*arguments: object, given: bytes | None = None, code: int = 0) -> str:
    return output("curl", "--silent", *arguments, given=given, code=code)


@contextmanager
def body(content: bytes) -> Iterator[str]:
    """A file with this content, named as curl takes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "body")
        path.write_bytes(content)
        yield f"@{path}"


def check_keep_alive(address: str) -> None:
    url = f"http://{address}{IRIS_PATH}"
    written = ("-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n")
    one = ("-d", IRIS, *written, url)
    lines = curl(*one, "--next", *one, "--next", *one).splitlines()
    assert lines == ["200 1", "200 0", "200 0"], lines


def check_every_version_of_http(address: str) -> None:
    url = f"http://{address}{IRIS_PATH}"
    for option, spoken in (
        ("--http1.0", "1"),
        ("--http1.1", "1.1"),
        ("--http2", "1.1"),
        ("--http2-prior-knowledge", "2"),
    ):
        said = curl(option, "-d", IRIS, "-w", "\n%{http_code} %{http_version}", url)
        answer, line = said.rsplit("\n", 1)
        assert line == f"200 {spoken}", (option, line)
        assert json.loads(answer)["predictions"][0]["output_label"] == "setosa"


def check_gzip(address: str) -> None:
    request = json.dumps(identity_request(64)).encode()
    url = f"http://{address}{IDENTITY_PATH}"
    with body(gzip.compress(request)) as packed:
        send = (*JSON, "-H", "content-encoding: gzip", "--data-binary", packed, url)
        said = curl("--compressed", "-w", "%{stderr}%{size_download}", *send)
        answer, size = said[: said.rindex("}") + 1], said[said.rindex("}") + 1 :]
    assert json.loads(answer)["outputs"][0]["shape"] == [64, 16]
    assert int(size) < len(answer), (size, len(answer))


def check_chunks(address: str) -> None:
    request = json.dumps(identity_request(64)).encode()
    url = f"http://{address}{IDENTITY_PATH}"
    chunked = ("-H", "transfer-encoding: chunked")
    answer = json.loads(curl(*chunked, *JSON, "-d", "@-", url, given=request))
    assert answer["outputs"][0]["shape"] == [64, 16]


def check_expect_100_continue(address: str) -> None:
    """curl sends a large body only when it is told to go on."""
    url = f"http://{address}{IDENTITY_PATH}"
    request = json.dumps(identity_request(20_000)).encode()
    with body(request) as large:
        patient = ("--expect100-timeout", "50", "-D", "-", "-o", "/dev/null")
        heads = curl(*patient, *JSON, "--data-binary", large, url)
    assert heads.startswith("HTTP/1.1 100 Continue"), heads
    assert "HTTP/1.1 200 OK" in heads, heads


def check_a_body_over_the_limit(address: str) -> None:
    """It is refused before it is sent."""
    url = f"http://{address}{IDENTITY_PATH}"
    patient = ("--expect100-timeout", "50", "-w", "\n%{http_code} %{size_upload}")
    with tempfile.NamedTemporaryFile() as large:
        large.truncate(1 << 30)
        said = curl(*patient, "-X", "POST", "-T", large.name, url)
    answer, line = said.rsplit("\n", 1)
    assert line == "413 0", said
    assert "max-body-bytes" in json.loads(answer)["error"], answer


def check_unix_domain_socket(_: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "socket")
        with Server(EXAMPLES, "--port", "0", "--uds", path) as server:
            server.wait_for_line("ready after")
            url = f"http://server{IRIS_PATH}"
            answer = json.loads(curl("--unix-socket", path, "-d", IRIS, url))
            server.stop()
        assert answer["predictions"][0]["output_label"] == "setosa"
        assert not path.exists()


def check_mistakes(address: str) -> None:
    for path, request, status in (
        ("/v2/models/other/infer", "{}", "404"),
        (IRIS_PATH, "{", "400"),
        ("/v2/models/iris/nothing", "{}", "404"),
        ("/v2/health/live", "{}", "405"),
    ):
        url = f"http://{address}{path}"
        said = curl(
            "--fail-with-body", "-d", request, "-w", "\n%{http_code}", url, code=22
        )
        answer, line = said.rsplit("\n", 1)
        assert line == status, said
        assert json.loads(answer)["error"], said
