"""Workers of a model in Python that are killed: what it costs, and for how long."""

import contextlib
import http.client
import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from threading import Event

import machine
from contest import Contest
from load import ask
from outcome import Bar, Outcome, Verdict
from server import Server, ServerError
from work import DEADLINE, Work

WORKERS = 2
CONNECTIONS = 32
SECONDS = 30
PAUSE = 0.2
ROUNDS = 50


def killing(contest: Contest) -> Outcome:
    """A worker is killed again and again while all of them are busy."""
    work = Work.rows("counted", contest.data)
    loads = contest.folder() / "loads"
    config = f'[env]\nLOADS = "{loads}"\n'
    ours = contest.in_python("counted", WORKERS, config=config)
    with ours.start(work) as server:
        work.check(server.address)
        usual = ask(server, work, CONNECTIONS, contest.seconds)
        with killer(server, work) as kills:
            printed = ask(server, work, CONNECTIONS, SECONDS)
        work.check(server.address)
        loaded = len(loads.read_text().splitlines())
    failed = int(printed["refused"] + printed["broken"])
    rate = printed["requests"] / printed["seconds"]
    figures = f"{len(kills)} kills in {SECONDS} s, {rate:.0f}/s, p99 "
    figures += f"{printed['p99']:.0f} ms, undisturbed {usual['p99']:.0f} ms"
    what = f"forest in Python, {WORKERS} workers, c={CONNECTIONS}, kill -9 every "
    what += f"{PAUSE * 1e3:.0f} ms ({figures})"
    return Outcome(
        verdicts=[
            Verdict.of_count(f"{what}: failed requests", failed, 0),
            Verdict.of_count(f"{what}: loads", loaded, 1),
        ]
    )


@contextmanager
def killer(server: Server, work: Work) -> Iterator[list[int]]:
    """Kills one of the workers every so often, and checks answers meanwhile."""
    kills: list[int] = []
    is_over = Event()

    def kill() -> None:
        while not is_over.wait(PAUSE):
            # There may be none for a moment, or one that has ended already.
            with contextlib.suppress(IndexError, ProcessLookupError):
                worker = random.choice(workers(server))
                os.kill(worker, signal.SIGKILL)
                kills.append(worker)

    def check() -> None:
        connection = http.client.HTTPConnection(server.address, timeout=DEADLINE)
        for index in itertools.cycle(range(len(work.bodies))):
            if is_over.is_set():
                break
            work.ask(connection, index)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(kill), pool.submit(check)]
        try:
            yield kills
        finally:
            is_over.set()
        for end in ends:
            end.result()


def replacement(contest: Contest) -> Outcome:
    """The only worker is killed, and a request is sent at once."""
    return Outcome(
        verdicts=[replaced(contest, model) for model in ("forest-joblib", "big-forest")]
    )


def replaced(contest: Contest, model: str) -> Verdict:
    work = Work.rows(model, contest.data)
    with contest.in_python(model, workers=1).start(work) as server:
        connection = http.client.HTTPConnection(server.address, timeout=DEADLINE)
        usual = [seconds_of(work, connection) for _ in range(ROUNDS)]
        times = []
        for _ in range(ROUNDS):
            (worker,) = workers(server)
            os.kill(worker, signal.SIGKILL)
            times.append(seconds_of(work, connection))
            if worker in (left := workers(server)):
                raise ServerError(f"worker {worker} was killed, and there are {left}")
        connection.close()
    figures = f"to {max(times) * 1e3:.0f} ms, undisturbed {median(usual) * 1e3:.1f} ms"
    what = (
        f"{model}, scikit-learn, from the kill of the only worker to the answer of a "
    )
    what += f"request sent right then, by its successor, median of {ROUNDS} ({figures})"
    bar = Bar(100, at_most=True, unit=" ms")
    return Verdict.of(what, median(times) * 1e3, bar)


def seconds_of(work: Work, connection: http.client.HTTPConnection) -> float:
    began = time.monotonic()
    work.ask(connection)
    return time.monotonic() - began


def workers(server: Server) -> list[int]:
    return machine.grandchildren(server.process.pid)
