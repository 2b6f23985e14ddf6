"""`schemathesis`, which makes requests up from the OpenAPI document, right and wrong."""

import subprocess
import sys
import tempfile
from importlib import metadata

CLIENT = "schemathesis"
CHECKED = "every operation of `/openapi.json`: no 5xx, no undeclared status or body"

EXAMPLES = 20
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def version() -> str:
    return metadata.version("schemathesis")


def check_every_operation(address: str) -> None:
    command = (sys.executable, "-m", "schemathesis.cli", "run")
    url = f"http://{address}/openapi.json"
    limits = ("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color")
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [*command, url, "--checks", ",".join(CHECKS), *limits],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout
