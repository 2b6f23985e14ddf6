"""Ten times as many requests as the model can answer."""

from statistics import median

from against_floor import ONNX_RUNTIME
from contest import Contest
from load import wrk
from open_loop import OpenLoop, Rate
from outcome import Bar, Outcome, Verdict
from pairs import Ratio
from server import Server
from work import Work

TIMES = 10
# A full queue, and room for refusals.
CONNECTIONS = 1000
CALLERS = 64


def run(contest: Contest) -> Outcome:
    work, cheap = (Work.rows(name, contest.data) for name in ("minilm", "iris"))
    folder = contest.folder()
    contest.put(folder / work.name, work.name, ONNX_RUNTIME)
    contest.put(folder / cheap.name, cheap.name)
    peaks, busy_peaks, overloads, memory = [], [], [], []
    with contest.serve(folder).start(work) as server:
        cheap.check(server.address)
        wrk(server, work, CALLERS, contest.seconds)
        for _ in range(contest.pairs):
            peaks.append(wrk(server, work, CALLERS, contest.seconds).rate)
            refused = (TIMES - 1) * peaks[-1]
            busy_peaks.append(busy_peak(contest, server, (work, cheap), refused))
            rate = Rate(TIMES * peaks[-1], 3 * contest.seconds, CONNECTIONS)
            overloads.append(OpenLoop(server, work, rate).wait())
            memory.append(server.memory())
            print(
                f"  peak {peaks[-1]:.0f}, {busy_peaks[-1]:.0f} beside cheap answers, "
                f"then {overloads[-1]}, {memory[-1]:.0f} MB",
                flush=True,
            )
        work.check(server.address)
    goodput = [overload.goodput for overload in overloads]
    refusal = median(overload.refused.p50 for overload in overloads)
    what = f"MiniLM, {TIMES} times the peak, open loop"
    growth = memory[-1] / memory[0]
    verdicts = [
        Verdict.of_ratio(
            f"{what}: goodput to peak", Ratio.of(goodput, peaks), Bar(0.95)
        ),
        Verdict.of_ratio(
            f"{what}: goodput to the peak beside as many cheap answers as refusals",
            Ratio.of(goodput, busy_peaks),
            Bar(0.95),
        ),
        Verdict.of(
            f"{what}: median refusal", refusal, Bar(5, at_most=True, unit=" ms")
        ),
        Verdict.of(f"{what}: memory, last to first", growth, Bar(1.1, at_most=True)),
    ]
    return Outcome(verdicts=verdicts)


def busy_peak(
    contest: Contest, server: Server, works: tuple[Work, Work], rate: float
) -> float:
    """The peak of the first while the generator asks the second at that rate.

    It shares the processors with the server, which therefore has less for the model
    than at its peak, whatever it does with the requests.
    """
    work, cheap = works
    beside = Rate(rate, 2 * contest.seconds, CONNECTIONS)
    generator = OpenLoop(server, cheap, beside)
    peak = wrk(server, work, CALLERS, contest.seconds).rate
    generator.wait()
    return peak
