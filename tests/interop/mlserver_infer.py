"""`mlserver infer`, which sends the requests of a file and writes their answers."""

import json
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

CLIENT = "mlserver infer"
CHECKED = "files of requests, JSON and binary, text, micro-batches, mistakes"

# As the package's own script does.
MAIN = "from mlserver.cli import main; main()"

Items = list[dict[str, Any]]


def version() -> str:
    return metadata.version("mlserver")


def request(dtype: str, rows: list[list], name: str = "INPUT0") -> dict[str, Any]:
    shape = [len(rows), len(rows[0])]
    values = [value for row in rows for value in row]
    tensor = {"name": name, "shape": shape, "datatype": dtype, "data": values}
    return {"inputs": [tensor]}


def infer(address: str, model: str, requests: Items, *options: str) -> Items:
    """The answers, in the order of the requests."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "asked"), Path(folder, "answered")
        asked.write_text("".join(json.dumps(item) + "\n" for item in requests))
        command = [sys.executable, "-c", MAIN, "infer", "-u", address, "-m", model]
        files = ["-i", str(asked), "-o", str(answered)]
        subprocess.run([*command, *files, *options], check=True, capture_output=True)
        answers = [json.loads(line) for line in answered.read_text().splitlines()]
    return sorted(answers, key=lambda answer: answer["parameters"]["batch_index"])


def data(answer: dict[str, Any]) -> list:
    return answer["outputs"][0]["data"]


def check_numbers(address: str) -> None:
    rows = [[number, number + 0.5] for number in range(50)]
    requests = [request("FP32", [row]) for row in rows]
    for options in ([], ["-b"]):
        answers = infer(address, "identity_FP32", requests, *options)
        assert [data(answer) for answer in answers] == rows, answers


def check_text(address: str) -> None:
    rows = [["a", ""], ["grüße", "日本"]]
    requests = [request("BYTES", [row]) for row in rows]
    for options in ([], ["-b"]):
        answers = infer(address, "identity_BYTES", requests, *options)
        assert [data(answer) for answer in answers] == rows, answers


def check_micro_batches(address: str) -> None:
    rows = [[number, -number] for number in range(50)]
    requests = [request("INT64", [row]) for row in rows]
    answers = infer(address, "identity_INT64", requests, "-s", "7")
    assert [data(answer) for answer in answers] == rows, answers


def check_mistakes(address: str) -> None:
    good = request("FP32", [[1.0, 2.0]])
    wrong = request("FP32", [[1.0, 2.0]], name="nothing")
    first, second = infer(address, "identity_FP32", [good, wrong], "-r", "1")
    assert data(first) == [1.0, 2.0], first
    assert "'nothing' is not an input" in second["error"]["msg"], second
