"""Thread pools of libraries: one thread each, and a budget after the fork.

A pool of OpenMP that has had two threads hangs for ever in a forked child, so all of
them are held at one until the fork is done.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


def set_environment(threads: int) -> None:
    """What libraries read when they are imported, or before each use."""
    for variable in _VARIABLES:
        os.environ[variable] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def limit_pools(threads: int) -> None:
    """Sets the pools of libraries that are loaded already."""
    set_environment(threads)
    if importlib.util.find_spec("threadpoolctl") is not None:
        import threadpoolctl  # noqa: PLC0415

        threadpoolctl.threadpool_limits(limits=threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
        # It may be set once only, and not after the first use.
        with suppress(RuntimeError):
            torch.set_num_interop_threads(threads)
