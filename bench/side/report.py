"""The section of RESULTS.md: what a run measured, and how."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from outcome import Comparison, Outcome, Start, Verdict

RESULTS = Path(__file__).resolve().parents[1] / "RESULTS.md"
APPS = Path(__file__).with_name("peers")
# The packages of the peers whose versions matter.
NAMED = (
    "fastapi",
    "uvicorn",
    "nvidia-pytriton",
    "mosec",
    "mlserver",
    "onnxruntime",
    "scikit-learn",
)

INTRODUCTION = """\
{command}, {day}, {machine}; {versions}. {pairs} pairs of turns of {seconds} s; a ratio
is the median of the pairs' (lowest to highest), ours to the other's. A rate is better
above 1, times are better below. CPU is the processor time of a request in the server's
whole tree of processes; noise is the cores that others kept busy meanwhile."""

STARTS = """\
From exec to the first right answer; MB of the whole tree of processes, what is shared
counted in parts, after that answer and after all that was measured."""


@dataclass(frozen=True)
class Run:
    """When, where and for how long it was measured."""

    day: str
    command: str
    machine: str
    seconds: int
    pairs: int


def section(run: Run, outcomes: Mapping[str, Outcome]) -> str:
    """Everything between the marks."""
    every = outcomes.values()
    comparisons = [one for outcome in every for one in outcome.comparisons]
    verdicts = [one for outcome in every for one in outcome.verdicts]
    starts = [one for outcome in every for one in outcome.starts]
    met = sum(verdict.met for verdict in verdicts)
    parts = [
        paragraph(INTRODUCTION.format(versions=versions(), **vars(run))),
        f"### Bars: {met} of {len(verdicts)} are met",
        table(["what", "figure", "bar", ""], map(verdict_row, verdicts)),
        "### Beside others",
        comparison_table(comparisons),
        "![Rates beside others](side-rates.svg)",
        "### Start and memory",
        paragraph(STARTS),
        table(["work", "server", "start s", "MB", "MB later"], map(start_row, starts)),
    ]
    return "\n\n".join(parts)


def versions(names: Iterable[str] = NAMED) -> str:
    """Those of the peers' packages, as they are pinned."""
    text = "\n".join(file.read_text() for file in sorted(APPS.glob("*.txt")))
    found = re.findall(r"^([\w-]+)==(\S+)$", text, re.MULTILINE)
    # FastAPI's own environment comes before MLServer's, which has an older one.
    pinned = dict(reversed(found))
    return ", ".join(f"{name} {pinned[name]}" for name in names)


def paragraph(text: str) -> str:
    """On one line, as it has been filled in."""
    return text.replace("\n", " ")


def comparison_table(comparisons: Iterable[Comparison]) -> str:
    head = ["work", "ours to", "connections", "rate", "p50", "p99", "CPU"]
    return table(
        [*head, "ours/s", "other/s", "noise"], map(comparison_row, comparisons)
    )


def comparison_row(one: Comparison) -> list[str]:
    ratios = [str(one.rate), *(f"{ratio.median:.2f}" for ratio in (one.p50, one.p99))]
    rates = [f"{one.our_rate:,.0f}", f"{one.other_rate:,.0f}", f"{one.noise:.2f}"]
    where = [one.work, one.other, str(one.connections)]
    return [*where, *ratios, f"{one.cpu.median:.2f}", *rates]


def verdict_row(one: Verdict) -> list[str]:
    return [one.what, one.figure, one.bar, "met" if one.met else "**not met**"]


def start_row(one: Start) -> list[str]:
    memory = [f"{one.memory:.0f}", f"{one.loaded_memory:.0f}"]
    return [one.work, one.server, f"{one.seconds:.2f}", *memory]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put(text: str, inserted: str, name: str) -> str:
    """The text with everything between the marks of that name replaced."""
    begin, end = (f"<!-- {name}:{place} -->" for place in ("begin", "end"))
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"expected {begin} and {end}")
    return f"{before}{begin}\n{inserted}\n{end}{after}"
