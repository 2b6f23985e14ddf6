"""Holds a table in the README to what a suite found.

A table stands between two marks in the README. It is compared, and a difference shown
and a failure, or written anew.
"""

import argparse
import difflib
import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def arguments(results: str) -> argparse.Namespace:
    """The path `results`, described so, and whether to `update` the table."""
    parser = argparse.ArgumentParser(description="Checks a table of the README.")
    parser.add_argument("results", type=Path, help=results)
    parser.add_argument("--update", action="store_true", help="write the table")
    return parser.parse_args()


def hold(name: str, table: str, script: str, update: bool) -> None:
    """Compares or writes the table of that name; `script --update` writes it too."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    wanted = f"{begin}\n{table}\n{end}"
    text = README.read_text(encoding="utf-8")
    found = re.search(f"{begin}.*{end}", text, re.DOTALL)
    if not found:
        sys.exit(f"{README} has no {begin} and {end}")
    if found[0] == wanted:
        return
    if update:
        README.write_text(text.replace(found[0], wanted), encoding="utf-8")
        return
    lines = (found[0].splitlines(), wanted.splitlines())
    print(*difflib.unified_diff(*lines, "README.md", "results", lineterm=""), sep="\n")
    sys.exit(f"the README's table of {name} is old; run: {script} --update")
