"""The memory of 1, 2, 4 and 8 workers of large models, beside FastAPI's."""

import datetime
import http.client
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import machine
import report
from against_floor import ONNX_RUNTIME
from contest import Contest
from load import LoadError
from outcome import Bar, Verdict
from peers import counted, fastapi
from server import Program, Server
from work import DEADLINE, Work

WORKERS = (1, 2, 4, 8)
MANY = 4
# Of each worker, on average.
PREDICTIONS = 100
# Of what the busiest worker did; one that did less has not predicted enough.
LEAST = 0.25

INTRODUCTION = """\
{command}, {day}, {machine}; {versions}. MB of a server's whole tree of processes, what
is shared counted in parts (PSS), after {predictions} predictions a worker, each answer
compared. One server runs at a time. FastAPI has so many workers of Uvicorn, loadonce so
many workers or, for a network, sessions."""


@dataclass(frozen=True)
class Model:
    """A model, and how much more its workers may take than one."""

    name: str
    kind: str
    limit: float
    in_python: bool = False
    isolated: bool = False

    @property
    def in_workers(self) -> bool:
        """Whether its runs are in processes of its own."""
        return self.in_python or self.isolated

    def title(self, data: Path) -> str:
        files = (data / "models" / self.name).glob("*.*")
        return f"{self.kind}, {sum(file.stat().st_size for file in files) / 1e6:.0f} MB"

    def ours(self, contest: Contest, workers: int) -> Program:
        if self.in_python:
            program = contest.in_python(self.name, workers)
        else:
            isolation = 'isolation = "process"\n' if self.isolated else ""
            config = f"{isolation}{ONNX_RUNTIME}[limits]\nsessions = {workers}\n"
            program = contest.ours(self.name, config)
        # No more workers run at once than it has cores, and the others would idle.
        command = [*program.command, "--cores", str(workers)]
        return replace(program, command=command)


MODELS = (
    Model("network", "network in ONNX, one file", 1.1),
    Model("network-external", "network in ONNX, weights beside it", 1.1),
    Model("network", "network in ONNX, isolated", 1.1, isolated=True),
    Model("big-forest", "forest of scikit-learn", 1.15, in_python=True),
)


@dataclass(frozen=True)
class Line:
    """The memory of a server, by its number of workers."""

    model: str
    server: str
    megabytes: dict[int, float]

    @property
    def growth(self) -> float:
        return self.megabytes[MANY] / self.megabytes[1]

    def row(self) -> list[str]:
        figures = [f"{self.megabytes[workers]:.0f}" for workers in WORKERS]
        return [self.model, self.server, *figures, f"{self.growth:.2f}x"]


@dataclass(frozen=True)
class Pair:
    """Ours and FastAPI's with one model."""

    ours: Line
    other: Line
    limit: float

    def verdict(self) -> Verdict:
        what = f"{self.ours.model}: memory of {counted(MANY)} to that of 1"
        what += f" (FastAPI: {self.other.growth:.2f}x)"
        return Verdict.of(what, self.ours.growth, Bar(self.limit, at_most=True))


def measure(contest: Contest, model: Model) -> Pair:
    work = Work.rows(model.name, contest.data)
    title = model.title(contest.data)
    ours, other = Line(title, "loadonce", {}), Line(title, "FastAPI", {})
    print(f"== {title}", flush=True)
    for workers in WORKERS:
        program = model.ours(contest, workers)
        processes = workers if model.in_workers else 1
        ours.megabytes[workers] = loaded(program, work, workers, processes)
        program = fastapi("async", workers).program(contest, work)
        other.megabytes[workers] = loaded(program, work, workers, workers)
        both = [
            f"{line.server} {line.megabytes[workers]:.0f}" for line in (ours, other)
        ]
        print(f"  {counted(workers)}: {', '.join(both)} MB", flush=True)
    return Pair(ours, other, model.limit)


def loaded(program: Program, work: Work, workers: int, processes: int) -> float:
    """Its memory once all of its workers, in so many processes, have predicted."""
    with program.start(work) as server:
        before = used(server)
        predict(server, work, workers)
        spent = [seconds - before.get(pid, 0) for pid, seconds in used(server).items()]
        if not all_worked(spent, processes):
            raise LoadError(f"{server.name}: not all workers predicted: {spent} s")
        return server.memory()


def used(server: Server) -> dict[int, float]:
    """Processor time of each of its processes."""
    tree = machine.tree(server.process.pid)
    return {pid: machine.own_cpu_seconds(pid) for pid in tree}


def all_worked(spent: Sequence[float], processes: int) -> bool:
    """Whether so many processes did about the same, and whatever others there are."""
    busiest = sorted(spent, reverse=True)
    return len(spent) >= processes and busiest[processes - 1] >= LEAST * busiest[0]


def predict(server: Server, work: Work, workers: int) -> None:
    """Each request has its own connection: a worker that is busy accepts none."""

    def call(index: int) -> None:
        connection = http.client.HTTPConnection(server.address, timeout=DEADLINE)
        work.ask(connection, index % len(work.bodies))
        connection.close()

    with ThreadPoolExecutor(2 * workers) as pool:
        list(pool.map(call, range(PREDICTIONS * workers)))


def section(pairs: Sequence[Pair]) -> Iterator[str]:
    """Its paragraphs."""
    yield report.paragraph(
        INTRODUCTION.format(
            command="`make bench-memory`",
            day=datetime.datetime.now(datetime.UTC).date().isoformat(),
            machine=machine.described(),
            versions=report.versions(
                ("fastapi", "uvicorn", "onnxruntime", "scikit-learn")
            ),
            predictions=PREDICTIONS,
        )
    )
    verdicts = [report.verdict_row(pair.verdict()) for pair in pairs]
    yield report.table(["what", "figure", "bar", ""], verdicts)
    counts = ["1 worker", *map(str, WORKERS[1:])]
    head = ["model", "server", *counts, f"{MANY} to 1"]
    lines = [line.row() for pair in pairs for line in (pair.ours, pair.other)]
    yield report.table(head, lines)
    yield "![Memory by workers](side-memory.svg)"
