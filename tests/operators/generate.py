"""Writes a model folder for each case that the tabular engine must answer rightly.

Each folder holds a model of one operator, or one trained by scikit-learn, and samples
whose answers are those of onnxruntime. `loadonce check OUT` then proves the engine.

    python tests/operators/generate.py OUT
"""

import argparse
import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cases
from cases.casebook import Case
from cases.engine import missing_operators, operators
from cases.reference import Reference, tensors_as_json


def every_case() -> Iterator[Case]:
    """The cases of each module of the package that has a table of them."""
    for found in sorted(
        pkgutil.iter_modules(cases.__path__), key=lambda each: each.name
    ):
        module = importlib.import_module(f"cases.{found.name}")
        for make_cases in getattr(module, "CASES", []):
            yield from make_cases()


def write(case: Case, models: Path) -> None:
    """Writes the folder of one case."""
    folder = models / case.name
    samples = folder / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "model.toml").write_text('engine = "tabular"\n')
    reference = Reference(case.model)
    for count, inputs in case.batches():
        sample = {
            "description": f"the first {count} of the rows, answered by onnxruntime",
            "request": {"inputs": tensors_as_json(inputs)},
            "response": {"outputs": tensors_as_json(reference.answers(inputs))},
            "tolerance": asdict(case.tolerance),
        }
        text = json.dumps(sample, allow_nan=False) + "\n"
        (samples / f"rows_{count}.json").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the operator cases.")
    parser.add_argument("out", type=Path, help="folder to write the models to")
    models = parser.parse_args().out
    known = operators()
    uncovered = set(known)
    written: set[str] = set()
    for case in every_case():
        if case.name in written:
            raise ValueError(f"two cases are called {case.name}")
        missing = missing_operators(case.model, known)
        if missing:
            raise ValueError(f"{case.name}: the engine has no {', '.join(missing)}")
        write(case, models)
        written.add(case.name)
        uncovered -= {row for row in uncovered if row.is_in(case.model)}
    if uncovered:
        raise ValueError(f"no case for {', '.join(sorted(map(str, uncovered)))}")
    print(f"{len(written)} cases written to {models}")


if __name__ == "__main__":
    main()
