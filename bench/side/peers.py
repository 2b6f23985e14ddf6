"""Ours beside what people serve models with today, each at its best settings known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import peer_programs
from against_floor import ONNX_RUNTIME
from contest import Contest, start_of
from outcome import Outcome
from peer_programs import Command
from server import Program
from work import Work

CONNECTIONS = 8
APPS = Path(__file__).with_name("peers")

# How to ask, and which model.
Question = tuple[Callable[[str, Path], Work], str]

BIG: Question = (Work.tensors, "big")
BIG_BINARY: Question = (Work.binary, "big")
V1: list[Question] = [(Work.rows, name) for name in ("iris", "forest", "minilm")]
V2: list[Question] = [(Work.tensors, name) for name in ("iris", "forest", "minilm")]


@dataclass(frozen=True)
class Peer:
    """A server with its settings, and what it is asked."""

    name: str
    command: Callable[[Contest, Work], Command]
    questions: Sequence[Question]

    def program(self, contest: Contest, work: Work) -> Program:
        command, variables = self.command(contest, work)
        file = contest.model_file(work.name)
        variables = variables | {"MODEL": str(file), "PYTHONPATH": str(APPS)}
        return Program(self.name, command, peer_programs.QUIET | variables)

    def against(self, contest: Contest, question: Question, outcome: Outcome) -> None:
        """Has ours and this one take turns, on the engine that both have."""
        make, model = question
        work = make(model, contest.data)
        ours = contest.ours(model, ONNX_RUNTIME).start(work)
        with ours, self.program(contest, work).start(work) as other:
            pair = (ours, other)
            for server in pair:
                work.check(server.address)
            title = f"{work.title}, ONNX Runtime"
            comparison = contest.compare(title, pair, work, CONNECTIONS)
            for server in pair:
                work.check(server.address)
            outcome.comparisons.append(comparison)
            outcome.starts.append(start_of(title, other))


def fastapi(handlers: str, workers: int) -> Peer:
    """Handlers that run on a thread (`def`), or on the event loop (`async`)."""
    questions = [*V1, BIG] if handlers == "def" else [*V1, BIG, BIG_BINARY]

    def command(_contest: Contest, work: Work) -> Command:
        return peer_programs.fastapi(work, handlers, workers)

    return Peer(f"FastAPI, {handlers}, {counted(workers)}", command, questions)


def mosec(workers: int, batch: int = 1) -> Peer:
    """With rows of so many requests at most in one call."""

    def command(_contest: Contest, work: Work) -> Command:
        return peer_programs.mosec(work, workers, batch)

    name = f"mosec, {counted(workers)}{', batching' * (batch > 1)}"
    return Peer(name, command, [*V1, BIG])


def counted(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


PEERS = {
    "fastapi": [
        fastapi(handlers, workers)
        for handlers in ("def", "async")
        for workers in (1, 2)
    ],
    "triton": [
        Peer("Triton, 2 instances", peer_programs.triton, [*V2, BIG, BIG_BINARY])
    ],
    "mosec": [mosec(workers=2)],
    "mlserver": [Peer("MLServer, 1 worker", peer_programs.mlserver, [*V2, BIG])],
}


def run(peers: Sequence[Peer], contest: Contest) -> Outcome:
    outcome = Outcome()
    for peer in peers:
        for question in peer.questions:
            peer.against(contest, question, outcome)
    return outcome
