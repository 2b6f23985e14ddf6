"""A worker's end of the channel: datagrams in buffers made once, and the arena.

Knows bytes and places, but not what tensors are made of, so that it needs no numpy.
"""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Mapping
from typing import Any

from . import frames, messages
from .frames import FrameError, Header, Tensor

# The kernel counts more for a datagram than its bytes.
_SEND_BUFFER = 4 * frames.LARGEST_MESSAGE


class Channel:
    """Receives runs and sends what became of them."""

    def __init__(self, connection: socket.socket, arena: int, size: int) -> None:
        self._connection = connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if os.fstat(arena).st_size < size:
            raise FrameError(f"the arena has less than {size} bytes")
        self.arena = memoryview(mmap.mmap(arena, size))
        # Anonymous memory begins at a page, so that tensors lie aligned; and a byte
        # more than a message may have shows one that is longer.
        self.incoming = memoryview(mmap.mmap(-1, frames.LARGEST_MESSAGE + 1))
        self.outgoing = memoryview(mmap.mmap(-1, frames.LARGEST_MESSAGE))
        self._size = 0

    def receive(self) -> Header | None:
        """The next frame's header; None at the end of file."""
        self._size = self._connection.recv_into(self.incoming)
        if self._size == 0:
            return None
        return frames.read_header(self.incoming, self._size)

    def tensors(self, header: Header) -> list[Tensor]:
        """The tensors of the frame just received."""
        size, arena = self._size, len(self.arena)
        return frames.read_tensors(self.incoming, size, header, arena)

    def buffer_of(self, tensor: Tensor) -> memoryview:
        """What the offset of a received tensor counts in."""
        return self.incoming if tensor.place == frames.INLINE else self.arena

    def send_answer(self, run: int, tensors: list[Tensor], end: int) -> None:
        """Sends an answer whose inline data stand in `outgoing`, up to `end`."""
        meta = frames.write_answer(self.outgoing, run, tensors)
        self._connection.send(self.outgoing[: max(meta, end)])

    def send_text(self, kind: int, run: int, fields: Mapping[str, Any]) -> None:
        """Sends a frame of JSON, cut to what a frame's text may have."""
        text = messages.bounded(fields)
        self._connection.send(frames.text_frame(kind, run, text))
