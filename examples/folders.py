"""Writes folders that loadonce can serve: files of a model, and samples.

A sample is a request with the answer that the library gave to it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LINE_WIDTH = 100

# What a model answers: a value for each row, by the name of the output.
Answer = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sample:
    """A request with the answer that the training library gives to it."""

    description: str
    request: dict[str, Any]
    response: dict[str, Any]


def write_folder(
    folder: Path,
    files: dict[str, bytes],
    samples: dict[str, Sample],
    tolerance: dict[str, float],
) -> None:
    """Writes a model's files and samples, and says how large it became."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name, sample in samples.items():
        text = readable_json({**vars(sample), "tolerance": tolerance}) + "\n"
        (folder / "samples" / f"{name}.json").write_text(text)
    size = sum(map(len, files.values()))
    print(f"{folder}: {size} bytes, {len(samples)} samples")


def checksum(content: bytes) -> str:
    """The line of `model.toml` that says which bytes a model's file has."""
    return f'checksum = "sha256:{hashlib.sha256(content).hexdigest()}"'


def samples_of_input(
    said: tuple[str, str],
    name: str,
    values: np.ndarray,
    answer: Callable[[np.ndarray], Answer],
    floats: str = "FP32",
) -> dict[str, Sample]:
    """The three ways to ask a model that has one input without columns.

    The first value is asked alone, the others together; `said` describes both.
    """
    one, others = values[:1], values[1:]
    named = [{name: value} for value in others.tolist()]
    return {
        "one_row": Sample(
            said[0], {"instances": one.tolist()}, predictions(answer(one))
        ),
        "named_input": Sample(
            f"{said[1]}, by input name",
            {"instances": named},
            predictions(answer(others)),
        ),
        "tensors": Sample(
            f"{said[1]}, as tensors",
            tensors("inputs", {name: others}, floats),
            tensors("outputs", answer(others), floats),
        ),
    }


def predictions(answer: Answer) -> dict[str, Any]:
    """The answer in row format: the bare value when the model has only one output."""
    columns = [values.tolist() for values in answer.values()]
    if len(columns) == 1:
        return {"predictions": columns[0]}
    rows = zip(*columns, strict=True)
    return {"predictions": [dict(zip(answer, row, strict=True)) for row in rows]}


def tensors(
    side: str, values: dict[str, np.ndarray], floats: str = "FP32"
) -> dict[str, Any]:
    """Tensors in the format of the Open Inference Protocol v2, floats as said."""
    return {side: [tensor(name, array, floats) for name, array in values.items()]}


def tensor(name: str, values: np.ndarray, floats: str) -> dict[str, Any]:
    datatype = {"f": floats, "i": "INT64"}.get(values.dtype.kind, "BYTES")
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": datatype,
        "data": plain(values.ravel()),
    }


def plain(values: Any) -> Any:
    """Nested lists, with what is missing as the text that JSON has for it here."""
    if isinstance(values, np.ndarray | list):
        return [plain(part) for part in values]
    value = np.asarray(values).item()
    return "NaN" if isinstance(value, float) and np.isnan(value) else value


def readable_json(value: Any, indent: str = "") -> str:
    """JSON with everything on one line that fits a line."""
    line = json.dumps(value)
    if len(indent + line) <= LINE_WIDTH or not isinstance(value, list | dict):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [
            f'"{key}": {readable_json(part, inner)}' for key, part in value.items()
        ]
    elif isinstance(value[0], list | dict):
        lines = [readable_json(part, inner) for part in value]
    else:
        lines = filled_lines([json.dumps(part) for part in value], inner)
    body = f",\n{inner}".join(lines)
    return f"{line[0]}\n{inner}{body}\n{indent}{line[-1]}"


def filled_lines(parts: list[str], indent: str) -> list[str]:
    """The parts, with as many on each line as fit there."""
    lines: list[str] = []
    for part in parts:
        if lines and len(f"{indent}{lines[-1]}, {part},") <= LINE_WIDTH:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines
