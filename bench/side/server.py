"""A server as a process group of its own, from its start to its end."""

import contextlib
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
    """How to start a server; `PORT` stands for one."""

    name: str
    command: Sequence[str | Path]
    variables: Mapping[str, str] = field(default_factory=dict)

    def start(self, work: Work) -> "Server":
        """Starts it, and waits for its first right answer."""
        return Server(self, work)

    def spawn(self, port: int, output: int) -> subprocess.Popen[bytes]:
        """Starts it in a process group of its own."""

        def with_port(text: str | Path) -> str:
            return str(text).replace("PORT", str(port))

        # No setting of ours may leak into what is measured.
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LOADONCE")
        }
        for name, value in self.variables.items():
            variables[name] = with_port(value)
        return subprocess.Popen(
            list(map(with_port, self.command)),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Server:
    """A running server; the whole group is ended when the block ends."""

    def __init__(self, program: Program, work: Work) -> None:
        self.name = program.name
        port = free_port()
        self.address = f"{HOST}:{port}"
        allow_open_files()
        output, name = tempfile.mkstemp()
        self.output = Path(name)
        started = time.monotonic()
        self.process = program.spawn(port, output)
        os.close(output)
        try:
            self._wait(work, started)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - started
        self.start_memory = self.memory()

    def _wait(self, work: Work, started: float) -> None:
        said = "nothing"
        while (waited := time.monotonic() - started) < DEADLINE:
            if self.process.poll() is not None:
                raise self.failure(f"ended with {self.process.returncode}")
            connection = http.client.HTTPConnection(self.address, timeout=DEADLINE)
            try:
                work.ask(connection)
            except (OSError, http.client.HTTPException, WrongAnswerError) as error:
                said = str(error)
                # Whoever takes long to start is not kept from it by questions.
                time.sleep(max(0.001, waited / 50))
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
        # It may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
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
