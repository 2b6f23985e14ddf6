"""Runs the checks of one client in that client's own environment.

    python tests/interop/client.py MODULE ADDRESS

A module here is one client: `CLIENT` is its name, `version()` the version that was
tried, `CHECKED` says what of, and each function `check_*` takes the server's address.
The last line of output is what came of it, as JSON.
"""

import importlib
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def checks(module: ModuleType) -> list[Callable[[str], None]]:
    names = [name for name in vars(module) if name.startswith("check_")]
    return [getattr(module, name) for name in names]


def outcome(module: ModuleType, address: str) -> dict[str, Any]:
    passed = 0
    for check in checks(module):
        try:
            check(address)
            passed += 1
        except Exception:
            print(f"{module.CLIENT}: {check.__name__} failed", file=sys.stderr)
            traceback.print_exc()
    return {
        "client": module.CLIENT,
        "version": module.version(),
        "of Debian": getattr(module, "OF_DEBIAN", False),
        "passed": passed,
        "checks": len(checks(module)),
        "checked": module.CHECKED,
    }


if __name__ == "__main__":
    module = importlib.import_module(sys.argv[1])
    print(json.dumps(outcome(module, sys.argv[2])))
