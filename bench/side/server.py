"""A server as a process group of its own, from its start to its end."""

import http.client
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import machine
from work import DEADLINE, Work, WrongAnswerError

HOST = "127.0.0.1"
# Connections of the largest scenario, and room besides.
OPEN_FILES = 20_000


class ServerError(Exception):
    """A server that does not start, with what it said."""


@dataclass(frozen=True)
class Program:
    """How to start a server; `PORT` in the command stands for one."""

    name: str
    command: Sequence[str | Path]
    variables: Mapping[str, str] = field(default_factory=dict)

    def start(self, work: Work) -> "Server":
        """Starts it, and waits for its first right answer."""
        return Server(self, work)


class Server:
    """A running server; the whole group is ended when the block ends."""

    def __init__(self, program: Program, work: Work) -> None:
        self.name = program.name
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        allow_open_files()
        command = [
            str(part).replace("PORT", str(self.port)) for part in program.command
        ]
        # No setting of ours may leak into what is measured.
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LOADONCE")
        }
        output, name = tempfile.mkstemp(prefix=f"{program.name}-")
        self.output = Path(name)
        started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env=variables | dict(program.variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(output)
        try:
            self._wait(work, started + DEADLINE)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - started
        self.start_memory = self.memory()

    def _wait(self, work: Work, end: float) -> None:
        said = "nothing"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise self.failure(f"ended with {self.process.returncode}")
            connection = http.client.HTTPConnection(self.address, timeout=DEADLINE)
            try:
                work.ask(connection)
            except (OSError, http.client.HTTPException, WrongAnswerError) as error:
                said = str(error)
                time.sleep(0.001)
            else:
                return
            finally:
                connection.close()
        raise self.failure(f"did not answer: {said}")

    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self.process.pid)

    def memory(self) -> float:
        """The proportional share of the whole tree, in MB."""
        return machine.memory(self.process.pid)

    def failure(self, what: str) -> ServerError:
        said = self.output.read_text(errors="replace")
        return ServerError(f"{self.name} {what}; it said:\n{said[-4000:]}")

    def stop(self) -> None:
        """Ends the whole group, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.output.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return taken.getsockname()[1]


def allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
