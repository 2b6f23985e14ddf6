"""`schemathesis`, which makes up requests from the OpenAPI document."""

import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

CLIENT = "schemathesis"
CHECKED = "`/openapi.json` with 15 models: no 5xx, no undeclared status, type or body"

# At most, for each operation, beside those at the limits of its schema.
EXAMPLES = 10
# Integers are like each other, and would double the time; and `simple_string` fails
# by itself, with 500, where a text is no number.
LEFT_OUT = "/identity_U?INT(8|16|32)[/:]|/simple_string[/:]"
# A deadline that is made up is one that the server rightly does not meet.
CONFIG = """
[parameters]
"header.x-envoy-expected-rq-timeout-ms" = "60000"
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def version() -> str:
    return metadata.version("schemathesis")


def check_operations(address: str) -> None:
    command = (sys.executable, "-m", "schemathesis.cli", "run")
    url = f"http://{address}/openapi.json"
    operations = ("--exclude-path-regex", LEFT_OUT)
    limits = ("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
        ended = subprocess.run(
            [*command, url, "--checks", ",".join(CHECKS), *operations, *limits],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout
