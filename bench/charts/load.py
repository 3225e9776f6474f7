"""Latency against the rate that was asked for: how it grows as a server comes near to what it can do."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.charts.layout import Label, label_right, page, panel_title, settle, spread_labels
from bench.charts.style import GREY, Style, styles
from bench.metrics import LIMIT, is_twin, label, on_axis, transport

LINES: Mapping[str, Mapping[str, object]] = {
    "latency_p50_us": {"linewidth": 1.0},
    "latency_p99_us": {"linewidth": 2.2},
    "latency_p99_9_us": {"linewidth": 1.2, "linestyle": (0, (1, 1.5))},
}
HOW = "thin: p50, thick: p99, dotted: p99.9"


def draw_load(
    rows: pd.DataFrame, capacities: Mapping[str, float], title: str, subtitle: str, notes: list[str]
) -> Figure | None:
    """One panel a transport. rows: of the summary, in open loops. capacities: of arms in a closed loop, if known."""
    rows = rows[rows["metric"].isin(LINES) & rows["median"].map(math.isfinite) & ~rows["arm"].map(is_twin)]
    panels = sorted(set(rows["arm"].map(transport)))
    if not panels or rows.groupby("arm")["rate_rps"].nunique().max() < 2:
        return None
    figure, axes = page(title, subtitle, notes, len(panels), body_in=4.4)
    looks = styles(set(rows["arm"].map(label)))
    labels = []
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper())
        ends = []
        for arm, of_arm in rows[rows["arm"].map(transport) == name].groupby("arm"):
            ends += _draw_arm(ax, str(arm), of_arm, looks[label(str(arm))], capacities)
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


def _draw_arm(ax: Axes, arm: str, rows: pd.DataFrame, look: Style, capacities: Mapping[str, float]) -> list[Label]:
    """Its lines, and a rule at what it reached in a closed loop; gives where the line of p99 ends."""
    ends: list[Label] = []
    for metric, line in LINES.items():
        found = rows[rows["metric"] == metric].sort_values("rate_rps")
        if found.empty:
            continue
        x, y = found["rate_rps"].to_numpy(float), found["median"].to_numpy(float)
        colour = [GREY if verdict != "valid" else look.colour for verdict in found["verdict"]]
        dashed = {"linestyle": "--"} if label(arm) == LIMIT and "linestyle" not in line else {}
        ax.plot(x, y, color=look.colour, **{**line, **dashed})  # type: ignore[arg-type]  # keywords of a line
        ax.scatter(x, y, c=colour, s=22, marker=look.marker, zorder=3)
        if metric == "latency_p99_us":
            ends = [Label(label(arm), float(x[-1]), float(y[-1]), look.ink)]
    if arm in capacities:
        ax.axvline(capacities[arm], ymax=0.06, color=look.colour, linewidth=2.5)
    return ends
