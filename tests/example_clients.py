"""Runs every client in `examples/clients` against a server of the example models.

python tests/example_clients.py PYTHON
"""

import subprocess
import sys

from served import EXAMPLES, REPOSITORY, CheckError, Server

CLIENTS = REPOSITORY / "examples" / "clients"
CARGO = ("cargo", "run", "--quiet", "--locked", "--manifest-path")


def commands(python: str) -> dict[str, list[str]]:
    """How each is run, but for the address."""
    starts = {".sh": ["sh"], ".py": [python], ".mjs": ["node"]}
    scripts = {
        path.name: [*starts[path.suffix], str(path)]
        for path in sorted(CLIENTS.iterdir())
        if path.suffix in starts
    }
    return {**scripts, "rust": [*CARGO, str(CLIENTS / "rust" / "Cargo.toml"), "--"]}


def run(name: str, command: list[str], address: str) -> None:
    ended = subprocess.run(
        [*command, address], capture_output=True, text=True, check=False
    )
    if (ended.returncode, ended.stdout) != (0, "setosa\n"):
        said = f"{ended.stdout}{ended.stderr}"
        raise CheckError(f"{name} ended with {ended.returncode}, and said: {said}")


def main(python: str) -> None:
    with Server(EXAMPLES, "--port", "0") as server:
        address = server.address()
        server.wait_for_line("ready after")
        clients = commands(python)
        for name, command in clients.items():
            run(name, command, server.grpc_address() if "grpc" in name else address)
        server.stop()
    print(f"{len(clients)} example clients print the label: {', '.join(clients)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except CheckError as error:
        sys.exit(f"error: {error}")
