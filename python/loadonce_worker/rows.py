"""Models of rows: a list of values in, a list of as many results out, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import elements, frames
from .channel import Channel
from .errors import AnswerError, RequestError, RowError
from .frames import Header, Tensor
from .signature import FREE, Spec
from .values import Mistake, MistakesError, Type

# The most mistakes that one request is told of.
_MOST_MISTAKES = 20
_LONGEST_MISTAKE = 1000


def specs(row: Type, result: Type) -> tuple[Spec, Spec]:
    """The signature of a model of rows."""
    return (
        Spec("rows", "BYTES", (FREE,), json=True, schema=row.row_schema),
        Spec("predictions", "BYTES", (FREE,), json=True, schema=result.result_schema),
    )


class RowExchange:
    """Turns frames into rows, and results into frames."""

    def __init__(self, channel: Channel, row: Type, result: Type) -> None:
        self._channel = channel
        self._row = row
        self._result = result
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
        return _read(self._row, texts)

    def answer(self, run: int, returned: Any) -> None:
        """Checks what predict() returned, and sends it."""
        results = _as_list(returned)
        if len(results) != self._rows:
            raise AnswerError(
                f"predict returned {len(results)} results for {self._rows} rows"
            )
        data = elements.pack(_write(self._result, results))
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


def _read(row: Type, texts: list[bytes]) -> list[Any]:
    try:
        return [row.read(text) for text in texts]
    except MistakesError:
        raise _request_error(row, texts) from None


def _request_error(row: Type, texts: list[bytes]) -> RequestError:
    """All that is wrong in a request."""
    mistakes = [_mistakes_in(row, text) for text in texts]
    errors = [
        RowError(number, path, message[:_LONGEST_MISTAKE])
        for number, found in enumerate(mistakes)
        for path, message in found
    ]
    number, path, message = errors[0]
    wrong = sum(map(bool, mistakes))
    text = f"{wrong} of {len(texts)} rows are not what the model takes; "
    where = f"row {number}, {path}" if path else f"row {number}"
    return RequestError(f"{text}{where}: {message}", errors[:_MOST_MISTAKES])


def _mistakes_in(row: Type, text: bytes) -> list[Mistake]:
    try:
        row.read(text)
    except MistakesError as error:
        return error.mistakes
    return []


def _write(result: Type, values: Sequence[Any]) -> list[bytes]:
    texts = []
    for row, value in enumerate(values):
        try:
            texts.append(result.write(value))
        except MistakesError as error:  # noqa: PERF203
            raise AnswerError(f"the result of row {row}: {error}") from None
    return texts
