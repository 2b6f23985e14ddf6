"""Measures the memory of 1, 2, 4 and 8 workers of large models, beside FastAPI's.

bench/memory.sh calls it with the paths of what is compared.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import entry
import plots
import report
from contest import Contest
from memory import MODELS, Pair, measure, section


def write(pairs: Sequence[Pair]) -> None:
    """Writes the section of RESULTS.md and its picture."""
    text = report.RESULTS.read_text(encoding="utf-8")
    text = report.put(text, "\n\n".join(section(pairs)), "memory")
    report.RESULTS.write_text(text, encoding="utf-8")
    panels = {
        pair.ours.model: {
            line.server: line.megabytes for line in (pair.ours, pair.other)
        }
        for pair in pairs
    }
    plots.memory(panels, report.RESULTS.with_name("side-memory.svg"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "loadonce", "library"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        paths = (given.data, given.loadonce, given.library, Path(scratch))
        contest = Contest(*(path.resolve() for path in paths))
        pairs = [measure(contest, model) for model in MODELS]
    for pair in pairs:
        print(pair.verdict())
    if given.write:
        write(pairs)


if __name__ == "__main__":
    entry.run(main)
