"""Latency against the rate that was asked for: how it grows as a server comes near to what it can do, and its knee."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.formatting import on_axis
from bench.report.charts.layout import Label, label_right, page, panel_title, settle, spread_labels
from bench.report.charts.style import GREY, Style, styles
from bench.schema.arms import Arm

LINES: Mapping[str, Mapping[str, object]] = {
    "latency_p50_us": {"linewidth": 1.0},
    "latency_p99_us": {"linewidth": 2.2},
    "latency_p99_9_us": {"linewidth": 1.2, "linestyle": (0, (1, 1.5))},
}
HOW = "thin: p50, thick: p99, dotted: p99.9"
RING = 'Ring: the knee, where requests answered per second, divided by their p99, are most (Kleinrock\'s "power").'
_ANSWERED, _TAIL = "throughput_rps", "latency_p99_us"
LEAST_RATES = 3  # of two, one is the first and the other the last


@dataclass(frozen=True, slots=True)
class Knee:
    """Where an arm's knee is among the rates measured: inside, or not before the last, or not after the first."""

    arm: str
    rate_rps: float
    p99_us: float
    where: str  # inside, first or last


def draw_load(
    rows: pd.DataFrame, capacities: Mapping[str, float], title: str, subtitle: str, notes: list[str]
) -> Figure | None:
    """One panel a transport. rows: of the summary, in open loops. capacities: of arms in a closed loop, if known."""
    competing = {arm: of_arm for arm, of_arm in _by_arm(rows) if Arm.parse(arm).competes}
    knees = [knee for arm, of_arm in competing.items() if (knee := find_knee(arm, of_arm))]
    without = sorted(competing.keys() - {knee.arm for knee in knees})
    rows = rows[
        rows["metric"].isin(LINES)
        & rows["median"].map(math.isfinite)
        & ~rows["arm"].map(lambda name: Arm.parse(name).control)
    ]
    panels = sorted(set(rows["arm"].map(lambda name: Arm.parse(name).transport)))
    if not panels or rows.groupby("arm")["rate_rps"].nunique().max() < 2:
        return None
    figure, axes = page(title, subtitle, [*_in_words(knees, without), *notes], len(panels), body_in=4.4)
    looks = styles(set(rows["arm"].map(lambda name: Arm.parse(name).label)))
    labels = []
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper())
        ends = []
        for arm, of_arm in _by_arm(rows[rows["arm"].map(lambda name: Arm.parse(name).transport) == name]):
            ends += _draw_arm(ax, arm, of_arm, looks[Arm.parse(arm).label], capacities)
        for knee in knees:
            if knee.where == "inside" and Arm.parse(knee.arm).transport == name:
                ring = looks[Arm.parse(knee.arm).label].colour
                ax.scatter(knee.rate_rps, knee.p99_us, s=150, facecolors="none", edgecolors=ring, linewidths=1.8)
        labels.append(label_right(ax, ends))
        ax.set_xlabel("requests per second asked for")
        ax.set_xlim(left=0)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    axes[0].set_yscale("log")
    axes[0].set_ylabel("latency (µs, log scale)")
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    settle(figure)
    for ax, names in zip(axes, labels, strict=True):
        spread_labels(ax, names)
    return figure


def find_knee(arm: str, rows: pd.DataFrame) -> Knee | None:
    """The rate at which the power of an arm was highest; None of fewer than three rates. rows: of the arm.

    Power is what was answered, divided by how long it took: to its left a little more latency buys much more work, to
    its right it is the other way round. Source: Kleinrock, Power and deterministic rules of thumb for probabilistic
    problems in computer communications (ICC 1979), with the mean in place of our 99th percentile.
    """
    usable = rows[(rows["verdict"] != "invalid") & rows["median"].notna()]
    figures = usable.pivot_table(index="rate_rps", columns="metric", values="median", aggfunc="min")
    if _TAIL not in figures or len(of_rates := figures[figures[_TAIL].notna()]) < LEAST_RATES:
        return None
    tail = of_rates[_TAIL]
    asked = of_rates.index.to_series()
    answered = of_rates[_ANSWERED].fillna(asked) if _ANSWERED in of_rates else asked
    power = answered / tail  # of a percentile that is infinite, as too much was lost, it is nought
    best = int(power.to_numpy(float).argmax())
    where = "first" if best == 0 else "last" if best == len(power) - 1 else "inside"
    return Knee(arm, float(asked.iloc[best]), float(tail.iloc[best]), where)


def _by_arm(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    return ((str(arm), of_arm) for arm, of_arm in rows.groupby("arm"))


def _in_words(knees: Sequence[Knee], without: Sequence[str]) -> list[str]:
    """What is said of the knees below the chart."""
    lines = [RING] if any(knee.where == "inside" for knee in knees) else []
    for where, words in (
        ("first", "The knee is at the lowest rate measured, or below"),
        ("last", "No knee was reached: it is at the highest rate measured, or beyond"),
    ):
        if names := [knee.arm for knee in knees if knee.where == where]:
            lines.append(f"{words}: {', '.join(names)}.")
    if without:
        words = f"No knee can be told of fewer than {LEAST_RATES} rates with a p99 that is not invalid"
        lines.append(f"{words}: {', '.join(without)}.")
    return lines


def _draw_arm(ax: Axes, arm: str, rows: pd.DataFrame, look: Style, capacities: Mapping[str, float]) -> list[Label]:
    """Its lines, and a rule at what it reached in a closed loop; gives where the line of p99 ends."""
    ends: list[Label] = []
    for metric, line in LINES.items():
        found = rows[rows["metric"] == metric].sort_values("rate_rps")
        if found.empty:
            continue
        x, y = found["rate_rps"].to_numpy(float), found["median"].to_numpy(float)
        colour = [GREY if verdict != "valid" else look.colour for verdict in found["verdict"]]
        dashed = {"linestyle": "--"} if Arm.parse(arm).is_baseline and "linestyle" not in line else {}
        ax.plot(x, y, color=look.colour, **{**line, **dashed})  # type: ignore[arg-type]  # keywords of a line
        ax.scatter(x, y, c=colour, s=22, marker=look.marker, zorder=3)
        if metric == _TAIL:
            ends = [Label(Arm.parse(arm).label, float(x[-1]), float(y[-1]), look.ink)]
    if arm in capacities:
        ax.axvline(capacities[arm], ymax=0.06, color=look.colour, linewidth=2.5)
    return ends
