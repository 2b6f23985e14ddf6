"""Writes the cases of the conformance suite, group by group.

    python tests/conformance/generate.py OUT DATA [GROUP...]

DATA is a folder with the packages of data.txt.
"""

import argparse
import importlib
import time
from pathlib import Path

MODULES = ["backend", "native"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the conformance cases.")
    parser.add_argument("out", type=Path, help="folder to write the cases to")
    parser.add_argument("data", type=Path, help="folder of the data packages")
    parser.add_argument("modules", nargs="*", default=MODULES, help="parts to write")
    arguments = parser.parse_args()
    for name in arguments.modules:
        began = time.monotonic()
        importlib.import_module(name).write(arguments.out, arguments.data)
        print(f"{name}: {time.monotonic() - began:.0f} s")
    count = sum(1 for _ in arguments.out.glob("*/*/case.json"))
    print(f"{count} cases written to {arguments.out}")


if __name__ == "__main__":
    main()
