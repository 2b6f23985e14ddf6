"""What is kept of a run: comparisons, and bars that are met or not."""

from dataclasses import dataclass, field
from typing import Self

from pairs import Pairs, Ratio, middle


@dataclass(frozen=True)
class Bar:
    """What a figure must reach, or not exceed."""

    limit: float
    at_most: bool = False
    unit: str = "x"

    def met(self, figure: float) -> bool:
        return figure <= self.limit if self.at_most else figure >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.limit:g}{self.unit}"


@dataclass(frozen=True)
class Verdict:
    """A figure beside its bar."""

    what: str
    figure: str
    bar: str
    met: bool

    @classmethod
    def of_ratio(cls, what: str, ratio: Ratio, bar: Bar) -> Self:
        return cls(what, f"{ratio}", str(bar), bar.met(ratio.median))

    @classmethod
    def of(cls, what: str, figure: float, bar: Bar) -> Self:
        return cls(what, f"{figure:.2f}{bar.unit}", str(bar), bar.met(figure))

    @classmethod
    def of_count(cls, what: str, count: int, right: int) -> Self:
        return cls(what, str(count), f"= {right}", count == right)

    def __str__(self) -> str:
        met = "met" if self.met else "NOT MET"
        return f"{met:8} {self.what}: {self.figure}, bar {self.bar}"


@dataclass(frozen=True)
class Comparison:
    """Ours beside another, at so many connections; ratios are ours to the other's."""

    work: str
    other: str
    connections: int
    rate: Ratio
    p50: Ratio
    p99: Ratio
    cpu: Ratio
    our_rate: float
    other_rate: float
    noise: float

    @classmethod
    def of(cls, work: str, other: str, connections: int, pairs: Pairs) -> Self:
        return cls(
            work,
            other,
            connections,
            rate=pairs.ratio("rate"),
            p50=pairs.ratio("p50"),
            p99=pairs.ratio("p99"),
            cpu=pairs.ratio("cpu"),
            our_rate=middle(pairs.ours, "rate"),
            other_rate=middle(pairs.other, "rate"),
            noise=pairs.noise(),
        )

    def __str__(self) -> str:
        ratios = ("rate", "p50", "p99", "cpu")
        parts = [f"{name} {getattr(self, name)}" for name in ratios]
        rates = f"{self.our_rate:.0f} and {self.other_rate:.0f} a second"
        where = f"{self.work}, c={self.connections}, to {self.other}"
        return f"{where}: {', '.join(parts)}; {rates}; noise {self.noise:.2f}"


@dataclass(frozen=True)
class Start:
    """Start and memory of a server of one work."""

    work: str
    server: str
    seconds: float
    memory: float
    """MB of the whole tree after the first answer, shared pages in parts."""
    loaded_memory: float
    """The same after all that was measured."""


@dataclass
class Outcome:
    """Of a scenario."""

    comparisons: list[Comparison] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)

    @classmethod
    def of_rates(cls, what: str, comparisons: list[Comparison], bar: Bar) -> Self:
        """With the same bar for the rate at every number of connections."""
        verdicts = [
            Verdict.of_ratio(f"{what}, c={one.connections}, rate", one.rate, bar)
            for one in comparisons
        ]
        return cls(comparisons, verdicts)
