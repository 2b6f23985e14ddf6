"""`ModelInfer` of the Open Inference Protocol as bytes, with raw contents.

Put together by hand ("Protocol Buffers: Encoding"), as the load generator sends the
same bytes again and again, and needs no client.
"""

import struct
from collections.abc import Iterator

VARINT, LENGTH = 0, 2


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


def infer_request(model: str, tensor: dict, elements: bytes) -> bytes:
    """A message for a tensor of one input, as it stands in a body of HTTP."""
    described = field(1, tensor["name"].encode()) + field(
        2, tensor["datatype"].encode()
    )
    described += field(3, b"".join(map(varint, tensor["shape"])))
    return field(1, model.encode()) + field(5, described) + field(7, elements)


def framed(message: bytes) -> bytes:
    """As gRPC sends it: whether it is packed, and its length ("gRPC over HTTP2")."""
    return struct.pack(">BI", 0, len(message)) + message


def raw_outputs(frame: bytes) -> list[bytes]:
    """The raw contents of an answer, in the order of its outputs."""
    packed, length = struct.unpack_from(">BI", frame)
    message = frame[5 : 5 + length]
    if packed or len(message) != length:
        raise ValueError("expected one whole message, not packed")
    return [content for number, content in fields(message) if number == 6]


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and contents; of what has a length, which is all that is looked for."""
    place = 0
    while place < len(message):
        key, place = read_varint(message, place)
        value, place = read_varint(message, place)
        if key & 7 == LENGTH:
            yield key >> 3, message[place : place + value]
            place += value
        elif key & 7 != VARINT:
            raise ValueError(f"wire type {key & 7} is not expected here")


def read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        shift += 7
        if byte < 0x80:
            return value, place
