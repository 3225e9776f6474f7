"""Ratios to the reference with their intervals, over the noise floor."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.comparisons import noise_floor_share
from bench.formatting import format_ratio
from bench.report.charts.dots import head_rows
from bench.report.charts.layout import Texts, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.ratio_marks import RatioMark, draw_ratio, set_ratio_axis
from bench.report.charts.style import GREY, PALE, Style, styles
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.conclusions import ComparisonKind
from bench.schema.load_points import connections_text
from bench.translation import gettext

ROW_IN = 0.3


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

    @property
    def mark(self) -> RatioMark:
        """The ratio as it is drawn."""
        is_difference = self.conclusion in ("faster", "slower")
        return RatioMark(self.ratio, self.low, self.high, is_difference, self.verdict == "invalid")


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
                    draw_ratio(ax, row.mark, heights[row.arm.label, row.connections], looks[row.arm.label])
        set_ratio_axis(ax, [row.mark for row in rows], gettext("ratio to the reference (log scale)"))
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
    load = f"{row.arm.display_label} ({row.arm.transport.upper()}), {connections_text(row.connections)}"
    return gettext(
        "{load}: {ratio} [{low}, {high}] times the reference, {conclusion}, {verdict}",
        load=load,
        ratio=ratio,
        low=low,
        high=high,
        conclusion=in_words(row.conclusion),
        verdict=in_words(row.verdict),
    )


def _draw_noise_floor(ax: Axes, comparisons: pd.DataFrame, transport: str) -> None:
    """Draw the noise floor of a transport, over all numbers of connections."""
    controls = comparisons[comparisons["kind"] == ComparisonKind.CONTROL]
    is_here = controls["arm"].map(lambda name: Arm.parse(name).transport == transport).astype(bool)
    share = noise_floor_share(controls[is_here])
    if share is not None:
        ax.axvspan(1 / (1 + share), 1 + share, color=PALE, alpha=0.6, zorder=0, linewidth=0)
    ax.axvline(1, color=GREY, linewidth=0.9, zorder=1)


def _name_rows(ax: Axes, heights: dict[tuple[str, int], float], bottom: float, looks: dict[str, Style]) -> None:
    ax.set_ylim(bottom - 0.4, -0.6)
    ax.set_yticks(list(heights.values()), [f"{label}, {count}" for label, count in heights], fontsize=9.5)
    for tick, (label, _) in zip(ax.get_yticklabels(), heights, strict=True):
        tick.set_color(looks[label].ink)
    head_rows(ax, gettext("server, connections"))
