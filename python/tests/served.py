"""The server's side of the protocol, written once more for the tests.

Starts real templates over real sockets, pipes and memory. What the frames look like is
said here again, so that a mistake in the package cannot hide.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

PACKAGE = Path(__file__).parent.parent / "loadonce_worker"
ARENA = 1 << 20
LARGEST = 131072
# How long a test waits for what must come; it says so instead of hanging.
PATIENCE = 30.0

RUN, STOP, READY, ANSWER, REFUSED, FAILED = 1, 2, 16, 17, 18, 19
HEADER = struct.Struct("<BBHIQ")
DESCRIPTOR = struct.Struct("<BBBBIQQ")
CODES = {
    "?": 1,
    "u1": 2,
    "u2": 3,
    "u4": 4,
    "u8": 5,
    "i1": 6,
    "i2": 7,
    "i4": 8,
    "i8": 9,
    "f2": 10,
    "f4": 11,
    "f8": 12,
}
# The bits of BF16, which numpy does not have.
DTYPES = {code: name for name, code in CODES.items()} | {13: "u2"}
BYTES = 14

Tensor = tuple[int, tuple[int, ...], bytes]


def tensor(value: Any) -> Tensor:
    """Code, shape and data of an array, or of an object array of bytes."""
    array = numpy.asarray(value)
    if array.dtype == object:
        data = b"".join(struct.pack("<I", len(one)) + one for one in array.ravel())
        return BYTES, array.shape, data
    name = "?" if array.dtype == bool else f"{array.dtype.kind}{array.dtype.itemsize}"
    return CODES[name], array.shape, array.tobytes()


def json_rows(rows: list[Any]) -> Tensor:
    """Rows as a model of rows gets them."""
    texts = [json.dumps(row).encode() for row in rows]
    return tensor(numpy.array([*texts, None], object)[:-1])


def aligned(size: int) -> int:
    return (size + 63) & -64


@dataclass
class Frame:
    """What a worker has sent."""

    kind: int
    run: int
    text: dict[str, Any] = field(default_factory=dict)
    arrays: list[Any] = field(default_factory=list)
    # Place and offset of each array.
    places: list[tuple[int, int]] = field(default_factory=list)


class Pipe:
    """What somebody writes, line by line."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.text = b""

    def close_writer(self) -> None:
        os.close(self.writer)

    def line(self) -> str:
        """The next line."""
        while b"\n" not in self.text:
            wait_for(self.reader)
            more = os.read(self.reader, 65536)
            assert more, f"the pipe ended after {self.text!r}"
            self.text += more
        line, _, self.text = self.text.partition(b"\n")
        return line.decode()

    def rest(self) -> str:
        """All that comes until its writers have ended."""
        while True:
            wait_for(self.reader)
            more = os.read(self.reader, 65536)
            if not more:
                return self.text.decode()
            self.text += more

    def record(self) -> dict[str, Any]:
        """The next line, which must be a record of the package."""
        line = self.line()
        assert line.startswith("\x1e"), line
        return json.loads(line[1:])


def wait_for(descriptor: Any) -> None:
    ready, _, _ = select.select([descriptor], [], [], PATIENCE)
    assert ready, "nothing came"


class Worker:
    """One forked worker, as the server sees it."""

    def __init__(self, template: Template, number: int, **options: int) -> None:
        self.number = number
        size = options.get("arena", ARENA)
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(memory, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
        self.arena = mmap.mmap(memory, size)
        self.stdout, self.stderr = Pipe(), Pipe()
        message = {"type": "fork", "worker": number, "threads": 1, "nice": 0}
        message.update(options, arena=size)
        descriptors = [
            theirs.fileno(),
            memory,
            self.stdout.writer,
            self.stderr.writer,
        ]
        template.send(message, descriptors)
        theirs.close()
        os.close(memory)
        self.stdout.close_writer()
        self.stderr.close_writer()
        self.pid = template.receive("forked")["pid"]
        self.runs = 0

    def ready(self) -> dict[str, Any]:
        frame = self.receive()
        assert frame.kind == READY, frame
        return frame.text

    def run(self, *tensors: Tensor) -> Frame:
        """Sends a run and waits for what becomes of it."""
        self.send_run(*tensors)
        frame = self.receive()
        assert frame.run == self.runs
        return frame

    def predict(self, *arrays: Any) -> list[Any]:
        """The arrays of an answer."""
        frame = self.run(*map(tensor, arrays))
        assert frame.kind == ANSWER, frame
        return frame.arrays

    def predict_rows(self, rows: list[Any]) -> list[Any]:
        """The results for rows."""
        frame = self.run(json_rows(rows))
        assert frame.kind == ANSWER, frame
        return [json.loads(text) for text in frame.arrays[0]]

    def send_run(self, *tensors: Tensor) -> None:
        self.runs += 1
        inline = sum(aligned(len(data)) for _, _, data in tensors) <= 65536
        descriptors, payload, offset = b"", b"", 0
        for code, shape, data in tensors:
            place = 0 if inline else 1
            head = (code, len(shape), place, 0, 0, offset, len(data))
            descriptors += DESCRIPTOR.pack(*head)
            descriptors += struct.pack(f"<{len(shape)}Q", *shape)
            if inline:
                payload += data.ljust(aligned(len(data)), b"\0")
            else:
                self.arena[offset : offset + len(data)] = data
            offset += aligned(len(data))
        meta = HEADER.size + len(descriptors)
        header = HEADER.pack(RUN, 0, len(tensors), meta, self.runs)
        frame = (header + descriptors).ljust(aligned(meta), b"\0") + payload
        self.channel.send(frame)

    def receive(self) -> Frame:
        wait_for(self.channel)
        data = self.channel.recv(LARGEST)
        assert data, "the worker has closed its channel"
        kind, _, count, meta, run = HEADER.unpack_from(data)
        if kind != ANSWER:
            return Frame(kind, run, json.loads(data[HEADER.size : meta]))
        frame, at = Frame(kind, run), HEADER.size
        for _ in range(count):
            code, rank, place, _, _, offset, length = DESCRIPTOR.unpack_from(data, at)
            at += DESCRIPTOR.size
            shape = struct.unpack_from(f"<{rank}Q", data, at)
            at += 8 * rank
            begin = aligned(meta) + offset if place == 0 else offset
            whole = data if place == 0 else self.arena
            part = whole[begin : begin + length]
            assert len(part) == length
            frame.arrays.append(read(code, shape, part))
            frame.places.append((place, offset))
        assert at == meta
        return frame

    def stop(self) -> None:
        self.channel.send(HEADER.pack(STOP, 0, 0, HEADER.size, 0))


def read(code: int, shape: tuple[int, ...], data: bytes) -> Any:
    if code != BYTES:
        return numpy.frombuffer(data, DTYPES[code]).reshape(shape)
    elements = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        elements.append(data[4 : 4 + length])
        data = data[4 + length :]
    array = numpy.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)


class Template:
    """One template process, as the server starts it."""

    def __init__(self, file: Path, **start: Any) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.stdout, self.stderr = Pipe(), Pipe()
        self.process = subprocess.Popen(
            [start.pop("python", sys.executable), "-c", boot_script()],
            cwd=file.parent,
            stdin=theirs,
            stdout=self.stdout.writer,
            stderr=self.stderr.writer,
        )
        theirs.close()
        self.stdout.close_writer()
        self.stderr.close_writer()
        self.workers = 0
        for module in sorted(PACKAGE.glob("*.py")):
            if module.stem != "boot":
                self.control.send(module_datagram(module))
        self.control.send(b"")
        model = {"name": "m", "file": str(file), "folder": str(file.parent)}
        self.send(
            {
                "type": "start",
                "protocol": 1,
                "model": model,
                "preload": True,
                "allow_version_skew": False,
                "inputs": [],
                "outputs": [],
                **start,
            }
        )
        self.hello = self.receive("hello")

    def send(self, message: dict[str, Any], descriptors: list[int] = ()) -> None:
        data = json.dumps(message).encode()
        socket.send_fds(self.control, [data], descriptors)

    def receive(self, expected: str) -> dict[str, Any]:
        wait_for(self.control)
        data = self.control.recv(LARGEST)
        assert data, f"the template has ended, before it was {expected}"
        message = json.loads(data)
        assert message["type"] == expected, message
        return message

    def fork(self, **options: int) -> Worker:
        self.workers += 1
        return Worker(self, self.workers, **options)

    def worker(self, **options: int) -> Worker:
        """A worker that is ready."""
        worker = self.fork(**options)
        worker.ready()
        return worker

    def exit_status(self) -> int:
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        self.send({"type": "stop"})
        return self.exit_status()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)


def boot_script() -> str:
    return (PACKAGE / "boot.py").read_text()


def module_datagram(file: Path) -> bytes:
    package = PACKAGE.name
    name = package if file.stem == "__init__" else f"{package}.{file.stem}"
    return name.encode() + b"\0" + file.read_bytes()
