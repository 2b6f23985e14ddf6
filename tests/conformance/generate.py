"""Writes the cases of the conformance suite, group by group.

    python tests/conformance/generate.py OUT DATA [PART...]

DATA is a folder with the packages of data.txt.
"""

import argparse
import importlib
import importlib.util
import time
from pathlib import Path


def write_part(part: str, out: Path, data: Path) -> None:
    module = importlib.import_module(part)
    match part:
        case "backend":
            module.write(out, data)
        case "networks":
            module.write(out / part, data)
        case _:
            module.write(out / part)


def main() -> None:
    parts = ["backend", "trained", "networks"]
    if importlib.util.find_spec("native"):
        parts.append("native")
    parser = argparse.ArgumentParser(description="Writes the conformance cases.")
    parser.add_argument("out", type=Path, help="folder to write the cases to")
    parser.add_argument("data", type=Path, help="folder of the data packages")
    parser.add_argument("parts", nargs="*", default=parts, help="all by default")
    arguments = parser.parse_args()
    for part in arguments.parts:
        began = time.monotonic()
        write_part(part, arguments.out, arguments.data)
        print(f"{part}: {time.monotonic() - began:.0f} s")
    count = sum(1 for _ in arguments.out.glob("*/*/case.json"))
    print(f"{count} cases written to {arguments.out}")


if __name__ == "__main__":
    main()
