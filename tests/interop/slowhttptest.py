"""`slowhttptest`: clients that send or read too slowly, many at once.

A server of its own, with little patience, must end them all and go on answering others.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import IRIS_PATH, output
from served import DEADLINE, EXAMPLES, Server, ask

CLIENT = "slowhttptest"
CHECKED = "slow heads, bodies and readers are ended, and others answered meanwhile"
OF_DEBIAN = True

CONNECTIONS = 100
IMPATIENT = (
    *("--header-timeout", "2s"),
    *("--body-timeout", "2s"),
    *("--idle-timeout", "2s"),
    *("--write-timeout", "2s"),
)


def version() -> str:
    said = output("slowhttptest", "-h", code=1)
    return said.split("version ")[1].split()[0]


def check_slow_heads(_: str) -> None:
    with impatient(EXAMPLES) as (_server, address):
        attack(address, "-H")


def check_slow_bodies(_: str) -> None:
    with impatient(EXAMPLES) as (_server, address):
        attack(address, "-B")


def check_slow_readers(_: str) -> None:
    """What the system has already taken for them, it still gives them; so it is the
    server's own side that is looked at. More than the system takes is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        for copy in range(10):
            for model in EXAMPLES.iterdir():
                shutil.copytree(model, Path(folder, f"{model.name}{copy}"))
        with impatient(Path(folder)) as (server, address):
            slow = ("-X", "-k", 10, "-n", 1, "-z", 16, "-w", 64, "-y", 128)
            before = sockets(server)
            url = f"http://{address}/openapi.json"
            with background(command(url, *slow)) as client:
                wait_until(lambda: sockets(server) > before)
                assert ask(address, "GET", "/v2/health/ready").status == 200
                wait_until(lambda: sockets(server) <= before)
                assert client.poll() is None


@contextmanager
def impatient(models: Path) -> Iterator[tuple[Server, str]]:
    with Server(models, "--port", "0", *IMPATIENT) as server:
        address = server.address()
        server.wait_for_line("ready after")
        yield server, address
        server.stop()


def attack(address: str, mode: str) -> None:
    """Passes when every connection was ended and no probe meanwhile was in vain."""
    said = output(*command(f"http://{address}{IRIS_PATH}", mode))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert "No open connections left" in plain, plain
    assert re.search(r"service available: +YES", plain), plain
    assert not re.search(r"service available: +NO", plain), plain


def command(url: str, *options: object) -> list[str]:
    at_once = ("-c", CONNECTIONS, "-r", CONNECTIONS, "-i", 1, "-l", 100, "-p", 5)
    return ["slowhttptest", "-u", url, *map(str, options), *map(str, at_once)]


@contextmanager
def background(command: list[str]) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def sockets(server: Server) -> int:
    """How many the server has open."""
    files = Path(f"/proc/{server.process.pid}/fd").iterdir()
    return sum(is_socket(file) for file in files)


def is_socket(file: Path) -> bool:
    try:
        return str(file.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def wait_until(state: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not state():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.05)
