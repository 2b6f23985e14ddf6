"""Ours beside the service that a good engineer writes by hand for the one model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contest import Contest, start_of
from outcome import Bar, Comparison, Outcome, Verdict
from work import Work

ONNX_RUNTIME = 'engine = "onnxruntime"\n'
# What `model.toml` says for it.
ENGINES = {"ONNX Runtime": ONNX_RUNTIME, "tabular": ""}

# Connections, and a figure of the comparison.
Place = tuple[int, str]


@dataclass(frozen=True)
class AgainstFloor:
    """A work in one engine of ours, and what is expected of it."""

    model: str
    make: Callable[[str, Path], Work]
    bars: Mapping[Place, Bar]
    engine: str = "ONNX Runtime"
    connections: tuple[int, ...] = (1, 8, 64)

    def run(self, contest: Contest) -> Outcome:
        work = self.make(self.model, contest.data)
        title = f"{work.title}, {self.engine}"
        outcome = Outcome()
        ours = contest.ours(self.model, ENGINES[self.engine]).start(work)
        with ours, contest.by_hand(self.model).start(work) as floor:
            pair = (ours, floor)
            for server in pair:
                work.check(server.address)
            outcome.comparisons = [
                contest.compare(title, pair, work, connections)
                for connections in self.connections
            ]
            for server in pair:
                work.check(server.address)
            outcome.starts = [start_of(title, server) for server in pair]
        outcome.verdicts = list(self.verdicts(outcome.comparisons))
        return outcome

    def verdicts(self, comparisons: list[Comparison]) -> Iterator[Verdict]:
        for (connections, figure), bar in self.bars.items():
            (at,) = (one for one in comparisons if one.connections == connections)
            what = f"{at.work}, c={connections}: {figure} to the floor's"
            yield Verdict.of_ratio(what, getattr(at, figure), bar)


def at_8_and_64(limit: float) -> dict[Place, Bar]:
    return {(connections, "rate"): Bar(limit) for connections in (8, 64)}


UP_TO_512 = (1, 8, 64, 512)

WORKS = {
    "iris": AgainstFloor("iris", Work.rows, at_8_and_64(0.9), connections=UP_TO_512),
    "iris-tabular": AgainstFloor(
        "iris", Work.rows, at_8_and_64(1.0), "tabular", UP_TO_512
    ),
    "forest": AgainstFloor("forest", Work.rows, {}, connections=UP_TO_512),
    "forest-tabular": AgainstFloor(
        "forest", Work.rows, at_8_and_64(1.0), "tabular", UP_TO_512
    ),
    "minilm": AgainstFloor(
        "minilm",
        Work.rows,
        {(8, "rate"): Bar(0.97), (8, "p99"): Bar(1.0, at_most=True)},
    ),
    "big-binary": AgainstFloor("big", Work.binary, {(8, "rate"): Bar(0.95)}),
    "big-json": AgainstFloor("big", Work.tensors, {(8, "rate"): Bar(1.3)}),
}
