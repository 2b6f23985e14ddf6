"""A large model in Python with four workers, and with one."""

import json
from dataclasses import replace
from itertools import chain

from contest import Contest, start_of
from load import wrk
from outcome import Bar, Outcome, Start, Verdict
from peers import counted, fastapi
from server import Program
from work import Work, compact

MODEL = "big-forest"
MANY = 4
# Of each worker, on average.
PREDICTIONS = 10_000
CONNECTIONS = 16


def run(contest: Contest) -> Outcome:
    work = Work.rows(MODEL, contest.data)
    ours, theirs = [], []
    for workers in (MANY, 1):
        name = f"loadonce, {counted(workers)}"
        program = contest.in_python(MODEL, workers, name)
        ours.append(loaded(contest, work, program, workers))
        program = fastapi("async", workers).program(contest, work)
        theirs.append(loaded(contest, work, program, workers))
    (factor, shown), (_, their_figures) = map(growth, (ours, theirs))
    what = f"{MODEL}, memory of {MANY} workers after {PREDICTIONS} predictions each"
    what += f", to 1 worker's ({shown}; FastAPI: {their_figures})"
    return Outcome(
        verdicts=[Verdict.of(what, factor, Bar(1.15, at_most=True))],
        starts=[*ours, *theirs],
    )


def growth(starts: list[Start]) -> tuple[float, str]:
    many, one = (start.loaded_memory for start in starts)
    return many / one, f"{many:.0f} MB to {one:.0f}"


def loaded(contest: Contest, work: Work, program: Program, workers: int) -> Start:
    """Its memory once it has predicted so much."""
    together = all_at_once(work)
    left = PREDICTIONS * workers
    with program.start(work) as server:
        work.check(server.address)
        while left > 0:
            window = wrk(server, together, CONNECTIONS, contest.seconds)
            left -= window.rate * contest.seconds * len(work.bodies)
        work.check(server.address)
        start = start_of(f"{work.title}, scikit-learn", server)
        print(f"  {start}", flush=True)
        return start


def all_at_once(work: Work) -> Work:
    """One request with the rows of all."""
    rows = chain.from_iterable(json.loads(body)["instances"] for body in work.bodies)
    return replace(work, bodies=[compact({"instances": list(rows)})], answers=[])
