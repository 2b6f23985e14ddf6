"""Compares loadonce with a hand-written floor and with what people use today.

bench/side.sh calls it with the paths of what is compared.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import against_floor
from contest import Contest
from load import LoadError
from outcome import Outcome
from server import ServerError
from work import WrongAnswerError

SCENARIOS = {**against_floor.SCENARIOS}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "loadonce", "floor", "library", "results"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="three pairs of a second")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each turn")
    given = parser.parse_args()
    if unknown := [name for name in given.only if name not in SCENARIOS]:
        parser.error(
            f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}"
        )
    return given


def contest_of(given: argparse.Namespace, scratch: Path) -> Contest:
    pairs, seconds = (3, 1) if given.quick else (given.pairs, given.seconds)
    paths = [given.data, given.loadonce, given.floor, given.library, scratch]
    return Contest(*(path.resolve() for path in paths), seconds=seconds, pairs=pairs)


def run(name: str, contest: Contest) -> Outcome:
    print(f"== {name}", flush=True)
    began = time.monotonic()
    outcome = SCENARIOS[name].run(contest)
    for verdict in outcome.verdicts:
        print(f"  {verdict}")
    print(f"  in {time.monotonic() - began:.0f} s", flush=True)
    return outcome


def main() -> None:
    given = arguments()
    results = json.loads(given.results.read_text()) if given.results.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        contest = contest_of(given, Path(scratch))
        for name in given.only or SCENARIOS:
            results[name] = run(name, contest).as_json()
            given.results.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    try:
        main()
    except (LoadError, ServerError, WrongAnswerError) as error:
        sys.exit(f"error: {error}")
