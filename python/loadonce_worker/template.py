"""The template: loads the model once, then forks, kills and reaps workers as asked.

One loop on one thread, and none of the user's code in it once the model is loaded.
"""

from __future__ import annotations

import atexit
import logging
import os
import platform
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from . import errors, loading, logs, messages, process, threads, worker
from .discover import Start
from .loading import Loaded
from .logs import Records
from .worker import Origin, Task

# How long workers have to end after `stop`, in seconds.
_PATIENCE = 5.0

_log = logging.getLogger("loadonce")


def main(control: socket.socket) -> NoReturn:
    """Loads the model that the server names and forks workers of it; never returns."""
    process.leave_the_end_to_the_server()
    process.end_children_as_usual()
    records = logs.install()
    # The model's folder stays as it is: the server watches it.
    sys.dont_write_bytecode = True
    threads.set_environment(1)
    code = 0
    try:
        messages.send(control, _hello())
        received = messages.receive(control)
        if received is not None:
            code = _serve(control, received[0], records)
    except (BrokenPipeError, ConnectionResetError):
        pass  # The server is gone; nobody is left to tell.
    _end(code)


def _hello() -> dict[str, Any]:
    return {
        "type": "hello",
        "protocol": messages.PROTOCOL,
        "pid": os.getpid(),
        "python": platform.python_version(),
        "executable": sys.executable,
    }


def _serve(control: socket.socket, message: dict[str, Any], records: Records) -> int:
    """Loads and forks until the server has enough; returns the exit status."""
    loaded: Loaded | None = None
    try:
        start = Start.from_message(message)
        if message["preload"]:
            loaded = loading.load(start, 1)
    except BaseException as error:
        messages.send(control, {"type": "failed", **errors.load_report(error)})
        return 1
    loading.freeze()
    deferred = {"type": "loaded", "form": "deferred"}
    messages.send(control, deferred if loaded is None else loaded.report)
    Template(control, Origin(start, loaded, os.getpid(), records)).run()
    return 0


def _end(code: int) -> NoReturn:
    """Ends the process without taking the model apart, which is slow and may crash."""
    atexit._run_exitfuncs()
    process.flush()
    os._exit(code)


class Template:
    """The loaded model and the workers that were forked from it."""

    def __init__(self, control: socket.socket, origin: Origin) -> None:
        self._control = control
        self._origin = origin
        self._pids: dict[int, int] = {}
        self._awake, self._waker = socket.socketpair()

    def run(self) -> None:
        """Does what the server says until it says stop, or is gone."""
        self._wake_at_deaths()
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._awake, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._awake.fileno() in ready:
                self._reap()
            if self._control.fileno() in ready and not self._obey():
                return

    def _wake_at_deaths(self) -> None:
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        # Without a handler, the kernel does not interrupt anything for this signal.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def _obey(self) -> bool:
        """Does what one message says; False where it was the last."""
        received = messages.receive(self._control)
        if received is None:
            self._kill_all()
            return False
        message, descriptors = received
        if message["type"] == "stop":
            self._wait_for_all()
            return False
        if message["type"] == "fork":
            self._fork(Task.from_message(message, descriptors))
        elif message["type"] == "kill":
            self._kill(message["worker"])
        return True

    def _fork(self, task: Task) -> None:
        process.flush()
        try:
            pid = os.fork()
        except OSError:
            # Too many processes, or too little memory; the next try may do better.
            _log.exception("cannot fork worker %d", task.worker)
            task.close()
            self._report(task.worker, 0, 1)
            return
        if pid == 0:
            try:
                self._forget()
                worker.become_worker(task, self._origin)
            finally:
                os._exit(1)
        task.close()
        self._pids[task.worker] = pid
        self._tell({"type": "forked", "worker": task.worker, "pid": pid})

    def _tell(self, message: dict[str, Any]) -> None:
        # Where the server is gone, the end of file that follows will show it.
        with suppress(BrokenPipeError, ConnectionResetError):
            messages.send(self._control, message)

    def _forget(self) -> None:
        """Drops in a worker what belongs to the template."""
        signal.set_wakeup_fd(-1)
        for one in (self._control, self._awake, self._waker):
            one.close()

    def _kill(self, number: int) -> None:
        # Its pid is ours until it is reaped, so nobody else can be hit.
        if number in self._pids:
            os.kill(self._pids[number], signal.SIGKILL)

    def _kill_all(self) -> None:
        for number in self._pids:
            self._kill(number)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            self._awake.recv(4096)
        # By pid: other children of this process are the model's own.
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._pids[number]
                self._report(number, pid, os.waitstatus_to_exitcode(status))

    def _report(self, number: int, pid: int, code: int) -> None:
        how = {"signal": -code} if code < 0 else {"code": code}
        self._tell({"type": "exited", "worker": number, "pid": pid, **how})

    def _wait_for_all(self) -> None:
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        deadline = time.monotonic() + _PATIENCE
        while self._pids and (remaining := deadline - time.monotonic()) > 0:
            poll.poll(remaining * 1000)
            self._reap()
        self._kill_all()
