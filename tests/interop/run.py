"""Has foreign clients, unmodified, ask a server, and prints a table of what worked.

    python tests/interop/run.py MODELS RESULTS ENVIRONMENT=PYTHON...

The results are also written to a file, as JSON, for the README's table.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from client_table import HEAD, row
from served import DEADLINE, EXAMPLES, CheckError, Server

# The modules of the clients that each environment has.
CLIENTS = {
    "triton": [
        "triton_http",
        "triton_http_aio",
        "triton_grpc",
        "triton_grpc_aio",
        "grpc_services",
        "mlserver_infer",
    ],
    "kserve": ["kserve_rest", "kserve_grpc"],
    "debian": ["curl", "h2load", "promtool", "slowhttptest"],
    "schemathesis": ["schema"],
}
CLIENT = Path(__file__).with_name("client.py")


def run_client(python: str, module: str, address: str) -> dict[str, Any]:
    command = [python, str(CLIENT), module, address]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=5 * DEADLINE, check=False
    )
    if ended.returncode != 0:
        raise CheckError(f"the checks of {module} broke off: {ended.stdout}")
    outcome = json.loads(ended.stdout.splitlines()[-1])
    print(row(outcome), flush=True)
    return outcome


def main(models: Path, results: Path, environments: dict[str, str]) -> None:
    library = os.environ["LOADONCE_ONNXRUNTIME"]
    with Server(models, EXAMPLES, "--port", "0", "--onnxruntime", library) as server:
        address = server.address()
        server.wait_for_line("ready after")
        print(HEAD)
        outcomes = [
            run_client(
                environments[environment],
                module,
                server.grpc_address() if "grpc" in module else address,
            )
            for environment, modules in CLIENTS.items()
            for module in modules
        ]
        server.stop()
    if any(outcome["passed"] < max(1, outcome["checks"]) for outcome in outcomes):
        raise CheckError("a client does not work")
    results.write_text(json.dumps(outcomes, indent=1), encoding="utf-8")


if __name__ == "__main__":
    try:
        pairs = [argument.split("=", 1) for argument in sys.argv[3:]]
        main(Path(sys.argv[1]), Path(sys.argv[2]), dict(pairs))
    except CheckError as error:
        sys.exit(f"error: {error}")
