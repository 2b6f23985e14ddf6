"""Frames: whatever bytes come, they are understood or refused."""

import random

import pytest
from loadonce_worker import elements, frames
from loadonce_worker.frames import FrameError, Tensor
from served import DESCRIPTOR, HEADER

ARENA = 4096


def run_frame(*descriptor, shape=()):
    dims = b"".join(size.to_bytes(8, "little") for size in shape)
    data = DESCRIPTOR.pack(*descriptor) + dims
    frame = HEADER.pack(frames.RUN, 0, 1, HEADER.size + len(data), 1) + data
    return frame.ljust(256, b"\0")


def tensors(frame):
    header = frames.read_header(frame, len(frame))
    return frames.read_tensors(frame, len(frame), header, ARENA)


def test_what_is_right_is_read():
    inline = run_frame(11, 1, 0, 0, 0, 64, 8, shape=(2,))
    assert tensors(inline) == [Tensor(11, (2,), 0, 128, 8)]
    arena = run_frame(14, 1, 1, 0, 0, 0, ARENA, shape=(7,))
    assert tensors(arena) == [Tensor(14, (7,), 1, 0, ARENA)]


@pytest.mark.parametrize(
    ("descriptor", "shape"),
    [
        ((11, 1, 0, 0, 0, 192, 8), (2,)),
        ((11, 1, 1, 0, 0, ARENA - 4, 8), (2,)),
        ((11, 1, 1, 0, 0, 2**64 - 1, 8), (2,)),
        ((11, 1, 0, 0, 0, 0, 8), (3,)),
        ((11, 1, 0, 0, 0, 0, 0), (2**62,)),
        ((0, 1, 0, 0, 0, 0, 8), (2,)),
        ((15, 1, 0, 0, 0, 0, 8), (2,)),
        ((11, 33, 0, 0, 0, 0, 8), (2,)),
        ((11, 2, 0, 0, 0, 0, 8), (2,)),
        ((11, 1, 2, 0, 0, 0, 8), (2,)),
    ],
)
def test_what_is_wrong_is_refused(descriptor, shape):
    with pytest.raises(FrameError):
        tensors(run_frame(*descriptor, shape=shape))


def test_arbitrary_bytes_are_read_or_refused():
    source = random.Random(0)
    right = run_frame(14, 1, 0, 0, 0, 0, 16, shape=(2,))
    refused = 0
    for _ in range(20_000):
        frame = bytearray(right)
        for _ in range(source.randrange(1, 4)):
            frame[source.randrange(160)] = source.randrange(256)
        try:
            for tensor in tensors(bytes(frame)):
                end = tensor.offset + tensor.length
                data = memoryview(bytes(ARENA) if tensor.place else bytes(frame))
                elements.unpack(data[tensor.offset : end], tensor.shape)
        except FrameError:
            refused += 1
    assert 0 < refused < 20_000
