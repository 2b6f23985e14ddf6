"""What is asked of a server: a path, requests, and the answers that are right."""

import array
import http.client
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Json = Any
DEADLINE = 60.0


class WrongAnswerError(Exception):
    """A server that is fast and wrong is not compared."""


@dataclass(frozen=True)
class Work:
    """Requests to one model, with their right answers."""

    name: str
    """Of the model."""
    form: str
    path: str
    bodies: list[bytes]
    answers: list[Json]
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def rows(cls, name: str, data: Path) -> Self:
        """Protocol v1, JSON."""
        requests, answers = read(data, name, "v1")
        path = f"/v1/models/{name}:predict"
        return cls(name, "v1 JSON", path, list(map(compact, requests)), answers)

    @classmethod
    def tensors(cls, name: str, data: Path) -> Self:
        """Protocol v2, JSON."""
        requests, answers = read(data, name, "v2")
        path = f"/v2/models/{name}/infer"
        return cls(name, "v2 JSON", path, list(map(compact, requests)), answers)

    @classmethod
    def binary(cls, name: str, data: Path) -> Self:
        """Protocol v2, the elements of the one input behind the JSON."""
        requests, answers = read(data, name, "v2")
        parts = [binary_parts(request["inputs"][0]) for request in requests]
        # All tensors have one shape, so that all heads are of one length.
        headers = {"Inference-Header-Content-Length": str(len(parts[0][0]))}
        bodies = [head + elements for head, elements in parts]
        path = f"/v2/models/{name}/infer"
        return cls(name, "v2 binary", path, bodies, answers, headers)

    @property
    def title(self) -> str:
        return f"{self.name}, {self.form}"

    def ask(self, connection: http.client.HTTPConnection, index: int = 0) -> None:
        """Asks, and fails on another answer than the right one."""
        connection.request("POST", self.path, self.bodies[index], self.head())
        response = connection.getresponse()
        text = response.read()
        if response.status != http.HTTPStatus.OK:
            raise WrongAnswerError(f"{self.title}: {response.status} {text[:200]!r}")
        wrong = difference(self.read_answer(response, text), self.answers[index])
        if wrong:
            raise WrongAnswerError(f"{self.title}, request {index}: {wrong}")

    def read_answer(self, _response: http.client.HTTPResponse, body: bytes) -> Json:
        return json.loads(body)

    def head(self) -> dict[str, str]:
        return {"Content-Type": "application/json"} | self.headers

    def check(self, address: str, callers: int = 8) -> None:
        """Asks everything, several callers at once, each in its own order."""

        def call(caller: int) -> None:
            connection = http.client.HTTPConnection(address, timeout=DEADLINE)
            for offset in range(len(self.bodies)):
                self.ask(connection, (caller + offset) % len(self.bodies))
            connection.close()

        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(call, range(callers)))


def read(data: Path, name: str, protocol: str) -> tuple[list[Json], list[Json]]:
    """Requests and their answers."""
    pairs = json.loads((data / "requests" / f"{name}.json").read_text())
    requests, answers = zip(*(pair[protocol] for pair in pairs), strict=True)
    return list(requests), list(answers)


def compact(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def binary_parts(tensor: Json, **wishes: Json) -> tuple[bytes, bytes]:
    """The JSON of a request for that tensor with these wishes, and its elements."""
    elements = array.array("f", tensor["data"]).tobytes()
    parts = {name: tensor[name] for name in ("name", "shape", "datatype")}
    parts["parameters"] = {"binary_data_size": len(elements)}
    return compact({"inputs": [parts], **wishes}), elements


def difference(got: Json, right: Json, place: str = "answer") -> str | None:
    """How an answer is not the right one; what it says besides does not matter."""
    match right:
        case dict():
            if not isinstance(got, dict) or right.keys() - got.keys():
                return f"{place} is {got!r:.80}, not {right!r:.80}"
            pairs = [
                (got[key], value, f"{place}.{key}") for key, value in right.items()
            ]
        case list():
            if not isinstance(got, list) or len(got) != len(right):
                return f"{place} is {got!r:.80}, not {right!r:.80}"
            pairs = list(numbered(got, right, place))
        case _:
            return None if near(got, right) else f"{place} is {got!r}, not {right!r}"
    return next(filter(None, (difference(*pair) for pair in pairs)), None)


def numbered(
    got: Sequence[Json], right: Sequence[Json], place: str
) -> list[tuple[Json, Json, str]]:
    pairs = enumerate(zip(got, right, strict=True))
    return [(one, other, f"{place}[{index}]") for index, (one, other) in pairs]


def near(got: Json, right: Json) -> bool:
    if isinstance(right, float) and isinstance(got, int | float):
        return math.isclose(got, right, rel_tol=1e-4, abs_tol=1e-6)
    return type(got) is type(right) and got == right
