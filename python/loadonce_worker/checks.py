"""Checks JSON values against types, for models whose interpreter has no pydantic.

Knows what rows are mostly made of: numbers, text, lists, dicts, literals, unions,
dataclasses and TypedDicts. Its messages are pydantic's.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple, Union

from .errors import ConfigurationError
from .values import Mistake, Schema

Read = Callable[[Any, str, list[Mistake]], Any]


class Check(NamedTuple):
    """Reads a value of one type: the value as predict() gets it, or mistakes noted."""

    schema: Schema
    read: Read


def check_of(annotation: Any, where: str) -> Check:
    """The check of a type; `where` names it in errors, such as "field x of Flower"."""
    classes = _Classes()
    schema, read = classes.check_of(annotation, where)
    if classes.definitions:
        schema = {**schema, "$defs": classes.definitions}
    return Check(schema, read)


@dataclasses.dataclass
class _Class:
    """A class whose fields are being looked at, or that is one of its own fields."""

    name: str
    is_recursive: bool = False
    read: Read = dataclasses.field(init=False)

    def reference(self) -> Check:
        def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
            return self.read(value, path, mistakes)

        return Check({"$ref": f"#/$defs/{self.name}"}, read)


class _Classes:
    """Makes checks; schemas of classes that contain themselves become definitions."""

    def __init__(self) -> None:
        self.definitions: Schema = {}
        self._classes: dict[type, _Class] = {}

    def check_of(self, annotation: Any, where: str) -> Check:
        if annotation is Any:
            return Check({}, lambda value, path, mistakes: value)
        if annotation in _PLAIN:
            return _PLAIN[annotation]
        if isinstance(annotation, type) and _has_fields(annotation):
            return self._class(annotation)
        return self._generic(annotation, where)

    def _generic(self, annotation: Any, where: str) -> Check:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is Literal:
            return _literal(arguments)
        if origin is Union or origin is getattr(types, "UnionType", Union):
            return _union([self.check_of(one, where) for one in arguments])
        if annotation is list or origin in (list, Sequence):
            return _list(self.check_of(arguments[0] if arguments else Any, where))
        if annotation is dict or (
            origin in (dict, Mapping) and arguments[:1] in ((), (str,))
        ):
            return _dict(self.check_of(arguments[1] if arguments else Any, where))
        name = getattr(annotation, "__name__", annotation)
        raise ConfigurationError(
            f"{where} has the type {name}, which needs pydantic 2: pip install pydantic"
        )

    def _class(self, cls: Any) -> Check:
        if cls in self._classes:
            self._classes[cls].is_recursive = True
            return self._classes[cls].reference()
        known = self._classes[cls] = _Class(self._free_name(cls))
        fields = _dataclass if dataclasses.is_dataclass(cls) else _typed_dict
        check = fields(cls, self)
        if not known.is_recursive:
            del self._classes[cls]
            return check
        known.read = check.read
        self.definitions[known.name] = check.schema
        return known.reference()

    def _free_name(self, cls: type) -> str:
        name = cls.__name__
        while any(known.name == name for known in self._classes.values()):
            name += "_"
        return name


def _has_fields(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) or hasattr(cls, "__required_keys__")


def _scalar(schema: str, kind: str, accepts: Callable[[Any], bool], make: Any) -> Check:
    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        # No float is as large as some integers.
        with suppress(OverflowError):
            if accepts(value):
                return make(value)
        mistakes.append((path, f"Input should be {kind}"))
        return None

    return Check({"type": schema}, read)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


_PLAIN: dict[Any, Check] = {
    str: _scalar("string", "a valid string", lambda value: isinstance(value, str), str),
    bool: _scalar(
        "boolean", "a valid boolean", lambda value: isinstance(value, bool), bool
    ),
    int: _scalar("integer", "a valid integer", _is_integer, int),
    float: _scalar("number", "a valid number", _is_number, float),
    type(None): _scalar(
        "null", "null", lambda value: value is None, lambda value: value
    ),
}


def _literal(choices: tuple[Any, ...]) -> Check:
    expected = " or ".join(map(repr, choices))

    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        for choice in choices:
            # True is 1 to Python, and not in JSON.
            if value == choice and type(value) is type(choice):
                return value
        mistakes.append((path, f"Input should be {expected}"))
        return None

    return Check({"enum": list(choices)}, read)


def _union(checks: list[Check]) -> Check:
    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        found: list[Mistake] = []
        for check in checks:
            before = len(found)
            result = check.read(value, path, found)
            if len(found) == before:
                return result
        mistakes.extend(found)
        return None

    return Check({"anyOf": [check.schema for check in checks]}, read)


def _list(element: Check) -> Check:
    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        if isinstance(value, (list, tuple)):
            pairs = enumerate(value)
            return [element.read(one, f"{path}[{at}]", mistakes) for at, one in pairs]
        mistakes.append((path, "Input should be a valid list"))
        return None

    return Check({"type": "array", "items": element.schema}, read)


def _dict(element: Check) -> Check:
    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        if isinstance(value, dict):
            pairs = value.items()
            return {
                key: element.read(one, f"{path}.{key}", mistakes) for key, one in pairs
            }
        mistakes.append((path, "Input should be a valid dictionary"))
        return None

    return Check({"type": "object", "additionalProperties": element.schema}, read)


def _typed_dict(cls: Any, classes: _Classes) -> Check:
    required = frozenset(cls.__required_keys__)
    return _fields(_Object(cls.__name__, _hints(cls), required, dict), classes)


def _dataclass(cls: Any, classes: _Classes) -> Check:
    taken = [field for field in dataclasses.fields(cls) if field.init]
    missing = dataclasses.MISSING
    required = frozenset(
        field.name
        for field in taken
        if field.default is missing and field.default_factory is missing
    )
    hints = _hints(cls)
    fields = {field.name: hints[field.name] for field in taken}
    check = _fields(_Object(cls.__name__, fields, required, cls), classes)

    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        # A result is made already.
        if isinstance(value, cls):
            return value
        return check.read(value, path, mistakes)

    return Check(check.schema, read)


def _hints(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except (NameError, TypeError) as error:
        raise ConfigurationError(f"the types of {cls.__name__}: {error}") from None


class _Object(NamedTuple):
    """What a class says of JSON objects; fields that it does not know are left out."""

    name: str
    fields: dict[str, Any]
    required: frozenset[str]
    make: Callable[..., Any]


def _fields(of: _Object, classes: _Classes) -> Check:
    checks = {
        name: classes.check_of(annotation, f"field {name} of {of.name}")
        for name, annotation in of.fields.items()
    }

    def read(value: Any, path: str, mistakes: list[Mistake]) -> Any:
        if not isinstance(value, dict):
            mistakes.append((path, "Input should be an object"))
            return None
        before = len(mistakes)
        given = {}
        for name, check in checks.items():
            if name in value:
                given[name] = check.read(value[name], f"{path}.{name}", mistakes)
            elif name in of.required:
                mistakes.append((f"{path}.{name}", "Field required"))
        if len(mistakes) > before:
            return None
        return _made(of.make, given, path, mistakes)

    schema = {
        "title": of.name,
        "type": "object",
        "properties": {name: check.schema for name, check in checks.items()},
        "required": [name for name in checks if name in of.required],
    }
    return Check(schema, read)


def _made(
    make: Callable[..., Any],
    given: dict[str, Any],
    path: str,
    mistakes: list[Mistake],
) -> Any:
    try:
        return make(**given)
    except (ValueError, AssertionError) as error:
        # Of a __post_init__ that checks; pydantic understands these two as well.
        mistakes.append((path, str(error)))
        return None
