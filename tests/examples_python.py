"""Serves the example models in Python, and what docs/from-fastapi.md shows.

The page's blocks are its files, its commands are answered as it says, and both of its
services give the same answers and refuse the same requests.

    python tests/examples_python.py PYTHON_OF_MODELS PYTHON_OF_THE_PAGE
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samples import prediction_path
from served import REPOSITORY, Answer, CheckError, Process, Server, ask, expect, program

MODELS = REPOSITORY / "examples" / "python"
PAGE = REPOSITORY / "docs" / "from-fastapi.md"
SERVICES = PAGE.with_suffix("")

FILE = re.compile(r"<!-- (from-fastapi/\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
COMMAND = re.compile(
    r"\$ curl http://127\.0\.0\.1:8000(\S+)[^']*(?:'Content-Type[^']*'[^']*)?"
    r"'([^']*)'\n({.*})"
)
WRONG_CONFIGURATION = 10
CORRUPT = 12

MESSAGES = [
    {"subject": "You won", "text": "Click here to claim your free prize"},
    {"text": "Shall we have lunch on friday?"},
    {"subject": "", "text": "Grüße, siehe Anhang \N{SLIGHTLY SMILING FACE}"},
    {"text": "free " * 1000, "unknown": [1, {"nested": None}]},
]
REFUSED = [{}, {"text": ""}, {"text": 7}, {"text": "a", "subject": None}]


def same(got: Any, right: Any) -> bool:
    """Whether two JSON values are the same, but for the last digits of numbers."""
    if isinstance(right, dict):
        return (
            isinstance(got, dict)
            and got.keys() == right.keys()
            and all(same(got[key], right[key]) for key in right)
        )
    if isinstance(right, list):
        return (
            isinstance(got, list)
            and len(got) == len(right)
            and all(map(same, got, right))
        )
    if isinstance(right, float):
        return isinstance(got, float) and math.isclose(
            got, right, rel_tol=1e-5, abs_tol=1e-6
        )
    if isinstance(right, str) and right.startswith("{"):
        return isinstance(got, str) and same(json.loads(got), json.loads(right))
    return got == right


def post(address: str, path: str, body: Any) -> Answer:
    return ask(address, "POST", path, body)


def v1(address: str, model: str, *rows: Any) -> Answer:
    return post(address, f"/v1/models/{model}:predict", {"instances": rows})


@contextmanager
def loadonce(*arguments: str | Path) -> Iterator[str]:
    """The address of a server that is ready, and ends well."""
    with Server(*arguments, "--port", "0") as server:
        address = server.address()
        server.wait_for_line("ready after")
        yield address
        server.stop()


@contextmanager
def uvicorn(python: str) -> Iterator[str]:
    """The address of the page's service in FastAPI."""
    command = [python, "-m", "uvicorn", "app:app", "--port", "0"]
    command += ["--app-dir", str(SERVICES / "fastapi")]
    with Process(command, os.environ) as server:
        line = server.wait_for_line("Uvicorn running on http://")
        yield line.split("http://")[1].split()[0]


def answers_every_sample(address: str) -> None:
    """Sends every sample of every model as it stands."""
    files = sorted(MODELS.glob("*/samples/*.json"))
    expect(files, f"no sample in {MODELS}")
    for file in files:
        sample = json.loads(file.read_text())
        path = prediction_path(file.parents[1].name, sample["request"])
        answer = post(address, path, sample["request"])
        expect(answer.status == 200, f"{file}: {answer.status} {answer.text}")
        right = sample["response"]
        # An answer has also the model's name and version.
        got = {key: answer.json().get(key) for key in right}
        expect(same(got, right), f"{file}: got {got}, expected {right}")
    print(f"  {len(files)} samples answered rightly")


def refuses_flowers(address: str) -> None:
    """What is wrong with a row is told by its path."""
    flower = json.loads((MODELS / "custom/samples/flowers.json").read_text())
    row = flower["request"]["instances"][0]
    answer = v1(address, "custom", row, {**row, "petal_width": 0}, {"unit": "inch"})
    expect(answer.status == 422, f"wrong flowers: {answer.status} {answer.text}")
    details = {one["path"]: one["message"] for one in answer.json()["details"]}
    missing = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    expected = {
        "instances[1].petal_width": "Input should be greater than 0",
        **{f"instances[2].{field}": "Field required" for field in missing},
        "instances[2].unit": "Input should be 'cm' or 'mm'",
    }
    expect(details == expected, f"wrong flowers: {details}, expected {expected}")
    print("  wrong rows are refused by their paths")


def refuses_pickles(python: str) -> None:
    """A pickle is loaded only where that is allowed, and with its checksum."""
    spam = MODELS / "spam"
    refused(WRONG_CONFIGURATION, "--allow-pickle", spam, "--python", python)
    with tempfile.TemporaryDirectory() as folder:
        other = shutil.copytree(spam, folder, dirs_exist_ok=True)
        with (Path(other) / "model.joblib").open("ab") as file:
            file.write(b".")
        allowed = ("--allow-pickle", "--python", python)
        refused(CORRUPT, "checksum mismatch", folder, *allowed)
    print("  a pickle is refused unless it is allowed, and has its checksum")


def refused(code: int, said: str, *arguments: str | Path) -> None:
    """Models that `loadonce check` refuses with that exit code and these words."""
    command = [program(), "check", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(
        ended.returncode == code and said in ended.stderr,
        f"exit code {ended.returncode}, expected {code} and {said}: {ended.stderr}",
    )


def models_in_python(python: str) -> None:
    print("the example models in Python")
    # As it is typed: the folder of an environment, from where the server starts.
    environment = os.path.relpath(Path(python).parents[1])
    with loadonce(MODELS, "--allow-pickle", "--python", environment) as address:
        answers_every_sample(address)
        refuses_flowers(address)
    refuses_pickles(python)


def blocks_are_files(page: str) -> None:
    blocks = FILE.findall(page)
    for name, block in blocks:
        text = (PAGE.parent / name).read_text()
        expect(block == text, f"{PAGE.name}: the block of {name} is not the file")
    shown = {name for name, _ in blocks}
    files = {
        str(path.relative_to(PAGE.parent))
        for suffix in (".py", ".json")
        for path in SERVICES.rglob(f"*{suffix}")
    }
    expect(shown == files, f"{PAGE.name} shows {shown}, and there are {files}")
    print(f"  {len(blocks)} blocks are their files")


def commands_are_answered(page: str, fastapi: str, ours: str) -> None:
    commands = COMMAND.findall(page)
    expect(len(commands) == page.count("$ curl"), "a command has no answer")
    for path, body, right in commands:
        address = fastapi if path == "/predict" else ours
        answer = post(address, path, json.loads(body))
        expect(
            same(answer.json(), json.loads(right)),
            f"{PAGE.name}: {path} answers {answer.text}, expected {right}",
        )
    print(f"  {len(commands)} commands are answered as the page says")


def services_agree(fastapi: str, ours: str) -> None:
    theirs = [post(fastapi, "/predict", message).json() for message in MESSAGES]
    answer = v1(ours, "spam", *MESSAGES)
    expect(
        same(answer.json(), {"predictions": theirs}),
        f"FastAPI answers {theirs}, loadonce {answer.text}",
    )
    for message in REFUSED:
        their, our = post(fastapi, "/predict", message), v1(ours, "spam", message)
        statuses = their.status, our.status
        expect(statuses == (422, 422), f"{message!r}: {statuses}, {our.text}")
        wrong = [
            (path_of(one["loc"][1:]), one["msg"]) for one in their.json()["detail"]
        ]
        details = [(one["path"], one["message"]) for one in our.json()["details"]]
        expect(details == wrong, f"{message!r}: {details}, FastAPI says {wrong}")
    print(
        f"  both services agree on {len(MESSAGES)} messages, and refuse {len(REFUSED)}"
    )


def path_of(location: list[str]) -> str:
    """The path that loadonce has for a place in a single row."""
    return "".join(["instances[0]", *(f".{field}" for field in location)])


def the_page(python: str) -> None:
    print("the page for users of FastAPI")
    page = PAGE.read_text()
    blocks_are_files(page)
    with (
        uvicorn(python) as fastapi,
        loadonce(SERVICES / "loadonce", "--python", python) as ours,
    ):
        commands_are_answered(page, fastapi, ours)
        services_agree(fastapi, ours)
    with loadonce(SERVICES / "stub", "--python", python) as stub:
        answer = v1(stub, "spam", *MESSAGES)
        verdict = {"label": "spam", "confidence": 0.75}
        expected = {"predictions": [verdict] * len(MESSAGES)}
        expect(answer.json() == expected, f"the stub answers {answer.text}")
        print("  the stub answers in place of the model")


def main(models: str, page: str) -> None:
    models_in_python(models)
    the_page(page)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except CheckError as error:
        sys.exit(f"error: {error}")
