"""What the model prints and logs, as records that say which run they belong to.

A record is a line of JSON after a byte that no text begins with. What does not come
from Python, such as the last words of a crash, stays the plain line that it is.
"""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import messages

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MARK = b"\x1e"
_STREAMS = {"stdout": 1, "stderr": 2}
# Text without an end of line is held back up to this many bytes.
_LONGEST_HELD = 65536
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Records:
    """Where records go; `run` is the one that is being answered, if any."""

    def __init__(self) -> None:
        self.run: int | None = None
        self._lines: list[_Lines] = []
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """A thread of the model may have held the lock, and is not there any more."""
        self._lock = threading.Lock()

    def write(self, descriptor: int, fields: dict[str, Any]) -> None:
        """Writes one record, whole."""
        if self.run is not None:
            fields["run"] = self.run
        data = memoryview(_MARK + messages.encode(fields) + b"\n")
        # Nobody may read it any more.
        with self._lock, suppress(OSError):
            while data:
                data = data[os.write(descriptor, data) :]

    def end_run(self) -> None:
        """Sends on what was printed without an end of line."""
        # Not by way of `sys`, where a model may have put something else.
        for lines in self._lines:
            lines.flush()
        self.run = None

    def lines_of(self, name: str, descriptor: int) -> Any:
        """A binary file of which each line is a record."""
        lines = _Lines(self, name, descriptor)
        self._lines.append(lines)
        return lines


def install() -> Records:
    """Has print(), logging, warnings and crashes write records from here on."""
    records = Records()
    for name, descriptor in _STREAMS.items():
        lines = records.lines_of(name, descriptor)
        text = io.TextIOWrapper(
            lines, "utf-8", "backslashreplace", "\n", write_through=True
        )
        setattr(sys, name, text)
    root = logging.getLogger()
    root.addHandler(_Handler(records))
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    faulthandler.enable(_STREAMS["stderr"])
    return records


class _Lines(io.BufferedIOBase):
    """Standard output or error: a record for each piece that ends with a line's end."""

    def __init__(self, records: Records, name: str, descriptor: int) -> None:
        self._records = records
        self._name = name
        self._descriptor = descriptor
        self._held = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Buffer) -> int:
        piece = bytes(data)
        self._held += piece
        if piece.endswith(b"\n") or len(self._held) > _LONGEST_HELD:
            self.flush()
        return len(piece)

    def flush(self) -> None:
        held, self._held = self._held, b""
        message = held.decode("utf-8", "replace").rstrip("\r\n")
        if message:
            record = {"stream": self._name, "message": message}
            self._records.write(self._descriptor, record)


class _Handler(logging.Handler):
    """Log records of Python as records of ours."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = {
                # The server knows these levels; others count as the next lower one.
                "level": _LEVELS[min(max(record.levelno // 10, 1), 5) - 1],
                "logger": record.name,
                "message": self.format(record),
            }
        except Exception:
            self.handleError(record)
        else:
            self._records.write(_STREAMS["stderr"], fields)
