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

    def against(self, contest: Contest, question: Question, outcome: Outcome) -> None:
        """Has ours and this one take turns, on the engine that both have."""
        make, model = question
        work = make(model, contest.data)
        model_file = contest.data / "models" / model / "model.onnx"
        command, variables = self.command(contest, work)
        variables = variables | {"MODEL": str(model_file), "PYTHONPATH": str(APPS)}
        program = Program(self.name, command, peer_programs.QUIET | variables)
        ours = contest.ours(model, ONNX_RUNTIME).start(work)
        with ours, program.start(work) as other:
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
    plural = "s" if workers > 1 else ""
    name = f"FastAPI, {handlers}, {workers} worker{plural}"
    questions = [*V1, BIG] if handlers == "def" else [*V1, BIG, BIG_BINARY]

    def command(contest: Contest, work: Work) -> Command:
        return peer_programs.fastapi(work, handlers, workers)

    return Peer(name, command, questions)


PEERS = {
    "fastapi": [
        fastapi(handlers, workers)
        for handlers in ("def", "async")
        for workers in (1, 2)
    ],
    "triton": [
        Peer("Triton, 2 instances", peer_programs.triton, [*V2, BIG, BIG_BINARY])
    ],
    "mosec": [Peer("mosec, 2 workers", peer_programs.mosec, [*V1, BIG])],
    "mlserver": [Peer("MLServer, 1 worker", peer_programs.mlserver, [*V2, BIG])],
}


def run(peers: Sequence[Peer], contest: Contest) -> Outcome:
    outcome = Outcome()
    for peer in peers:
        for question in peer.questions:
            peer.against(contest, question, outcome)
    return outcome
