"""A worker: a forked child that answers one run after another until it is stopped."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from . import errors, frames, loading, process, threads
from .channel import Channel
from .discover import Start
from .errors import RequestError
from .loading import Loaded
from .logs import Records


@dataclass(frozen=True)
class Task:
    """What the server asks of a new worker; the descriptors are the worker's alone."""

    worker: int
    threads: int
    nice: int
    arena_size: int
    channel: int
    arena: int
    stdout: int
    stderr: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any], descriptors: list[int]) -> Task:
        """Reads the message `fork`, with the descriptors that came with it."""
        numbers = [int(message[key]) for key in ("worker", "threads", "nice", "arena")]
        return cls(*numbers, *descriptors)

    def close(self) -> None:
        """Gives up the descriptors, in the process that does not use them."""
        for descriptor in (self.channel, self.arena, self.stdout, self.stderr):
            os.close(descriptor)


@dataclass(frozen=True)
class Origin:
    """What a worker has from its template; without a model, it loads its own copy."""

    start: Start
    loaded: Loaded | None
    template: int
    records: Records


def become_worker(task: Task, origin: Origin) -> NoReturn:
    """Is a worker until the server stops it, and ends the process."""
    code = 1
    try:
        _set_up(task, origin)
        code = _serve(task, origin)
    except BaseException:
        traceback.print_exc()
    finally:
        process.flush()
        # Nothing that the template has registered for its own end may run here too.
        os._exit(code)


def _set_up(task: Task, origin: Origin) -> None:
    process.die_with(origin.template)
    origin.records.after_fork()
    process.leave_the_end_to_the_server()
    os.dup2(task.stdout, 1)
    os.dup2(task.stderr, 2)
    os.close(task.stdout)
    os.close(task.stderr)
    process.yield_to_others(task.nice)


def _serve(task: Task, origin: Origin) -> int:
    connection = socket.socket(fileno=task.channel)
    channel = Channel(connection, task.arena, task.arena_size)
    os.close(task.arena)
    ready: dict[str, Any] = {"pid": os.getpid()}
    loaded = origin.loaded
    try:
        if loaded is None:
            threads.set_environment(task.threads)
            loaded = loading.load(origin.start, task.threads)
            ready["loaded"] = loaded.report
        if task.threads > 1:
            # The template has left all of them at one.
            threads.limit_pools(task.threads)
            loaded.found.use_threads(task.threads)
        process.reseed()
        loading.call(loaded.found.model, "start_worker")
    except BaseException as error:
        channel.send_text(frames.FAILED, 0, errors.load_report(error))
        return 1
    channel.send_text(frames.READY, 0, ready)
    # The server may be gone before an answer; that is an end of file like any other.
    with suppress(BrokenPipeError, ConnectionResetError):
        _answer_runs(channel, loaded, origin.records)
    loading.call(loaded.found.model, "stop")
    return 0


def _answer_runs(channel: Channel, loaded: Loaded, records: Records) -> None:
    exchange = loaded.found.exchange(channel)
    predict = loaded.found.model.predict
    while True:
        header = channel.receive()
        if header is None or header.kind == frames.STOP:
            return
        if header.kind != frames.RUN:
            raise frames.FrameError(f"a frame of kind {header.kind} from the server")
        records.run = header.run
        try:
            returned = predict(exchange.read(header))
            # Before the answer, so that the log of a run is there when it is over.
            records.end_run()
            exchange.answer(header.run, returned)
        except frames.FrameError:
            raise
        except RequestError as error:
            records.end_run()
            channel.send_text(frames.REFUSED, header.run, error.report())
        except BaseException as error:
            records.end_run()
            channel.send_text(frames.FAILED, header.run, errors.fault_report(error))
