"""`h2load`: many requests on many connections and streams, none of which may fail."""

import json
import tempfile
from pathlib import Path

from commands import IRIS, IRIS_PATH, identity_request, output

CLIENT = "h2load"
CHECKED = "20,000 requests over HTTP/1.1 and HTTP/2, none of which fails"
OF_DEBIAN = True

REQUESTS = 5000


def version() -> str:
    return output("h2load", "--version").split("/")[1].strip()


def load(address: str, path: str, request: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body")
        body.write_text(request)
        count = ("-n", REQUESTS, "-c", 20, "-d", body)
        said = output("h2load", *count, *options, f"http://{address}{path}")
    wanted = (
        f"{REQUESTS} done, {REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout",
        f"status codes: {REQUESTS} 2xx, 0 3xx, 0 4xx, 0 5xx",
    )
    assert all(line in said for line in wanted), said


def check_http_1(address: str) -> None:
    load(address, IRIS_PATH, IRIS, "--h1")


def check_http_1_pipelined(address: str) -> None:
    load(address, IRIS_PATH, IRIS, "--h1", "-m", "8")


def check_http_2(address: str) -> None:
    load(address, IRIS_PATH, IRIS, "-m", "10")


def check_http_2_with_bodies_of_some_size(address: str) -> None:
    request = json.dumps(identity_request(64))
    load(address, "/v2/models/identity_FP32/infer", request, "-m", "10")
