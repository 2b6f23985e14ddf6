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

Schema = dict[str, Any]
# A path such as ".tags[2]", and what is wrong there.
Mistake = tuple[str, str]
Read = Callable[[Any, str, list[Mistake]], Any]


class Check(NamedTuple):
    """Reads a value of one type: the value as predict() gets it, or mistakes noted."""

    schema: Schema
    read: Read


def check_of(annotation: Any, where: str) -> Check:
    """The check of a type; `where` names it in errors, such as "field x of Flower"."""
    if annotation is Any:
        return Check({}, lambda value, path, mistakes: value)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _dataclass(annotation)
    if isinstance(annotation, type) and hasattr(annotation, "__required_keys__"):
        required = frozenset(annotation.__required_keys__)
        return _fields(annotation.__name__, _hints(annotation), required, dict)
    return _generic(annotation, where)


def _generic(annotation: Any, where: str) -> Check:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return _literal(arguments)
    if origin is Union or origin is getattr(types, "UnionType", Union):
        return _union([check_of(one, where) for one in arguments])
    if annotation is list or origin in (list, Sequence):
        return _list(check_of(arguments[0] if arguments else Any, where))
    if annotation is dict or (
        origin in (dict, Mapping) and arguments[:1] in ((), (str,))
    ):
        return _dict(check_of(arguments[1] if arguments else Any, where))
    name = getattr(annotation, "__name__", annotation)
    raise ConfigurationError(
        f"{where} has the type {name}, which needs pydantic 2: pip install pydantic"
    )


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


def _dataclass(cls: Any) -> Check:
    taken = [field for field in dataclasses.fields(cls) if field.init]
    missing = dataclasses.MISSING
    required = frozenset(
        field.name
        for field in taken
        if field.default is missing and field.default_factory is missing
    )
    hints = _hints(cls)
    fields = {field.name: hints[field.name] for field in taken}
    check = _fields(cls.__name__, fields, required, cls)

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


def _fields(
    of: str, types: dict[str, Any], required: frozenset[str], make: Callable[..., Any]
) -> Check:
    """The check of an object with these fields; others that come are left out."""
    checks = {
        name: check_of(annotation, f"field {name} of {of}")
        for name, annotation in types.items()
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
            elif name in required:
                mistakes.append((f"{path}.{name}", "Field required"))
        if len(mistakes) > before:
            return None
        return _made(make, given, path, mistakes)

    schema = {
        "title": of,
        "type": "object",
        "properties": {name: check.schema for name, check in checks.items()},
        "required": [name for name in checks if name in required],
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
