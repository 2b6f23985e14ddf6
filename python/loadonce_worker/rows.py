"""Models of rows: a list of values in, a list of as many results out, as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Protocol

from . import elements, frames
from .channel import Channel
from .errors import AnswerError, RequestError, RowError
from .frames import Header, Tensor
from .signature import FREE, Spec

Schema = dict[str, Any]


class RowReader(Protocol):
    """Turns the JSON of rows into what predict() takes."""

    schema: Schema | None

    def read(self, texts: list[bytes]) -> list[Any]:
        """The rows; raises `RequestError` where the model's types forbid them."""
        ...


class ResultWriter(Protocol):
    """Turns results into JSON."""

    schema: Schema | None

    def write(self, results: Sequence[Any]) -> list[bytes]:
        """The JSON of each; raises `AnswerError` where there is none."""
        ...


def specs(reader: RowReader, writer: ResultWriter) -> tuple[Spec, Spec]:
    """The signature of a model of rows."""
    return (
        Spec("rows", "BYTES", (FREE,), json=True, schema=reader.schema),
        Spec("predictions", "BYTES", (FREE,), json=True, schema=writer.schema),
    )


class RowExchange:
    """Turns frames into rows, and results into frames."""

    def __init__(
        self, channel: Channel, reader: RowReader, writer: ResultWriter
    ) -> None:
        self._channel = channel
        self._reader = reader
        self._writer = writer
        self._rows = 0

    def read(self, header: Header) -> list[Any]:
        """The rows of a run."""
        tensors = self._channel.tensors(header)
        if len(tensors) != 1 or tensors[0].code != frames.BYTES:
            raise frames.FrameError("rows must be one tensor of BYTES")
        tensor = tensors[0]
        end = tensor.offset + tensor.length
        data = self._channel.buffer_of(tensor)[tensor.offset : end]
        texts = elements.unpack(data, tensor.shape)
        self._rows = len(texts)
        return self._reader.read(texts)

    def answer(self, run: int, returned: Any) -> None:
        """Checks what predict() returned, and sends it."""
        results = _as_list(returned)
        if len(results) != self._rows:
            raise AnswerError(
                f"predict returned {len(results)} results for {self._rows} rows"
            )
        data = elements.pack(self._writer.write(results))
        # Rows are copies, so an answer may take their place in the arena.
        place, begin, buffer = frames.ARENA, 0, self._channel.arena
        if frames.fit_inline([len(data)]):
            place, buffer = frames.INLINE, self._channel.outgoing
            begin = frames.payload_begin([1])
        if begin + len(data) > len(buffer):
            raise AnswerError(
                f"predict returned {len(data)} bytes of JSON, and a worker's arena has "
                f"room for {len(buffer)}"
            )
        end = begin + len(data)
        buffer[begin:end] = data
        tensor = Tensor(frames.BYTES, (self._rows,), place, 0, len(data))
        self._channel.send_answer(run, [tensor], 0 if place == frames.ARENA else end)


def _as_list(returned: Any) -> Sequence[Any]:
    if hasattr(returned, "tolist"):
        returned = returned.tolist()
    if isinstance(returned, (list, tuple)):
        return returned
    raise AnswerError(
        f"predict returned a {type(returned).__name__}, expected a list with one "
        "result for each row"
    )


class PlainReader:
    """Rows without a type: whatever JSON can say."""

    schema: Schema | None = None

    def read(self, texts: list[bytes]) -> list[Any]:
        try:
            return [parse(text) for text in texts]
        except ValueError:
            raise _not_json(texts) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def parse(text: bytes) -> Any:
    """The value of a row; a ValueError where its bytes are not JSON."""
    try:
        return _DECODER.decode(text.decode())
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None


def _not_json(texts: list[bytes]) -> RequestError:
    for row, text in enumerate(texts):
        try:
            parse(text)
        except ValueError as error:  # noqa: PERF203
            wrong = RowError(row, "", f"Invalid JSON: {error}")
            return RequestError(f"row {row}: {wrong.message}", [wrong])
    return RequestError("the rows are not JSON")


class PlainWriter:
    """Results without a type."""

    schema: Schema | None = None

    def write(self, results: Sequence[Any]) -> list[bytes]:
        return [encode_result(row, result) for row, result in enumerate(results)]


def _plain(value: Any) -> Any:
    """What stands in JSON for a value that the encoder does not know."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    raise TypeError(f"a {type(value).__name__} is not JSON")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
)


def encode_result(row: int, result: Any) -> bytes:
    """The JSON of a result; what numpy, pydantic and dataclasses make is taken too."""
    try:
        return _ENCODER.encode(result).encode()
    except TypeError as error:
        raise AnswerError(f"the result of row {row}: {error}") from None
    except ValueError as error:
        reason = "NaN is not JSON" if "Out of range" in str(error) else str(error)
        raise AnswerError(f"the result of row {row}: {reason}") from None
