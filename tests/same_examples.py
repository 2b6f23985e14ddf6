"""Compares two folders of example models.

Settings and code must be the same. Samples hold 64-bit floats, whose last bits depend
on the instructions that the processor has, so their numbers may differ by a millionth
part of what `loadonce check` tolerates. So do weights, and with them their checksums:
who calls this has each model answer the other's samples.

    python tests/same_examples.py COMMITTED TRAINED
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RELATIVE, ABSOLUTE = 1e-11, 1e-12

WEIGHTS = {"model.onnx", "model.json", "model.txt", "model.joblib", "weights.json"}


def differences(committed: Path, trained: Path) -> Iterator[str]:
    """What is not the same, a line for each file."""
    names = {
        path.relative_to(folder)
        for folder in (committed, trained)
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    if not names:
        yield f"no file in {committed}"
    for name in sorted(names):
        old, new = committed / name, trained / name
        if not old.exists() or not new.exists():
            yield f"{name}: only in {committed if old.exists() else trained}"
        elif name.parent.name == "samples":
            if where := first_difference(
                json.loads(old.read_text()), json.loads(new.read_text())
            ):
                yield f"{name}: differs at {where}"
        elif name.name not in WEIGHTS and content(old) != content(new):
            yield f"{name}: another content"


def content(file: Path) -> list[bytes]:
    """Its lines, without the checksum of weights."""
    lines = file.read_bytes().splitlines()
    return [line for line in lines if not line.startswith(b"checksum = ")]


def read(text: str) -> Any:
    """What a text says if it is JSON, as an answer in rows is; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def first_difference(old: Any, new: Any, where: str = "$") -> str | None:
    """The path of the first value that is not the same."""
    if isinstance(old, str) and isinstance(new, str) and old != new:
        old, new = read(old), read(new)
    if isinstance(old, float) and isinstance(new, float):
        same = math.isclose(old, new, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        return None if same else f"{where}: {old} and {new}"
    if type(old) is not type(new):
        return where
    if isinstance(old, dict):
        if list(old) != list(new):
            return where
        parts = [(f"{where}.{key}", old[key], new[key]) for key in old]
    elif isinstance(old, list):
        if len(old) != len(new):
            return where
        parts = [
            (f"{where}[{i}]", a, b)
            for i, (a, b) in enumerate(zip(old, new, strict=True))
        ]
    else:
        return None if old == new else where
    found = (first_difference(a, b, path) for path, a, b in parts)
    return next((path for path in found if path), None)


def main() -> int:
    found = list(differences(*map(Path, sys.argv[1:3])))
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
