"""Compares loadonce with a hand-written floor and with what people use today.

bench/side.sh calls it with the paths of what is compared.
"""

import argparse
import datetime
import functools
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import against_floor
import batching
import company
import copies
import crashes
import echo
import entry
import estimator_works
import isolated
import machine
import mixed
import over_grpc
import overload
import peers
import plots
import report
from contest import Contest
from outcome import Outcome

SCENARIOS: dict[str, Callable[[Contest], Outcome]] = {
    **{name: work.run for name, work in against_floor.WORKS.items()},
    "batching": batching.run,
    "grpc": over_grpc.run,
    "overload": overload.run,
    "hundred": company.hundred,
    "idle": company.idle,
    "mixed": mixed.run,
    "isolated": isolated.run,
    **{
        name: functools.partial(peers.run, found) for name, found in peers.PEERS.items()
    },
    "python-iris": estimator_works.iris,
    "python-forest": estimator_works.forest,
    "python-echo": echo.run,
    "python-memory": copies.run,
    "python-kills": crashes.killing,
    "python-replacement": crashes.replacement,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "loadonce", "library", "results"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="three pairs of a second")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1, help="of each turn")
    given = parser.parse_args()
    if unknown := [name for name in given.only if name not in SCENARIOS]:
        parser.error(
            f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}"
        )
    return given


def length(given: argparse.Namespace) -> tuple[int, int]:
    """Pairs of turns, and seconds of each."""
    return (3, 1) if given.quick else (given.pairs, given.seconds)


def contest_of(given: argparse.Namespace, scratch: Path) -> Contest:
    pairs, seconds = length(given)
    paths = (given.data, given.loadonce, given.library, scratch)
    return Contest(*(path.resolve() for path in paths), seconds=seconds, pairs=pairs)


def run(name: str, contest: Contest) -> Outcome:
    print(f"== {name}", flush=True)
    began = time.monotonic()
    outcome = SCENARIOS[name](contest)
    for verdict in outcome.verdicts:
        print(f"  {verdict}")
    print(f"  in {time.monotonic() - began:.0f} s", flush=True)
    return outcome


def write(given: argparse.Namespace, outcomes: dict[str, Outcome]) -> None:
    """Writes the section of RESULTS.md and its picture."""
    command = "bench/side.sh" + f" --only {' '.join(given.only)}" * bool(given.only)
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    pairs, seconds = length(given)
    run = report.Run(day, f"`{command}`", machine.described(), seconds, pairs)
    text = report.RESULTS.read_text(encoding="utf-8")
    text = report.put(text, report.section(run, outcomes), "side")
    report.RESULTS.write_text(text, encoding="utf-8")
    beside = [
        comparison
        for name, outcome in outcomes.items()
        if name in against_floor.WORKS or name in peers.PEERS
        for comparison in outcome.comparisons
    ]
    plots.rates(beside, report.RESULTS.with_name("side-rates.svg"))


def main() -> None:
    given = arguments()
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory() as scratch:
        contest = contest_of(given, Path(scratch))
        for name in given.only or SCENARIOS:
            outcomes[name] = run(name, contest)
    content = {name: asdict(outcome) for name, outcome in outcomes.items()}
    given.results.write_text(json.dumps(content, indent=1))
    if given.write:
        write(given, outcomes)


if __name__ == "__main__":
    entry.run(main)
