"""Measures how fast a large model loads, in one file and as it is optimized.

bench/load.sh calls it with the paths of what is measured.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import entry
import report
from loads import TURNS, Line, Loadonce, measure, prepare, section, without_packing


def lines_of(
    engines: Sequence[tuple[str, Loadonce]], model: Path, scratch: Path, turns: int
) -> list[Line]:
    every = []
    for engine, loadonce in engines:
        print(f"== {engine}", flush=True)
        forms = prepare(loadonce, engine, model, scratch)
        if loadonce.library != "off":
            forms.append(without_packing(forms[1], scratch))
        lines = [Line(form) for form in forms]
        measure(loadonce, lines, turns)
        every += lines
    return every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "loadonce", "library"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=TURNS, help="loads of each form")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    given = parser.parse_args()
    engines = [
        ("ONNX Runtime", Loadonce(given.loadonce, str(given.library))),
        ("rten", Loadonce(given.loadonce, "off")),
    ]
    model = given.data / "network"
    # Beside the data: a temporary folder may be in memory, and then never cold.
    with tempfile.TemporaryDirectory(dir=given.data.parent) as scratch:
        lines = lines_of(engines, model, Path(scratch), given.turns)
        # The folders are still there, and so are their sizes.
        shown = "\n\n".join(section(lines, given.library.name.partition(".so.")[2]))
    print(shown)
    if given.write:
        text = report.RESULTS.read_text(encoding="utf-8")
        text = report.put(text, shown, "loads")
        report.RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    entry.run(main)
