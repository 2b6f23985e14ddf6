"""Rows with types: what the annotations of predict() say of rows and results."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from . import checks
from .checks import Mistake
from .errors import AnswerError, ConfigurationError, RequestError, RowError
from .rows import (
    PlainReader,
    PlainWriter,
    ResultWriter,
    RowReader,
    Schema,
    encode_result,
    parse,
)

# The most mistakes that one request is told of.
_MOST_MISTAKES = 20
_LONGEST_MISTAKE = 1000


class MistakesError(Exception):
    """A value that is not of its type."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("; ".join(f"{path}: {text}" for path, text in self.mistakes))


class Type(Protocol):
    """One type of rows or results. What is not of it raises `MistakesError`."""

    row_schema: Schema
    result_schema: Schema

    def read(self, text: bytes) -> Any:
        """The value that JSON stands for."""
        ...

    def write(self, row: int, value: Any) -> bytes:
        """The JSON of a value."""
        ...


def reader_and_writer(
    predict: Callable[..., Any], description: str
) -> tuple[RowReader, ResultWriter]:
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
        PlainReader() if row is Any else TypedReader(_type(row, description)),
        PlainWriter()
        if result in (Any, None)
        else TypedWriter(_type(result, description)),
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


class TypedReader:
    """Rows of a type; all that is wrong in a request is told at once."""

    def __init__(self, row: Type) -> None:
        self._type = row
        self.schema: Schema | None = row.row_schema

    def read(self, texts: list[bytes]) -> list[Any]:
        try:
            return [self._type.read(text) for text in texts]
        except MistakesError:
            raise _request_error(self._type, texts) from None


def _request_error(row: Type, texts: list[bytes]) -> RequestError:
    mistakes = [_mistakes_in(row, text) for text in texts]
    errors = [
        RowError(number, path, message[:_LONGEST_MISTAKE])
        for number, found in enumerate(mistakes)
        for path, message in found
    ]
    number, path, message = errors[0]
    where = f"row {number}, {path}" if path else f"row {number}"
    wrong = sum(map(bool, mistakes))
    text = f"{wrong} of {len(texts)} rows are not what the model takes; "
    return RequestError(f"{text}{where}: {message}", errors[:_MOST_MISTAKES])


def _mistakes_in(row: Type, text: bytes) -> list[Mistake]:
    try:
        row.read(text)
    except MistakesError as error:
        return error.mistakes
    return []


class TypedWriter:
    """Results of a type."""

    def __init__(self, result: Type) -> None:
        self._type = result
        self.schema: Schema | None = result.result_schema

    def write(self, results: Sequence[Any]) -> list[bytes]:
        return [self._write(row, result) for row, result in enumerate(results)]

    def _write(self, row: int, result: Any) -> bytes:
        try:
            return self._type.write(row, result)
        except MistakesError as error:
            raise AnswerError(f"the result of row {row}: {error}") from None


class PydanticType:
    """A type as pydantic understands it."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.row_schema = adapter.json_schema()
        self.result_schema = adapter.json_schema(mode="serialization")

    def read(self, text: bytes) -> Any:
        return self._valid(self._adapter.validate_json, text)

    def write(self, row: int, value: Any) -> bytes:
        valid = self._valid(self._adapter.validate_python, value)
        text: bytes = self._adapter.dump_json(valid)
        if b"null" in text:
            # Among what pydantic writes so are NaN and the infinities.
            return encode_result(row, self._adapter.dump_python(valid, mode="json"))
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


class CheckedType:
    """A type that is checked here."""

    def __init__(self, annotation: Any, description: str) -> None:
        check = checks.check_of(annotation, f"predict of {description}")
        self._read = check.read
        self.row_schema = self.result_schema = check.schema

    def read(self, text: bytes) -> Any:
        try:
            value = parse(text)
        except ValueError as error:
            raise MistakesError([("", str(error))]) from None
        return self._valid(value)

    def write(self, row: int, value: Any) -> bytes:
        return encode_result(row, self._valid(value))

    def _valid(self, value: Any) -> Any:
        mistakes: list[Mistake] = []
        result = self._read(value, "", mistakes)
        if mistakes:
            raise MistakesError(mistakes)
        return result
