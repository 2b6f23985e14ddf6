"""The samples of a model folder, in each of the forms that a request may have."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
# The values of each output, one a row.
Outputs = dict[str, list[Json]]


@dataclass(frozen=True)
class Model:
    """What a client knows of a model that has one input."""

    name: str
    input_name: str
    datatype: str
    # Empty where the input has no named columns.
    columns: list[str]
    output_names: list[str]

    @classmethod
    def of(cls, folder: Path, metadata: Json) -> "Model":
        """From its folder, and the server's answer to `GET /v2/models/NAME`."""
        (tensor,) = metadata["inputs"]
        return cls(
            name=folder.name,
            input_name=tensor["name"],
            datatype=tensor["datatype"],
            columns=tensor.get("columns", []),
            output_names=[output["name"] for output in metadata["outputs"]],
        )

    def rows(self, request: Json) -> list[Json]:
        """The rows that a request asks about, whatever its form."""
        if "inputs" in request:
            (tensor,) = request["inputs"]
            return nested(tensor["data"], tensor["shape"])
        return [self._row(row) for row in request["instances"]]

    def _row(self, row: Json) -> Json:
        if not isinstance(row, dict):
            return row
        if self.columns:
            return [row[column] for column in self.columns]
        return row[self.input_name]

    def outputs(self, response: Json) -> Outputs:
        """The answer of a response, whatever its form."""
        if "outputs" in response:
            return {
                tensor["name"]: nested(tensor["data"], tensor["shape"])
                for tensor in response["outputs"]
            }
        rows = response["predictions"]
        if len(self.output_names) == 1:
            return {self.output_names[0]: rows}
        return {name: [row[name] for row in rows] for name in self.output_names}

    def requests(self, rows: list[Json]) -> Iterator[tuple[str, str, Json]]:
        """The forms of a request about these rows: a name, a path, and a body."""
        v1 = f"/v1/models/{self.name}:predict"
        yield "v1 arrays", v1, {"instances": rows}
        yield "v1 by name", v1, {"instances": [self._named(row) for row in rows]}
        tensor = {
            "name": self.input_name,
            "shape": shape(rows),
            "datatype": self.datatype,
            "data": flat(rows),
        }
        yield "v2", f"/v2/models/{self.name}/infer", {"inputs": [tensor]}

    def _named(self, row: Json) -> Json:
        if self.columns:
            return dict(zip(self.columns, row, strict=True))
        return {self.input_name: row}


@dataclass(frozen=True)
class Sample:
    """A request with its right answer."""

    file: str
    rows: list[Json]
    expected: Outputs
    absolute: float
    relative: float

    def wrong(self, outputs: Outputs) -> str | None:
        """How an answer differs from the right one."""
        if outputs.keys() != self.expected.keys():
            return f"outputs {list(outputs)}, expected {list(self.expected)}"
        for name, expected in self.expected.items():
            if shape(outputs[name]) != shape(expected):
                return f"{name}: shape {shape(outputs[name])}, not {shape(expected)}"
            pairs = zip(flat(outputs[name]), flat(expected), strict=True)
            for got, right in pairs:
                if not self._near(got, right):
                    return f"{name}: {got!r}, expected {right!r}"
        return None

    def _near(self, got: Json, right: Json) -> bool:
        if not isinstance(right, float):
            return type(got) is type(right) and got == right
        if isinstance(got, bool) or not isinstance(got, int | float):
            return False
        return math.isfinite(got) and (
            abs(got - right) <= self.absolute + self.relative * abs(right)
        )


def samples(folder: Path, model: Model) -> list[Sample]:
    """All samples of a model folder."""
    found = []
    for file in sorted((folder / "samples").glob("*.json")):
        content = json.loads(file.read_text())
        sample = Sample(
            file=f"{folder.name}/{file.name}",
            rows=model.rows(content["request"]),
            expected=model.outputs(content["response"]),
            **content["tolerance"],
        )
        found.append(sample)
    return found


def prediction_path(model: str, request: Json) -> str:
    """Where to ask a model, by the protocol of the request."""
    if "inputs" in request:
        return f"/v2/models/{model}/infer"
    return f"/v1/models/{model}:predict"


def shape(values: Json) -> list[int]:
    return [len(values), *shape(values[0])] if isinstance(values, list) else []


def flat(values: Json) -> list[Json]:
    if not isinstance(values, list):
        return [values]
    return [leaf for value in values for leaf in flat(value)]


def nested(data: list[Json], lengths: list[int]) -> list[Json]:
    """Flat data as lists of lists of that shape."""
    if len(data) != math.prod(lengths):
        raise ValueError(f"{len(data)} values do not have the shape {lengths}")
    if len(lengths) == 1:
        return data
    step = len(data) // lengths[0]
    rows = (data[i * step : (i + 1) * step] for i in range(lengths[0]))
    return [nested(row, lengths[1:]) for row in rows]
