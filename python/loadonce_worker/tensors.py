"""Tensors as numpy arrays: views of what came, and answers put where they belong."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from . import elements, frames, values
from .channel import Channel
from .errors import AnswerError
from .frames import Header, Tensor
from .signature import FREE, Spec

if TYPE_CHECKING:
    Dtype = numpy.dtype[Any]
    Array = numpy.ndarray[Any, Dtype]

_NUMPY = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    # Objects of type str or bytes.
    "BYTES": "O",
    # numpy has none; the bits are given as they are.
    "BF16": "<u2",
}


def _dtypes() -> dict[int, Dtype]:
    """The dtype of each code; bfloat16 where the model has imported `ml_dtypes`."""
    dtypes = {frames.CODES[name]: numpy.dtype(text) for name, text in _NUMPY.items()}
    ml_dtypes = sys.modules.get("ml_dtypes")
    if ml_dtypes is not None:
        dtypes[frames.CODES["BF16"]] = numpy.dtype(ml_dtypes.bfloat16)
    return dtypes


class _Output(NamedTuple):
    """An output on its way: packed elements, or an array that may need a cast."""

    code: int
    dtype: Dtype
    shape: tuple[int, ...]
    data: bytes | Array
    length: int

    def at(self, place: int, offset: int) -> Tensor:
        return Tensor(self.code, self.shape, place, offset, self.length)


class TensorExchange:
    """Turns frames into the arguments of predict(), and what it returns into frames."""

    def __init__(
        self, channel: Channel, inputs: Sequence[Spec], outputs: Sequence[Spec]
    ) -> None:
        self._channel = channel
        self._names = [spec.name for spec in inputs]
        self._outputs = list(outputs)
        self._output_names = {spec.name for spec in outputs}
        self._dtypes = _dtypes()
        self._arena = numpy.frombuffer(channel.arena, numpy.uint8)
        self._reserved = 0

    def read(self, header: Header) -> dict[str, Array]:
        """The inputs by name: views that hold until the answer is sent."""
        tensors = self._channel.tensors(header)
        if len(tensors) != len(self._names):
            text = f"{len(tensors)} tensors for {len(self._names)} inputs"
            raise frames.FrameError(text)
        self._reserved = 0
        arrays = {}
        for name, tensor in zip(self._names, tensors):
            if tensor.place == frames.ARENA:
                end = tensor.offset + tensor.length
                self._reserved = max(self._reserved, end)
            arrays[name] = self._view(tensor)
        return arrays

    def answer(self, run: int, returned: Any) -> None:
        """Checks what predict() returned, and sends it."""
        by_name = self._by_name(returned)
        outputs = [self._output(spec, by_name[spec.name]) for spec in self._outputs]
        sizes = [output.length for output in outputs]
        if not frames.fit_inline(sizes):
            self._channel.send_answer(run, self._into_arena(outputs), 0)
            return
        offsets, end = frames.offsets_from(0, sizes)
        begin = frames.payload_begin(len(output.shape) for output in outputs)
        buffer = self._channel.outgoing
        tensors = []
        for output, offset in zip(outputs, offsets):
            _store(output, buffer, begin + offset)
            tensors.append(output.at(frames.INLINE, offset))
        self._channel.send_answer(run, tensors, begin + end)

    def _by_name(self, returned: Any) -> Mapping[str, Any]:
        if isinstance(returned, Mapping):
            if returned.keys() == self._output_names:
                return returned
            raise AnswerError(_wrong_names(self._outputs, returned))
        if len(self._outputs) == 1:
            return {self._outputs[0].name: returned}
        raise AnswerError(
            f"predict returned a {type(returned).__name__}, expected a dict with "
            f"{_quoted(spec.name for spec in self._outputs)}"
        )

    def _into_arena(self, outputs: list[_Output]) -> list[Tensor]:
        """Puts outputs behind the inputs, or over them where there is no room."""
        staying = [self._offset_within(output) for output in outputs]
        pairs = list(zip(outputs, staying))
        sizes = [output.length if at is None else 0 for output, at in pairs]
        offsets, end = frames.offsets_from(self._reserved, sizes)
        if end > len(self._arena):
            outputs = [self._detached(output) for output in outputs]
            staying = [None] * len(outputs)
            offsets = self._offsets_over_inputs(outputs)
        tensors = []
        for output, stays, offset in zip(outputs, staying, offsets):
            if stays is None:
                _store(output, self._channel.arena, offset)
            tensors.append(output.at(frames.ARENA, offset if stays is None else stays))
        return tensors

    def _offsets_over_inputs(self, outputs: list[_Output]) -> list[int]:
        offsets, end = frames.offsets_from(0, [output.length for output in outputs])
        if end > len(self._arena):
            raise AnswerError(
                f"predict returned {end} bytes, and a worker's arena has room for "
                f"{len(self._arena)}"
            )
        return offsets

    def _detached(self, output: _Output) -> _Output:
        data = output.data
        if isinstance(data, bytes) or not numpy.may_share_memory(data, self._arena):
            return output
        return output._replace(data=data.copy())

    def _offset_within(self, output: _Output) -> int | None:
        """Where this array lies among the inputs in the arena, if it can stay there."""
        data = output.data
        if isinstance(data, bytes) or data.dtype != output.dtype:
            return None
        offset: int = data.ctypes.data - self._arena.ctypes.data
        within = offset >= 0 and offset + data.nbytes <= self._reserved
        return offset if within and data.flags.c_contiguous else None

    def _view(self, tensor: Tensor) -> Array:
        buffer = self._channel.buffer_of(tensor)
        dtype = self._dtypes[tensor.code]
        if tensor.code != frames.BYTES:
            return numpy.ndarray(tensor.shape, dtype, buffer, tensor.offset)
        data = buffer[tensor.offset : tensor.offset + tensor.length]
        array = numpy.empty(tensor.shape, dtype)
        array.reshape(-1)[:] = _texts(elements.unpack(data, tensor.shape))
        return array

    def _output(self, spec: Spec, returned: Any) -> _Output:
        code = frames.CODES[spec.datatype]
        dtype = self._dtypes[code]
        if code == frames.BYTES:
            array = numpy.asarray(returned, dtype)
            packed = elements.pack(_bytes(spec.name, array))
            output = _Output(code, dtype, array.shape, packed, len(packed))
        else:
            array = numpy.asarray(returned)
            if array.dtype != dtype:
                array = _castable(spec, array, dtype)
            length = array.size * dtype.itemsize
            output = _Output(code, dtype, array.shape, array, length)
        _check_shape(spec, array.shape)
        return output


def _texts(data: list[bytes]) -> list[bytes] | list[str]:
    """Text, as most users want it; bytes where one element is none."""
    try:
        return [element.decode() for element in data]
    except UnicodeDecodeError:
        return data


def _store(output: _Output, buffer: memoryview, offset: int) -> None:
    if isinstance(output.data, bytes):
        buffer[offset : offset + output.length] = output.data
    else:
        target: Array = numpy.ndarray(output.shape, output.dtype, buffer, offset)
        target[...] = output.data


def _check_shape(spec: Spec, shape: tuple[int, ...]) -> None:
    expected = spec.shape
    if expected is None or shape == expected:
        return
    if len(shape) != len(expected) or any(
        want not in (FREE, size) for want, size in zip(expected, shape)
    ):
        raise AnswerError(
            f"output '{spec.name}' has the shape {list(shape)}, expected "
            f"{list(expected)}"
        )


def _castable(spec: Spec, array: Array, dtype: Dtype) -> Array:
    """An array that assignment casts to `dtype` without making another number of it."""
    if array.dtype.hasobject or not numpy.can_cast(array.dtype, dtype, "same_kind"):
        raise AnswerError(
            f"output '{spec.name}' has the dtype {array.dtype}, which is no "
            f"{spec.datatype}; cast it in predict()"
        )
    if dtype.kind in "iu" and array.size and not numpy.can_cast(array.dtype, dtype):
        bounds = numpy.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < bounds.min or high > bounds.max:
            wrong = low if low < bounds.min else high
            raise AnswerError(f"output '{spec.name}': {wrong} is no {spec.datatype}")
    return array


def _bytes(name: str, array: Array) -> list[bytes]:
    encoded = []
    for index, element in enumerate(array.ravel().tolist()):
        if isinstance(element, str):
            encoded.append(_encoded(name, index, element))
        elif isinstance(element, (bytes, bytearray)):
            encoded.append(bytes(element))
        else:
            raise AnswerError(
                f"output '{name}': element {index} is of type "
                f"{type(element).__name__}, expected str or bytes"
            )
    return encoded


def _encoded(name: str, index: int, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        wrong = values.not_utf8(error)
        raise AnswerError(f"output '{name}': element {index}: {wrong}") from None


def _wrong_names(expected: Sequence[Spec], returned: Mapping[str, Any]) -> str:
    names = [spec.name for spec in expected]
    missing = [name for name in names if name not in returned]
    unknown = [name for name in returned if name not in names]
    parts = [f"without {_quoted(missing)}"] if missing else []
    parts += [f"with {_quoted(unknown)}, which is no output"] if unknown else []
    return f"predict returned a dict {' and '.join(parts)}"


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in names)
