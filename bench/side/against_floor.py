"""Ours beside the service that a good engineer writes by hand for the one model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contest import Contest, start_of
from outcome import Bar, Comparison, Outcome, Verdict
from work import Work

ONNX_RUNTIME = 'engine = "onnxruntime"\n'
EQUAL = Bar(1.0)

# Connections, and a figure of the comparison.
Place = tuple[int, str]


@dataclass(frozen=True)
class AgainstFloor:
    """A work in one engine, and what is expected of it."""

    title: str
    model: str
    make: Callable[[str, Path], Work]
    bars: dict[Place, Bar]
    config: str = ONNX_RUNTIME
    connections: tuple[int, ...] = (1, 8, 64)

    def run(self, contest: Contest) -> Outcome:
        work = self.make(self.model, contest.data)
        outcome = Outcome()
        ours = contest.ours(self.model, self.config).start(work)
        with ours, contest.by_hand(self.model).start(work) as floor:
            pair = (ours, floor)
            for server in pair:
                work.check(server.address)
            outcome.comparisons = [
                contest.compare(self.title, pair, work, connections)
                for connections in self.connections
            ]
            for server in pair:
                work.check(server.address)
            outcome.starts = [start_of(self.title, server) for server in pair]
        outcome.verdicts = list(self.verdicts(outcome.comparisons))
        return outcome

    def verdicts(self, comparisons: list[Comparison]) -> Iterator[Verdict]:
        for (connections, figure), bar in self.bars.items():
            (at,) = (c for c in comparisons if c.connections == connections)
            what = f"{self.title}, c={connections}, {figure}"
            yield Verdict.of_ratio(what, getattr(at, figure), bar)


TABULAR = {"config": "", "connections": (1, 8, 64, 512)}
RATES = {(8, "rate"): EQUAL, (64, "rate"): EQUAL}
NEARLY = {(8, "rate"): Bar(0.9), (64, "rate"): Bar(0.9)}

SCENARIOS = {
    "iris": AgainstFloor(
        "iris, v1 JSON, ONNX Runtime",
        "iris",
        Work.rows,
        NEARLY,
        connections=(1, 8, 64, 512),
    ),
    "iris-tabular": AgainstFloor(
        "iris, v1 JSON, tabular", "iris", Work.rows, RATES, **TABULAR
    ),
    "forest": AgainstFloor(
        "forest, v1 JSON, ONNX Runtime",
        "forest",
        Work.rows,
        {},
        connections=(1, 8, 64, 512),
    ),
    "forest-tabular": AgainstFloor(
        "forest, v1 JSON, tabular", "forest", Work.rows, RATES, **TABULAR
    ),
    "minilm": AgainstFloor(
        "MiniLM, v1 JSON",
        "minilm",
        Work.rows,
        {(8, "rate"): Bar(0.97), (8, "p99"): Bar(1.0, at_most=True)},
    ),
    "big-binary": AgainstFloor(
        "big tensor, binary", "big", Work.binary, {(8, "rate"): Bar(0.95)}
    ),
    "big-json": AgainstFloor(
        "big tensor, JSON", "big", Work.tensors, {(8, "rate"): Bar(1.3)}
    ),
}
