"""Rows with types: what the annotations of predict() say of rows and results."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import checks
from .errors import ConfigurationError
from .values import AnyType, Mistake, MistakesError, Type


def row_and_result(predict: Callable[..., Any], description: str) -> tuple[Type, Type]:
    """Reads the annotations of predict(); what has none is plain JSON."""
    parameters = list(inspect.signature(predict).parameters.values())
    if not parameters:
        raise ConfigurationError(f"predict of {description} takes no rows")
    hints = _hints(predict, description)
    row = _element(hints.get(parameters[0].name, Any))
    if row is None:
        raise ConfigurationError(
            f"predict of {description} takes {hints[parameters[0].name]}. Rows are "
            "list[Row], of a pydantic model, a dataclass or a TypedDict; for arrays "
            "by name, declare inputs and outputs in the class or in model.toml"
        )
    result = _element(hints.get("return", Any))
    return (
        _type(row, description),
        _type(Any if result is None else result, description),
    )


def _hints(predict: Callable[..., Any], description: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(predict, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigurationError(
            f"the types of predict of {description}: {error}"
        ) from None


def _element(annotation: Any) -> Any:
    """T of `list[T]`, Any of a bare list, None of what is no list."""
    if annotation is Any or annotation is list:
        return Any
    if typing.get_origin(annotation) in (list, Sequence):
        arguments = typing.get_args(annotation)
        return arguments[0] if arguments else Any
    return None


def _type(annotation: Any, description: str) -> Type:
    if annotation is Any:
        return AnyType()
    try:
        from pydantic import TypeAdapter  # noqa: PLC0415
    except ImportError:
        return CheckedType(annotation, description)
    try:
        return PydanticType(TypeAdapter(annotation))
    except Exception as error:
        # Old Pythons have TypedDicts that pydantic cannot look into, and we can.
        if hasattr(annotation, "__required_keys__"):
            return CheckedType(annotation, description)
        text = f"the types of predict of {description}: {error}"
        raise ConfigurationError(text) from error


class PydanticType:
    """A type as pydantic understands it."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.row_schema = adapter.json_schema()
        self.result_schema = adapter.json_schema(mode="serialization")

    def read(self, text: bytes) -> Any:
        return self._valid(self._adapter.validate_json, text)

    def write(self, value: Any) -> bytes:
        valid = self._valid(self._adapter.validate_python, value)
        try:
            text: bytes = self._adapter.dump_json(valid)
        except ValueError:
            # Such as half of a surrogate pair, which is found below.
            text = b"null"
        if b"null" in text:
            # Among what pydantic writes so are NaN and the infinities.
            return AnyType().write(self._adapter.dump_python(valid, mode="json"))
        return text

    def _valid(self, validate: Callable[[Any], Any], value: Any) -> Any:
        try:
            return validate(value)
        except ValueError as error:
            # A ValidationError; a validator's own ValueError has become one.
            raise MistakesError(_mistakes(error)) from None


def _mistakes(error: Any) -> list[Mistake]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [(_path(one["loc"]), one["msg"]) for one in found]


def _path(location: Iterable[int | str]) -> str:
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in location
    )


class CheckedType(AnyType):
    """A type that is checked here."""

    def __init__(self, annotation: Any, description: str) -> None:
        check = checks.check_of(annotation, f"predict of {description}")
        self._read = check.read
        self.row_schema = self.result_schema = check.schema

    def read(self, text: bytes) -> Any:
        return self._valid(super().read(text))

    def write(self, value: Any) -> bytes:
        return super().write(self._valid(value))

    def _valid(self, value: Any) -> Any:
        mistakes: list[Mistake] = []
        result = self._read(value, "", mistakes)
        if mistakes:
            raise MistakesError(mistakes)
        return result
