"""The binary frames between the server and a worker: one a datagram, little-endian.

Pure: bytes in and numbers out, and back. A frame is a header, descriptors of tensors or
text, and a payload that begins at a multiple of `ALIGNMENT`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import NamedTuple, Union

LARGEST_MESSAGE = 131072
LARGEST_TEXT = 65536
# Tensors that take no more than this together travel in the datagram itself.
LARGEST_INLINE = 65536
LARGEST_RANK = 32
ALIGNMENT = 64

RUN, STOP = 1, 2
READY, ANSWER, REFUSED, FAILED = 16, 17, 18, 19

INLINE, ARENA = 0, 1

CODES = {
    "BOOL": 1,
    "UINT8": 2,
    "UINT16": 3,
    "UINT32": 4,
    "UINT64": 5,
    "INT8": 6,
    "INT16": 7,
    "INT32": 8,
    "INT64": 9,
    "FP16": 10,
    "FP32": 11,
    "FP64": 12,
    "BF16": 13,
    "BYTES": 14,
}
BYTES = CODES["BYTES"]
# Bytes of an element by code; BYTES has none.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 2, 8: 4, 9: 8, 10: 2, 11: 4, 12: 8}
_SIZES[CODES["BF16"]] = 2

HEADER = Struct("<BBHIQ")
_DESCRIPTOR = Struct("<BBBBIQQ")
_DIMS = [Struct(f"<{rank}Q") for rank in range(LARGEST_RANK + 1)]

ReadBuffer = Union[bytes, bytearray, memoryview]


class FrameError(Exception):
    """A frame that breaks the protocol; its sender cannot be understood any further."""


class Header(NamedTuple):
    """The first bytes of a frame."""

    kind: int
    tensors: int
    meta: int
    run: int


class Tensor(NamedTuple):
    """Where a tensor is: `offset` counts from the begin of its place."""

    code: int
    shape: tuple[int, ...]
    place: int
    offset: int
    length: int


def aligned(size: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return (size + ALIGNMENT - 1) & -ALIGNMENT


def read_header(buffer: ReadBuffer, size: int) -> Header:
    """The header of a frame of `size` bytes."""
    if not HEADER.size <= size <= LARGEST_MESSAGE:
        raise FrameError(f"a frame of {size} bytes")
    kind, _, tensors, meta, run = HEADER.unpack_from(buffer)
    if not HEADER.size <= meta <= size:
        raise FrameError(f"descriptors up to {meta} in a frame of {size} bytes")
    return Header(kind, tensors, meta, run)


def read_tensors(
    buffer: ReadBuffer, size: int, header: Header, arena: int
) -> list[Tensor]:
    """The tensors of a frame of `size` bytes, and of an arena of `arena` bytes.

    Here the offset of an inline tensor counts from the begin of `buffer`.
    """
    tensors = []
    ends = (size, arena)
    begins = (aligned(header.meta), 0)
    at = HEADER.size
    for index in range(header.tensors):
        if at + _DESCRIPTOR.size > header.meta:
            raise FrameError(f"no room for the descriptor of tensor {index}")
        code, rank, place, _, _, offset, length = _DESCRIPTOR.unpack_from(buffer, at)
        at += _DESCRIPTOR.size
        if rank > LARGEST_RANK or at + 8 * rank > header.meta or place > ARENA:
            raise FrameError(f"tensor {index} has rank {rank} and place {place}")
        shape = _DIMS[rank].unpack_from(buffer, at)
        at += 8 * rank
        _check_length(index, code, shape, length)
        offset += begins[place]
        if offset + length > ends[place]:
            raise FrameError(f"tensor {index} does not lie within its place")
        tensors.append(Tensor(code, shape, place, offset, length))
    return tensors


def _check_length(index: int, code: int, shape: tuple[int, ...], length: int) -> None:
    size = _SIZES.get(code)
    if size is None:
        if code != BYTES:
            raise FrameError(f"tensor {index} has the datatype {code}")
    elif math.prod(shape) * size != length:
        raise FrameError(f"tensor {index} has {length} bytes and shape {shape}")


def payload_begin(ranks: Iterable[int]) -> int:
    """Where the payload begins in a frame with tensors of these ranks."""
    return aligned(HEADER.size + sum(_DESCRIPTOR.size + 8 * rank for rank in ranks))


def fit_inline(sizes: Sequence[int]) -> bool:
    """Whether tensors of these sizes go inline; else all of them into the arena."""
    return sum(map(aligned, sizes)) <= LARGEST_INLINE


def offsets_from(begin: int, sizes: Sequence[int]) -> tuple[list[int], int]:
    """The offsets of tensors of these sizes, one behind the other, and the end."""
    offsets = []
    at = aligned(begin)
    for size in sizes:
        offsets.append(at)
        at += aligned(size)
    return offsets, at


def write_answer(buffer: memoryview, run: int, tensors: list[Tensor]) -> int:
    """Writes header and descriptors of an answer, and returns how many bytes."""
    at = HEADER.size
    for code, shape, place, offset, length in tensors:
        rank = len(shape)
        _DESCRIPTOR.pack_into(buffer, at, code, rank, place, 0, 0, offset, length)
        _DIMS[rank].pack_into(buffer, at + _DESCRIPTOR.size, *shape)
        at += _DESCRIPTOR.size + 8 * rank
    HEADER.pack_into(buffer, 0, ANSWER, 0, len(tensors), at, run)
    return at


def text_frame(kind: int, run: int, text: bytes) -> bytes:
    """A frame that holds text."""
    return HEADER.pack(kind, 0, 0, HEADER.size + len(text), run) + text
