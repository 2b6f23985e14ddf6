"""What the kernel says of processes and of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    return [root, *(pid for child in children(root) for pid in tree(child))]


def children(pid: int) -> Iterator[int]:
    for task in (PROC / str(pid) / "task").glob("*/children"):
        try:
            yield from map(int, task.read_text().split())
        except OSError:
            continue


def grandchildren(root: int) -> list[int]:
    """The workers, where the root is a server and its child the template of them."""
    return [pid for child in children(root) for pid in children(child)]


def cpu_seconds(root: int) -> float:
    """Of a process, what descends from it, and what of that has ended."""
    return sum(map(own_cpu_seconds, tree(root)))


def own_cpu_seconds(pid: int) -> float:
    """Of a process, and of its children that have ended."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0.0
    # The name may hold spaces, so fields count from behind it: utime to cstime.
    return sum(map(int, stat.rsplit(")", 1)[1].split()[11:15])) / TICKS


def memory(root: int, kind: str = "Pss") -> float:
    """Of a process and what descends from it, in MB; shared pages count in parts."""
    total = 0
    for pid in tree(root):
        try:
            text = (PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            continue
        total += kilobytes(text, kind)
    return total * 1024 / 1e6


def kilobytes(text: str, kind: str) -> int:
    found = (line.split() for line in text.splitlines())
    return next((int(line[1]) for line in found if line[0] == f"{kind}:"), 0)


def busy_seconds() -> float:
    """All that the machine has been busy since it started, on all cores."""
    return busy_of((PROC / "stat").read_text())


def busy_of(text: str) -> float:
    user, nice, system, _idle, _wait, irq, soft = map(int, text.split()[1:8])
    return (user + nice + system + irq + soft) / TICKS


def described() -> str:
    """The machine in a few words."""
    text = (PROC / "cpuinfo").read_text()
    names = (line.split(":")[1] for line in text.splitlines() if "model name" in line)
    wide = ", AVX-512" if "avx512f" in text else ""
    kernel = f"{os.uname().sysname} {os.uname().release}"
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({next(names, 'unknown').strip()}{wide}), {kernel}"
