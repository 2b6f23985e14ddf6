"""Fitted estimators of scikit-learn beside the same in what serves them today."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import peer_programs
from contest import Contest, start_of
from outcome import Bar, Comparison, Outcome, Verdict
from peers import Peer, counted, fastapi, mosec
from work import Work

# The most that anybody may put together.
BATCH = 64


@dataclass(frozen=True)
class Rival:
    """A peer, how it is asked, and whether it puts requests together.

    `expect` makes of the work what this peer answers.
    """

    peer: Peer
    make: Callable[[str, Path], Work] = Work.rows
    batches: bool = False
    expect: Callable[[Work], Work] = replace


def with_rows_apart(work: Work) -> Work:
    """The answers of Triton, where rows are put together: no output without columns."""

    def apart(output: dict) -> dict:
        shape = output["shape"]
        return output | {"shape": [*shape, 1] if len(shape) == 1 else shape}

    answers = [{"outputs": list(map(apart, one["outputs"]))} for one in work.answers]
    return replace(work, answers=answers)


def triton(batch: int) -> Rival:
    name = f"Triton, 2 instances{', batching' * (batch > 0)}"
    command = partial(peer_programs.triton, batch=batch)
    peer = Peer(name, command, [])
    if not batch:
        return Rival(peer, Work.tensors)
    return Rival(peer, Work.tensors, batches=True, expect=with_rows_apart)


@dataclass(frozen=True)
class Estimator:
    """A model with its workers, and whom it must leave behind by how much."""

    model: str
    workers: int
    connections: int
    rivals: Sequence[Rival]

    def beside(self, contest: Contest, rival: Rival, outcome: Outcome) -> None:
        work = rival.make(self.model, contest.data)
        its_work = rival.expect(work)
        title = f"{work.title}, scikit-learn"
        ours = contest.in_python(self.model, self.workers)
        other = rival.peer.program(contest, work)
        with ours.start(work) as server, other.start(its_work) as its_server:
            pairs = [(work, server), (its_work, its_server)]
            for checked, one in pairs:
                checked.check(one.address)
            servers = (server, its_server)
            comparison = contest.compare(title, servers, work, self.connections)
            for checked, one in pairs:
                checked.check(one.address)
            outcome.comparisons.append(comparison)
            outcome.starts += [start_of(title, one) for one in servers]

    def against_all(self, contest: Contest) -> Outcome:
        outcome = Outcome()
        for rival in self.rivals:
            self.beside(contest, rival, outcome)
        return outcome

    @property
    def what(self) -> str:
        where = f"c={self.connections}, {counted(self.workers)}"
        return f"{self.model}, scikit-learn, {where}"


IRIS = Estimator(
    "iris-joblib",
    workers=1,
    connections=8,
    rivals=[
        Rival(mosec(workers=1)),
        Rival(mosec(workers=1, batch=BATCH), batches=True),
        Rival(fastapi("async", 1)),
    ],
)
FOREST = Estimator(
    "forest-joblib",
    workers=2,
    connections=64,
    rivals=[
        Rival(fastapi("def", 2)),
        Rival(fastapi("async", 2)),
        Rival(mosec(workers=2)),
        triton(batch=0),
        Rival(mosec(workers=2, batch=BATCH), batches=True),
        triton(BATCH),
    ],
)


def iris(contest: Contest) -> Outcome:
    """Each of the peers has a bar of its own."""
    outcome = IRIS.against_all(contest)
    outcome.verdicts = [
        Verdict.of_ratio(f"{IRIS.what}: rate to {one.other}", one.rate, Bar(2))
        for one in outcome.comparisons
    ]
    return outcome


def forest(contest: Contest) -> Outcome:
    """The best of the peers, as they are by default and where they batch too."""
    outcome = FOREST.against_all(contest)
    default = [
        comparison
        for comparison, rival in zip(outcome.comparisons, FOREST.rivals, strict=True)
        if not rival.batches
    ]
    outcome.verdicts = [
        to_the_best("the best of those that do not batch", default),
        to_the_best("the best of all", outcome.comparisons),
    ]
    return outcome


def to_the_best(which: str, comparisons: Sequence[Comparison]) -> Verdict:
    best = min(comparisons, key=lambda one: one.rate.median)
    what = f"{FOREST.what}: rate to {which} ({best.other})"
    return Verdict.of_ratio(what, best.rate, Bar(5))
