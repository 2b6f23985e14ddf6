"""Models in processes of their own beside the same in the server's process."""

from against_floor import ONNX_RUNTIME
from contest import Contest
from outcome import Bar, Outcome, Verdict
from work import Work

ISOLATED = f'isolation = "process"\n{ONNX_RUNTIME}'
CALLERS = 8

# Where a run takes long, another process costs nothing; of one that takes microseconds
# it is most of the time.
BARS = {"minilm": Bar(0.95), "iris": Bar(0.5)}


def run(contest: Contest) -> Outcome:
    outcome = Outcome()
    for model, bar in BARS.items():
        work = Work.rows(model, contest.data)
        isolated = contest.ours(model, ISOLATED, "isolated")
        with (
            isolated.start(work) as ours,
            contest.ours(model, ONNX_RUNTIME, "in process").start(work) as other,
        ):
            for server in (ours, other):
                work.check(server.address)
            title = f"{work.title}, isolated"
            comparison = contest.compare(title, (ours, other), work, CALLERS)
            for server in (ours, other):
                work.check(server.address, CALLERS)
        outcome.comparisons.append(comparison)
        what = f"{work.title}, isolated to in process, c={CALLERS}: rate"
        outcome.verdicts.append(Verdict.of_ratio(what, comparison.rate, bar))
    return outcome
