"""Holds the README's table of clients to what `tests/interop/run.py` found.

python tests/client_table.py RESULTS [--update]
"""

import json
from typing import Any

import readme_table

HEAD = "| client | version | checks passed | of |\n| --- | --- | --- | --- |"


def row(outcome: dict[str, Any]) -> str:
    passed = f"{outcome['passed']} of {outcome['checks']}"
    cells = [outcome["client"], outcome["version"], passed, outcome["checked"]]
    return "| " + " | ".join(cells) + " |"


def table(outcomes: list[dict[str, Any]]) -> str:
    """The README says no version of what Debian has: that differs between systems."""
    rows = [
        row({**outcome, "version": "Debian's"} if outcome["of Debian"] else outcome)
        for outcome in outcomes
    ]
    return "\n".join([HEAD, *rows])


if __name__ == "__main__":
    arguments = readme_table.arguments("what the clients' checks wrote")
    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    readme_table.hold("clients", table(results), "tests/interop.sh", arguments.update)
