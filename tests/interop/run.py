"""Has foreign clients, unmodified, ask a server, and prints a table of what worked.

python tests/interop/run.py MODELS
"""

import importlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from served import CheckError, Server

# Modules with checks, and the package whose version says what was tried.
CLIENTS = {"triton_http": "tritonclient", "triton_http_aio": "tritonclient"}


def checks(module: object) -> list[Callable[[str], None]]:
    names = [name for name in vars(module) if name.startswith("check_")]
    return [getattr(module, name) for name in names]


def run_client(name: str, address: str) -> bool:
    module = importlib.import_module(name)
    version = importlib.metadata.version(CLIENTS[name])
    failed = 0
    for check in checks(module):
        try:
            check(address)
        except Exception:
            failed += 1
            print(f"{module.CLIENT}: {check.__name__} failed", file=sys.stderr)
            traceback.print_exc()
    count = len(checks(module))
    print(f"| {module.CLIENT} | {version} | {count - failed} of {count} |")
    return failed == 0 and count > 0


def main(models: Path) -> None:
    library = os.environ["LOADONCE_ONNXRUNTIME"]
    with Server(models, "--port", "0", "--onnxruntime", library) as server:
        address = server.address()
        server.wait_for_line("ready after")
        print("| client | version | checks passed |\n| --- | --- | --- |")
        right = [run_client(name, address) for name in CLIENTS]
        server.stop()
    if not all(right):
        raise CheckError("a client does not work")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except CheckError as error:
        sys.exit(f"error: {error}")
