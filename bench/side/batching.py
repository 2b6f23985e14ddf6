"""Requests that share runs beside requests that do not."""

from against_floor import ONNX_RUNTIME
from contest import Contest
from outcome import Bar, Outcome, Verdict
from work import Work

TITLE = "perceptron, v1 JSON"
CALLERS = 64


def run(contest: Contest) -> Outcome:
    work = Work.rows("mlp", contest.data)

    def with_batching(enabled: str, name: str) -> str:
        config = f"{ONNX_RUNTIME}[batching]\nenabled = {enabled}\n"
        return contest.ours("mlp", config, name).start(work)

    with (
        with_batching("true", "batching") as on,
        with_batching("false", "no batching") as off,
    ):
        for server in (on, off):
            work.check(server.address)
        comparison = contest.compare(TITLE, (on, off), work, CALLERS)
        for server in (on, off):
            work.check(server.address, CALLERS)
    what = f"{TITLE}, batching on to off, c={CALLERS}"
    verdicts = [
        Verdict.of_ratio(f"{what}, rate", comparison.rate, Bar(1.3)),
        Verdict.of_ratio(f"{what}, p50", comparison.p50, Bar(1.0, at_most=True)),
    ]
    return Outcome([comparison], verdicts)
