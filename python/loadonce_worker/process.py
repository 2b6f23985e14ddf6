"""What a worker asks of the kernel for itself, right after the fork."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# The kernel picks a worker before the server when memory runs out.
_OOM_SCORE = 200
_LARGEST_OOM_SCORE = 1000
# Looked up before the fork, so that a worker has to import and open nothing.
_LIBC = ctypes.CDLL(None)


def die_with(parent: int) -> None:
    """Has the kernel kill this process when `parent`, which forked it, ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have ended before that.
    if os.getppid() != parent:
        os._exit(1)


def leave_the_end_to_the_server() -> None:
    """Passes over Ctrl-C, and what a supervisor sends to all processes of a service.

    The server ends its workers when it has answered what it accepted.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not ignored: programs that a model starts would inherit that.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def end_children_as_usual() -> None:
    """Has SIGTERM end what a model forks, from here on."""
    os.register_at_fork(
        after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL)
    )


def yield_to_others(nice: int) -> None:
    """Gives way to the server, in processor time and when memory runs out."""
    score = Path("/proc/self/oom_score_adj")
    # Some sandboxes do not have it; then the kernel decides alone.
    with suppress(OSError, ValueError):
        raised = int(score.read_text()) + _OOM_SCORE
        score.write_text(str(min(raised, _LARGEST_OOM_SCORE)))
    if nice:
        os.nice(nice)


def reseed() -> None:
    """Gives this worker random numbers of its own, where they are used."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def count_threads() -> int:
    """The threads of this process, as the kernel counts them."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def flush() -> None:
    """Writes out what Python holds of standard output and error."""
    for stream in (sys.stdout, sys.stderr):
        # Nobody may read it any more, or the model has closed it.
        with suppress(OSError, ValueError):
            stream.flush()
