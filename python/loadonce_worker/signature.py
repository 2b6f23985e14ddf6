"""Signatures: names, datatypes and shapes of a model's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import ConfigurationError
from .frames import CODES, LARGEST_RANK

FREE = -1


@dataclass(frozen=True)
class Spec:
    """One input or output; a `shape` of None is unknown, a dimension of -1 free."""

    name: str
    datatype: str
    shape: tuple[int, ...] | None
    columns: list[str] | None = None
    labels: list[Any] | None = None
    json: bool = False
    schema: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the server reads it: what is not known is left out, but the shape."""
        shape = None if self.shape is None else list(self.shape)
        fields = {"name": self.name, "datatype": self.datatype, "shape": shape}
        for name in ("columns", "labels", "schema"):
            if getattr(self, name) is not None:
                fields[name] = getattr(self, name)
        return {**fields, "json": True} if self.json else fields


def parse(declared: Any, where: str) -> list[Spec]:
    """Reads a declaration: `{name: (datatype, shape)}`, or a list of objects.

    `where` names it in errors, such as "inputs of class Model".
    """
    if isinstance(declared, Mapping):
        specs = [_pair(name, pair, where) for name, pair in declared.items()]
    elif isinstance(declared, Sequence) and not isinstance(declared, str):
        specs = [_object(fields, where) for fields in declared]
    else:
        raise ConfigurationError(
            f"{where} must be a dict such as {{'x': ('FP32', (-1, 4))}}, not a "
            f"{type(declared).__name__}"
        )
    if len({spec.name for spec in specs}) != len(specs):
        raise ConfigurationError(f"{where} have a name twice")
    return specs


def _pair(name: str, pair: Any, where: str) -> Spec:
    try:
        datatype, shape = pair
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{where}: '{name}' must be a pair of datatype and shape, "
            f"such as ('FP32', (-1, 4)), not {pair!r}"
        ) from None
    return _spec({"name": name, "datatype": datatype, "shape": shape}, where)


def _object(fields: Any, where: str) -> Spec:
    if not isinstance(fields, Mapping) or not {"name", "datatype"} <= set(fields):
        raise ConfigurationError(
            f"{where} must each have a name, a datatype and a shape, not {fields!r}"
        )
    return _spec(fields, where)


def _spec(fields: Mapping[str, Any], where: str) -> Spec:
    name, datatype = fields["name"], fields["datatype"]
    if datatype not in CODES:
        raise ConfigurationError(
            f"{where}: '{name}' has the datatype {datatype!r}, which must be one of "
            + ", ".join(CODES)
        )
    shape = _shape(fields.get("shape"), f"{where}: '{name}'")
    columns, labels = fields.get("columns"), fields.get("labels")
    return Spec(str(name), datatype, shape, columns, labels)


def _shape(shape: Any, where: str) -> tuple[int, ...] | None:
    if shape is None:
        return None
    try:
        dimensions = tuple(FREE if one is None else int(one) for one in shape)
    except (TypeError, ValueError):
        dimensions = (-2,)
    if any(one < FREE for one in dimensions) or len(dimensions) > LARGEST_RANK:
        raise ConfigurationError(
            f"{where} has the shape {shape!r}, which must be a tuple of sizes, "
            "with -1 or None where any size will do"
        )
    return dimensions
