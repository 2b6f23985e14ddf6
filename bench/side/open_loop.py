"""Requests at a fixed rate, whatever the server does, and what came of them."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from contest import FLOOR
from load import LoadError
from server import Server
from work import Work


@dataclass(frozen=True)
class Latencies:
    """Milliseconds, counted from when a request was due."""

    count: int
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True)
class Rate:
    """So many requests a second, on at most so many connections."""

    per_second: float
    seconds: int
    connections: int


@dataclass(frozen=True)
class Answers:
    """What came of them within the window."""

    seconds: float
    good: Latencies
    refused: Latencies
    late: Latencies
    """Between when a request was due and when the generator sent it."""

    @classmethod
    def of(cls, text: str, what: str) -> Self:
        content: dict[str, Any] = json.loads(text)
        if content.pop("broken") or content.pop("unsent"):
            raise LoadError(f"{what}: {text}")
        seconds = content.pop("seconds")
        return cls(
            seconds, **{name: Latencies(**part) for name, part in content.items()}
        )

    @property
    def goodput(self) -> float:
        return self.good.count / self.seconds


# Where the cores are all busy, a generator of no priority would wait for them itself.
FIRST = ["chrt", "--fifo", "10"] if os.geteuid() == 0 else []


class OpenLoop:
    """A generator under way."""

    def __init__(self, server: Server, work: Work, rate: Rate) -> None:
        self._what = f"{server.name}, {work.name}, {rate}"
        with tempfile.NamedTemporaryFile(delete=False) as body:
            body.write(work.bodies[0])
        self._body = Path(body.name)
        command = [
            *FIRST,
            FLOOR / "openloop",
            f"http://{server.address}{work.path}",
            "--body",
            body.name,
        ]
        command += ["--rate", rate.per_second, "--seconds", rate.seconds]
        command += ["--connections", rate.connections]
        for pair in work.head().items():
            command += ["--header", ":".join(pair)]
        self._process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, text=True
        )

    def wait(self) -> Answers:
        """Its end."""
        text, _ = self._process.communicate()
        self._body.unlink()
        if self._process.returncode != 0:
            raise LoadError(f"{self._what}: the generator failed")
        return Answers.of(text, self._what)
