"""Holds the README's table of engines to what the conformance suite found.

    python tests/engine_table.py RESULTS [--update]

The table stands between two marks in the README. Without `--update` a table that is not
what the results say is shown as a difference, and fails.
"""

import argparse
import difflib
import json
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- engines:begin -->", "<!-- engines:end -->"

# The columns of cases, with the names that their groups begin with.
COLUMNS = {
    "tests of ONNX": ("node-", "simple", "pytorch-", "light"),
    "trained models": ("trained",),
    "real networks": ("networks",),
    "native files": ("native",),
}
ORDER = ["tabular", "xgboost", "lightgbm", "rten", "onnxruntime"]


def table(results: dict) -> str:
    engines = results["engines"]
    columns = [name for name, starts in COLUMNS.items() if groups(results, starts)]
    lines = [
        ["engine", "reads", "operators", *columns],
        ["---"] * (3 + len(columns)),
    ]
    for name in sorted(engines, key=ORDER.index):
        engine = engines[name]
        cells = [cell(engine["counts"], COLUMNS[column]) for column in columns]
        lines.append([f"`{name}`", formats(engine), operators(engine), *cells])
    rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{BEGIN}\n{rows}\n\n{legend(results)}\n{END}"


def groups(results: dict, starts: tuple[str, ...]) -> list[str]:
    return [group for group in results["sources"] if group.startswith(starts)]


def formats(engine: dict) -> str:
    return ", ".join(f"`.{name}`" for name in engine["formats"])


def operators(engine: dict) -> str:
    """How many operators of each domain occur in models that passed."""
    counts: dict[str, int] = {}
    for operator in engine["operators"]:
        domain = operator.rpartition(".")[0]
        counts[domain] = counts.get(domain, 0) + 1
    known = [domain for domain in ["ai.onnx", "ai.onnx.ml"] if domain in counts]
    return ", ".join(f"{counts[domain]} of {domain}" for domain in known)


def cell(counts: dict, starts: tuple[str, ...]) -> str:
    """`passed / refused / otherwise`; nothing where the engine was not asked."""
    passed = refused = otherwise = 0
    for group, outcomes in counts.items():
        if group.startswith(starts):
            passed += outcomes.get("passed", 0)
            refused += outcomes.get("refused", 0)
            rest = set(outcomes) - {"passed", "refused"}
            otherwise += sum(outcomes[outcome] for outcome in rest)
    if not passed + refused + otherwise:
        return ""
    return f"{passed} / {refused} / {otherwise}"


def legend(results: dict) -> str:
    named = {source for sources in results["sources"].values() for source in sources}
    sources = ", ".join(sorted(named, key=str.lower))
    text = (
        "Conformance cases passed / refused when the model is loaded / answered "
        "otherwise; operators are those of models that passed. What is answered "
        "otherwise is listed, with reasons, in "
        "[exceptions](crates/engines/tests/conformance/exceptions). Expected answers "
        f"are those of {sources}."
    )
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Checks the README's engine table.")
    parser.add_argument("results", type=Path, help="what the conformance suite wrote")
    parser.add_argument("--update", action="store_true", help="write the table")
    arguments = parser.parse_args()
    wanted = table(json.loads(arguments.results.read_text(encoding="utf-8")))
    text = README.read_text(encoding="utf-8")
    found = re.search(f"{BEGIN}.*{END}", text, re.DOTALL)
    if not found:
        sys.exit(f"{README} has no {BEGIN} and {END}")
    if found[0] == wanted:
        return
    if arguments.update:
        README.write_text(text.replace(found[0], wanted), encoding="utf-8")
        return
    lines = (found[0].splitlines(), wanted.splitlines())
    print(*difflib.unified_diff(*lines, "README.md", "results", lineterm=""), sep="\n")
    sys.exit("the README's table of engines is old; run: tests/conformance.sh --update")


if __name__ == "__main__":
    main()
