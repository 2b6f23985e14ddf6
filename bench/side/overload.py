"""Ten times as many requests as the model can answer."""

from statistics import median

from against_floor import ONNX_RUNTIME
from contest import Contest
from load import wrk
from open_loop import OpenLoop, Rate
from outcome import Bar, Outcome, Verdict
from pairs import Ratio
from work import Work

TIMES = 10
# A full queue, and room for refusals.
CONNECTIONS = 1000
CALLERS = 64


def run(contest: Contest) -> Outcome:
    work = Work.rows("minilm", contest.data)
    peaks, overloads, memory = [], [], []
    with contest.ours("minilm", ONNX_RUNTIME).start(work) as server:
        wrk(server, work, CALLERS, contest.seconds)
        for _ in range(contest.pairs):
            peak = wrk(server, work, CALLERS, contest.seconds).rate
            rate = Rate(TIMES * peak, 2 * contest.seconds, CONNECTIONS)
            overloads.append(OpenLoop(contest.open_loop, server, work, rate).wait())
            peaks.append(peak)
            memory.append(server.memory())
            print(f"  peak {peak:.0f}, then {overloads[-1]}, {memory[-1]:.0f} MB")
        work.check(server.address)
    goodput = Ratio.of([overload.goodput for overload in overloads], peaks)
    refusal = median(overload.refused.p50 for overload in overloads)
    what = f"MiniLM, {TIMES} times the peak, open loop"
    growth = memory[-1] / memory[0]
    verdicts = [
        Verdict.of_ratio(f"{what}: goodput to peak", goodput, Bar(0.95)),
        Verdict.of(
            f"{what}: median refusal", refusal, Bar(5, at_most=True, unit=" ms")
        ),
        Verdict.of(f"{what}: memory, last to first", growth, Bar(1.1, at_most=True)),
    ]
    return Outcome(verdicts=verdicts)
