"""The one load generator, wrk, with one thread."""

import json
import resource
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import machine
from server import Server
from work import Work

SCRIPT = Path(__file__).with_name("post.lua")


class LoadError(Exception):
    """Requests failed, so that there is nothing to compare."""


@dataclass(frozen=True)
class Window:
    """What a server did for some seconds."""

    rate: float
    """Requests answered in a second."""
    p50: float
    """Latency in milliseconds."""
    p99: float
    cpu: float
    """Processor time of the server, in milliseconds a request."""
    noise: float
    """Cores that others kept busy meanwhile."""


class Meter:
    """Processor time of a server, the generator and everybody else."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began = self._now()

    def _now(self) -> tuple[float, float, float]:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        generator = used.ru_utime + used.ru_stime
        return self._server.cpu_seconds(), generator, machine.busy_seconds()

    def read(self) -> tuple[float, float]:
        """Seconds of the server, and of everybody else, since the start."""
        pairs = zip(self._now(), self._began, strict=True)
        server, generator, busy = (now - began for now, began in pairs)
        return server, max(0.0, busy - server - generator)


def wrk(server: Server, work: Work, connections: int, seconds: int) -> Window:
    """Asks the first request of the work on so many connections for so long."""
    meter = Meter(server)
    printed = ask(server, work, connections, seconds)
    return window(printed, f"{server.name}, {work.name}", *meter.read())


def ask(server: Server, work: Work, connections: int, seconds: int) -> dict[str, float]:
    """The same, whatever comes of it: what the script prints."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(work.bodies[0])
        body.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=10s"]
        command += ["-s", str(SCRIPT), f"http://{server.address}{work.path}", "--"]
        command += [body.name, *(part for pair in work.head().items() for part in pair)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(ended.stdout.splitlines()[-1])


def window(outcome: dict[str, float], what: str, cpu: float, others: float) -> Window:
    """From what the script prints, and the seconds of the server and of others."""
    if outcome["refused"] or outcome["broken"] or not outcome["requests"]:
        raise LoadError(f"{what}: {outcome}")
    return Window(
        rate=outcome["requests"] / outcome["seconds"],
        p50=outcome["p50"],
        p99=outcome["p99"],
        cpu=1e3 * cpu / outcome["requests"],
        noise=others / outcome["seconds"],
    )
