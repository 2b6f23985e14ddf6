"""Thread pools of libraries: one thread each, and a budget after the fork.

A pool of OpenMP that has had two threads hangs for ever in a forked child, so all of
them are held at one until the fork is done.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# What libraries read when they are imported, or before each use.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
# Has idle threads sleep, unless the user has said something else. While they spin, as
# they do by default, the runs of other workers wait for their processors.
_IDLE = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
# Parts of the file names of libraries that have pools, and what sets their threads: a
# library has at most one of each, under the name that its build gave it.
_POOLS = ("libgomp", "libomp", "libiomp", "openblas", "libmkl_rt")
_SETTERS = (
    "omp_set_num_threads",
    "openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "scipy_openblas_set_num_threads64_",
    "MKL_Set_Num_Threads",
)


def set_environment(threads: int) -> None:
    """For libraries that are not loaded yet."""
    for variable in _VARIABLES:
        os.environ[variable] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for variable, value in _IDLE.items():
        os.environ.setdefault(variable, value)


def limit_pools(threads: int) -> None:
    """Sets the pools of libraries that are loaded already, and of others to come."""
    set_environment(threads)
    for library in _loaded_pools():
        for setter in _SETTERS:
            if hasattr(library, setter):
                getattr(library, setter)(threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
        # It may be set once only, and not after the first use.
        with suppress(RuntimeError):
            torch.set_num_interop_threads(threads)


def _loaded_pools() -> Iterator[ctypes.CDLL]:
    maps = Path("/proc/self/maps").read_text(errors="surrogateescape")
    # Address, permissions, offset, device, inode, and the file where there is one.
    lines = [line.split(maxsplit=5) for line in maps.splitlines()]
    for path in {fields[5] for fields in lines if len(fields) > 5}:
        if any(pool in Path(path).name for pool in _POOLS):
            # A file that was replaced since cannot be found by its name.
            with suppress(OSError):
                yield ctypes.CDLL(path, os.RTLD_NOLOAD | os.RTLD_NOW)
