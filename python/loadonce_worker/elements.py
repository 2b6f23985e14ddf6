"""Elements of BYTES tensors: a length of four bytes and the bytes, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from struct import Struct

from .frames import FrameError

_LENGTH = Struct("<I")


def unpack(data: memoryview, shape: tuple[int, ...]) -> list[bytes]:
    """The elements of a tensor of that shape, as copies."""
    elements: list[bytes] = []
    at, end = 0, len(data)
    for _ in range(math.prod(shape)):
        if at + 4 > end:
            raise FrameError(f"{len(elements)} elements in a tensor of shape {shape}")
        (length,) = _LENGTH.unpack_from(data, at)
        at += 4
        if at + length > end:
            raise FrameError(f"element {len(elements)} ends after its tensor")
        elements.append(bytes(data[at : at + length]))
        at += length
    if at != end:
        raise FrameError(f"{end - at} bytes after the last element")
    return elements


def pack(elements: Iterable[bytes]) -> bytes:
    """The data of a tensor with these elements."""
    parts = []
    for element in elements:
        parts.append(_LENGTH.pack(len(element)))
        parts.append(element)
    return b"".join(parts)
