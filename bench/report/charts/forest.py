"""Ratios to the reference with their intervals, over the noise floor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.analysis.comparisons import noise_floor_share
from bench.formatting import format_ratio, plural
from bench.report.charts.dots import head_rows
from bench.report.charts.layout import Texts, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.style import GREY, PALE, Style, styles
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind

ROW_IN = 0.3
MAX_INTERVAL_RATIO = 20.0  # an interval that reaches farther from its mark ends at the edge of the axes
NEAR_ZERO, NEAR_INFINITY = 1e-3, 1e3  # stand for the ends of an unbounded interval on a logarithmic axis


@dataclass(frozen=True, slots=True)
class _Row:
    """One comparison with the reference."""

    arm: Arm
    connections: int
    ratio: float
    low: float
    high: float
    conclusion: str
    verdict: str


def draw_forest(comparisons: pd.DataFrame, texts: Texts) -> Figure | None:
    """Return a chart with a panel for each transport and a row for each case.

    comparisons: rows of one sweep and one metric.
    """
    rows = [_row(row) for row in comparisons[comparisons["kind"] == ComparisonKind.REFERENCE].to_dict("records")]
    rows = [row for row in rows if math.isfinite(row.ratio) and row.ratio > 0]
    panels = sorted({row.arm.transport for row in rows})
    if not panels:
        return None
    labels = sorted({row.arm.label for row in rows})
    cases = sorted({(row.arm.label, row.connections) for row in rows})
    heights = {case: position + 0.6 * labels.index(case[0]) for position, case in enumerate(cases)}
    bottom = max(heights.values()) + 1
    figure, axes = page(texts, len(panels), max(2.4, ROW_IN * bottom + 0.9))
    looks = styles(labels)
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        _draw_noise_floor(ax, comparisons, transport)
        for row in rows:
            if row.arm.transport == transport:
                with mark(ax, row.arm.label, _describe(row)):
                    _draw_row(ax, row, heights[row.arm.label, row.connections], looks[row.arm.label])
        _ratio_axis(ax, rows)
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0, labelleft=ax is axes[0])
    _name_rows(axes[0], heights, bottom, looks)
    settle(figure)
    return figure


def _row(row: dict[Any, Any]) -> _Row:
    return _Row(
        arm=Arm.parse(str(row["arm"])),
        connections=int(row["connections"]),
        ratio=float(row["ratio"]),
        low=float(row["low"]),
        high=float(row["high"]),
        conclusion=str(row["conclusion"]),
        verdict=str(row["verdict"]),
    )


def _describe(row: _Row) -> str:
    ratio, low, high = map(format_ratio, (row.ratio, row.low, row.high))
    load = f"{row.arm.display_label} ({row.arm.transport.upper()}), {plural(row.connections, 'connection')}"
    return f"{load}: {ratio} [{low}, {high}] times the reference, {row.conclusion}, {row.verdict}"


def _draw_noise_floor(ax: Axes, comparisons: pd.DataFrame, transport: str) -> None:
    """Draw the noise floor of a transport, over all numbers of connections."""
    controls = comparisons[comparisons["kind"] == ComparisonKind.CONTROL]
    is_here = controls["arm"].map(lambda name: Arm.parse(name).transport == transport).astype(bool)
    share = noise_floor_share(controls[is_here])
    if share is not None:
        ax.axvspan(1 / (1 + share), 1 + share, color=PALE, alpha=0.6, zorder=0, linewidth=0)
    ax.axvline(1, color=GREY, linewidth=0.9, zorder=1)


def _draw_row(ax: Axes, row: _Row, y: float, look: Style) -> None:
    """Draw a mark: full for a difference, hollow for none, crossed out if invalid."""
    colour = GREY if row.verdict == "invalid" else look.colour
    low = row.low if math.isfinite(row.low) and row.low > 0 else NEAR_ZERO
    high = row.high if math.isfinite(row.high) and row.high > 0 else NEAR_INFINITY
    ax.plot([low, high], [y, y], color=colour, linewidth=1.8, zorder=3, solid_capstyle="butt")
    face = colour if row.conclusion in ("faster", "slower") else "white"
    size = 7 * look.marker_scale
    ax.plot([row.ratio], [y], look.marker, color=face, markeredgecolor=colour, markersize=size, zorder=4)
    if row.verdict == "invalid":
        ax.plot([row.ratio], [y], "x", color=GREY, markersize=10, markeredgewidth=1.6, zorder=5)


def _name_rows(ax: Axes, heights: dict[tuple[str, int], float], bottom: float, looks: dict[str, Style]) -> None:
    ax.set_ylim(bottom - 0.4, -0.6)
    ax.set_yticks(list(heights.values()), [f"{label}, {count}" for label, count in heights], fontsize=9.5)
    for tick, (label, _) in zip(ax.get_yticklabels(), heights, strict=True):
        tick.set_color(looks[label].ink)
    head_rows(ax, "server, connections")


def _ratio_axis(ax: Axes, rows: Sequence[_Row]) -> None:
    """Set limits that contain every mark, and every interval within reason."""
    ax.set_xscale("log")
    low = min(0.9, *(max(min(row.low, row.ratio), row.ratio / MAX_INTERVAL_RATIO) for row in rows))
    high = max(1.1, *(min(max(row.high, row.ratio), row.ratio * MAX_INTERVAL_RATIO) for row in rows))
    ax.set_xlim(low / 1.08, high * 1.08)
    first_decade, last_decade = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps: tuple[float, ...] = (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    if high / low > 8:
        steps = (1.0, 2.0, 5.0) if last_decade - first_decade < 4 else (1.0,)
    decades = range(first_decade, last_decade + 1)
    ax.xaxis.set_major_locator(FixedLocator([step * 10.0**decade for decade in decades for step in steps]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.set_xlabel("ratio to the reference (log scale)")
