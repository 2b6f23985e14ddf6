"""Traffic on one model, with and without what should not matter to it.

That is other models, and connections that idle.
"""

import http.client
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from contest import Contest
from outcome import Bar, Outcome, Verdict
from server import Server
from work import DEADLINE, Work

MODELS = 100
IDLE = 5000


def hundred(contest: Contest) -> Outcome:
    """A hundred models loaded, traffic on one, beside that one alone."""
    work = Work.rows("forest", contest.data)
    folder = contest.folder()
    for index in range(1, MODELS):
        contest.put(folder / f"forest-{index}", "forest")
    contest.put(folder / "forest", "forest")
    many = contest.serve(folder, name=f"{MODELS} models")
    alone = contest.ours("forest", name="one model")
    with many.start(work) as ours, alone.start(work) as other:
        pair = (ours, other)
        comparisons = [
            contest.compare("forest, tabular", pair, work, connections)
            for connections in (8, 64)
        ]
        work.check(ours.address)
    what = f"forest among {MODELS} models to alone"
    return Outcome.of_rates(what, comparisons, Bar(0.95))


def idle(contest: Contest) -> Outcome:
    """Traffic on 64 connections while thousands idle, beside only those."""
    work = Work.rows("iris", contest.data)
    crowded = contest.ours("iris", name=f"{IDLE} idle")
    alone = contest.ours("iris", name="none idle")
    with (
        crowded.start(work) as ours,
        alone.start(work) as other,
        idle_connections(ours, work),
    ):
        comparison = contest.compare("iris, tabular", (ours, other), work, 64)
    what = f"iris beside {IDLE} idle connections to none, c=64, rate"
    return Outcome([comparison], [Verdict.of_ratio(what, comparison.rate, Bar(0.9))])


@contextmanager
def idle_connections(server: Server, work: Work) -> Iterator[None]:
    """Connections that asked once, say nothing, and are answered at the end."""
    with ExitStack() as stack:
        connections = [
            http.client.HTTPConnection(server.address, timeout=DEADLINE)
            for _ in range(IDLE)
        ]
        for connection in connections:
            stack.callback(connection.close)
            work.ask(connection)
        yield
        for connection in connections:
            # It would connect again by itself.
            connection.auto_open = 0
            work.ask(connection)
