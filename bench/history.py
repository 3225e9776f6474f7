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
from numpy.typing import NDArray
from scipy import special

from bench.across import labels
from bench.analyse import summarise
from bench.bounds import summarise_limits
from bench.cells import visible
from bench.charts.style import GREY, INK, PALE, look, styles
from bench.metrics import METRICS, label, load_in_words
from bench.plan import apply_thresholds
from bench.store import RunFolder

LEAST_RUNS = 4  # to look for a change in
ENOUGH_RUNS = 8  # with fewer a change of ten times the noise is missed too often
CHANCE = 0.007  # with which noise alone is called a change in a series; half of it for an end that is a single run
TAILS = 8  # degrees of freedom at most: the noise of runs has heavier tails than Gauss's
LEAST_NOISE = 0.001  # three printed figures show no less
_QUANTILE_95 = 1.96  # half of a 95 % interval in standard errors


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one arm at one load over the runs that have it, in their order."""

    arm: str
    load: str
    metric: str
    places: tuple[int, ...]  # of the runs, among all that were asked for
    runs: tuple[str, ...]
    medians: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    verdicts: tuple[str, ...]

    @property
    def sound(self) -> list[int]:
        """Places of runs that are looked at for changes: an invalid figure says nothing of a level."""
        rows = zip(self.medians, self.verdicts, strict=True)
        return [k for k, (median, verdict) in enumerate(rows) if verdict != "invalid" and 0 < median < math.inf]

    @property
    def changes(self) -> list[int]:
        """Places of runs with which another level begins."""
        sound = self.sound
        columns = ([column[k] for k in sound] for column in (self.medians, self.lows, self.highs))
        return [sound[place] for place in change_points(*columns)]


def change_points(values: Sequence[float], lows: Sequence[float] = (), highs: Sequence[float] = ()) -> list[int]:
    """Where the logarithms of a series change their level: the first run of each new one.

    lows, highs: 95 % intervals of the values, if there are any. For each number of changes, from many to none, the
    places are those that leave the least scatter (dynamic programming; Bai and Perron 2003). They stand if every two
    neighbouring levels differ by Student's t, as Worsley (1979) tests for one change: corrected for the places where it
    could be (Bonferroni) and for the number of changes. The noise is the larger of what runs scatter around their
    levels and what their own intervals say. A single run between two levels that do not differ is no level.
    """
    if len(values) < LEAST_RUNS or not all(0 < value < math.inf for value in values):
        return []
    logs = np.log(np.asarray(values, dtype=float))
    own = _own_variances(lows, highs) if len(lows) else np.zeros(len(logs))
    search = ruptures.KernelCPD(kernel="linear", min_size=1).fit(logs[:, None])
    for count in range(len(values) // 3, 0, -1):  # of each level three runs, on average: else nothing tells the noise
        ends = [int(end) for end in search.predict(n_bkps=count)]
        levels = _Levels(logs, own, tuple(zip([0, *ends], ends, strict=False)))
        if all(levels.differ(k, k + 1) for k in range(count)):
            return levels.beginnings()
    return []


def _own_variances(lows: Sequence[float], highs: Sequence[float]) -> NDArray[np.float64]:
    """What each run's interval says of the variance of its logarithm; nothing where it has none."""
    ends = np.asarray([lows, highs], dtype=float)
    ends[~((ends > 0) & np.isfinite(ends))] = np.nan
    errors: NDArray[np.float64] = np.log(ends[1] / ends[0]) / 2 / _QUANTILE_95
    return np.nan_to_num(errors**2)


@dataclass(frozen=True, slots=True)
class _Levels:
    """A series cut into levels."""

    logs: NDArray[np.float64]
    own: NDArray[np.float64]  # variances
    cuts: tuple[tuple[int, int], ...]

    def differ(self, one: int, other: int) -> bool:
        """Whether two levels do, by more than the noise can make."""
        tests = (len(self.logs) - 1) * 10 ** (len(self.cuts) - 2)  # the tenth part of the chance for each change more
        lone = any(self._size(k) == 1 and k in (0, len(self.cuts) - 1) for k in (one, other))
        chance = CHANCE / 2 / tests / (2 if lone else 1)
        squares = sum(((self.logs[slice(*cut)] - self._mean(k)) ** 2).sum() for k, cut in enumerate(self.cuts))
        degrees = len(self.logs) - len(self.cuts)
        scatter = max(squares / degrees, LEAST_NOISE**2) * (1 / self._size(one) + 1 / self._size(other))
        own = sum(self.own[slice(*self.cuts[k])].sum() / self._size(k) ** 2 for k in (one, other))
        # Each with its own quantile: an interval rests on many blocks, the scatter on a few runs.
        least = max(
            float(special.stdtrit(min(degrees, TAILS), 1 - chance)) * math.sqrt(scatter),
            float(special.stdtrit(TAILS, 1 - chance)) * math.sqrt(own),
        )
        return abs(self._mean(one) - self._mean(other)) > least

    def beginnings(self) -> list[int]:
        """The first run of each level but the first, without runs that stand out alone."""
        alone = [k for k in range(1, len(self.cuts) - 1) if self._size(k) == 1 and not self.differ(k - 1, k + 1)]
        left_out = {place for k in alone for place in (k, k + 1)}
        return [begin for k, (begin, _) in enumerate(self.cuts) if k and k not in left_out]

    def _size(self, k: int) -> int:
        begin, end = self.cuts[k]
        return end - begin

    def _mean(self, k: int) -> float:
        return float(self.logs[slice(*self.cuts[k])].mean())


def series(folders: Sequence[Path], metric: str, arm: str = "", scenario: str = "") -> list[Series]:
    """The series of a metric, oldest run first. arm, scenario: only these. Raises StoreError and PlanError."""
    paths = list({path.resolve(): path for path in reversed(folders)}.values())  # one named twice is one run
    opened = {path: RunFolder.open(path) for path in paths}
    runs = sorted(zip([one.began() for one in opened.values()], labels(paths), paths, strict=True))
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for place, (_, name, path) in enumerate(runs):
        for row in _rows(opened[path], metric):
            if (not arm or row["arm"] == arm) and (not scenario or row["scenario"] == scenario):
                load = load_in_words(row["scenario"], row["connections"], row["message_bytes"])
                numbers = (float(row["median"]), float(row["low"]), float(row["high"]))
                points = found.setdefault((str(row["arm"]), load), [])
                points.append((place, visible(name), *numbers, str(row["verdict"])))
    return [
        Series(one, load, metric, *(tuple(column) for column in zip(*points, strict=True)))
        for (one, load), points in found.items()
    ]


def _rows(folder: RunFolder, metric: str) -> list[dict[Any, Any]]:
    """The rows of the summary that have a figure."""
    apply_thresholds(folder.plan())
    trials, slices, limits = folder.trials(), folder.finished("slices"), folder.limits()
    rows = []
    for summary in (summarise(trials, slices), summarise_limits(limits)):
        known = summary[(summary["metric"] == metric) & pd.notna(summary["median"])]
        rows += known[~known["arm"].astype(str).str.endswith("~twin")].to_dict("records")
    return rows


def save(found: Sequence[Series], chart: Path) -> None:
    """Draw them into a file. Raises OSError, and ValueError if its ending is that of no picture."""
    with look():
        _draw(found).savefig(chart)


def _draw(found: Sequence[Series]) -> Figure:
    """A panel for each load, a line for each arm, a rule where a level changed; invalid figures are hollow."""
    loads = list(dict.fromkeys(one.load for one in found))
    figure = Figure(figsize=(11, 3.2 * len(loads) + 0.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    looks = styles({label(one.arm) for one in found})
    runs = dict(sorted({place: run for one in found for place, run in zip(one.places, one.runs, strict=True)}.items()))
    at = {place: x for x, place in enumerate(runs)}
    for number, load in enumerate(loads):
        ax = figure.add_subplot(len(loads), 1, number + 1)
        ax.set_title(load, loc="left", fontsize=11, fontweight="bold", color=INK)
        for one in (each for each in found if each.load == load):
            its = looks[label(one.arm)]
            x = [at[place] for place in one.places]
            style = "-" if "/tcp" in one.arm else "--"
            ax.plot(x, one.medians, style, color=its.colour, marker=its.marker, markersize=5, label=one.arm)
            hollow = [k for k, verdict in enumerate(one.verdicts) if verdict == "invalid"]
            of_hollow = [x[k] for k in hollow], [one.medians[k] for k in hollow]
            ax.plot(*of_hollow, "", color=its.colour, marker=its.marker, markersize=5, mfc="white", zorder=3)
            ax.vlines(x, one.lows, one.highs, color=its.colour, linewidth=1, alpha=0.6)
            for change in one.changes:
                ax.axvline(x[change] - 0.5, color=its.colour, linewidth=1, linestyle=":")
        ax.set_xlim(-0.5, len(runs) - 0.5)  # a run stands at the same place in every panel
        ax.set_ylim(bottom=0)
        ax.set_ylabel(METRICS[found[0].metric].label, fontsize=9)
        ax.grid(color=PALE, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(colors=GREY)
        names = list(runs.values()) if number == len(loads) - 1 else [""] * len(runs)
        ax.set_xticks(range(len(runs)), names, rotation=30, fontsize=7)
        for tick in ax.get_xticklabels():
            tick.set_horizontalalignment("right")
        ax.legend(fontsize=8, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure
