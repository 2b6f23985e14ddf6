"""The rates of a run as a picture."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from outcome import Comparison

CONNECTIONS = 8
OURS, FLOOR, OTHERS = "#1a6b4a", "#8a8a8a", "#c9b27c"

# The same picture is the same file, and its text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "loadonce", "svg.fonttype": "none"})


def rates(comparisons: Sequence[Comparison], file: Path) -> None:
    """A panel for each work: how many requests each server answers to one of ours."""
    panels: dict[str, dict[str, float]] = {}
    for one in comparisons:
        if one.connections == CONNECTIONS:
            # Each was asked as it can be, and ours likewise.
            title = re.sub(r"v\d ", "", one.work)
            panels.setdefault(title, {})[one.other] = 1 / one.rate.median
    figure = Figure(
        layout="constrained",
        figsize=(8, sum(len(panel) + 2.2 for panel in panels.values()) * 0.24),
    )
    axes = figure.subplots(
        len(panels),
        squeeze=False,
        sharex=True,
        height_ratios=[len(panel) + 1 for panel in panels.values()],
    )
    for (title, panel), (place,) in zip(panels.items(), axes, strict=True):
        draw(place, title, panel)
    axes[-1][0].set_xlabel("requests answered while loadonce answers one")
    figure.savefig(file, metadata={"Date": None})


def draw(axes: Axes, title: str, panel: dict[str, float]) -> None:
    ordered = sorted((panel | {"loadonce": 1.0}).items(), key=lambda pair: pair[1])
    names, values = zip(*ordered, strict=True)
    colours = [{"loadonce": OURS, "floor": FLOOR}.get(name, OTHERS) for name in names]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=3, fontsize=8)
    axes.set_title(title, loc="left", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, max(1.2, 1.15 * max(values)))


def memory(panels: Mapping[str, Mapping[str, dict[int, float]]], file: Path) -> None:
    """A panel for each model: the megabytes of each server over its workers."""
    figure = Figure(layout="constrained", figsize=(8, 3))
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for place, (title, lines) in zip(axes, panels.items(), strict=True):
        for name, points in lines.items():
            colour = OURS if name == "loadonce" else OTHERS
            workers, megabytes = list(points), list(points.values())
            place.plot(workers, megabytes, color=colour, marker="o", label=name)
            place.set_xticks(workers)
        place.set_title(title.replace(", ", "\n", 1), loc="left", fontsize=8)
        place.set_xlabel("workers", fontsize=8)
        place.tick_params(labelsize=8)
        place.spines[["top", "right"]].set_visible(False)
        place.set_ylim(bottom=0)
    axes[0].set_ylabel("MB (PSS)", fontsize=8)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(file, metadata={"Date": None})
