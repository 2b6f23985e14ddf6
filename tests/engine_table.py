"""Holds the README's table of engines to what the conformance suite found.

python tests/engine_table.py RESULTS [--update]
"""

import json
import textwrap

import readme_table

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
    return f"{rows}\n\n{legend(results)}"


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


if __name__ == "__main__":
    arguments = readme_table.arguments("what the conformance suite wrote")
    wanted = table(json.loads(arguments.results.read_text(encoding="utf-8")))
    readme_table.hold("engines", wanted, "tests/conformance.sh", arguments.update)
