"""Ratios to the reference with their intervals, over the band in which an arm differs from itself."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.analysis.comparisons import noise_floor_share
from bench.report.charts.layout import page, panel_title, settle
from bench.report.charts.style import GREY, PALE, Style, styles
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind

ROW_IN = 0.3
WIDEST = 20.0  # an interval may reach farther than so many times its mark: its line ends at the edge


@dataclass(frozen=True, slots=True)
class _Row:
    """One comparison with its place."""

    arm: str
    connections: int
    ratio: float
    low: float
    high: float
    conclusion: str
    verdict: str


def draw_forest(comparisons: pd.DataFrame, title: str, subtitle: str, notes: list[str]) -> Figure | None:
    """One panel a transport, a row for each arm and number of connections. comparisons: of one load and one metric."""
    against = [_row(row) for row in comparisons[comparisons["kind"] == ComparisonKind.REFERENCE].to_dict("records")]
    against = [row for row in against if math.isfinite(row.ratio) and row.ratio > 0]
    panels = sorted({Arm.parse(row.arm).transport for row in against})
    if not panels:
        return None
    names = sorted({Arm.parse(row.arm).label for row in against})
    cases = sorted({(Arm.parse(row.arm).label, row.connections) for row in against})
    places = {case: place + 0.6 * names.index(case[0]) for place, case in enumerate(cases)}
    height = max(places.values()) + 1
    figure, axes = page(title, subtitle, notes, len(panels), max(2.4, ROW_IN * height + 0.9))
    looks = styles(names)
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper())
        mine = [row for row in against if Arm.parse(row.arm).transport == name]
        _noise(ax, comparisons, name)
        for row in mine:
            _draw(ax, row, places[Arm.parse(row.arm).label, row.connections], looks[Arm.parse(row.arm).label])
        _axis(ax, against)
    left = axes[0]
    left.set_ylim(height - 0.4, -0.6)
    left.set_yticks(list(places.values()), [f"{name}, {count}" for name, count in places], fontsize=9.5)
    for tick, (name, _) in zip(left.get_yticklabels(), places, strict=True):
        tick.set_color(looks[name].ink)
    for ax in axes:
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0, labelleft=ax is left)
    settle(figure)
    return figure


def _row(row: dict[Any, Any]) -> _Row:
    ratio, low, high = (float(row[name]) for name in ("ratio", "low", "high"))
    return _Row(str(row["arm"]), int(row["connections"]), ratio, low, high, str(row["conclusion"]), str(row["verdict"]))


def _noise(ax: Axes, comparisons: pd.DataFrame, name: str) -> None:
    """The band in which the control seemed to differ from itself, at any number of connections."""
    controls = comparisons[
        (comparisons["kind"] == ComparisonKind.CONTROL)
        & (comparisons["arm"].map(lambda name: Arm.parse(name).transport) == name)
    ]
    share = noise_floor_share(controls)
    if share is not None:
        ax.axvspan(1 / (1 + share), 1 + share, color=PALE, alpha=0.6, zorder=0, linewidth=0)
    ax.axvline(1, color=GREY, linewidth=0.9, zorder=1)


def _draw(ax: Axes, row: _Row, y: float, look: Style) -> None:
    """Full where a difference was told, hollow where not; grey and crossed where the figures are invalid."""
    colour = GREY if row.verdict == "invalid" else look.colour
    told = row.conclusion in ("faster", "slower")
    low, high = (end if math.isfinite(end) and end > 0 else other for end, other in ((row.low, 1e-3), (row.high, 1e3)))
    ax.plot([low, high], [y, y], color=colour, linewidth=1.8, zorder=3, solid_capstyle="butt")
    face = colour if told else "white"
    ax.plot([row.ratio], [y], look.marker, color=face, markeredgecolor=colour, markersize=7, zorder=4)
    if row.verdict == "invalid":
        ax.plot([row.ratio], [y], "x", color=GREY, markersize=10, markeredgewidth=1.6, zorder=5)


def _axis(ax: Axes, rows: list[_Row]) -> None:
    """Wide enough for every mark, and for every interval within reason."""
    ax.set_xscale("log")
    low = min(0.9, *(max(min(row.low, row.ratio), row.ratio / WIDEST) for row in rows))
    high = max(1.1, *(min(max(row.high, row.ratio), row.ratio * WIDEST) for row in rows))
    ax.set_xlim(low / 1.08, high * 1.08)
    least, most = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps: tuple[float, ...] = (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    if high / low > 8:
        steps = (1.0, 2.0, 5.0) if most - least < 4 else (1.0,)
    ax.xaxis.set_major_locator(FixedLocator([step * 10.0**tens for tens in range(least, most + 1) for step in steps]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.set_xlabel("times the reference (log scale)")
