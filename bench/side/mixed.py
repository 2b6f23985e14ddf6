"""A fast model while a slow one is busy, beside the fast one alone at the same rate."""

from collections.abc import Sequence
from statistics import median

from against_floor import ONNX_RUNTIME
from contest import Contest
from load import wrk
from open_loop import Answers, OpenLoop, Rate
from outcome import Bar, Outcome, Verdict
from pairs import Ratio
from server import Server
from work import Work

# Requests a second to the fast model: a small part of what it can.
FAST = 1000
# Parts of what the slow model can.
SLOW = (0.5, 1.0)
CONNECTIONS = 300
THREE_TIMES = Bar(3, at_most=True)


def run(contest: Contest) -> Outcome:
    fast, slow = (Work.rows(name, contest.data) for name in ("forest", "minilm"))
    folder = contest.folder()
    for work in (fast, slow):
        contest.put(folder / work.name, work.name, ONNX_RUNTIME)
    with contest.serve(folder).start(slow) as server:
        for work in (fast, slow):
            work.check(server.address)
        peak = wrk(server, slow, 8, contest.seconds).rate
        rounds = [
            [
                turn(contest, server, [(fast, FAST), (slow, part * peak)])
                for part in (0, *SLOW)
            ]
            for _ in range(contest.pairs)
        ]
    return Outcome(
        verdicts=[verdict(rounds, place) for place in range(1, 1 + len(SLOW))]
    )


def turn(
    contest: Contest, server: Server, rates: Sequence[tuple[Work, float]]
) -> Answers:
    """What the first of the works got while all were asked at their rates."""
    seconds = 2 * contest.seconds
    generators = [
        OpenLoop(server, work, Rate(rate, seconds, CONNECTIONS))
        for work, rate in rates
        if rate
    ]
    answers = [generator.wait() for generator in generators]
    print(f"  {answers[0]}", flush=True)
    return answers[0]


def verdict(rounds: Sequence[Sequence[Answers]], place: int) -> Verdict:
    """Of the turns at that place of the rounds, to those with the fast model alone."""
    tails = [answers[place].good.p99 for answers in rounds]
    alone = [answers[0].good.p99 for answers in rounds]
    late = median(answers[place].late.p99 for answers in rounds)
    slow = f"MiniLM at {SLOW[place - 1]:.0%} of its peak"
    figures = f"{median(tails):.2f} ms, alone {median(alone):.2f}, generator {late:.2f}"
    what = f"p99 of forest at {FAST}/s beside {slow} to alone ({figures})"
    return Verdict.of_ratio(what, Ratio.of(tails, alone), THREE_TIMES)
