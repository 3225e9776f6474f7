"""One figure over many runs: its course, and where it changed. Pure but for the reading of the runs' own files."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ruptures  # type: ignore[import-untyped]  # it has no types of its own
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.analyse import summarise
from bench.charts.style import GREY, INK, PALE, look, styles
from bench.metrics import METRICS, label, load_in_words
from bench.store import RunFolder

LEAST_RUNS = 4  # to look for a change in


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one arm at one load over the runs that have it, in their order."""

    arm: str
    load: str
    metric: str
    runs: tuple[str, ...]
    medians: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @property
    def changes(self) -> list[int]:
        """Places of runs with which another level begins."""
        return change_points(self.medians)


def change_points(values: Sequence[float]) -> list[int]:
    """Where the logarithms of a series change their level: PELT with the penalty of the BIC.

    Sources: Killick, Fearnhead and Eckley (2012); Yao (1988). The noise is that of the differences between neighbours,
    which a change of level hardly touches (the median of their sizes over 0.6745, and over the root of 2).
    """
    if len(values) < LEAST_RUNS or not all(value > 0 and math.isfinite(value) for value in values):
        return []
    logs = np.log(np.asarray(values))
    noise = float(np.median(np.abs(np.diff(logs)))) / 0.6745 / math.sqrt(2)
    noise = max(noise, 1e-6)
    penalty = 3 * math.log(len(logs))
    found = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(logs[:, None] / noise).predict(pen=penalty)
    return [int(place) for place in found if place < len(values)]


def series(folders: Sequence[Path], metric: str, arm: str = "", scenario: str = "") -> list[Series]:
    """The series of a metric, oldest run first. arm, scenario: only these. Raises StoreError."""
    found: dict[tuple[str, str], list[tuple[str, float, float, float]]] = {}
    for path in sorted(folders, key=lambda one: one.name):
        for row in _rows(RunFolder.open(path), metric):
            if (not arm or row["arm"] == arm) and (not scenario or row["scenario"] == scenario):
                load = load_in_words(row["scenario"], row["connections"], row["message_bytes"])
                numbers = (float(row["median"]), float(row["low"]), float(row["high"]))
                found.setdefault((str(row["arm"]), load), []).append((path.name, *numbers))
    return [
        Series(one, load, metric, *(tuple(column) for column in zip(*points, strict=True)))
        for (one, load), points in found.items()
    ]


def _rows(folder: RunFolder, metric: str) -> list[dict[Any, Any]]:
    summary = summarise(folder.trials(), folder.finished("slices"))
    rows = summary[(summary["metric"] == metric) & pd.notna(summary["median"])]
    return rows[~rows["arm"].str.endswith("~twin")].to_dict("records")


def save(found: Sequence[Series], chart: Path) -> None:
    """Draw them into a file. Raises OSError, and ValueError if its ending is that of no picture."""
    with look():
        _draw(found).savefig(chart)


def _draw(found: Sequence[Series]) -> Figure:
    """A panel for each load, a line for each arm, a rule where a level changed."""
    loads = list(dict.fromkeys(one.load for one in found))
    figure = Figure(figsize=(11, 3.2 * len(loads) + 0.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    looks = styles({label(one.arm) for one in found})
    runs = sorted({run for one in found for run in one.runs})
    for place, load in enumerate(loads):
        ax = figure.add_subplot(len(loads), 1, place + 1)
        ax.set_title(load, loc="left", fontsize=11, fontweight="bold", color=INK)
        for one in (each for each in found if each.load == load):
            its = looks[label(one.arm)]
            x = [runs.index(run) for run in one.runs]
            style = "-" if "/tcp" in one.arm else "--"
            ax.plot(x, one.medians, style, color=its.colour, marker=its.marker, markersize=5, label=one.arm)
            ax.vlines(x, one.lows, one.highs, color=its.colour, linewidth=1, alpha=0.6)
            for change in one.changes:
                ax.axvline(x[change] - 0.5, color=its.colour, linewidth=1, linestyle=":")
        ax.set_ylim(bottom=0)
        ax.set_ylabel(METRICS[found[0].metric].label, fontsize=9)
        ax.grid(color=PALE, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(colors=GREY)
        ax.set_xticks(range(len(runs)), runs if place == len(loads) - 1 else [""] * len(runs), rotation=30, fontsize=7)
        for tick in ax.get_xticklabels():
            tick.set_horizontalalignment("right")
        ax.legend(fontsize=8, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure
