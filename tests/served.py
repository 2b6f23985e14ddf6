"""The program as a process, and requests to it."""

import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples" / "models"

# Nothing that a test waits for takes longer.
DEADLINE = 60.0


class CheckError(Exception):
    """What the program did wrong, in words for the person who reads the log."""


def expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise CheckError(otherwise)


def program() -> str:
    """The program under test: the release build, or what LOADONCE names."""
    path = os.environ.get(
        "LOADONCE", str(REPOSITORY / "target" / "release" / "loadonce")
    )
    if not Path(path).is_file():
        raise CheckError(f"{path} is not there; run 'make release', or set LOADONCE")
    return path


class Process:
    """A server that says its address, killed and waited for when the block ends."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def wait_for_line(self, part: str) -> str:
        """The next line of output that contains this."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise self.failure(
                    f"no line with '{part}' within {DEADLINE:.0f} s"
                ) from None
            if line is None:
                raise self.failure(f"ended before it said '{part}'")
            if part in line:
                return line

    def stop(self) -> None:
        """Tells it to stop, as a service manager does, and expects a clean end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise self.failure("did not stop") from None
        self._reader.join(DEADLINE)
        if code != 0:
            raise self.failure(f"stopped with exit code {code}")

    def failure(self, what: str) -> CheckError:
        return CheckError(f"the server {what}; it said:\n{''.join(self.output)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


class Server(Process):
    """`loadonce serve`."""

    def __init__(
        self, *arguments: str | Path, wrapper: Sequence[str | Path] = ()
    ) -> None:
        """`wrapper` is a command that runs the command behind it."""
        command = [*map(str, wrapper), program(), "serve", *map(str, arguments)]
        # No setting of ours may leak into the test.
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LOADONCE")
        }
        # Several servers run at the same time.
        clean["LOADONCE_GRPC_PORT"] = "0"
        super().__init__(command, clean)

    def address(self) -> str:
        """The address that it says it listens on."""
        line = self.wait_for_line("listening on http://")
        return line.split("http://")[1].replace(",", " ").split()[0]

    def grpc_address(self) -> str:
        """The address of gRPC's own, which it has said together with the other."""
        line = next(line for line in self.output if "gRPC on " in line)
        return line.split("gRPC on ")[1].split(",")[0]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer whose body is JSON, or text."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def ask(
    address: str, method: str, path: str, body: Any = None, timeout: float = DEADLINE
) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        headers = {"Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read().decode())
    finally:
        connection.close()
