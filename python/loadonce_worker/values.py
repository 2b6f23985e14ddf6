"""JSON values: their text, what Python has for it, and where one of them is wrong."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

Schema = dict[str, Any]
# A path such as ".tags[2]", and what is wrong there.
Mistake = tuple[str, str]


class MistakesError(Exception):
    """A value that is not of its type, or not JSON."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        texts = (f"{path}: {text}" if path else text for path, text in self.mistakes)
        super().__init__("; ".join(texts))


class Type(Protocol):
    """One type of rows or results. What is not of it raises `MistakesError`."""

    row_schema: Schema | None
    result_schema: Schema | None

    def read(self, text: bytes) -> Any:
        """The value that JSON stands for."""
        ...

    def write(self, value: Any) -> bytes:
        """The JSON of a value."""
        ...


class AnyType:
    """Rows or results without a type: whatever JSON can say."""

    row_schema: Schema | None = None
    result_schema: Schema | None = None

    def read(self, text: bytes) -> Any:
        """The value that JSON stands for.

        Python's floats have no 1e400, and UTF-8 has no half of a surrogate pair.
        """
        try:
            value = _STRICT.decode(text.decode())
            if _SURROGATE.search(text):
                # Two of them may be an emoji; half of one is no UTF-8.
                _ENCODER.encode(value).encode()
        except (ValueError, RecursionError):
            raise _unreadable(text) from None
        return value

    def write(self, value: Any) -> bytes:
        """The JSON of a value, also of what numpy, pydantic and dataclasses make."""
        try:
            return _ENCODER.encode(value).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise _not_json(value, error) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is larger than any float")
    return number


def _plain(value: Any) -> Any:
    """What stands in JSON for a value that the encoder does not know."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    raise TypeError(f"a {type(value).__name__} is not JSON")


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_LENIENT = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _unreadable(text: bytes) -> MistakesError:
    try:
        return MistakesError(_misfits(_LENIENT.decode(text.decode()), ""))
    except RecursionError:
        return MistakesError([("", "Invalid JSON: it is nested too deep")])
    except ValueError as error:
        return MistakesError([("", f"Invalid JSON: {error}")])


def _not_json(value: Any, error: Exception) -> MistakesError:
    try:
        mistake = next(_misfits(value, ""), ("", str(error)))
    except RecursionError:
        mistake = ("", str(error))
    return MistakesError([mistake])


def _misfits(value: Any, path: str) -> Iterator[Mistake]:
    """The parts of a value that neither JSON nor Python can hold."""
    if isinstance(value, (dict, list, tuple)):
        for place, part in _parts(value, path):
            yield from _misfits(part, place)
    elif isinstance(value, str):
        yield from _halves(value, path)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield path, f"expected a finite number, got {value}"
    elif value is not None and not isinstance(value, int):
        try:
            plain = _plain(value)
        except TypeError as error:
            yield path, str(error)
        else:
            yield from _misfits(plain, path)


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield f"{path}.{key}", key
            yield f"{path}.{key}", part
    else:
        for at, part in enumerate(value):
            yield f"{path}[{at}]", part


def _halves(text: str, path: str) -> Iterator[Mistake]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        yield path, not_utf8(error)


def not_utf8(error: UnicodeEncodeError) -> str:
    """What is wrong with text that has no UTF-8."""
    half = ascii(error.object[error.start])
    return f"expected whole characters, got {half}, half of a surrogate pair"
