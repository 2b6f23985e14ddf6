"""Commands of the system, run and read."""

import json
import subprocess
from typing import Any

# A row of the example model, and what it is.
IRIS = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]})
IRIS_PATH = "/v1/models/iris:predict"


def output(*command: object, given: bytes | None = None, code: int = 0) -> str:
    """What a command prints, both ways; another exit code is a failure."""
    ended = subprocess.run(
        [str(part) for part in command],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = ended.stdout.decode()
    assert ended.returncode == code, f"{command}: exit code {ended.returncode}: {text}"
    return text


def identity_request(rows: int) -> dict[str, Any]:
    """A request of `identity_FP32` with that many rows of 16 numbers."""
    data = [float(number) for number in range(16 * rows)]
    shape = [rows, 16]
    tensor = {"name": "INPUT0", "shape": shape, "datatype": "FP32", "data": data}
    return {"inputs": [tensor]}
