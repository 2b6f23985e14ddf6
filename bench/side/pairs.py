"""Two contestants that take turns, and what their figures say of each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from load import Window

Turn = Callable[[], Window]


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of pairs, and their lowest and highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], others: Sequence[float]) -> Self:
        ratios = [one / other for one, other in zip(ours, others, strict=True)]
        return cls(median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Pairs:
    """Windows of ours and of another, of which those at one place are neighbours."""

    ours: list[Window]
    other: list[Window]

    def ratio(self, figure: str) -> Ratio:
        """Of a figure of the windows, ours to the other's."""
        ours = [getattr(window, figure) for window in self.ours]
        return Ratio.of(ours, [getattr(window, figure) for window in self.other])

    def noise(self) -> float:
        """Cores that others kept busy, at the median."""
        return median(window.noise for window in [*self.ours, *self.other])


def take_turns(ours: Turn, other: Turn, count: int) -> Pairs:
    """So many pairs, after one that warms up; who is first changes with each."""
    ours(), other()
    pairs = Pairs([], [])
    for index in range(count):
        turns = [(ours, pairs.ours), (other, pairs.other)]
        for turn, windows in turns if index % 2 == 0 else reversed(turns):
            windows.append(turn())
    return pairs


def middle(windows: Sequence[Window], figure: str) -> float:
    """The median of a figure."""
    return median(getattr(window, figure) for window in windows)
