"""Ratios with their intervals on a logarithmic axis: what the charts of ratios have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.report.charts.style import GREY, Style

MAX_INTERVAL_RATIO = 20.0  # an interval that reaches farther from its mark ends at the edge of the axes
NEAR_ZERO, NEAR_INFINITY = 1e-3, 1e3  # stand for the ends of an unbounded interval on a logarithmic axis


@dataclass(frozen=True, slots=True)
class RatioMark:
    """A ratio with its interval."""

    ratio: float
    low: float
    high: float
    is_difference: bool
    is_invalid: bool = False


def draw_ratio(ax: Axes, mark: RatioMark, y: float, look: Style) -> None:
    """Draw a mark: full for a difference, hollow for none, crossed out if invalid."""
    colour = GREY if mark.is_invalid else look.colour
    low = mark.low if math.isfinite(mark.low) and mark.low > 0 else NEAR_ZERO
    high = mark.high if math.isfinite(mark.high) and mark.high > 0 else NEAR_INFINITY
    ax.plot([low, high], [y, y], color=colour, linewidth=1.8, zorder=3, solid_capstyle="butt")
    face = colour if mark.is_difference else "white"
    size = 7 * look.marker_scale
    ax.plot([mark.ratio], [y], look.marker, color=face, markeredgecolor=colour, markersize=size, zorder=4)
    if mark.is_invalid:
        ax.plot([mark.ratio], [y], "x", color=GREY, markersize=10, markeredgewidth=1.6, zorder=5)


def set_ratio_axis(ax: Axes, marks: Sequence[RatioMark], label: str) -> None:
    """Set limits that contain every mark, and every interval within reason."""
    ax.set_xscale("log")
    low = min(0.9, *(max(min(mark.low, mark.ratio), mark.ratio / MAX_INTERVAL_RATIO) for mark in marks))
    high = max(1.1, *(min(max(mark.high, mark.ratio), mark.ratio * MAX_INTERVAL_RATIO) for mark in marks))
    ax.set_xlim(low / 1.08, high * 1.08)
    first_decade, last_decade = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps: tuple[float, ...] = (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    if high / low > 8:
        steps = (1.0, 2.0, 5.0) if last_decade - first_decade < 4 else (1.0,)
    decades = range(first_decade, last_decade + 1)
    ax.xaxis.set_major_locator(FixedLocator([step * 10.0**decade for decade in decades for step in steps]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.set_xlabel(label)
